//! What each turn of the engine begins with: has anybody been looking, and did the clock
//! jump?

use jiff::{SignedDuration, Timestamp};

use super::core::Core;
use super::records::Happened;
use crate::alert::{Alert, EffectKind};
use crate::check::{Absence, Moment};

/// Clocks are corrected all the time; less than this is no jump.
const JUMP_MIN: SignedDuration = SignedDuration::from_secs(1);

impl Core {
    /// Begins a turn. A long gap since the one before is an absence. A clock that was set
    /// back takes all that is remembered with it: else everything would wait until the old
    /// time is reached once more.
    pub fn turn(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.turned_at);
        if passed > self.settings.absence_gap {
            self.absent(Absence { from: self.turned_at, until: now }, now);
        }
        if passed < -JUMP_MIN {
            self.rewind(-passed, now);
        }
        self.turned_at = now;
        if self.patterns.are_due(now) {
            self.look_at_patterns(now);
        }
        self.forget_history(now);
        self.forget_deliveries(now);
        self.forget_unheard(now);
        self.mind_jobs(now);
    }

    /// Notes that nobody was looking.
    fn absent(&mut self, absence: Absence, now: Timestamp) {
        tracing::warn!(from = %absence.from, until = %absence.until, "teawatch was not looking");
        self.figures.count_absence(absence.until.duration_since(absence.from));
        self.absences.push(absence);
        self.dirty.absences = true;
        self.remember(Happened::Absent { from: absence.from, until: absence.until }, now);
    }

    /// Since when absences matter to a text: since the one before it. An opening also tells
    /// of those that may have hidden how the trouble began, up to an interval earlier.
    pub(super) fn told_since(&self, alert: &Alert, kind: EffectKind) -> Timestamp {
        let since = alert.talk.gathered.since.unwrap_or(alert.fired_at);
        if kind != EffectKind::Open {
            return since;
        }
        let troubled = alert.members.iter().filter(|(_, member)| member.standing.is_trouble());
        let hidden = troubled.filter_map(|(name, member)| {
            let (source, name) = name.split_once('/')?;
            let check = self.checks.find(source, name)?;
            let heard = check.last_seen.map_or(member.since, Moment::get).min(check.streak.first);
            Some(earlier(heard.min(member.since), check.interval.unwrap_or_default()))
        });
        hidden.fold(since, Timestamp::min)
    }

    /// Moves all times back, so that as much has passed since then as before.
    pub(super) fn rewind(&mut self, by: SignedDuration, now: Timestamp) {
        tracing::warn!(seconds = by.as_secs_f64(), "the clock was set back");
        self.absences.rewind(by);
        self.dirty.absences = true;
        self.meta.history.rewind(by);
        self.remember(Happened::Rewound { by }, now);
        if let Some(outage) = &mut self.meta.outage {
            outage.rewind(by);
        }
        self.dirty.meta = true;
        for watched in self.checks.iter_mut() {
            watched.check.rewind(by);
            watched.ended_kept = 0;
        }
        self.dirty.checks.extend(self.checks.iter().map(|check| check.id.clone()));
        self.sources.values_mut().for_each(|source| source.rewind(by));
        self.dirty.sources.extend(self.sources.keys().cloned());
        self.alerts.values_mut().for_each(|alert| alert.rewind(by));
        self.dirty.alerts.extend(self.alerts.keys().cloned());
        self.deliveries.rewind(by);
        self.dirty.deliveries.extend(self.deliveries.numbers());
        self.entries.values_mut().for_each(|entry| entry.rewind(by));
        self.dirty.entries.extend(self.entries.keys());
        // Whatever got through may do so again, which tells soon enough.
        self.delivered_at.clear();
        self.polled_at.values_mut().for_each(|at| *at = earlier(*at, by));
        let before = self.turned_at;
        self.silences.values_mut().for_each(|silence| silence.rewind(by, before));
        self.dirty.silences.extend(self.silences.keys());
        self.look_at_patterns(now);
        self.rewind_jobs(by, now);
        self.repositories.values_mut().for_each(|record| record.admission.rewind(by));
        self.dirty.repositories.extend(self.repositories.keys().cloned());
        self.wake_everything(now);
    }
}

/// `at - by`, or the beginning of time.
pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

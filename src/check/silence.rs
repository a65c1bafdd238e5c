//! When a check must be heard of, and when it must be looked at.

use jiff::{SignedDuration, Timestamp};

use super::{Absences, Cause, Check, Moment, Patience, Policy, Schedule, Verdict, later};

/// The step from "not later than" to "later than".
const INSTANT: SignedDuration = SignedDuration::from_millis(1);

impl Check {
    /// When its next result is due: later than this is late.
    pub fn late_at(&self, absences: &Absences) -> Option<Timestamp> {
        match self.rhythmic() {
            // A run that has begun and may take its time is not late.
            Some(schedule) if schedule.run_limit.is_some() && self.has_begun() => None,
            Some(schedule) => self.due_at(schedule, absences),
            None => Some(absences.end_of(self.heard_from(), self.interval?)),
        }
    }

    /// The end of the grace: later than this is silent.
    pub fn silent_at(&self, policy: &Policy, absences: &Absences) -> Option<Timestamp> {
        let Some(schedule) = self.rhythmic() else {
            let patience = self.interval?.mul_f64(policy.stale_factor.max(1.0));
            return Some(absences.end_of(self.heard_from(), patience));
        };
        if schedule.run_limit.is_some() && self.has_begun() {
            // It is the run that must end in time.
            return None;
        }
        let due = self.due_at(schedule, absences)?;
        let start_grace = schedule.start_grace.filter(|_| !self.has_begun());
        let grace = start_grace.map_or(schedule.grace, |start| start.min(schedule.grace));
        Some(absences.end_of(due, grace))
    }

    /// Whether it has been silent for too long.
    pub fn is_silent(&self, policy: &Policy, absences: &Absences, now: Timestamp) -> bool {
        self.silent_at(policy, absences).is_some_and(|silent| now > silent)
    }

    /// The end of what its failure holds for: later than this it is taken for over.
    pub fn lapses_at(&self, absences: &Absences) -> Option<Timestamp> {
        let said = matches!(self.verdict, Verdict::Down(Cause::Failing | Cause::Flapping));
        let holds_for = SignedDuration::from_secs(self.holds_for?.get().into());
        said.then(|| absences.end_of(self.heard_from(), holds_for))
    }

    /// When a run that began then has taken as long as it may; never where nothing limits it.
    pub fn run_ends_at(&self, began_at: Timestamp, absences: &Absences) -> Option<Timestamp> {
        let limit = self.schedule()?.run_limit()?;
        Some(absences.end_of(self.audible_since(began_at), limit))
    }

    /// When it next needs an [`Input::Woken`](super::Input::Woken), if ever. A function of the
    /// state, so there is no timer to forget and none to cancel.
    pub fn deadline(&self, policy: &Policy, absences: &Absences) -> Option<Timestamp> {
        if self.unseen || self.paused_at().is_some() {
            return None;
        }
        if self.schedule_trouble().is_some() && self.unknown_since.is_none() {
            // It is to be looked at once.
            return Some(self.since);
        }
        let silence = match self.verdict {
            Verdict::Up | Verdict::NeverSeen => self.silent_at(policy, absences),
            Verdict::Down(Cause::Failing) if self.id.is_agent() => self.silent_at(policy, absences),
            // A check that fails and then falls silent is still down: nothing to tell.
            Verdict::Down(_) => self.lapses_at(absences),
        };
        let Patience { fail_after, fail_for, .. } = self.patience(policy);
        let is_counting = !self.is_down() && self.streak.failing && self.streak.count >= fail_after;
        let failing = is_counting.then(|| later(self.audible_since(self.streak.first), fail_for));
        let blindness = self
            .unknown_since
            .filter(|_| !self.is_blind)
            .map(|since| absences.end_of(self.audible_since(since.get()), policy.unknown_after));
        let running = self.runs.open().iter().filter(|run| !run.is_over);
        let running = running.filter_map(|run| self.run_ends_at(run.began_at.get(), absences));
        // Every limit is "strictly more than", so the wake-up is a moment later.
        let limits = [silence, failing, blindness, running.min()];
        limits.into_iter().flatten().min().map(|at| later(at, INSTANT))
    }

    /// Why its schedule means nothing on this machine, as half a sentence. Then nobody can
    /// tell how it is.
    pub fn schedule_trouble(&self) -> Option<&str> {
        self.schedule()?.trouble()
    }

    /// Its schedule, where that says when results are due.
    fn rhythmic(&self) -> Option<&Schedule> {
        self.schedule().filter(|schedule| schedule.rhythm.is_some())
    }

    /// When its next result is due by its schedule.
    fn due_at(&self, schedule: &Schedule, absences: &Absences) -> Option<Timestamp> {
        let awaits_first = self.definition.as_ref().is_some_and(|it| it.awaits_first);
        if awaits_first && self.verdict == Verdict::NeverSeen {
            return None;
        }
        schedule.due_at(self.last_seen.map(Moment::get), self.heard_from(), absences)
    }

    /// Whether a run has begun since it was last heard of, and may go on.
    fn has_begun(&self) -> bool {
        let mut open = self.runs.open().iter();
        open.any(|run| !run.is_over && self.last_seen.is_none_or(|seen| seen <= run.began_at))
    }

    /// Since when it has been silent, or expected, while it could be heard.
    pub(super) fn heard_from(&self) -> Timestamp {
        self.audible_since(self.last_seen.map_or(self.since, Moment::get))
    }

    /// `at`, or when it was looked at again where that is later: the time before counts
    /// against nobody.
    pub(super) fn audible_since(&self, at: Timestamp) -> Timestamp {
        self.seen_again_at.map_or(at, |again| again.get().max(at))
    }
}

//! How many checks and alerts there are of each kind, counted as they change: whoever asks
//! often must not make the engine walk over a million of them.

use jiff::Timestamp;

use super::core::Core;
use super::entry::Progress;
use crate::alert::{Alert, Phase};
use crate::check::{Check, Status};
use crate::job;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    checks: [usize; Status::ALL.len()],
    phases: [usize; Phase::ALL.len()],
}

/// How much there is of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Checks by status; one that is late is up, since nobody is told of it.
    pub checks: Vec<(Status, usize)>,
    /// Alerts by phase.
    pub phases: Vec<(&'static str, usize)>,
    /// Silences by pattern that hold, and maintenance windows that do.
    pub silences: usize,
    pub windows: usize,
    /// Jobs by state.
    pub jobs: Vec<(job::State, usize)>,
    /// Effects by progress.
    pub outbox: Vec<(Progress, usize)>,
    /// When the oldest of them was ordered.
    pub oldest_effect: Option<Timestamp>,
    /// When it was so.
    pub at: Timestamp,
}

impl Tally {
    /// Counts everything anew.
    pub(super) fn of<'a>(
        checks: impl Iterator<Item = &'a Check>,
        alerts: impl Iterator<Item = &'a Alert>,
    ) -> Self {
        let mut tally = Self::default();
        for check in checks {
            tally.check(None, Some(check.timeless_status()));
        }
        for alert in alerts {
            tally.alert(None, Some(alert.phase));
        }
        tally
    }

    /// A check was `before` and is `now`; nothing where there was, or is, none.
    pub(super) fn check(&mut self, before: Option<Status>, now: Option<Status>) {
        let place = |status: Status| Status::ALL.iter().position(|it| *it == status);
        shift(&mut self.checks, before.and_then(place), now.and_then(place));
    }

    /// The same for an alert.
    pub(super) fn alert(&mut self, before: Option<Phase>, now: Option<Phase>) {
        let place = |phase: Phase| Phase::ALL.iter().position(|word| *word == phase.word());
        shift(&mut self.phases, before.and_then(place), now.and_then(place));
    }
}

fn shift(counts: &mut [usize], from: Option<usize>, to: Option<usize>) {
    if let Some(count) = from.and_then(|place| counts.get_mut(place)) {
        *count = count.saturating_sub(1);
    }
    if let Some(count) = to.and_then(|place| counts.get_mut(place)) {
        *count += 1;
    }
}

impl Core {
    /// How much there is of everything. Walks over the outbox alone, which storms are kept
    /// out of.
    pub fn inventory(&self, now: Timestamp) -> Inventory {
        let checks = Status::ALL.into_iter().zip(self.tally.checks);
        let mut outbox = Progress::ALL.map(|progress| (progress, 0));
        for entry in self.entries.values() {
            let progress = entry.progress();
            for (_, count) in outbox.iter_mut().filter(|(counted, _)| *counted == progress) {
                *count += 1;
            }
        }
        Inventory {
            checks: checks.filter(|(status, _)| *status != Status::Late).collect(),
            phases: Phase::ALL.into_iter().zip(self.tally.phases).collect(),
            jobs: self.job_states(),
            silences: self.silences.values().filter(|silence| silence.holds(now)).count(),
            windows: self.patterns.windows(),
            outbox: outbox.into(),
            oldest_effect: self.entries.values().map(|entry| entry.made_at).min(),
            at: now,
        }
    }
}

//! Looking at every check and every alert anew, a portion in each round.
//!
//! There may be a million of them, and while one round is under way nobody else is answered.

use std::ops::Bound;

use jiff::Timestamp;

use super::core::Core;
use crate::alert::Fingerprint;
use crate::check::CheckId;

/// Where a sweep goes on: behind what it has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sweep {
    Checks { after: Option<CheckId> },
    Alerts { after: Option<Fingerprint> },
}

impl Sweep {
    pub const BEGIN: Self = Self::Checks { after: None };
}

impl Core {
    /// Computes the next deadlines anew, of as many checks or alerts as a round may have
    /// observations; its end wakes those that are due. Returns where to go on; nothing after
    /// the last.
    pub fn sweep(&mut self, from: &Sweep, now: Timestamp) -> Option<Sweep> {
        let most = self.settings.round_observations;
        match from {
            Sweep::Checks { after } => {
                let last = self.wake_checks(after.as_ref(), most, now);
                Some(match last {
                    Some(last) => Sweep::Checks { after: Some(last) },
                    None => Sweep::Alerts { after: None },
                })
            }
            Sweep::Alerts { after } => {
                let last = self.wake_alerts(after.as_ref(), most, now);
                last.map(|last| Sweep::Alerts { after: Some(last) })
            }
        }
    }

    /// Every deadline is computed anew under the present settings. What is due already is
    /// woken in the order of ids.
    pub(super) fn wake_everything(&mut self, now: Timestamp) {
        self.wake_checks(None, usize::MAX, now);
        self.wake_alerts(None, usize::MAX, now);
    }

    /// The same of at most so many checks behind one of them. Returns the last.
    fn wake_checks(
        &mut self,
        after: Option<&CheckId>,
        most: usize,
        now: Timestamp,
    ) -> Option<CheckId> {
        let mut last = None;
        for watched in self.checks.behind_mut(after).take(most) {
            let check = &watched.check;
            let (source, name) = check.id.parts();
            let policy = &self.settings.routes.resolve(source, name, &check.labels).policy;
            let due = check.deadline(policy, &self.absences).map(|due| due.max(now));
            last = Some(check.id.clone());
            self.deadlines.wake_check_by(watched, due);
        }
        last
    }

    /// The same of alerts, all of which are looked at.
    fn wake_alerts(
        &mut self,
        after: Option<&Fingerprint>,
        most: usize,
        now: Timestamp,
    ) -> Option<Fingerprint> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        for (fingerprint, _) in self.alerts.range((from, Bound::Unbounded)).take(most) {
            self.deadlines.wake_alert_by(fingerprint, Some(now));
            last = Some(fingerprint);
        }
        last.cloned()
    }
}

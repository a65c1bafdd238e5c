//! When what must be woken: one lazy entry for each check and each alert.
//!
//! A report only moves a deadline later, so the heap is not touched by it: the entry is
//! looked at when it comes up, and put back if the real deadline has moved. Only a
//! deadline that moves earlier gets a second entry; the first is then recognised as stale.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use jiff::Timestamp;

use crate::alert::Fingerprint;
use crate::check::CheckId;

/// What can be woken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sleeper {
    Check(CheckId),
    Alert(Fingerprint),
}

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, Sleeper)>>,
    /// The entries of the heap that count.
    checks: BTreeMap<CheckId, Timestamp>,
    alerts: BTreeMap<Fingerprint, Timestamp>,
}

impl Deadlines {
    /// Makes sure that a check is looked at no later than `at`.
    pub(super) fn wake_check_by(&mut self, id: &CheckId, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        if self.checks.get(id).is_none_or(|&known| known > at) {
            self.checks.insert(id.clone(), at);
            self.heap.push(Reverse((at, Sleeper::Check(id.clone()))));
        }
    }

    /// Makes sure that an alert is looked at no later than `at`.
    pub(super) fn wake_alert_by(&mut self, fingerprint: &Fingerprint, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        if self.alerts.get(fingerprint).is_none_or(|&known| known > at) {
            self.alerts.insert(fingerprint.clone(), at);
            self.heap.push(Reverse((at, Sleeper::Alert(fingerprint.clone()))));
        }
    }

    /// The next entry that is due. The caller finds out whether it still is, and calls
    /// [`Self::wake_check_by`] or [`Self::wake_alert_by`] again in any case.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Sleeper> {
        while self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Reverse((at, sleeper)) = self.heap.pop()?;
            let counts = match &sleeper {
                Sleeper::Check(id) => self.checks.get(id) == Some(&at),
                Sleeper::Alert(fingerprint) => self.alerts.get(fingerprint) == Some(&at),
            };
            if counts {
                match &sleeper {
                    Sleeper::Check(id) => self.checks.remove(id),
                    Sleeper::Alert(fingerprint) => self.alerts.remove(fingerprint),
                };
                return Some(sleeper);
            }
        }
        None
    }

    /// When the next entry comes up.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_earlier_deadline_counts_and_the_stale_entry_wakes_nobody() {
        let id = CheckId::new("a", "b");
        let mut deadlines = Deadlines::default();
        deadlines.wake_check_by(&id, Some(at(10)));
        deadlines.wake_check_by(&id, Some(at(20)));
        deadlines.wake_check_by(&id, Some(at(5)));
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.pop_due(at(30)), Some(Sleeper::Check(id)));
        assert_eq!(deadlines.pop_due(at(30)), None);
    }
}

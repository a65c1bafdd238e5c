//! When what must be woken: one lazy entry for each check and each alert.
//!
//! A report only moves a deadline later, so the heap is not touched by it: the entry is
//! looked at when it comes up, and put back if the real deadline has moved. Only a
//! deadline that moves earlier gets a second entry; the first is then recognised as stale.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use jiff::Timestamp;

use super::checks::{Checks, Watched};
use crate::alert::Fingerprint;
use crate::check::{CheckId, Moment};

/// What can be woken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sleeper {
    Check(CheckId),
    Alert(Fingerprint),
}

/// Those of checks are a heap of their own, since there are many. Which of its entries
/// counts stands with the check.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    checks: BinaryHeap<Reverse<(Moment, CheckId)>>,
    alerts: BinaryHeap<Reverse<(Timestamp, Fingerprint)>>,
    /// The entries of alerts that count.
    known: BTreeMap<Fingerprint, Timestamp>,
}

impl Deadlines {
    /// Makes sure that a check is looked at no later than `at`.
    pub(super) fn wake_check_by(&mut self, watched: &mut Watched, at: Option<Timestamp>) {
        let Some(at) = at.map(Moment::from) else { return };
        if watched.wakes_at.is_none_or(|known| known > at) {
            watched.wakes_at = Some(at);
            self.checks.push(Reverse((at, watched.check.id.clone())));
        }
    }

    /// Makes sure that an alert is looked at no later than `at`.
    pub(super) fn wake_alert_by(&mut self, fingerprint: &Fingerprint, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        if self.known.get(fingerprint).is_none_or(|&known| known > at) {
            self.known.insert(fingerprint.clone(), at);
            self.alerts.push(Reverse((at, fingerprint.clone())));
        }
    }

    /// The next entry that is due; of several at one time, checks before alerts. The caller
    /// finds out whether it still is, and calls [`Self::wake_check_by`] or
    /// [`Self::wake_alert_by`] again in any case.
    pub(super) fn pop_due(&mut self, checks: &mut Checks, now: Timestamp) -> Option<Sleeper> {
        while self.next().is_some_and(|at| at <= now) {
            if self.next_check() == self.next() {
                let Reverse((at, id)) = self.checks.pop()?;
                let watched = checks.watched(&id).filter(|it| it.wakes_at == Some(at));
                if let Some(watched) = watched {
                    watched.wakes_at = None;
                    return Some(Sleeper::Check(id));
                }
            } else {
                let Reverse((at, fingerprint)) = self.alerts.pop()?;
                if self.known.get(&fingerprint) == Some(&at) {
                    self.known.remove(&fingerprint);
                    return Some(Sleeper::Alert(fingerprint));
                }
            }
        }
        None
    }

    /// When the next entry comes up.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let alert = self.alerts.peek().map(|Reverse((at, _))| *at);
        [self.next_check(), alert].into_iter().flatten().min()
    }

    fn next_check(&self) -> Option<Timestamp> {
        self.checks.peek().map(|Reverse((at, _))| at.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Group, Salt};
    use crate::check::Check;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_earlier_deadline_counts_and_the_stale_entry_wakes_nobody() {
        let id = CheckId::new("a", "b");
        let mut checks = Checks::default();
        checks.insert(Check::new(id.clone(), at(0)));
        let mut deadlines = Deadlines::default();
        for second in [10, 20, 5] {
            deadlines.wake_check_by(checks.watched(&id).unwrap(), Some(at(second)));
        }
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.pop_due(&mut checks, at(4)), None);
        assert_eq!(deadlines.pop_due(&mut checks, at(30)), Some(Sleeper::Check(id)));
        assert_eq!(deadlines.pop_due(&mut checks, at(30)), None);
    }

    #[test]
    fn the_earliest_comes_first_and_of_one_moment_checks_in_the_order_of_ids() {
        let [a, b, c] = ["a", "b", "c"].map(|name| CheckId::new("s", name));
        let mut checks = Checks::default();
        let mut deadlines = Deadlines::default();
        let group = Group::Source { source: "s".to_owned() };
        let alert = Fingerprint::new(&Salt::new("salt"), &group);
        deadlines.wake_alert_by(&alert, Some(at(5)));
        for (id, second) in [(&c, 5), (&b, 5), (&a, 6)] {
            checks.insert(Check::new(id.clone(), at(0)));
            deadlines.wake_check_by(checks.watched(id).unwrap(), Some(at(second)));
        }
        let woken: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(&mut checks, at(9))).collect();
        let [a, b, c] = [a, b, c].map(Sleeper::Check);
        assert_eq!(woken, [b, c, Sleeper::Alert(alert), a]);
    }

    #[test]
    fn a_check_that_is_gone_wakes_nobody() {
        let id = CheckId::new("a", "b");
        let mut checks = Checks::default();
        checks.insert(Check::new(id.clone(), at(0)));
        let mut deadlines = Deadlines::default();
        deadlines.wake_check_by(checks.watched(&id).unwrap(), Some(at(5)));
        checks.remove(&id);
        assert_eq!(deadlines.pop_due(&mut checks, at(9)), None);
    }
}

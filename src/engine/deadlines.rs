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
    /// The entry of the heap that counts.
    valid: BTreeMap<Sleeper, Timestamp>,
}

impl Deadlines {
    /// Makes sure that `sleeper` is looked at no later than `at`.
    pub(super) fn wake_by(&mut self, sleeper: &Sleeper, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        if self.valid.get(sleeper).is_some_and(|&known| known <= at) {
            return;
        }
        self.valid.insert(sleeper.clone(), at);
        self.heap.push(Reverse((at, sleeper.clone())));
    }

    /// The next entry that is due. The caller finds out whether it still is, and calls
    /// [`Self::wake_by`] again in any case.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Sleeper> {
        while self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Reverse((at, sleeper)) = self.heap.pop()?;
            if self.valid.get(&sleeper) == Some(&at) {
                self.valid.remove(&sleeper);
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
        let sleeper = Sleeper::Check(CheckId::new("a", "b"));
        let mut deadlines = Deadlines::default();
        deadlines.wake_by(&sleeper, Some(at(10)));
        deadlines.wake_by(&sleeper, Some(at(20)));
        deadlines.wake_by(&sleeper, Some(at(5)));
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.pop_due(at(30)), Some(sleeper));
        assert_eq!(deadlines.pop_due(at(30)), None);
    }
}

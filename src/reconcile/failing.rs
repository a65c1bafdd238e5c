//! Single issues that cannot be read: what is wrong with each, and when it is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::task::PAUSE_FIRST;

/// The issues of a repository that cannot be read, though others can.
#[derive(Debug, Default)]
pub(super) struct Failing {
    issues: BTreeMap<u64, Failure>,
    /// When any was read last.
    read_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Failure {
    since: Timestamp,
    why: String,
    /// Not before this time again. A clock that was set back ends the rest.
    rests_until: Timestamp,
    pause: SignedDuration,
}

impl Failure {
    fn rests(&self, now: Timestamp) -> bool {
        let left = self.rests_until.duration_since(now);
        left.is_positive() && left <= self.pause
    }
}

impl Failing {
    /// Takes note that an issue was read. Returns whether it could not be before.
    pub(super) fn read(&mut self, number: u64, now: Timestamp) -> bool {
        self.read_at = Some(now);
        self.issues.remove(&number).is_some()
    }

    /// Takes note that an issue could not be read; the pauses before it is tried again double,
    /// up to `longest`. Returns whether that is new.
    pub(super) fn fail(
        &mut self,
        number: u64,
        why: String,
        longest: SignedDuration,
        now: Timestamp,
    ) -> bool {
        let before = self.issues.get(&number);
        let pause = before.map_or(SignedDuration::ZERO, |before| before.pause.saturating_mul(2));
        let pause = pause.max(PAUSE_FIRST).min(longest);
        let since = before.map_or(now, |before| before.since);
        let rests_until = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        self.issues.insert(number, Failure { since, why, rests_until, pause }).is_none()
    }

    /// Forgets those that are nobody's business any more.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(u64) -> bool) {
        self.issues.retain(|&number, _| is_wanted(number));
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.issues.contains_key(&number)
    }

    pub(super) fn len(&self) -> usize {
        self.issues.len()
    }

    /// Whether it is too early to try an issue again.
    pub(super) fn rests(&self, number: u64, now: Timestamp) -> bool {
        self.issues.get(&number).is_some_and(|failure| failure.rests(now))
    }

    /// Whether one is to be tried again.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.issues.values().any(|failure| !failure.rests(now))
    }

    /// The shortest pause before one is tried again.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.issues.values().map(|failure| failure.pause.unsigned_abs()).min()
    }

    /// Why the last of them cannot be read, if none was read since: then it may not be the
    /// fault of the issues.
    pub(super) fn last(&self) -> Option<&str> {
        let last = self.issues.values().max_by_key(|failure| failure.since)?;
        self.read_at.is_none_or(|at| at < last.since).then_some(&last.why)
    }

    /// What cannot be read, in words.
    pub(super) fn words(&self, repository: &str) -> impl Iterator<Item = String> {
        self.issues.iter().map(move |(number, Failure { since, why, .. })| {
            format!("#{number} of {repository} cannot be read since {since}: {why}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_a_clock_that_was_set_back_ends_them() {
        let mut failing = Failing::default();
        let longest = SignedDuration::from_secs(5);
        let mut now = 0;
        for pause in [1, 2, 4, 5, 5] {
            assert_eq!(failing.fail(7, "500".to_owned(), longest, at(now)), now == 0);
            assert!(failing.rests(7, at(now + pause - 1)) && !failing.is_due(at(now + pause - 1)));
            assert!(!failing.rests(7, at(now + pause)) && failing.is_due(at(now + pause)));
            now += pause;
        }
        assert!(!failing.rests(7, at(now - 100)));
    }

    #[test]
    fn as_long_as_something_is_read_it_is_the_fault_of_the_issues() {
        let mut failing = Failing::default();
        let longest = SignedDuration::from_secs(5);
        failing.fail(7, "500".to_owned(), longest, at(10));
        assert_eq!(failing.last(), Some("500"));
        assert!(!failing.read(8, at(11)));
        assert_eq!(failing.last(), None);
        failing.fail(7, "500".to_owned(), longest, at(12));
        assert_eq!(failing.last(), None);
        failing.fail(9, "502".to_owned(), longest, at(13));
        assert_eq!(failing.last(), Some("502"));
        assert!(failing.read(9, at(14)));
        assert_eq!((failing.last(), failing.len()), (None, 1));
    }
}

//! What has happened, and for how long it is remembered.
//!
//! Records of the history are only ever added, and the engine decides nothing by them: only
//! the report of a night reads them. So that the oldest can go without being read, it is
//! noted now and then which number was the next.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::records::{Happened, Past};
use super::turn::earlier;
use crate::check::{CheckId, Status};

/// Into so many pieces the time is divided for which the history is kept: by one of them a
/// record may live longer.
const PIECES: i32 = 90;

/// Records that go in one round at most: nobody waits for it.
const ROUND_MAX: u64 = 500;

/// The numbers of the history, and when they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The next record gets this one.
    pub(super) next: u64,
    /// The oldest record that is kept has this one or a later one.
    first: u64,
    /// The begins of pieces, oldest first.
    pieces: Vec<Piece>,
}

/// A stretch of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    since: Timestamp,
    /// The number of its first record.
    first: u64,
}

/// What of the history is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// The number of the first record.
    pub(super) first: u64,
    /// Older records were kept once and are gone: only since then everything is told.
    pub(super) whole_since: Option<Timestamp>,
    /// There are older ones that were to be read, and that are too many.
    pub(super) is_cut: bool,
}

/// Whether nobody says how such a check is.
pub(super) fn is_obscured(status: Status) -> bool {
    matches!(status, Status::Unknown | Status::Paused)
}

impl Numbers {
    /// Takes the next number.
    fn take(&mut self, kept: SignedDuration, now: Timestamp) -> u64 {
        let is_new = |piece: &Piece| now.duration_since(piece.since) >= kept / PIECES;
        if self.pieces.last().is_none_or(is_new) {
            self.pieces.push(Piece { since: now, first: self.next });
        }
        self.next += 1;
        self.next - 1
    }

    /// The numbers of records that have been kept for long enough; some of them, if there
    /// are many.
    fn leave(&mut self, kept: SignedDuration, now: Timestamp) -> Range<u64> {
        // All of a piece is older than the begin of the one behind it.
        let is_old = |piece: &Piece| now.duration_since(piece.since) > kept;
        while let [old, next, ..] = self.pieces.as_slice()
            && is_old(next)
        {
            let end = next.first.min(self.first.max(old.first) + ROUND_MAX);
            let gone = self.first..end;
            self.first = end;
            if end == next.first {
                self.pieces.remove(0);
            }
            if !gone.is_empty() {
                return gone;
            }
        }
        0..0
    }

    /// From which record on everything is told that happened after `from`; no more than the
    /// newest `max` records.
    pub(super) fn reach(&self, from: Timestamp, max: u64) -> Reach {
        let of_piece = self.pieces.iter().rfind(|piece| piece.since <= from);
        let oldest = self.pieces.first().filter(|_| self.first > 0);
        let first = of_piece.map_or(0, |piece| piece.first).max(self.first);
        let nearest = self.next.saturating_sub(max);
        Reach {
            first: first.max(nearest),
            whole_since: oldest.filter(|_| of_piece.is_none()).map(|oldest| oldest.since),
            is_cut: nearest > first,
        }
    }

    /// The clock was set back.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        for piece in &mut self.pieces {
            piece.since = earlier(piece.since, by);
        }
    }
}

impl Core {
    /// Adds to the history.
    pub(super) fn remember(&mut self, what: Happened, now: Timestamp) {
        let number = self.meta.history.take(self.settings.history_kept, now);
        self.dirty.meta = true;
        self.dirty.history.push((number, Past { at: now, what }));
    }

    /// Adds to the history when nobody can tell any more how a check is, and when somebody can
    /// again: its status was `before` and is `after`.
    pub(super) fn remember_sight(
        &mut self,
        id: &CheckId,
        (before, after): (Status, Status),
        now: Timestamp,
    ) {
        match (is_obscured(before), is_obscured(after)) {
            (false, true) => self.remember(Happened::Obscured { check: id.clone() }, now),
            (true, false) => self.remember(Happened::Revealed { check: id.clone() }, now),
            (false, false) | (true, true) => {}
        }
    }

    /// Lets go what has been kept for long enough.
    pub(super) fn forget_history(&mut self, now: Timestamp) {
        let gone = self.meta.history.leave(self.settings.history_kept, now);
        if !gone.is_empty() {
            self.dirty.meta = true;
            self.dirty.history_gone = gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const KEPT: SignedDuration = SignedDuration::from_secs(900);

    /// Everything that leaves by `second`.
    fn left(numbers: &mut Numbers, second: i64) -> Vec<Range<u64>> {
        let leave = || Some(numbers.leave(KEPT, at(second))).filter(|gone| !gone.is_empty());
        std::iter::from_fn(leave).collect()
    }

    #[test]
    fn a_record_is_kept_for_its_time_and_no_more_than_a_piece_longer() {
        let mut numbers = Numbers::default();
        for second in 0..100 {
            assert_eq!(numbers.take(KEPT, at(second)), u64::try_from(second).unwrap());
        }
        assert_eq!(numbers.pieces.len(), 10);
        // The second piece begins at 10: all of the first one is older.
        assert_eq!(left(&mut numbers, 910), Vec::<Range<u64>>::new());
        assert_eq!(left(&mut numbers, 911), vec![0..10]);
        assert_eq!(left(&mut numbers, 911), Vec::<Range<u64>>::new());
        assert_eq!(left(&mut numbers, 935), vec![10..20, 20..30]);
        // The newest piece stays until there is a newer one.
        assert_eq!(left(&mut numbers, 100_000).last(), Some(&(80..90)));
        numbers.take(KEPT, at(100_000));
        assert_eq!(left(&mut numbers, 200_000), vec![90..100]);
    }

    #[test]
    fn many_records_leave_a_few_at_a_time_and_none_is_left_behind() {
        let mut numbers = Numbers::default();
        for _ in 0..1_700 {
            numbers.take(KEPT, at(0));
        }
        numbers.take(KEPT, at(10));
        assert_eq!(left(&mut numbers, 911), vec![0..500, 500..1_000, 1_000..1_500, 1_500..1_700]);
    }

    #[test]
    fn what_is_read_begins_before_the_time_that_is_asked_for_and_has_an_end() {
        let mut numbers = Numbers::default();
        let reach = |numbers: &Numbers, second, max| {
            let Reach { first, whole_since, is_cut } = numbers.reach(at(second), max);
            (first, whole_since, is_cut)
        };
        assert_eq!(reach(&numbers, 5, 10), (0, None, false));
        for second in 0..40 {
            numbers.take(KEPT, at(second));
        }
        assert_eq!(reach(&numbers, 25, 100), (20, None, false));
        assert_eq!(reach(&numbers, 25, 20), (20, None, false));
        assert_eq!(reach(&numbers, 25, 19), (21, None, true));
        // Nothing was ever forgotten, so that nothing had happened before.
        assert_eq!(reach(&numbers, -9, 100), (0, None, false));
        assert_eq!(left(&mut numbers, 921), vec![0..10, 10..20]);
        assert_eq!(reach(&numbers, 25, 100), (20, None, false));
        assert_eq!(reach(&numbers, 15, 100), (20, Some(at(20)), false));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_longer() {
        let mut numbers = Numbers::default();
        numbers.take(KEPT, at(1_000));
        numbers.take(KEPT, at(1_010));
        numbers.rewind(SignedDuration::from_secs(1_000));
        assert_eq!(left(&mut numbers, 911), vec![0..1]);
    }
}

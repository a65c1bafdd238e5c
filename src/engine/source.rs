//! In which order an agent's reports count.

use std::collections::VecDeque;

use jiff::fmt::serde::timestamp::nanosecond;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::turn::earlier;
use crate::check::Heard;
use crate::observation::{Report, ReportId};

/// Epochs that are remembered besides the one that counts.
const FORMER_MAX: usize = 4;
/// Sequence numbers below the newest that are told apart from repeats.
const WINDOW: u64 = 128;
/// An epoch that comes back this often after another one is a second agent.
const RETURNS_MAX: u32 = 3;
/// A second agent that has not reported for so many of its intervals has gone.
const GONE_AFTER: i32 = 3;
/// An agent that never said how often it reports has gone after this long.
const GONE_AFTER_ELSE: SignedDuration = SignedDuration::from_mins(10);

/// What is remembered about one source's reports. Every report is one more write of it,
/// so times are kept as numbers, and what is empty is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// The epoch that counts: the newest to arrive.
    current: Epoch,
    /// Epochs that were replaced, newest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    former: VecDeque<Epoch>,
    /// How often a former epoch reported after it was replaced, and when it did last.
    returns: u32,
    #[serde(with = "nanosecond::required")]
    returned_at: Timestamp,
    /// What the names of checks begin with that the agent cannot look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unseen: Vec<String>,
}

/// The reports of one epoch so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Epoch {
    epoch: String,
    /// Counts the epochs of this source, so that checks remember theirs in a number.
    #[serde(default)]
    number: u32,
    /// The highest sequence number.
    newest: u64,
    /// Bit n is set when `newest - n` has arrived.
    arrived: u128,
    #[serde(with = "nanosecond::required")]
    last_seen: Timestamp,
    /// When the agent said it would report again, counted from `last_seen`.
    interval: Option<SignedDuration>,
}

/// What a report is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It counts.
    Newest,
    /// It arrived after a newer one of the epoch that counts. Its place is in the history;
    /// yet what it says of a check counts if nothing newer was heard of that check.
    Late,
    /// It has no place in the order, and counts: its agent could not give it a number.
    Once,
    /// It is of an epoch that counts no more: it goes into the history and changes nothing.
    Former,
    /// It was there before.
    Duplicate,
}

impl Source {
    /// Takes the first report of a source.
    pub(super) fn new(id: &ReportId, interval: Option<SignedDuration>, now: Timestamp) -> Self {
        Self {
            current: Epoch::new(id, 1, interval, now),
            former: VecDeque::new(),
            returns: 0,
            returned_at: now,
            unseen: Vec::new(),
        }
    }

    /// Notes what the agent cannot look at, by a report that counts. Returns whether that
    /// has changed. Jobs report one by one and say nothing of what the agent can.
    pub(super) fn looks(&mut self, report: &Report) -> bool {
        let changes = report.interval.is_some() && self.unseen != report.unseen;
        if changes {
            self.unseen.clone_from(&report.unseen);
        }
        changes
    }

    /// Whether the agent cannot look at the check of this name.
    pub(super) fn is_unseen(&self, name: &str) -> bool {
        self.unseen.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Takes one more report into account.
    pub(super) fn place(
        &mut self,
        id: &ReportId,
        interval: Option<SignedDuration>,
        now: Timestamp,
    ) -> Place {
        if self.current.epoch == id.epoch {
            self.forget_the_other_agent(now);
            return self.current.place(id.seq, interval, now);
        }
        if id.is_once() {
            return self.place_once(id, interval, now);
        }
        let is_late = self.current.is_late(now);
        let Some(index) = self.former.iter().position(|former| former.epoch == id.epoch) else {
            let epochs = self.former.iter().chain([&self.current]);
            let number = epochs.map(|epoch| epoch.number).max().unwrap_or(0).saturating_add(1);
            let epoch = Epoch::new(id, number, interval, now);
            let replaced = std::mem::replace(&mut self.current, epoch);
            self.remember(replaced);
            return Place::Newest;
        };
        let is_news = self.former[index].newest < id.seq;
        if !is_news {
            return match self.former[index].place(id.seq, interval, now) {
                Place::Duplicate => Place::Duplicate,
                Place::Newest | Place::Late | Place::Once | Place::Former => Place::Former,
            };
        }
        self.returns = self.returns.saturating_add(1);
        self.returned_at = now;
        // Two agents under one name: the one that came last counts, unless it has gone.
        if !is_late {
            self.former[index].place(id.seq, interval, now);
            return Place::Former;
        }
        let Some(mut back) = self.former.remove(index) else { return Place::Former };
        back.place(id.seq, interval, now);
        let replaced = std::mem::replace(&mut self.current, back);
        self.remember(replaced);
        Place::Newest
    }

    /// Replaces nothing: the epoch that counts goes on.
    fn place_once(
        &mut self,
        id: &ReportId,
        interval: Option<SignedDuration>,
        now: Timestamp,
    ) -> Place {
        if self.former.iter().any(|former| former.epoch == id.epoch) {
            return Place::Duplicate;
        }
        self.remember(Epoch::new(id, 0, interval, now));
        Place::Once
    }

    /// What a check remembers of the report `seq` of the epoch that counts.
    pub(super) fn heard(&self, seq: u64) -> Heard {
        Heard { epoch: self.current.number, seq }
    }

    /// When its last report arrived.
    pub(super) fn last_seen(&self) -> Timestamp {
        let epochs = self.former.iter().chain([&self.current]);
        epochs.map(|epoch| epoch.last_seen).max().unwrap_or(self.returned_at)
    }

    /// Whether two agents seem to report under this name.
    pub(super) fn has_two_agents(&self) -> bool {
        self.returns >= RETURNS_MAX
    }

    /// Once only one of them has reported for long enough, there is one agent again.
    fn forget_the_other_agent(&mut self, now: Timestamp) {
        let intervals = self.former.iter().filter_map(|former| former.interval);
        let patience = intervals.max().map_or(GONE_AFTER_ELSE, |longest| longest * GONE_AFTER);
        if now.duration_since(self.returned_at).abs() > patience {
            self.returns = 0;
        }
    }

    /// The clock was set back: what is remembered moves with it.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        let epochs = self.former.iter_mut().chain([&mut self.current]);
        let times = epochs.map(|epoch| &mut epoch.last_seen).chain([&mut self.returned_at]);
        times.for_each(|at| *at = earlier(*at, by));
    }

    fn remember(&mut self, replaced: Epoch) {
        self.former.push_front(replaced);
        self.former.truncate(FORMER_MAX);
    }
}

impl Epoch {
    fn new(id: &ReportId, number: u32, interval: Option<SignedDuration>, now: Timestamp) -> Self {
        let (epoch, newest) = (id.epoch.clone(), id.seq);
        Self { epoch, number, newest, arrived: 1, last_seen: now, interval }
    }

    fn place(&mut self, seq: u64, interval: Option<SignedDuration>, now: Timestamp) -> Place {
        if seq > self.newest {
            let shift = seq - self.newest;
            self.arrived = u32::try_from(shift)
                .ok()
                .and_then(|shift| self.arrived.checked_shl(shift))
                .unwrap_or(0)
                | 1;
            self.newest = seq;
            self.last_seen = now;
            self.interval = interval;
            return Place::Newest;
        }
        let back = self.newest - seq;
        if back >= WINDOW {
            // Too far back to tell: the history does not mind a repeat.
            return Place::Late;
        }
        let bit = 1_u128 << back;
        if self.arrived & bit != 0 {
            return Place::Duplicate;
        }
        self.arrived |= bit;
        Place::Late
    }

    fn is_late(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_seen) > self.interval.unwrap_or(GONE_AFTER_ELSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Plays reports (second, epoch, seq), each due again after a minute.
    fn play(script: &[(i64, &str, u64)]) -> (Source, Vec<Place>) {
        let minute = Some(SignedDuration::from_secs(60));
        let id = |epoch: &str, seq| ReportId { epoch: epoch.to_owned(), seq };
        let (second, epoch, seq) = script[0];
        let mut source = Source::new(&id(epoch, seq), minute, at(second));
        let rest = &script[1..];
        let places =
            rest.iter().map(|&(s, epoch, seq)| source.place(&id(epoch, seq), minute, at(s)));
        let places = places.collect();
        (source, places)
    }

    #[test]
    fn a_late_report_is_known_as_such_and_a_repeated_one_a_duplicate() {
        use Place::{Duplicate, Late, Newest};
        let (_, places) = play(&[
            (0, "a", 1),
            (1, "a", 3),
            (2, "a", 2),
            (3, "a", 2),
            (4, "a", 3),
            (5, "a", 400),
            (6, "a", 3),
        ]);
        assert_eq!(places, [Newest, Late, Duplicate, Duplicate, Newest, Late]);
    }

    #[test]
    fn a_report_without_a_number_counts_once_and_replaces_nothing() {
        use Place::{Duplicate, Late, Newest, Once};
        let script = [(0, "a", 5), (1, "once-1", 1), (2, "once-1", 1), (3, "a", 4), (4, "a", 6)];
        let (source, places) = play(&script);
        assert_eq!(places, [Once, Duplicate, Late, Newest]);
        assert!(!source.has_two_agents());
        // Also where it was the first of all.
        let (_, places) = play(&[(0, "once-1", 1), (1, "once-2", 1), (2, "a", 1), (3, "a", 2)]);
        assert_eq!(places, [Once, Newest, Newest]);
    }

    #[test]
    fn the_newest_epoch_replaces_the_one_before_also_with_a_lower_number() {
        let (source, places) = play(&[(0, "a", 900), (1, "b", 1), (2, "a", 900)]);
        assert_eq!(places, [Place::Newest, Place::Duplicate]);
        assert!(!source.has_two_agents());
    }

    #[test]
    fn two_agents_with_one_name_are_noticed_and_only_one_counts() {
        let (source, places) =
            play(&[(0, "a", 1), (1, "b", 1), (2, "a", 2), (3, "b", 2), (4, "a", 3), (5, "a", 4)]);
        use Place::{Former, Newest};
        assert_eq!(places, [Newest, Former, Newest, Former, Former]);
        assert!(source.has_two_agents());
    }

    #[test]
    fn when_one_of_two_agents_is_gone_the_other_is_alone_again() {
        let mut script =
            vec![(0, "a", 1), (1, "b", 1), (2, "a", 2), (3, "b", 2), (4, "a", 3), (5, "a", 4)];
        script.extend([(60, "b", 3), (120, "b", 4), (180, "b", 5)]);
        assert!(play(&script).0.has_two_agents());
        script.push((240, "b", 9));
        assert!(!play(&script).0.has_two_agents());
    }

    #[test]
    fn a_former_epoch_counts_again_once_the_newer_one_has_gone() {
        let (source, places) = play(&[(0, "a", 1), (1, "b", 1), (62, "a", 2)]);
        assert_eq!(places, [Place::Newest, Place::Newest]);
        assert_eq!(source.current.epoch, "a");
        // Each of them keeps its number.
        assert_eq!(source.heard(7), Heard { epoch: 1, seq: 7 });
        assert_eq!(source.former[0].number, 2);
    }
}

//! All checks, each in a block of its own, so that finding one touches little memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::check::{Check, CheckId, Kept, Moment};

/// The checks by their ids.
#[derive(Debug, Default)]
pub(super) struct Checks(BTreeMap<CheckId, Box<Watched>>);

/// A check, and when it is looked at without being heard of.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) check: Check,
    /// The entry of [`Deadlines`](super::deadlines::Deadlines) that counts.
    pub(super) wakes_at: Option<Moment>,
    /// The disk may have a beat of it, which a new record must take away.
    pub(super) may_have_beat: bool,
    /// Of its runs that have ended, those before this one are on the disk.
    pub(super) ended_kept: u64,
}

impl Watched {
    fn new(check: Check, may_have_beat: bool) -> Self {
        Self { check, wakes_at: None, may_have_beat, ended_kept: 0 }
    }

    /// Its runs that have ended and are not on the disk yet, which they are from now on.
    pub(super) fn newly_ended(&mut self) -> impl Iterator<Item = Kept> {
        let from = std::mem::replace(&mut self.ended_kept, self.check.runs.ended());
        self.check.runs.kept(from)
    }
}

impl Checks {
    pub(super) fn get(&self, id: &CheckId) -> Option<&Check> {
        self.0.get(id).map(|watched| &watched.check)
    }

    pub(super) fn get_mut(&mut self, id: &CheckId) -> Option<&mut Check> {
        self.0.get_mut(id).map(|watched| &mut watched.check)
    }

    pub(super) fn watched(&mut self, id: &CheckId) -> Option<&mut Watched> {
        self.0.get_mut(id).map(|watched| &mut **watched)
    }

    pub(super) fn contains(&self, id: &CheckId) -> bool {
        self.0.contains_key(id)
    }

    /// The check of these names.
    pub(super) fn find(&self, source: &str, name: &str) -> Option<&Check> {
        let mut spelled = String::new();
        CheckId::spell(&mut spelled, source, name);
        self.0.get(spelled.as_str()).map(|watched| &watched.check)
    }

    /// The id of the check of these names, which is that of the check where there is one.
    pub(super) fn id(&self, spelled: &mut String, source: &str, name: &str) -> CheckId {
        CheckId::spell(spelled, source, name);
        let known = self.0.get(spelled.as_str()).map(|watched| watched.check.id.clone());
        known.unwrap_or_else(|| CheckId::new(source, name))
    }

    /// Adds a check, or puts it in the place of the one before. One that was forgotten in
    /// the same round may have left a beat.
    pub(super) fn insert(&mut self, check: Check) {
        let id = check.id.clone();
        self.0.insert(id, Box::new(Watched::new(check, true)));
    }

    /// Adds a check as the disk has it, before its beat.
    pub(super) fn load(&mut self, check: Check) {
        let id = check.id.clone();
        self.0.insert(id, Box::new(Watched::new(check, false)));
    }

    pub(super) fn remove(&mut self, id: &CheckId) -> Option<Check> {
        self.0.remove(id).map(|watched| watched.check)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.values().map(|watched| &watched.check)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.0.values_mut().map(|watched| &mut **watched)
    }

    /// Those behind `after`, in order.
    pub(super) fn behind(&self, after: Option<&CheckId>) -> impl Iterator<Item = &Check> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let checks = self.0.range::<CheckId, _>((from, Bound::Unbounded));
        checks.map(|(_, watched)| &watched.check)
    }

    /// The same to be changed.
    pub(super) fn behind_mut(
        &mut self,
        after: Option<&CheckId>,
    ) -> impl Iterator<Item = &mut Watched> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let checks = self.0.range_mut::<CheckId, _>((from, Bound::Unbounded));
        checks.map(|(_, watched)| &mut **watched)
    }

    /// Those of one source, in order.
    pub(super) fn of_source<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a Check> {
        let checks = self.0.range(CheckId::new(source, "")..).map(|(_, watched)| &watched.check);
        checks.take_while(move |check| check.id.source() == source)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::super::settings::Settings;
    use super::super::{Core, Ping};
    use super::*;
    use crate::alert::Salt;
    use crate::check::{Kind, Observation, Uuid};
    use crate::observation::{Report, ReportId};
    use crate::store::{Memory, Store as _, Tree};

    fn load(memory: &mut Memory) -> Core {
        let instance = "0123456789abcdef".to_owned();
        let (settings, salt) = (Settings::default(), Salt::new("salt"));
        Core::load(memory, settings, salt, None, instance, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn report(core: &mut Core, seq: u64, summary: &str) {
        let observations = vec![("disk".to_owned(), Observation::new(Kind::Success, summary))];
        let id = ReportId { epoch: "e".to_owned(), seq };
        let (source, unseen) = ("db1".to_owned(), Vec::new());
        let report = Report { source, id, interval: None, observations, unseen };
        core.accept(&report, Timestamp::UNIX_EPOCH);
    }

    /// Ends the round. Returns how many beats it takes away.
    fn commit(core: &mut Core, memory: &mut Memory) -> usize {
        let (writes, _) = core.take_writes();
        let gone = writes.iter().filter(|(tree, _, value)| *tree == Tree::Beats && value.is_none());
        let gone = gone.count();
        memory.commit(writes).unwrap();
        gone
    }

    /// How many results of the check a start finds, and the words of the last.
    fn found(memory: &mut Memory) -> (u64, String) {
        let core = load(memory);
        let check = core.checks.find("db1", "disk").unwrap();
        (check.results, check.latest.as_ref().unwrap().summary.to_string())
    }

    #[test]
    fn a_beat_is_taken_away_with_the_next_record_and_only_where_there_is_one() {
        let mut memory = Memory::new();
        let mut core = load(&mut memory);
        report(&mut core, 1, "a");
        commit(&mut core, &mut memory);
        report(&mut core, 2, "b");
        assert_eq!(commit(&mut core, &mut memory), 0);
        for (seq, words, starts_again) in [(3, "b", false), (5, "c", true)] {
            // The same as before.
            report(&mut core, seq, words);
            commit(&mut core, &mut memory);
            assert_eq!(found(&mut memory), (seq, words.to_owned()));
            if starts_again {
                core = load(&mut memory);
            }
            let news = if starts_again { "d" } else { "c" };
            report(&mut core, seq + 1, news);
            assert_eq!(commit(&mut core, &mut memory), 1);
            assert_eq!(found(&mut memory), (seq + 1, news.to_owned()));
        }
    }

    fn ping(core: &mut Core, run: u8) {
        let rid = Some(Uuid::of([run; 16]));
        let seen = Observation { rid, ..Observation::new(Kind::Success, "") };
        let ping = Ping { seen, body: None, is_post: true, may_make: true };
        core.ping(&CheckId::new("db1", "disk"), ping, Timestamp::UNIX_EPOCH);
    }

    /// The numbers of the runs that a start finds, and the newest of the names.
    fn runs_found(memory: &mut Memory) -> (Vec<u64>, Option<Uuid>) {
        let core = load(memory);
        let kept: Vec<_> = core.checks.find("db1", "disk").unwrap().runs.kept(0).collect();
        (kept.iter().map(|run| run.number).collect(), kept.last().unwrap().ended.rid)
    }

    #[test]
    fn of_the_runs_that_have_ended_only_what_is_new_is_written_and_a_start_finds_all() {
        let mut memory = Memory::new();
        let mut core = load(&mut memory);
        for run in 0..25 {
            ping(&mut core, run);
            let (writes, _) = core.take_writes();
            let ended = writes.iter().filter(|(tree, ..)| *tree == Tree::Ended).count();
            let checks = writes.iter().filter(|(tree, ..)| *tree == Tree::Checks).count();
            assert_eq!((ended, checks), (1, usize::from(run == 0)));
            memory.commit(writes).unwrap();
            if run % 7 == 0 {
                core = load(&mut memory);
            }
        }
        assert_eq!(runs_found(&mut memory), ((5..25).collect(), Some(Uuid::of([24; 16]))));
        // A clock that is set back moves them all.
        core.rewind(SignedDuration::from_secs(9), Timestamp::UNIX_EPOCH);
        commit(&mut core, &mut memory);
        let core = load(&mut memory);
        let mut runs = core.checks.find("db1", "disk").unwrap().runs.kept(0);
        assert!(runs.all(|run| run.ended.at.get().as_second() == -9));
    }

    #[test]
    fn a_check_that_is_forgotten_and_back_in_one_round_has_none_of_its_runs() {
        let mut memory = Memory::new();
        let mut core = load(&mut memory);
        (0..3).for_each(|run| ping(&mut core, run));
        commit(&mut core, &mut memory);
        assert!(core.forget(&CheckId::new("db1", "disk"), "why", Timestamp::UNIX_EPOCH));
        ping(&mut core, 7);
        commit(&mut core, &mut memory);
        assert_eq!(runs_found(&mut memory), (vec![0], Some(Uuid::of([7; 16]))));
        assert!(core.forget(&CheckId::new("db1", "disk"), "why", Timestamp::UNIX_EPOCH));
        commit(&mut core, &mut memory);
        let mut left = 0;
        let mut count = |tree: Tree, _: &[u8], _: &[u8]| {
            left += usize::from(tree == Tree::Ended);
            Ok(())
        };
        memory.load(&mut count).unwrap();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_check_that_is_forgotten_and_back_in_one_round_keeps_no_beat() {
        let mut memory = Memory::new();
        let mut core = load(&mut memory);
        for seq in [1, 2] {
            report(&mut core, seq, "a");
            commit(&mut core, &mut memory);
        }
        assert!(core.forget(&CheckId::new("db1", "disk"), "why", Timestamp::UNIX_EPOCH));
        report(&mut core, 3, "a");
        commit(&mut core, &mut memory);
        assert_eq!(found(&mut memory), (1, "a".to_owned()));
    }
}

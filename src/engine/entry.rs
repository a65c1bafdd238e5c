//! One effect on its way to Gitea, as the disk has it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::turn::earlier;
use crate::alert::{Effect, Fingerprint, Issue};

/// An effect that Gitea has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Orders the entries; never used twice.
    pub seq: u64,
    pub fingerprint: Fingerprint,
    pub effect: Effect,
    /// The issue of the comment that it answers, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Issue>,
    /// The repository of the episode, `owner/name`, as the configuration called it.
    pub repository: String,
    pub made_at: Timestamp,
    /// Written when it was first tried, and never changed afterwards.
    pub text: Option<Text>,
    /// Set, on the disk, before a request goes out; gone when it is certain that nothing
    /// came of it.
    pub doubt: Option<Doubt>,
    /// Attempts since the last success in getting on.
    pub attempts: u32,
    /// When the first of them failed.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// How often in a row what comes before the request has failed, which is asking for
    /// labels.
    pub unprepared: u32,
    /// Not to be tried before.
    pub not_before: Option<Timestamp>,
    /// What Gitea refused to take with it.
    pub left_out: Vec<Trimming>,
    /// The same in words, for the next text.
    pub told: Vec<String>,
    pub parked: Option<Parked>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The words of an effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Empty except for opening.
    pub title: String,
    /// The body of an issue or a comment, or the table of an edit.
    pub body: String,
}

/// An attempt whose outcome is not known, and what helps to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// When the last attempt began, by our clock. Its request may have waited for its turn.
    pub sent_at: Timestamp,
    /// When that attempt was over, or the process that made it: no request of it was sent
    /// later.
    pub over_at: Option<Timestamp>,
    /// Nothing of ours can be older than this, by Gitea's clock, if it is known.
    pub since: Option<Timestamp>,
    /// The highest issue number that was known when the first request was sent.
    pub highest: u64,
    /// Looks that found nothing since the last request.
    pub looks: u32,
    /// When an earlier request was sent that was not answered either: it may still be
    /// carried out.
    pub earlier: Option<Timestamp>,
}

impl Doubt {
    /// From then on it counts how long a request may still be carried out.
    pub fn late_from(&self) -> Timestamp {
        self.over_at.unwrap_or(self.sent_at)
    }
}

/// A part of an issue that can be left out rather than lose the alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trimming {
    Assignee(String),
    Labels,
}

/// An effect that Gitea refuses for what it is, and that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub since: Timestamp,
    /// When it is tried again all the same.
    pub until: Timestamp,
    pub reason: String,
}

/// How far an effect has come, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Its turn comes.
    Queued,
    /// Tried, and tried again after a pause.
    Waiting,
    /// It may have been carried out.
    InDoubt,
    /// It needs a person.
    Parked,
}

impl Progress {
    /// Every one, in the order of the README.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Waiting, Self::InDoubt, Self::Parked];
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::InDoubt => "in doubt",
            Self::Parked => "parked",
        })
    }
}

impl Entry {
    /// An effect that nobody has tried yet, ordered at `made_at`.
    pub fn new(
        seq: u64,
        fingerprint: Fingerprint,
        effect: Effect,
        repository: &str,
        made_at: Timestamp,
    ) -> Self {
        Self {
            seq,
            fingerprint,
            effect,
            about: None,
            repository: repository.to_owned(),
            made_at,
            text: None,
            doubt: None,
            attempts: 0,
            failing_since: None,
            unprepared: 0,
            not_before: None,
            left_out: Vec::new(),
            told: Vec::new(),
            parked: None,
            last_error: None,
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        match (&self.parked, self.doubt, self.not_before) {
            (Some(_), ..) => Progress::Parked,
            (None, Some(_), _) => Progress::InDoubt,
            (None, None, Some(_)) => Progress::Waiting,
            (None, None, None) => Progress::Queued,
        }
    }

    /// The clock was set back: what is waited for moves with it. What Gitea's clock said
    /// stays.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        let parked = self.parked.as_mut().map(|parked| [&mut parked.since, &mut parked.until]);
        let doubt = self.doubt.as_mut();
        let doubt = doubt.map(|doubt| {
            [Some(&mut doubt.sent_at), doubt.over_at.as_mut(), doubt.earlier.as_mut()]
        });
        let own = [Some(&mut self.made_at), self.not_before.as_mut(), self.failing_since.as_mut()];
        let times = own.into_iter().chain(doubt.into_iter().flatten()).flatten();
        for at in times.chain(parked.into_iter().flatten()) {
            *at = earlier(*at, by);
        }
    }

    /// The name of the effect, for ever.
    pub fn key(&self) -> String {
        self.effect.dedup_key(&self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::super::{Core, Outcome};
    use super::*;
    use crate::alert::Salt;
    use crate::check::{CheckId, Kind, Observation};
    use crate::store::{Memory, Store as _};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn load(memory: &mut Memory, now: Timestamp) -> Core {
        let instance = "0123456789abcdef".to_owned();
        Core::load(memory, Settings::default(), Salt::new("salt"), None, instance, now).unwrap()
    }

    /// A check fails, and its opening waits.
    fn failing(memory: &mut Memory) -> (Core, u64) {
        let mut core = load(memory, at(0));
        let failure = Observation::new(Kind::Failure, "it is broken");
        core.observe(&CheckId::new("db1", "disk"), &failure, at(0));
        let seq = *core.entries.keys().next().unwrap();
        (core, seq)
    }

    fn doubt(core: &Core, seq: u64) -> Doubt {
        core.entries[&seq].doubt.unwrap()
    }

    #[test]
    fn what_a_request_may_still_do_counts_from_the_end_of_its_attempt_or_of_its_process() {
        let mut memory = Memory::new();
        let (mut core, seq) = failing(&mut memory);
        let unknown = || Outcome::Unknown { retry_at: at(0), error: "no answer".to_owned() };
        core.begin(seq, None, at(10)).unwrap();
        core.settle(seq, unknown(), at(70));
        assert_eq!(doubt(&core, seq).late_from(), at(70));
        // A look that fails afterwards makes it no later.
        core.settle(seq, unknown(), at(90));
        assert_eq!(doubt(&core, seq).late_from(), at(70));
        core.put_in_doubt(seq, None, at(200)).unwrap();
        assert_eq!(doubt(&core, seq).earlier, Some(at(70)));
        memory.commit(core.take_writes().0).unwrap();
        // The process ends with the request under way, nobody knows when it was sent.
        let core = load(&mut memory, at(300));
        assert_eq!(doubt(&core, seq).late_from(), at(300));
        assert_eq!(doubt(&core, seq).earlier, Some(at(70)));
    }

    #[test]
    fn a_text_is_written_at_the_first_attempt_and_never_changes() {
        let mut memory = Memory::new();
        let (mut core, seq) = failing(&mut memory);
        let first = core.begin(seq, None, at(10)).unwrap().entry.text;
        core.settle(seq, Outcome::Refused { retry_at: None, error: "429".to_owned() }, at(11));
        let worse = Observation::new(Kind::Failure, "it is worse");
        core.observe(&CheckId::new("db1", "disk"), &worse, at(12));
        memory.commit(core.take_writes().0).unwrap();
        let mut core = load(&mut memory, at(100));
        let again = core.begin(seq, None, at(110)).unwrap().entry.text;
        assert!(first.is_some() && first == again, "{first:?} {again:?}");
    }
}

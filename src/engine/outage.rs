//! A time in which Gitea takes nothing although something waits, and what was said of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::turn::earlier;

/// How many repositories are remembered of one outage: the record has a limit.
const REPOSITORIES_MAX: usize = 16;

/// An outage as the disk has it. It is written before anything is said of it, so that a
/// restart says nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    pub since: Timestamp,
    /// Where effects wait that do not get through. All of them must be well again before it
    /// is over.
    pub repositories: BTreeSet<String>,
    /// When people were last told of it, if they were.
    pub told_at: Option<Timestamp>,
    /// Whether the last message may not have arrived: its sending has begun, and nobody knows
    /// how it ended.
    pub in_doubt: bool,
    /// Since when it is over, and people are still to be told so.
    pub over_at: Option<Timestamp>,
}

/// How the way to Gitea is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passage {
    /// How many effects wait, without those that Gitea refuses for what they are.
    pub waiting: usize,
    /// Repositories where something waits and nothing gets through, and why.
    pub blocked: BTreeMap<String, String>,
    /// Those of the outage that are well: something got through since, or nothing waits there
    /// and a question was answered.
    pub well: BTreeSet<String>,
}

impl Outage {
    /// One that begins now.
    pub fn new(since: Timestamp) -> Self {
        let repositories = BTreeSet::new();
        Self { since, repositories, told_at: None, in_doubt: false, over_at: None }
    }

    /// Takes note of where nothing gets through.
    pub fn add<'a>(&mut self, repositories: impl Iterator<Item = &'a String>) {
        for repository in repositories {
            if self.repositories.len() < REPOSITORIES_MAX {
                self.repositories.insert(repository.clone());
            }
        }
    }

    pub(super) fn rewind(&mut self, by: SignedDuration) {
        let times = [Some(&mut self.since), self.told_at.as_mut(), self.over_at.as_mut()];
        for at in times.into_iter().flatten() {
            *at = earlier(*at, by);
        }
    }
}

impl Core {
    /// The outage that lasts, or of whose end people are still to be told.
    pub fn outage(&self) -> Option<&Outage> {
        self.meta.outage.as_ref()
    }

    /// Writes down how an outage is.
    pub fn note_outage(&mut self, outage: Option<Outage>) {
        if self.meta.outage != outage {
            self.meta.outage = outage;
            self.dirty.meta = true;
        }
    }

    /// How the way to Gitea is. `refusing` are the repositories that refuse, and why; `paused`
    /// says why nothing is sent to any, if that is so; `is_answered` whether Gitea has
    /// answered us since this process began.
    pub fn passage(
        &self,
        refusing: &BTreeMap<String, String>,
        paused: Option<&str>,
        is_answered: bool,
    ) -> Passage {
        let mut passage = Passage::default();
        let mut waits = BTreeSet::new();
        for entry in self.entries.values().filter(|entry| entry.parked.is_none()) {
            passage.waiting += 1;
            waits.insert(&entry.repository);
            let others_got_through = entry.failing_since.is_some_and(|since| {
                self.delivered_at.get(&entry.repository).is_some_and(|&at| at > since)
            });
            let own = || {
                let is_failing = entry.failing_since.is_some() && !others_got_through;
                is_failing.then(|| entry.last_error.clone().unwrap_or_default())
            };
            let refusal = refusing.get(&entry.repository).map(String::as_str).or(paused);
            if let Some(why) = refusal.map(str::to_owned).or_else(own) {
                passage.blocked.entry(entry.repository.clone()).or_insert(why);
            }
        }
        let Some(outage) = &self.meta.outage else { return passage };
        let is_well = |repository: &&String| {
            let delivered = self.delivered_at.get(*repository);
            let is_quiet = is_answered && !waits.contains(*repository);
            !passage.blocked.contains_key(*repository)
                && !refusing.contains_key(*repository)
                && (is_quiet || delivered.is_some_and(|&at| at > outage.since))
        };
        passage.well = outage.repositories.iter().filter(is_well).cloned().collect();
        passage
    }
}

//! What a round has changed, and how that becomes one commit and news for the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;

use super::checks::Watched;
use super::records::{Past, Repository};
use super::{Core, Feed};
use crate::alert::{Fingerprint, Group, Salt};
use crate::check::{CheckId, ENDED_MAX};
use crate::job::JobId;
use crate::store::{Key, Tree, WriteSet};

/// What the round has changed.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) meta: bool,
    pub(super) absences: bool,
    pub(super) mark: Option<Timestamp>,
    pub(super) checks: BTreeSet<CheckId>,
    /// Checks of which only the beat is new.
    pub(super) beats: BTreeSet<CheckId>,
    pub(super) sources: BTreeSet<String>,
    pub(super) alerts: BTreeSet<Fingerprint>,
    /// Runs of checks that are forgotten.
    pub(super) ended_gone: Vec<Key>,
    /// Members of alerts that are forgotten.
    pub(super) members_gone: Vec<Key>,
    pub(super) entries: BTreeSet<u64>,
    pub(super) repositories: BTreeSet<String>,
    pub(super) history: Vec<(u64, Past)>,
    /// Records of the history that were kept for long enough.
    pub(super) history_gone: Range<u64>,
    pub(super) deliveries: BTreeSet<u64>,
    pub(super) silences: BTreeSet<u64>,
    pub(super) jobs: BTreeSet<JobId>,
    /// Runs, with the job of each.
    pub(super) runs: BTreeMap<u64, JobId>,
}

impl Core {
    /// Notes that somebody is looking.
    pub fn mark(&mut self, now: Timestamp) {
        self.dirty.mark = Some(now);
    }

    /// The record of a repository, to be changed.
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        if !self.dirty.repositories.contains(name) {
            self.dirty.repositories.insert(name.to_owned());
        }
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Everything the round has changed, for the disk and for the outbox.
    pub fn take_writes(&mut self) -> (WriteSet, Vec<Feed>) {
        let dirty = std::mem::take(&mut self.dirty);
        let mut writes = WriteSet::new();
        let mut feed = Vec::new();
        if dirty.meta {
            writes.put(Tree::Meta, keys::STATE, &self.meta);
        }
        if let Some(mark) = dirty.mark {
            writes.put(Tree::Meta, keys::MARK, &mark);
        }
        if dirty.absences {
            writes.put(Tree::Absences, keys::ALL, &self.absences);
        }
        // Before those of a check of the same name that came up since.
        for key in dirty.ended_gone {
            writes.delete(Tree::Ended, key);
        }
        for id in dirty.beats.difference(&dirty.checks) {
            let beat = self.checks.watched(id).and_then(|watched| {
                watched.may_have_beat = true;
                put_ended(&mut writes, watched);
                watched.check.beat()
            });
            put(&mut writes, Tree::Beats, keys::check(id), beat.as_ref());
        }
        for id in &dirty.checks {
            let mut watched = self.checks.watched(id);
            if let Some(watched) = &mut watched {
                put_ended(&mut writes, watched);
            }
            let check = watched.as_deref().map(|watched| &watched.check);
            put(&mut writes, Tree::Checks, keys::check(id), check);
            // What was new since the record before is in this one, or is past.
            let had_beat = watched.is_none_or(|it| std::mem::take(&mut it.may_have_beat));
            if had_beat {
                writes.delete(Tree::Beats, keys::check(id));
            }
        }
        for source in &dirty.sources {
            put(&mut writes, Tree::Sources, Key::new().text(source), self.sources.get(source));
        }
        // Before those of an alert of the same name that came up since.
        for key in dirty.members_gone {
            writes.delete(Tree::Members, key);
        }
        for fingerprint in &dirty.alerts {
            let key = Key::new().text(fingerprint.as_str());
            put(&mut writes, Tree::Alerts, key, self.alerts.get(fingerprint));
            let Some(alert) = self.alerts.get_mut(fingerprint) else { continue };
            for name in std::mem::take(&mut alert.touched) {
                let key = keys::member(&self.salt, fingerprint, &name);
                let member = alert.members.get(&name).map(|member| (&name, member));
                put(&mut writes, Tree::Members, key, member.as_ref());
            }
        }
        for repository in &dirty.repositories {
            let key = Key::new().text(repository);
            put(&mut writes, Tree::Repositories, key, self.repositories.get(repository));
            if let Some(record) = self.repositories.get(repository) {
                feed.push(Feed::Repository(repository.clone(), Box::new(record.clone())));
            }
        }
        for seq in dirty.entries {
            let entry = self.entries.get(&seq);
            put(&mut writes, Tree::Outbox, Key::new().u64(seq), entry);
            feed.push(match entry {
                Some(entry) => Feed::Entry(Box::new(entry.clone())),
                None => Feed::Gone(seq),
            });
        }
        for number in dirty.deliveries {
            let key = Key::new().u64(number);
            put(&mut writes, Tree::Deliveries, key, self.deliveries.get(number));
        }
        for number in dirty.silences {
            let key = Key::new().u64(number);
            put(&mut writes, Tree::Silences, key, self.silences.get(&number));
        }
        for id in dirty.jobs {
            put(&mut writes, Tree::Jobs, keys::job(&id), self.jobs.get(&id));
        }
        for (number, id) in dirty.runs {
            put(&mut writes, Tree::Jobs, keys::job(&id).u64(number), self.jobs.ledger.get(number));
        }
        for number in dirty.history_gone {
            writes.delete(Tree::History, Key::new().u64(number));
        }
        for (number, past) in dirty.history {
            writes.put(Tree::History, Key::new().u64(number), &past);
        }
        (writes, feed)
    }
}

fn put<T: serde::Serialize>(writes: &mut WriteSet, tree: Tree, key: Key, record: Option<&T>) {
    match record {
        Some(record) => writes.put(tree, key, record),
        None => writes.delete(tree, key),
    }
}

fn put_ended(writes: &mut WriteSet, watched: &mut Watched) {
    let id = watched.check.id.clone();
    for kept in watched.newly_ended() {
        writes.put(Tree::Ended, keys::ended(&id, kept.number), &kept);
    }
}

/// The keys of records that stand alone, and of checks.
pub(super) mod keys {
    use super::{CheckId, ENDED_MAX, Fingerprint, Group, JobId, Key, Salt};

    pub(in crate::engine) const STATE: &str = "state";
    pub(in crate::engine) const MARK: &str = "mark";
    pub(in crate::engine) const ALL: &str = "all";
    /// The longest name of a member that is in its key as it is.
    const NAME_MAX: usize = 320;

    pub(in crate::engine) fn check(id: &CheckId) -> Key {
        let (source, name) = id.parts();
        Key::new().text(source).text(name)
    }

    /// The key of a run of a check that has ended. Each takes the place of one that is
    /// remembered no longer.
    pub(in crate::engine) fn ended(id: &CheckId, number: u64) -> Key {
        check(id).u64(number % ENDED_MAX)
    }

    /// The key of a job. Those of its runs go on with their numbers.
    pub(in crate::engine) fn job(id: &JobId) -> Key {
        Key::new().text(id.as_str())
    }

    /// The key of an alert's member. The record has the name: one that is too long for a
    /// key, such as that of a named group, is in the key as its fingerprint.
    pub(in crate::engine) fn member(salt: &Salt, alert: &Fingerprint, name: &str) -> Key {
        let key = Key::new().text(alert.as_str());
        if name.len() <= NAME_MAX {
            return key.text(name);
        }
        let group = Group::Named { name: name.to_owned() };
        key.text(Fingerprint::new(salt, &group).as_str())
    }
}

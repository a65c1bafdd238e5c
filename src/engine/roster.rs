//! The jobs themselves, by what they are looked for; how they are taken up at a start and
//! forgotten in the end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::ledger::Ledger;
use super::turn::earlier;
use crate::check::{CheckId, OWN_SOURCE};
use crate::job::{Definition, Job, JobId, Origin, Pause};
use crate::store::{self, KeyReader, Tree, decode};

/// A job that is through can be looked up for so long, if a person made it.
pub const COMPLETED_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is remembered of jobs as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// How many were ever made: it numbers the next one.
    pub(super) made: u64,
    /// How many runs there ever were: it numbers the next one.
    pub(super) runs: u64,
    /// How often this store was loaded. A claim of an earlier time is nobody's.
    pub(super) boots: u64,
    /// Nothing is run on schedule.
    pub(super) paused: Option<Pause>,
}

/// All jobs, by what they are looked for.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) all: BTreeMap<JobId, Job>,
    /// By their names in small letters.
    pub(super) names: BTreeMap<String, JobId>,
    /// When each is due next.
    pub(super) due: BTreeSet<(Timestamp, JobId)>,
    /// Those that somebody has claimed.
    pub(super) claimed: BTreeSet<JobId>,
    /// Those that are through, and since when.
    completed: BTreeSet<(Timestamp, JobId)>,
    /// Checks that wait for somebody to close their issues.
    pub(super) chores: BTreeSet<CheckId>,
    pub(super) ledger: Ledger,
    /// Records that cannot be read, and why. They stay on the disk as they are.
    pub(super) unreadable: BTreeMap<String, String>,
}

impl Roster {
    pub(super) fn get(&self, id: &JobId) -> Option<&Job> {
        self.all.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.all.values()
    }

    /// By id, or by name in whatever letters.
    pub(super) fn find(&self, which: &str) -> Option<&Job> {
        let by_id = self.all.get(&JobId::of(which));
        by_id.or_else(|| self.all.get(self.names.get(&which.to_lowercase())?))
    }

    /// Jobs that are due by a time, the first first.
    pub(super) fn due_by(&self, by: Timestamp) -> impl Iterator<Item = (Timestamp, &JobId)> {
        self.due.iter().take_while(move |(at, _)| *at <= by).map(|(at, id)| (*at, id))
    }

    fn put(&mut self, job: Job) {
        let id = job.id.clone();
        self.names.insert(job.definition.name.to_lowercase(), id.clone());
        if let Some(at) = job.deadline() {
            self.due.insert((at, id.clone()));
        }
        if job.claim.is_some() {
            self.claimed.insert(id.clone());
        }
        if let Some(at) = job.completed_at {
            self.completed.insert((at, id.clone()));
        }
        self.all.insert(id, job);
    }

    fn take(&mut self, id: &JobId) -> Option<Job> {
        let job = self.all.remove(id)?;
        self.names.remove(&job.definition.name.to_lowercase());
        if let Some(at) = job.deadline() {
            self.due.remove(&(at, id.clone()));
        }
        self.claimed.remove(id);
        if let Some(at) = job.completed_at {
            self.completed.remove(&(at, id.clone()));
        }
        Some(job)
    }

    /// Takes a record as the store has it. One that cannot be read stops none of the others.
    pub(super) fn load(&mut self, key: &[u8], bytes: &[u8]) {
        if let Err(error) = self.read(key, bytes) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a record of a job cannot be read and is left alone"
            );
            self.unreadable.insert(key.escape_ascii().to_string(), error.to_string());
        }
    }

    fn read(&mut self, key: &[u8], bytes: &[u8]) -> Result<(), store::Error> {
        let mut parts = KeyReader::new(Tree::Jobs, key);
        parts.text()?;
        if parts.end().is_ok() {
            self.put(decode(Tree::Jobs, key, bytes)?);
        } else {
            self.ledger.add(decode(Tree::Jobs, key, bytes)?);
        }
        Ok(())
    }
}

/// The check of a job.
pub(super) fn job_check(name: &str) -> CheckId {
    CheckId::new(OWN_SOURCE, job_check_name(name))
}

pub(super) fn job_check_name(name: &str) -> String {
    format!("job-{name}")
}

impl Core {
    /// The job called so, by id or name.
    pub(super) fn find_job(&self, which: &str) -> Option<JobId> {
        self.jobs.find(which).map(|job| job.id.clone())
    }

    /// Changes a job, and everything by which it is found.
    pub(super) fn change_job<T>(
        &mut self,
        id: &JobId,
        change: impl FnOnce(&mut Job) -> T,
    ) -> Option<T> {
        let mut job = self.jobs.take(id)?;
        let result = change(&mut job);
        self.jobs.put(job);
        self.dirty.jobs.insert(id.clone());
        Some(result)
    }

    /// Adds a job.
    pub(super) fn make_job(
        &mut self,
        definition: Definition,
        origin: Origin,
        now: Timestamp,
    ) -> JobId {
        self.meta.jobs.made += 1;
        self.dirty.meta = true;
        let id = JobId::new(&self.meta.instance.id, self.meta.jobs.made);
        let name = &definition.name;
        tracing::info!(job = %id, "the job `{name}` was made: {}", definition.schedule);
        self.jobs.put(Job::new(id.clone(), definition, origin, now));
        self.dirty.jobs.insert(id.clone());
        id
    }

    /// Forgets a job, its runs and its check.
    pub(super) fn drop_job(&mut self, id: &JobId, why: &str, now: Timestamp) {
        let Some(job) = self.jobs.take(id) else { return };
        let name = &job.definition.name;
        tracing::info!(job = %id, "the job `{name}` is gone: {why}");
        self.dirty.jobs.insert(id.clone());
        for number in self.jobs.ledger.forget(id) {
            self.dirty.runs.insert(number, id.clone());
        }
        self.forget(&job_check(name), why, now);
        self.end_chores(name, why, now);
    }

    /// Takes up the jobs at a start: what ran is over, the zones may have changed, and the
    /// configuration may have.
    pub(super) fn take_up_jobs(&mut self, now: Timestamp) {
        self.meta.jobs.boots += 1;
        self.dirty.meta = true;
        let ids: Vec<_> = self.jobs.all.keys().cloned().collect();
        for id in &ids {
            self.take_back_claim(id, now);
            let mut looked_again = self.jobs.get(id).cloned();
            let job = looked_again.as_mut().map(|job| job.look_again(now)).and(looked_again);
            if let Some(job) = job.filter(|job| self.jobs.get(id) != Some(job)) {
                self.change_job(id, |before| *before = job);
            }
        }
        self.end_open_runs(now);
        self.take_up_chores();
        let drafts = self.settings.jobs.clone();
        let mut named = BTreeSet::new();
        for draft in &drafts {
            match draft.apply(None, now) {
                Ok(definition) => drop(named.insert(self.configure_job(definition, now))),
                Err(error) => tracing::error!(%error, "a job of the configuration cannot be"),
            }
        }
        let is_gone = |job: &&Job| job.origin == Origin::Configuration && !named.contains(&job.id);
        let gone: Vec<_> = self.jobs.iter().filter(is_gone).map(|job| job.id.clone()).collect();
        for id in gone {
            self.drop_job(&id, "the configuration no longer has its job", now);
        }
        let ids: Vec<_> = self.jobs.all.keys().cloned().collect();
        for id in ids {
            self.tell_error(&id, now);
        }
    }

    fn configure_job(&mut self, definition: Definition, now: Timestamp) -> JobId {
        let Some(id) = self.find_job(&definition.name) else {
            return self.make_job(definition, Origin::Configuration, now);
        };
        self.change_job(&id, |job| {
            job.origin = Origin::Configuration;
            job.redefine(definition, now);
        });
        id
    }

    /// The clock was set back.
    pub(super) fn rewind_jobs(&mut self, by: SignedDuration, now: Timestamp) {
        let ids: Vec<_> = self.jobs.all.keys().cloned().collect();
        for id in ids {
            self.change_job(&id, |job| job.rewind(by, now));
        }
        if let Some(pause) = &mut self.meta.jobs.paused {
            pause.since = earlier(pause.since, by);
        }
    }

    /// Forgets jobs that people have made and that were through long ago. One whose check is
    /// in trouble stays.
    pub(super) fn forget_jobs(&mut self, now: Timestamp) {
        let old: Vec<_> = self
            .jobs
            .completed
            .iter()
            .take_while(|(at, _)| now.duration_since(*at) > COMPLETED_KEPT)
            .filter_map(|(_, id)| self.jobs.get(id))
            .filter(|job| job.origin == Origin::Person && job.claim.is_none())
            .filter(|job| {
                let check = self.checks.get(&job_check(&job.definition.name));
                check.is_none_or(|check| !check.is_down() && !check.is_blind)
            })
            .map(|job| job.id.clone())
            .collect();
        for id in old {
            self.drop_job(&id, "its job was through long ago", now);
        }
    }
}

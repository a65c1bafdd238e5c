//! The jobs: made, changed and removed by the configuration and by people.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::ledger::Ledger;
use super::turn::earlier;
use super::view::{Page, page};
use crate::check::CheckId;
use crate::job::{Definition, Draft, Job, JobId, Origin, Outcome, Pause, State, Wrong};
use crate::store::{self, KeyReader, Tree, decode};

/// The source of teawatch's own checks: each job is one of them.
pub(super) const SOURCE: &str = "teawatch";

/// So many jobs are kept.
pub const JOBS_MAX: usize = 10_000;

/// A job that is through can be looked up for so long, if a person made it.
pub const COMPLETED_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The longest reason of a pause, in bytes.
pub const PAUSE_REASON_MAX: usize = 200;

/// What is remembered of jobs as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// How many were ever made: it numbers the next one.
    made: u64,
    /// How many runs there ever were: it numbers the next one.
    pub(super) runs: u64,
    /// How often this store was loaded. A claim of an earlier time is nobody's.
    pub(super) boots: u64,
    /// Nothing is run on schedule.
    pub(super) paused: Option<Pause>,
}

/// All jobs, by what they are looked for.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    all: BTreeMap<JobId, Job>,
    /// By their names in small letters.
    names: BTreeMap<String, JobId>,
    /// When each is due next.
    due: BTreeSet<(Timestamp, JobId)>,
    /// Those that somebody has claimed.
    claimed: BTreeSet<JobId>,
    /// Those that are through, and since when.
    completed: BTreeSet<(Timestamp, JobId)>,
    pub(super) ledger: Ledger,
    /// Records that cannot be read, and why. They stay on the disk as they are.
    pub(super) unreadable: BTreeMap<String, String>,
}

impl Jobs {
    pub(super) fn get(&self, id: &JobId) -> Option<&Job> {
        self.all.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.all.values()
    }

    /// By id, or by name in whatever letters.
    fn find(&self, which: &str) -> Option<&Job> {
        let by_id = self.all.get(&JobId::of(which));
        by_id.or_else(|| self.all.get(self.names.get(&which.to_lowercase())?))
    }

    /// Jobs that are due by a time, the first first.
    pub(super) fn due(&self, by: Timestamp) -> impl Iterator<Item = (Timestamp, &JobId)> {
        self.due.iter().take_while(move |(at, _)| *at <= by).map(|(at, id)| (*at, id))
    }

    pub(super) fn claimed(&self) -> impl Iterator<Item = &JobId> {
        self.claimed.iter()
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

/// A job as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobView {
    pub id: JobId,
    pub state: State,
    /// Why it is paused, or cannot go on.
    pub reason: Option<String>,
    /// When it is due next, if it is not paused.
    pub next: Option<Timestamp>,
    /// What it does and when, in words.
    pub what: String,
    pub when: String,
    pub definition: Definition,
    pub origin: Origin,
    pub made_at: Timestamp,
    /// How many slots were claimed.
    pub fired: u32,
    /// The number of the run that is under way.
    pub running: Option<u64>,
    pub last: Option<Outcome>,
    /// Its check.
    pub check: String,
}

/// How jobs are, as a whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JobsHealth {
    pub jobs: usize,
    /// Those that will run by themselves.
    pub active: usize,
    pub running: usize,
    /// The name of the one that is due next, and when.
    pub next: Option<(Timestamp, String)>,
    /// Why nothing is run on schedule, if nothing is.
    pub paused: Option<Pause>,
    /// Records that cannot be read, and why.
    pub unreadable: BTreeMap<String, String>,
}

/// Why a job is not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmade {
    /// Something that was asked for is not allowed.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error("job `{0}`")]
    Unknown(String),
    #[error("there is a job called `{0}` already")]
    Taken(String),
    #[error("the configuration has the job `{0}`: it is changed and removed there")]
    Configured(String),
    #[error("there are {JOBS_MAX} jobs, and there may be no more")]
    Full,
}

/// A time that has passed is none to wait for.
fn is_ahead(definition: &Definition, now: Timestamp) -> Result<(), Unmade> {
    if definition.schedule.after(now).is_some() || definition.schedule.trouble().is_some() {
        return Ok(());
    }
    Err(Wrong { field: "schedule", why: "names a time that has passed".to_owned() }.into())
}

impl Core {
    /// The job called so, by id or name.
    fn job_id(&self, which: &str) -> Result<JobId, Unmade> {
        let job = self.jobs.find(which);
        job.map(|job| job.id.clone()).ok_or_else(|| Unmade::Unknown(which.to_owned()))
    }

    /// The same where it is no mistake that there is none.
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

    fn make_job(&mut self, definition: Definition, origin: Origin, now: Timestamp) -> JobId {
        self.meta.jobs.made += 1;
        self.dirty.meta = true;
        let id = JobId::new(&self.meta.instance.id, self.meta.jobs.made);
        let name = &definition.name;
        tracing::info!(job = %id, "the job `{name}` was made: {}", definition.schedule);
        self.jobs.put(Job::new(id.clone(), definition, origin, now));
        self.dirty.jobs.insert(id.clone());
        id
    }

    /// Makes a job.
    pub fn add_job(&mut self, draft: &Draft, now: Timestamp) -> Result<JobView, Unmade> {
        let definition = draft.apply(None, now)?;
        is_ahead(&definition, now)?;
        if self.jobs.names.contains_key(&definition.name.to_lowercase()) {
            return Err(Unmade::Taken(definition.name));
        }
        if self.jobs.all.len() >= JOBS_MAX {
            return Err(Unmade::Full);
        }
        let id = self.make_job(definition, Origin::Person, now);
        self.job(id.as_str())
    }

    /// Changes what a draft names of a job that a person has made.
    pub fn edit_job(
        &mut self,
        which: &str,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<JobView, Unmade> {
        let id = self.own_job(which)?;
        let Some(job) = self.jobs.get(&id) else { return Err(Unmade::Unknown(which.to_owned())) };
        let definition = draft.apply(Some(&job.definition), now)?;
        if draft.schedule.is_some() {
            is_ahead(&definition, now)?;
        }
        let before = job.definition.name.to_lowercase();
        let name = definition.name.to_lowercase();
        if name != before && self.jobs.names.contains_key(&name) {
            return Err(Unmade::Taken(definition.name));
        }
        if definition.name != job.definition.name {
            let check = job_check(&job.definition.name);
            self.forget(&check, "its job has another name", now);
        }
        self.change_job(&id, |job| job.redefine(definition, now));
        self.job(id.as_str())
    }

    /// Removes a job that a person has made, with all that is remembered of it. A run that is
    /// under way loses its claim.
    pub fn remove_job(&mut self, which: &str, now: Timestamp) -> Result<JobId, Unmade> {
        let id = self.own_job(which)?;
        self.drop_job(&id, "its job was removed", now);
        Ok(id)
    }

    fn own_job(&self, which: &str) -> Result<JobId, Unmade> {
        let id = self.job_id(which)?;
        match self.jobs.get(&id) {
            Some(job) if job.origin == Origin::Configuration => {
                Err(Unmade::Configured(job.definition.name.clone()))
            }
            Some(_) | None => Ok(id),
        }
    }

    fn drop_job(&mut self, id: &JobId, why: &str, now: Timestamp) {
        let Some(job) = self.jobs.take(id) else { return };
        let name = &job.definition.name;
        tracing::info!(job = %id, "the job `{name}` is gone: {why}");
        self.dirty.jobs.insert(id.clone());
        for number in self.jobs.ledger.forget(id) {
            self.dirty.runs.insert(number, id.clone());
        }
        self.forget(&job_check(name), why, now);
    }

    /// Pauses a job, for a reason. One that is paused already gets another reason.
    pub fn pause_job(
        &mut self,
        which: &str,
        reason: String,
        now: Timestamp,
    ) -> Result<JobView, Unmade> {
        let id = self.job_id(which)?;
        let pause = Pause { since: now, reason: reason_of(reason)? };
        self.change_job(&id, |job| job.paused = Some(pause));
        self.job(id.as_str())
    }

    /// Lets a job go on: with its next slot from now on.
    pub fn resume_job(&mut self, which: &str, now: Timestamp) -> Result<JobView, Unmade> {
        let id = self.job_id(which)?;
        let Some(job) = self.jobs.get(&id) else { return Err(Unmade::Unknown(which.to_owned())) };
        if job.paused.is_some() {
            if job.completed_at.is_none() {
                is_ahead(&job.definition, now)?;
            }
            self.change_job(&id, |job| {
                job.paused = None;
                job.plan(now);
            });
        }
        self.job(id.as_str())
    }

    /// Runs nothing on schedule any more, until [`Core::resume_jobs`].
    pub fn pause_jobs(&mut self, reason: String, now: Timestamp) -> Result<(), Unmade> {
        self.meta.jobs.paused = Some(Pause { since: now, reason: reason_of(reason)? });
        self.dirty.meta = true;
        Ok(())
    }

    /// Ends the pause of all. What has become due meanwhile is late, and treated as such.
    pub fn resume_jobs(&mut self) {
        self.dirty.meta |= self.meta.jobs.paused.take().is_some();
    }

    /// A job as it is shown.
    pub fn job(&self, which: &str) -> Result<JobView, Unmade> {
        let job = self.jobs.find(which).ok_or_else(|| Unmade::Unknown(which.to_owned()))?;
        Ok(view(job))
    }

    /// Jobs after the cursor `after` (their id), in order.
    pub fn jobs_page(&self, after: Option<&str>, limit: usize) -> Page<JobView> {
        let after = after.map(JobId::of);
        let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.jobs.all.range((from, Bound::Unbounded)).map(|(_, job)| job);
        page(jobs, limit, view, |job| job.id.to_string())
    }

    /// How jobs are, as a whole.
    pub fn jobs_health(&self) -> JobsHealth {
        let next = self.jobs.due.first().and_then(|(at, id)| {
            let job = self.jobs.get(id)?;
            Some((*at, job.definition.name.clone()))
        });
        JobsHealth {
            jobs: self.jobs.all.len(),
            active: self.jobs.due.len(),
            running: self.jobs.claimed.len(),
            next: next.filter(|_| self.meta.jobs.paused.is_none()),
            paused: self.meta.jobs.paused.clone(),
            unreadable: self.jobs.unreadable.clone(),
        }
    }

    /// When each job is due that will run by itself: what an outside scheduler must know.
    pub fn jobs_armed(&self) -> BTreeMap<JobId, Timestamp> {
        if self.meta.jobs.paused.is_some() {
            return BTreeMap::new();
        }
        self.jobs.due.iter().map(|(at, id)| (id.clone(), *at)).collect()
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
    pub(super) fn rewind_jobs(&mut self, by: SignedDuration) {
        let ids: Vec<_> = self.jobs.all.keys().cloned().collect();
        for id in ids {
            self.change_job(&id, |job| job.rewind(by));
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

/// The check of a job.
pub(super) fn job_check(name: &str) -> CheckId {
    CheckId::new(SOURCE, job_check_name(name))
}

pub(super) fn job_check_name(name: &str) -> String {
    format!("job-{name}")
}

fn reason_of(reason: String) -> Result<String, Unmade> {
    let is_right = !reason.trim().is_empty()
        && reason.len() <= PAUSE_REASON_MAX
        && !reason.chars().any(char::is_control);
    if is_right {
        return Ok(reason);
    }
    let why = format!("must be one line of 1 to {PAUSE_REASON_MAX} bytes");
    Err(Wrong { field: "reason", why }.into())
}

fn view(job: &Job) -> JobView {
    let definition = &job.definition;
    let trouble = definition.schedule.trouble();
    JobView {
        id: job.id.clone(),
        state: job.state(),
        reason: trouble
            .map(str::to_owned)
            .or_else(|| job.paused.as_ref().map(|pause| pause.reason.clone())),
        next: job.deadline(),
        what: definition.kind.to_string(),
        when: definition.schedule.to_string(),
        definition: definition.clone(),
        origin: job.origin,
        made_at: job.made_at,
        fired: job.fired,
        running: job.claim.as_ref().map(|claim| claim.run),
        last: job.last.clone(),
        check: job_check(&definition.name).to_string(),
    }
}

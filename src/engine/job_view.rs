//! What readers see of jobs.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::jobs::Unmade;
use super::roster::job_check;
use super::view::{Page, page};
use crate::job::{Definition, Job, JobId, Origin, Outcome, Pause, State};

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

impl Core {
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

    /// How many jobs are in each state.
    pub(super) fn job_states(&self) -> Vec<(State, usize)> {
        let count = |state| self.jobs.all.values().filter(|job| job.state() == state).count();
        State::ALL.into_iter().map(|state| (state, count(state))).collect()
    }

    /// When each job is due that will run by itself: what an outside scheduler must know.
    pub fn jobs_armed(&self) -> BTreeMap<JobId, Timestamp> {
        if self.meta.jobs.paused.is_some() {
            return BTreeMap::new();
        }
        self.jobs.due.iter().map(|(at, id)| (id.clone(), *at)).collect()
    }
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

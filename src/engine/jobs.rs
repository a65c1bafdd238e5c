//! What people do with jobs: make, change, remove, pause and resume them.

use jiff::Timestamp;

use super::core::Core;
use super::job_view::JobView;
use super::roster::job_check;
use crate::job::{Definition, Draft, JobId, Origin, Pause, Wrong};

/// So many jobs are kept.
pub const JOBS_MAX: usize = 10_000;

/// The longest reason of a pause, in bytes.
pub const PAUSE_REASON_MAX: usize = 200;

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
    /// The job called so, which there must be.
    fn job_id(&self, which: &str) -> Result<JobId, Unmade> {
        self.find_job(which).ok_or_else(|| Unmade::Unknown(which.to_owned()))
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
            let before = job.definition.name.clone();
            self.forget(&check, "its job has another name", now);
            self.end_chores(&before, "its job has another name", now);
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

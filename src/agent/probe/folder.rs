//! Which jobs of a folder of heartbeats still live?

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{failure, success, unknown, with};
use crate::agent::folder::{self, Job, Status};
use crate::agent::heartbeat::expand;
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// Jobs that are named in a summary; the rest is counted.
const NAMED_MAX: usize = 5;

/// A folder of `<job>.last` files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: SignedDuration,
    /// May begin with `~/`.
    pub(crate) path: PathBuf,
    /// Jobs that must have written: one that never did is seen by nothing else.
    #[serde(default)]
    pub(crate) jobs: Vec<String>,
    /// A check for each job, `name/job`, instead of one for the folder.
    #[serde(default)]
    pub(crate) per_job: bool,
    /// What the titles of its issues begin with; empty for what the server has for all.
    #[serde(default = "title_prefix")]
    pub(crate) title_prefix: String,
}

fn title_prefix() -> String {
    "[heartbeat-checker]".to_owned()
}

impl Folder {
    /// Every job of the folder.
    pub(crate) fn scan(&self, now: Timestamp) -> std::io::Result<Vec<Job>> {
        folder::scan(&expand(&self.path), &self.jobs, now)
    }

    pub(super) fn look(&self, now: Timestamp) -> Vec<(String, Observation)> {
        let jobs = match self.scan(now) {
            Ok(jobs) => jobs,
            Err(error) => {
                let said = format!("{} cannot be read: {error}", self.path.display());
                return vec![(self.name.clone(), unknown(said))];
            }
        };
        if self.per_job {
            let name = |job: &Job| format!("{}/{}", self.name, job.job);
            return jobs.iter().map(|job| (name(job), self.worn(of_job(job)))).collect();
        }
        vec![(self.name.clone(), self.worn(of_folder(&jobs)))]
    }

    fn worn(&self, mut observation: Observation) -> Observation {
        if !self.title_prefix.is_empty() {
            let label = ("title_prefix".to_owned(), self.title_prefix.clone());
            observation.labels.extend([label]);
        }
        observation
    }
}

fn of_folder(jobs: &[Job]) -> Observation {
    let troubled: Vec<_> = jobs.iter().filter(|job| job.status.is_trouble()).collect();
    let cannot_tell = jobs.iter().filter(|job| job.status == Status::Unreadable).count();
    let named = |jobs: &[&Job]| {
        let names: Vec<_> = jobs
            .iter()
            .take(NAMED_MAX)
            .map(|job| format!("{} ({})", job.job, job.status))
            .collect();
        let more = jobs.len().saturating_sub(NAMED_MAX);
        if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
    };
    let mut observation = if !troubled.is_empty() {
        let count = troubled.len();
        failure(format!("{count} of {} jobs: {}", jobs.len(), named(&troubled)))
    } else if cannot_tell > 0 {
        unknown(format!("{cannot_tell} of {} heartbeats cannot be read", jobs.len()))
    } else {
        success(format!("{} jobs, all fresh", jobs.len()))
    };
    observation.details = folder::plain_panel(jobs);
    observation
}

fn of_job(job: &Job) -> Observation {
    let said = job.status.to_string();
    let observation = match job.status {
        Status::Fresh => success(said),
        status if status.is_trouble() => failure(said),
        _ => unknown(said),
    };
    match job.age {
        Some(age) => with(observation, "age_seconds", age.as_secs_f64()),
        None => observation,
    }
}

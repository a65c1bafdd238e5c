//! Which jobs of a folder of heartbeats still live?

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{failure, success, unknown, with};
use crate::agent::folder::{self, Job, Status};
use crate::agent::heartbeat::expand;
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;
use crate::observation::Limits;

/// Jobs that are named in a summary; the rest is counted.
const NAMED_MAX: usize = 5;

/// Jobs in the details: more would be cut from a report.
const SHOWN_MAX: usize = 60;

/// Jobs that can have a check each: a report holds twice as many, and is refused as a whole
/// if it holds more.
const CHECKS_MAX: usize = 500;

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
    /// A check for each job as well, `name/job`. That of the folder then only says whether
    /// it can be read.
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
        let mut folder = of_folder(&jobs);
        if jobs.is_empty() {
            folder.summary = format!("{} holds no heartbeat", self.path.display());
        }
        let mut seen = Vec::new();
        if self.per_job && jobs.len() <= CHECKS_MAX {
            let name = |job: &Job| check_name(&self.name, &job.job);
            seen.extend(jobs.iter().map(|job| (name(job), of_job(job))));
            if !jobs.is_empty() {
                folder = success(format!("{} jobs, each with a check of its own", jobs.len()));
            }
        } else if self.per_job {
            let said = format!("; at most {CHECKS_MAX} can have a check each");
            folder.summary.push_str(&said);
        }
        // The folder's own check is always there: what is heard of only in trouble would
        // be missed ever after.
        seen.insert(0, (self.name.clone(), folder));
        seen
    }

    /// What the names of its jobs' checks begin with.
    pub(super) fn prefix(&self) -> String {
        format!("{}/", self.name)
    }

    /// Puts on what the titles of its issues are to begin with.
    pub(super) fn label(&self, mut observation: Observation) -> Observation {
        if !self.title_prefix.is_empty() {
            let label = ("title_prefix".to_owned(), self.title_prefix.clone());
            observation.labels.extend([label]);
        }
        observation
    }
}

/// What the check of a job is called. A name that no report may hold would cost the whole
/// report, so that it is written in another way.
fn check_name(folder: &str, job: &str) -> String {
    let max = Limits::default().name_bytes;
    let name = format!("{folder}/{job}");
    let blank = name.len() - name.trim_end().len();
    let name = name.trim_end().to_owned() + &"_".repeat(blank);
    if name.len() <= max {
        return name;
    }
    let sum = Sha256::digest(name.as_bytes());
    let sum = hex::encode(&sum[..6]);
    let head = name.floor_char_boundary(max - sum.len() - 1);
    format!("{}~{sum}", &name[..head])
}

fn of_folder(jobs: &[Job]) -> Observation {
    let troubled: Vec<_> = jobs.iter().filter(|job| job.status.is_trouble()).collect();
    let cannot_tell = jobs.iter().filter(|job| job.status.is_untold()).count();
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
    } else if jobs.is_empty() {
        // Where nobody has ever written, nobody is well: perhaps the path is wrong.
        unknown("no heartbeat".to_owned())
    } else if cannot_tell > 0 {
        unknown(format!("{cannot_tell} of {} heartbeats cannot be read", jobs.len()))
    } else {
        success(format!("{} jobs, all fresh", jobs.len()))
    };
    observation.details = folder::plain_panel(jobs, SHOWN_MAX);
    observation
}

fn of_job(job: &Job) -> Observation {
    let said = job.status.to_string();
    let observation = match job.status {
        Status::Fresh => success(said),
        status if status.is_trouble() => failure(said),
        _ => unknown(said),
    };
    let numbers = [("age_seconds", job.age), ("interval_seconds", job.interval)];
    let known = numbers.into_iter().filter_map(|(name, duration)| Some((name, duration?)));
    known.fold(observation, |it, (name, duration)| with(it, name, duration.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, status: Status) -> Job {
        Job { job: name.to_owned(), status, age: None, interval: None, ratio: None }
    }

    #[test]
    fn a_check_of_a_job_is_called_so_that_a_report_may_hold_it() {
        assert_eq!(check_name("jobs", "db backup"), "jobs/db backup");
        assert_eq!(check_name("jobs", "a "), "jobs/a_");
        let long = |end: &str| check_name("jobs", &("é".repeat(100) + end));
        for name in [check_name("jobs", "\u{2003}"), long(""), long("x")] {
            crate::observation::check_name(&name, Limits::default().name_bytes).unwrap();
        }
        assert_ne!(long("x"), long("y"));
    }

    #[test]
    fn r70_a_folder_is_well_only_if_every_one_of_its_jobs_is() {
        let said = |statuses: &[Status]| {
            let jobs: Vec<_> = statuses.iter().map(|status| job("j", *status)).collect();
            let observation = of_folder(&jobs);
            format!("{:?}: {}", observation.kind, observation.summary)
        };
        assert_eq!(said(&[Status::Fresh; 2]), "Success: 2 jobs, all fresh");
        assert_eq!(said(&[]), "Unknown: no heartbeat");
        let unread = "Unknown: 1 of 2 heartbeats cannot be read";
        assert_eq!(said(&[Status::Fresh, Status::Unreadable]), unread);
        assert_eq!(said(&[Status::Fresh, Status::Vanished]), unread);
        for status in Status::ALL.into_iter().filter(|status| status.is_trouble()) {
            let trouble = said(&[Status::Unreadable, status, Status::Fresh]);
            assert_eq!(trouble, format!("Failure: 1 of 3 jobs: j ({status})"));
        }
        assert_eq!(
            said(&[Status::Stale; 7]),
            "Failure: 7 of 7 jobs: j (stale), j (stale), j (stale), j (stale), j (stale) and 2 more"
        );
    }
}

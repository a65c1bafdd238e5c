//! Does a worker still write its heartbeat?

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{failure, success, unknown, with};
use crate::agent::heartbeat::{self, Beat, Flaw};
use crate::agent::settings::{optional, positive, ten_seconds};
use crate::check::Observation;

/// Older than this is stale, where neither the settings nor the file say otherwise.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(300);

/// A heartbeat file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: SignedDuration,
    /// May begin with `~/`.
    #[serde(default = "usual_path")]
    pub(crate) path: PathBuf,
    /// Older than this is stale. Without it twice the interval that the file declares, or
    /// 5 minutes where it declares none.
    #[serde(default, deserialize_with = "optional")]
    pub(crate) max_age: Option<SignedDuration>,
    /// Whether the time of the file's last change counts where the file holds no time.
    #[serde(default)]
    pub(crate) use_mtime: bool,
}

/// Where the first users of heartbeats keep theirs.
pub fn usual_path() -> PathBuf {
    PathBuf::from("~/.nexus/heartbeat.json")
}

impl Heartbeat {
    pub(super) fn look(&self, now: Timestamp) -> Observation {
        let path = heartbeat::expand(&self.path);
        let beat = match heartbeat::read(&path, self.use_mtime) {
            Ok(beat) => beat,
            Err(flaw @ Flaw::Unreadable(_)) => {
                return unknown(format!("{}: {flaw}", path.display()));
            }
            Err(flaw) => return failure(format!("{}: {flaw}", path.display())),
        };
        let age = now.duration_since(beat.at);
        let limit = self.limit(&beat);
        let seconds = age.as_secs_f64();
        let observation = if age < -heartbeat::AHEAD_MAX {
            failure(format!(
                "{} is dated {:#} in the future: is a clock wrong?",
                path.display(),
                rounded(age.abs())
            ))
        } else if age > limit {
            let old = rounded(age);
            failure(format!("the last heartbeat is {old:#} old, more than {limit:#}"))
        } else {
            success(format!(
                "the last heartbeat is {:#} old",
                rounded(age.max(SignedDuration::ZERO))
            ))
        };
        let mut observation = with(observation, "age_seconds", seconds);
        observation.details = beat.details();
        observation
    }

    fn limit(&self, beat: &Beat) -> SignedDuration {
        self.max_age
            .or_else(|| beat.interval.map(|interval| interval.saturating_mul(2)))
            .unwrap_or(MAX_AGE)
    }
}

/// To the second: people do not read more.
fn rounded(age: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(age.as_secs())
}

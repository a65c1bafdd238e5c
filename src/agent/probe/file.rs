//! Is a file there, young enough, and of the right size?

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{failure, success, unknown, with};
use crate::agent::heartbeat::AHEAD_MAX;
use crate::agent::settings::{optional, positive, ten_seconds};
use crate::check::Observation;

/// A file that must be there: a backup, a lock, a log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: SignedDuration,
    pub(crate) path: PathBuf,
    /// Changed longer ago than this is a failure.
    #[serde(default, deserialize_with = "optional")]
    pub(crate) max_age: Option<SignedDuration>,
    /// Smaller than this is a failure, in bytes.
    #[serde(default)]
    pub(crate) min_bytes: Option<u64>,
    /// Larger than this is a failure, in bytes.
    #[serde(default)]
    pub(crate) max_bytes: Option<u64>,
}

impl File {
    pub(super) fn look(&self, now: Timestamp) -> Observation {
        let path = self.path.display();
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return failure(format!("{path} does not exist"));
            }
            Err(error) => return unknown(format!("{path} cannot be looked at: {error}")),
        };
        let bytes = found.len();
        let changed = found.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let Some(changed) = changed else {
            return unknown(format!("{path} does not say when it was changed"));
        };
        let age = now.duration_since(changed);
        let shown = SignedDuration::from_secs(age.as_secs());
        let said = format!("{path} has {bytes} bytes and was changed {shown:#} ago");
        // Whatever is dated in the future would be young for ever.
        let is_ahead = self.max_age.is_some() && age < -AHEAD_MAX;
        let wrong = [
            self.max_age.filter(|max| age > *max).map(|max| format!("more than {max:#} ago")),
            is_ahead.then(|| "its date is in the future".to_owned()),
            self.min_bytes.filter(|min| bytes < *min).map(|min| format!("fewer than {min} bytes")),
            self.max_bytes.filter(|max| bytes > *max).map(|max| format!("more than {max} bytes")),
        ];
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        let observation = if wrong.is_empty() {
            success(said)
        } else {
            failure(format!("{said}: {}", wrong.join(", ")))
        };
        #[expect(clippy::cast_precision_loss, reason = "a size in a graph needs no last digits")]
        let size = bytes as f64;
        with(with(observation, "bytes", size), "age_seconds", age.as_secs_f64())
    }
}

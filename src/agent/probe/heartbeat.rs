//! Does a worker still write its heartbeat?

use std::path::{Path, PathBuf};

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
            Err(Flaw::Unreadable(error)) => {
                return unknown(format!("{} cannot be read: {error}", path.display()));
            }
            Err(flaw) => return failure(format!("{}: {flaw}", path.display())),
        };
        let mut observation = self.judge(&beat, &path, now);
        observation.details = beat.details();
        observation
    }

    fn judge(&self, beat: &Beat, path: &Path, now: Timestamp) -> Observation {
        let age = now.duration_since(beat.at);
        let limit = self.limit(beat);
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
        with(observation, "age_seconds", seconds)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of the heartbeat when it is so many milliseconds old.
    fn judged(max_age: Option<i64>, interval: Option<i64>, age: i64) -> String {
        let seconds = |seconds: i64| SignedDuration::from_secs(seconds);
        let probe = Heartbeat {
            name: "h".to_owned(),
            timeout: seconds(1),
            path: usual_path(),
            max_age: max_age.map(seconds),
            use_mtime: false,
        };
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let beat = Beat { at, interval: interval.map(seconds), rest: serde_json::Map::new() };
        let now = at + SignedDuration::from_millis(age);
        let observation = probe.judge(&beat, Path::new("hb"), now);
        assert_eq!(observation.numbers["age_seconds"], now.duration_since(at).as_secs_f64());
        format!("{:?}: {}", observation.kind, observation.summary)
    }

    #[test]
    fn r9_a_heartbeat_at_its_limit_is_fresh_and_just_past_it_stale() {
        let fresh = |age| format!("Success: the last heartbeat is {age} old");
        let stale =
            |age, limit| format!("Failure: the last heartbeat is {age} old, more than {limit}");
        assert_eq!(judged(None, None, 0), fresh("0s"));
        assert_eq!(judged(None, None, 300_000), fresh("5m"));
        assert_eq!(judged(None, None, 300_001), stale("5m", "5m"));
        // Its own interval goes before the usual limit, and the settings before both.
        assert_eq!(judged(None, Some(60), 120_000), fresh("2m"));
        assert_eq!(judged(None, Some(60), 120_001), stale("2m", "2m"));
        assert_eq!(judged(Some(30), Some(60), 30_000), fresh("30s"));
        assert_eq!(judged(Some(30), Some(60), 30_001), stale("30s", "30s"));
        assert_eq!(judged(Some(900), Some(60), 900_000), fresh("15m"));
    }

    #[test]
    fn r10_a_heartbeat_may_be_a_little_ahead_and_no_more() {
        assert_eq!(judged(None, None, -5_000), "Success: the last heartbeat is 0s old");
        let said = judged(None, None, -5_001);
        assert_eq!(said, "Failure: hb is dated 5s in the future: is a clock wrong?");
    }
}

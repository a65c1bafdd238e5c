//! What changes of a check when it says the same again.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::nanosecond;
use serde::{Deserialize, Serialize};

use super::{Check, Heard, Recent};

/// The little that is new of a check after a result that says nothing new.
///
/// Most reports repeat the one before. Whoever keeps checks may then keep this instead of
/// the whole check, and put the two together again with [`Check::beat_by`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// When the result arrived. Times are kept as numbers: there is one of these for every
    /// report.
    #[serde(with = "nanosecond::required")]
    at: Timestamp,
    /// What the observer's clock said.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanosecond::optional")]
    observed_at: Option<Timestamp>,
    /// Results of one kind in a row.
    streak: u32,
    recent: Recent,
    /// Results in all.
    results: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<Heard>,
}

impl Check {
    /// Its newest beat; none before the first result.
    pub fn beat(&self) -> Option<Beat> {
        let latest = self.latest.as_ref()?;
        Some(Beat {
            at: latest.at,
            observed_at: latest.observed_at,
            streak: self.streak.count,
            recent: self.recent,
            results: self.results,
            heard: self.heard,
        })
    }

    /// Brings it to `beat`, its newest.
    pub fn beat_by(&mut self, beat: Beat) {
        if let Some(latest) = &mut self.latest {
            latest.at = beat.at;
            latest.observed_at = beat.observed_at;
            self.last_seen = Some(beat.at.into());
            self.streak.count = beat.streak;
            self.recent = beat.recent;
            self.results = beat.results;
            self.heard = beat.heard;
        }
    }
}

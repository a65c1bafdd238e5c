//! The name of a job that never changes.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How many hexadecimal digits it has.
const DIGITS: usize = 12;

/// 12 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// The id of the job with this number in the store called `instance`.
    pub fn new(instance: &str, number: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(instance.as_bytes());
        hash.update(number.to_be_bytes());
        let mut digits = hex::encode(hash.finalize());
        digits.truncate(DIGITS);
        Self(digits)
    }

    /// Whether a text has the shape of an id: no job is called so.
    pub fn is_like(text: &str) -> bool {
        text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// What stands as an id in a record or in a call. There may be no such job.
    pub fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// By how much a slot is put off, of at most `most`: the same each time that it is asked.
    pub(super) fn jitter(&self, slot: Timestamp, most: SignedDuration) -> SignedDuration {
        let Ok(most @ 1..) = u64::try_from(most.as_secs()) else { return SignedDuration::ZERO };
        let mut hash = Sha256::new();
        hash.update(self.0.as_bytes());
        hash.update(slot.as_second().to_be_bytes());
        let digest = hash.finalize();
        let dice = digest[..8].iter().fold(0_u64, |dice, byte| (dice << 8) | u64::from(*byte));
        let seconds = dice % (most.saturating_add(1));
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! How full is a file system?

use std::path::PathBuf;

use rustix::fs::statvfs;
use serde::Deserialize;

use super::{failure, success, unknown, with};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// A file system, by any path in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: jiff::SignedDuration,
    pub(crate) path: PathBuf,
    /// More space used than this is a failure, in percent of what ordinary users may use.
    #[serde(default = "ninety")]
    pub(crate) max_percent: f64,
    /// More inodes used than this is a failure, in percent.
    #[serde(default = "ninety")]
    pub(crate) max_inodes_percent: f64,
}

pub(crate) fn ninety() -> f64 {
    90.0
}

impl Disk {
    pub(super) fn look(&self) -> Observation {
        let path = self.path.display();
        let found = match statvfs(&self.path) {
            Ok(found) => found,
            Err(error) => return unknown(format!("{path} cannot be looked at: {error}")),
        };
        if found.f_blocks == 0 {
            // Such as /proc: it is never full, and never was what was meant.
            return unknown(format!("{path} is on a file system that has no space of its own"));
        }
        let used = found.f_blocks.saturating_sub(found.f_bfree);
        // As `df` has it: what is kept for root is not there for others.
        let space = percent(used, used.saturating_add(found.f_bavail));
        let taken = found.f_files.saturating_sub(found.f_ffree);
        // Some file systems have no fixed number of inodes, and say 0.
        let inodes = percent(taken, found.f_files);
        let said = format!("{path} is {space:.1} % full, inodes {inodes:.1} %");
        let observation = if space > self.max_percent {
            failure(format!("{said}; more than {} % of the space", self.max_percent))
        } else if inodes > self.max_inodes_percent {
            failure(format!("{said}; more than {} % of the inodes", self.max_inodes_percent))
        } else {
            success(said)
        };
        let observation = with(observation, "space_percent", space);
        let observation = with(observation, "inodes_percent", inodes);
        with(observation, "free_bytes", number(found.f_bavail.saturating_mul(found.f_frsize)))
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { number(part) / number(whole) * 100.0 }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no last digits")]
fn number(count: u64) -> f64 {
    count as f64
}

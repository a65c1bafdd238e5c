//! What has become of slots.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{By, JobId};

/// One line of the ledger: a run, or slots that were not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Never given twice: it is the token of its claim.
    pub number: u64,
    pub job: JobId,
    /// The slot; none where a person wanted a run besides the schedule.
    pub slot: Option<Timestamp>,
    /// Of several slots the newest.
    #[serde(default)]
    pub last_slot: Option<Timestamp>,
    /// How many slots it speaks of.
    #[serde(default)]
    pub slots: u32,
    pub by: Option<By>,
    pub state: RunState,
    pub claimed_at: Timestamp,
    #[serde(default)]
    pub began_at: Option<Timestamp>,
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Why it ended so, in a sentence; may be empty.
    #[serde(default)]
    pub why: String,
    /// What it has written.
    #[serde(default)]
    pub output: String,
}

/// How far a run has come. The README lists these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Claimed,
    Running,
    Done,
    Failed,
    /// Nobody ran it in time.
    Missed,
    /// It was not to be run: another run was under way, or it never began.
    Skipped,
    /// teawatch ended in the middle.
    Unknown,
}

impl RunState {
    pub const ALL: [Self; 7] = [
        Self::Claimed,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Missed,
        Self::Skipped,
        Self::Unknown,
    ];

    /// Whether nothing more will become of it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Claimed | Self::Running)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        })
    }
}

/// How a job's newest run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub run: u64,
    pub state: RunState,
    pub at: Timestamp,
    /// Why, in a sentence; may be empty.
    pub why: String,
}

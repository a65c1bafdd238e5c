//! How a job is, in one word.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Job;

/// How a job is. The README lists these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its next slot.
    Scheduled,
    Running,
    Paused,
    /// There is no slot left.
    Completed,
    /// It cannot be worked out when it comes next.
    Error,
}

impl State {
    pub const ALL: [Self; 5] =
        [Self::Scheduled, Self::Running, Self::Paused, Self::Completed, Self::Error];
}

impl Job {
    /// How it is.
    pub fn state(&self) -> State {
        if self.claim.is_some() {
            State::Running
        } else if self.completed_at.is_some() {
            State::Completed
        } else if self.definition.schedule.trouble().is_some() {
            State::Error
        } else if self.paused.is_some() {
            State::Paused
        } else {
            State::Scheduled
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Error => "error",
        })
    }
}

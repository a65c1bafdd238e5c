//! What is observed of a check.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Uuid;

/// What somebody saw when looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Success,
    Failure,
    /// Whoever looked could not tell. Neither counts nor resets anything.
    Unknown,
    /// It has begun. Says nothing about how it is, nor that it will ever end: the time until
    /// its next result goes on.
    Start,
    /// Something to read, and nothing else.
    Log,
}

impl Kind {
    /// Whether it says how the check is, and be it that nobody can tell.
    pub fn says_how_it_is(self) -> bool {
        match self {
            Self::Success | Self::Failure | Self::Unknown => true,
            Self::Start | Self::Log => false,
        }
    }
}

/// What any inbound format becomes at the door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub kind: Kind,
    /// One line for tables and titles.
    pub summary: String,
    /// Several lines for who wants to know more; may be empty.
    pub details: String,
    /// Measured values by name.
    pub numbers: BTreeMap<String, f64>,
    /// The observer's own time: shown, never judged by.
    pub observed_at: Option<Timestamp>,
    /// When the next observation is due, counted from this one.
    pub interval: Option<SignedDuration>,
    /// How long a failure holds that is not said again, for who speaks only of trouble and
    /// has judged it already: one result is enough then. Without one it holds for ever.
    pub holds_for: Option<SignedDuration>,
    /// What routes may match besides source and name.
    pub labels: BTreeMap<String, String>,
    /// Which run it is about.
    pub rid: Option<Uuid>,
}

impl Observation {
    /// An observation that says `summary` and nothing else.
    pub fn new(kind: Kind, summary: impl Into<String>) -> Self {
        Self {
            kind,
            summary: summary.into(),
            details: String::new(),
            numbers: BTreeMap::new(),
            observed_at: None,
            interval: None,
            holds_for: None,
            labels: BTreeMap::new(),
            rid: None,
        }
    }
}

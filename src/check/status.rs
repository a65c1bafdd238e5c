//! What is shown of a check.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Absences, Check, Verdict};

/// What is shown of a check. The README lists these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well.
    Up,
    /// Past the expected time and inside the grace: shown, told to nobody.
    Late,
    /// In trouble.
    Down,
    /// Nobody can tell at present.
    Unknown,
    /// Expected, and not heard of yet.
    NeverSeen,
    /// A person wants nothing to be judged of it.
    Paused,
}

impl Status {
    /// Every status, in the order of the README.
    pub const ALL: [Self; 6] =
        [Self::Up, Self::Late, Self::Down, Self::Unknown, Self::NeverSeen, Self::Paused];
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::NeverSeen => "never seen",
            Self::Paused => "paused",
        })
    }
}

impl Check {
    /// The word that people see.
    pub fn status(&self, absences: &Absences, now: Timestamp) -> Status {
        let status = self.timeless_status();
        let is_late = || self.late_at(absences).is_some_and(|late| now > late);
        if status == Status::Up && is_late() { Status::Late } else { status }
    }

    /// The same without what passing time alone brings about: what is late is up.
    pub fn timeless_status(&self) -> Status {
        if self.paused_at().is_some() {
            return Status::Paused;
        }
        if self.unseen || self.unknown_since.is_some() {
            return Status::Unknown;
        }
        match self.verdict {
            Verdict::NeverSeen => Status::NeverSeen,
            Verdict::Down(_) => Status::Down,
            Verdict::Up => Status::Up,
        }
    }
}

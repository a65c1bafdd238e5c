//! What was in the night? The report that is read in the morning, and its words.
//!
//! A [`Draft`] is given what the engine knows, page by page, and the [`History`] of what
//! happened; it makes the [`Report`]. Nothing here reads a clock, a socket or a file, and
//! nothing can fail. Every table has at most [`ROWS_MAX`] rows, the worst first; the rest is
//! counted.

#![deny(clippy::wildcard_enum_match_arm)]

mod course;
mod draft;
mod history;
mod hours;
pub mod markdown;
mod span;
mod summary;
#[cfg(test)]
mod tests;
pub mod words;
mod worst;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::course::{Measured, Present};
pub use self::draft::{Draft, Seen};
pub use self::history::History;
pub use self::hours::{Hours, Period};
pub use self::span::{Gaps, Span};
pub use self::summary::title;
use crate::check::Status;

/// Rows of a table.
pub const ROWS_MAX: usize = 100;

/// The longest stretch of time that is looked back at, and that availability is measured
/// over.
pub const LOOK_BACK_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The stretches that availability is measured over, in days.
pub const WINDOWS: [i64; 3] = [1, 7, 30];

/// Everything that is said of a night. Durations are as people count time; what is not known
/// is not there, and never taken for well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When it was made.
    pub at: Timestamp,
    /// What it looks back at.
    pub period: Period,
    /// All of it in one line.
    pub summary: String,
    pub checks: Counts,
    /// What is wrong with teawatch itself, in sentences.
    pub faults: Vec<String>,
    /// Checks that are down now, or of which nobody can tell for long.
    pub down: Rows<Down>,
    /// Checks that were down in the period.
    pub outages: Rows<Outage>,
    /// Alerts that somebody keeps quiet.
    pub quiet: Rows<Quiet>,
    /// Effects that Gitea refuses for what they are.
    pub parked: Rows<Parked>,
    /// What jobs did not do, in the period.
    pub jobs: Rows<Undone>,
    /// When teawatch was not looking, in the period.
    pub absences: Rows<Span>,
    /// How long that was together.
    pub absent: SignedDuration,
    /// What says how often it is to be heard of.
    pub heartbeats: Rows<Heartbeat>,
    pub availability: Rows<Availability>,
}

/// The worst rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    /// How many more there are.
    pub more: usize,
}

impl<T> Rows<T> {
    /// How many there are in all.
    pub fn count(&self) -> usize {
        self.rows.len() + self.more
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// How many checks there are of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub up: usize,
    pub late: usize,
    pub down: usize,
    pub unknown: usize,
    pub never_seen: usize,
    pub paused: usize,
}

impl Counts {
    fn add(&mut self, status: Status) {
        *match status {
            Status::Up => &mut self.up,
            Status::Late => &mut self.late,
            Status::Down => &mut self.down,
            Status::Unknown => &mut self.unknown,
            Status::NeverSeen => &mut self.never_seen,
            Status::Paused => &mut self.paused,
        } += 1;
    }

    /// How many there are in all.
    pub fn all(&self) -> usize {
        let Self { up, late, down, unknown, never_seen, paused } = self;
        up + late + down + unknown + never_seen + paused
    }
}

/// How a check is that is not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Down,
    Silent,
    NeverSeen,
    Flapping,
    /// A run of it has not ended in time.
    Overrun,
    CannotTell,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Down => "down",
            Self::Silent => "silent",
            Self::NeverSeen => "never seen",
            Self::Flapping => "flapping",
            Self::Overrun => "runs too long",
            Self::CannotTell => "cannot tell",
        })
    }
}

/// A check that is not well now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// `source/name`.
    pub check: String,
    pub state: State,
    pub since: Timestamp,
    /// Where it is told: `owner/name#number`.
    pub issue: Option<String>,
    /// One line from outside.
    pub summary: String,
}

/// How a check was down in the period, once or several times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    pub check: String,
    pub times: usize,
    /// How long it was down in the period, as far as that is known.
    pub lasted: SignedDuration,
    /// When the first of them began, which may be before the period.
    pub began: Timestamp,
    /// When the last of them ended; none if it goes on.
    pub ended: Option<Timestamp>,
    /// The check is no longer watched.
    pub is_gone: bool,
}

/// An alert of which nothing is written, because somebody wants it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    pub alert: String,
    /// In words.
    pub why: String,
    /// Since when it is in trouble.
    pub since: Timestamp,
}

/// An effect that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its number in the outbox.
    pub number: u64,
    /// What Gitea does not do: `open`, `close` and so on.
    pub effect: String,
    /// The alert that ordered it.
    pub alert: String,
    pub repository: String,
    pub since: Timestamp,
    pub reason: String,
}

/// A run of a job that went wrong, or that nobody made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    pub job: String,
    /// `failed`, `missed` or `unknown`.
    pub state: String,
    pub at: Timestamp,
    /// How many slots it is about.
    pub slots: u32,
    /// Why, in a sentence; may be empty.
    pub why: String,
}

/// What says how often it is to be heard of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub job: String,
    pub status: Status,
    /// How long ago it was last heard of; none if it never was.
    pub age: Option<SignedDuration>,
    pub interval: SignedDuration,
    /// How many intervals it is silent, without the time in which nobody could hear it.
    pub ratio: Option<f64>,
}

/// For which share of the time a check was not down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Availability {
    pub check: String,
    /// Over the last 1, 7 and 30 days; none where nothing is known.
    pub day: Option<Measured>,
    pub week: Option<Measured>,
    pub month: Option<Measured>,
}

impl Availability {
    /// With the length of each window.
    pub fn windows(&self) -> [(SignedDuration, Option<Measured>); 3] {
        let [day, week, month] = WINDOWS.map(|days| SignedDuration::from_hours(days * 24));
        [(day, self.day), (week, self.week), (month, self.month)]
    }
}

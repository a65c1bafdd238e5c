//! What happens to an alert, and what follows.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::commands::Command;
use super::{Effect, Issue, Standing, Target};

/// What has happened to an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A check came into trouble, has a newer result, or is well again.
    Member {
        name: String,
        standing: Standing,
        summary: String,
        /// Whether somebody looked: a result to be counted.
        is_result: bool,
    },
    /// A check is no longer watched.
    MemberGone { name: String, why: String },
    /// Time may have passed. Carries nothing: `now` says it all.
    Woken,
    /// An effect is about to be tried: its text is fixed, and it is in doubt.
    Begun(Effect),
    /// An effect was certainly not carried out; it will be tried again.
    Refused(Effect),
    /// An effect was carried out, or has become pointless.
    Done { effect: Effect, learned: Learned },
    /// Somebody has looked at the issue of this episode, and nothing of ours was sent,
    /// settled or in doubt meanwhile.
    Seen { sighted: Sighted, labels: Vec<String> },
    /// A person who may do so has written a command, at this time.
    Asked { command: Command, by: String, at: Timestamp },
    /// The report of the night that ended on this day is written. Of each day one is told.
    Night { day: Date, summary: String },
    /// A new store found this alert's issue open at Gitea. Its members in `unheard` were or
    /// had been in trouble; those not heard of `until` then count no more.
    Adopted {
        episode: u64,
        issue: Issue,
        target: Target,
        unheard: Vec<String>,
        until: Option<Timestamp>,
    },
}

/// What was learned when an effect was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learned {
    /// The issue is there.
    ///
    /// `floor` is the highest number that was known before it was ordered.
    Opened { issue: Issue, floor: u64, left_out: Vec<String> },
    /// It is done. What had to be left out is told in the next text. An earlier attempt
    /// without an answer may still be carried out until `late_until`.
    Settled { left_out: Vec<String>, late_until: Option<Timestamp> },
    /// The issue no longer exists.
    IssueGone,
}

/// How an issue was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighted {
    Open,
    Closed,
    /// It no longer exists, though its repository answers and has issues.
    Gone,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Gitea must be told this.
    Tell(Effect),
    /// This need not be told any more; it was certainly not carried out.
    Strike(Effect),
}

//! Background tasks: the marks that they leave, who keeps them running, and what follows
//! about whether they are at work.
//!
//! A task says through its [`Mark`] that it is alive, that it succeeded, and what went wrong
//! last. The marks are kept in memory, where `/readyz` and the page judge them, and copied to
//! small files by a thread of its own ([`Folder`]), where `teawatch status` finds them when
//! nobody answers any more: never through the store, and best effort. Both are judged by the
//! same few pure lines ([`State::of`]).
//!
//! To add a task, give it a name and a [`Pace`] and hand it to [`Supervisor::start`].

mod folder;
mod mark;
mod process;
mod state;
mod supervisor;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use self::folder::{Folder, Left};
pub use self::mark::{BEAT, Mark, Marks};
pub use self::process::{Life, Process};
pub use self::state::{Failure, Report, Shown, State};
pub use self::supervisor::{Ends, GivenUp, Patience, Supervisor};

/// How often a task is to be heard of. What is too long follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// How often it says that it is alive, at the least.
    pub beats: SignedDuration,
    /// How often it succeeds while all is well, at the least.
    pub succeeds: SignedDuration,
}

impl Pace {
    /// Of a task that does its work this often, and says much more often that it is alive.
    pub fn of_work(every: SignedDuration) -> Self {
        Self { beats: BEAT, succeeds: every.max(BEAT) }
    }

    /// Of a loop of which each turn is a success.
    pub fn of_turns(every: SignedDuration) -> Self {
        Self { beats: every, succeeds: every }
    }
}

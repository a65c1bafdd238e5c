//! The one writer: takes commands, wakes what is due, and commits a round at a time.
//!
//! One thread owns the [`Core`]. Each round it takes what has queued up, commands before
//! timers, runs it in memory, writes everything in one commit that is on the disk, and
//! only then answers, feeds the outbox and goes on. If a commit fails nobody is answered
//! and the thread ends: the outcome is unknown, and whoever was not answered sends again.
//!
//! It uses checks, alerts and the store, and knows nothing of HTTP or Gitea.

mod accept;
mod addresses;
mod adopt;
mod agent;
mod amendment;
mod backup;
mod changes;
mod checks;
mod chores;
mod configured;
mod core;
mod deadlines;
mod definitions;
mod deliveries;
mod effects;
mod entry;
mod expiry;
mod figures;
mod filing;
mod firing;
mod heal;
mod history;
mod job_view;
mod jobs;
mod ledger;
mod load;
mod looks;
mod managed;
mod night;
mod orders;
mod outage;
mod outcome;
mod overview;
mod patterns;
mod pings;
mod records;
mod remarks;
mod render;
mod roster;
mod round;
pub mod settings;
mod silences;
mod source;
mod sweep;
mod tally;
mod thread;
mod told;
mod turn;
mod unheard;
mod view;
mod windows;

pub use self::accept::Accepted;
pub use self::addresses::{Addresses, Derive};
pub use self::adopt::Found;
pub use self::amendment::{
    Amendment, DESCRIPTION_MAX, GRACE_DEFAULT, KEYWORDS_MAX, SLUG_BYTES, Wrong, is_slug,
};
pub use self::backup::{Backup, renew};
pub use self::configured::{CHECKS_MAX, Difference, differences};
pub use self::core::Core;
pub use self::definitions::{DEFINED_MAX, Defined, Resumed, Unamended};
pub use self::deliveries::{
    About, Delivery, DeliveryView, Hint, Hinted, Home, Message, Sender, Taken,
};
pub use self::effects::{Dropped, Outcome, Prospect};
pub use self::entry::{Doubt, Entry, Parked, Progress, Text, Trimming};
pub use self::figures::Figures;
pub use self::filing::Filed;
pub use self::firing::Claimed;
pub use self::history::Numbers;
pub use self::job_view::{JobView, JobsHealth};
pub use self::jobs::{JOBS_MAX, PAUSE_REASON_MAX, Unmade};
pub use self::ledger::{OUTPUT_MAX, RUNS_KEPT, RUNS_MAX};
pub use self::looks::{Round, Sighting};
pub use self::managed::Managed;
pub use self::night::LookBack;
pub use self::outage::{Outage, Passage};
pub use self::outcome::Outcome as DeliveryOutcome;
pub use self::overview::{AlertRow, Overview};
pub use self::pings::{Ping, Pinged};
pub use self::records::{Before, Happened, Meta, Past, Repository, Unclaimed};
pub use self::remarks::{Remark, Remarked, SEEN};
pub use self::roster::COMPLETED_KEPT;
pub use self::round::{Answer, Between, Command, Weight, Work, Writer};
pub use self::silences::{
    AUTHOR_MAX, Draft, PATTERN_LABELS_MAX, PATTERN_MAX, SILENCE_AHEAD_MAX, SILENCES_KEPT,
    SILENCES_MAX, SILENCES_OVER_MAX, Silence, SilenceView, Unsilenced,
};
pub use self::sweep::Sweep;
pub use self::tally::Inventory;
pub use self::thread::{Ended, Engine, Started, start};
pub use self::view::{AlertView, CheckView, Health, PAGE_MAX, Page, Stuck};
pub use self::windows::{Starts, WINDOWS_MAX, Window};

use crate::store;

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Ask again in a moment.
    #[error("too much is waiting")]
    Full,
    /// The engine has ended; nothing is known about what was asked.
    #[error("the engine has stopped")]
    Stopped,
    #[error("the store cannot be read")]
    Store(#[from] store::Error),
    #[error("the engine's thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// There is one at a time.
    #[error("another backup is being made")]
    BackupUnderWay,
}

/// What a round has changed for the outbox, handed over after its commit.
#[derive(Debug, Clone)]
pub enum Feed {
    /// An effect is new or has changed.
    Entry(Box<Entry>),
    /// An effect is delivered, struck or dropped.
    Gone(u64),
    /// A repository is new or has changed.
    Repository(String, Box<Repository>),
}

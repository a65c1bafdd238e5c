//! Jobs at work: who says when, and what is then done.
//!
//! A [`Scheduler`] decides when, and never what. Whoever fires a job, the [`Builtin`] ticker,
//! an outside scheduler, the backstop or a person, gets a claim of the engine and hands it to
//! the one [`Runner`], which runs all jobs in the same way.
//!
//! To add a kind of job, add it to [`Kind`](crate::job::Kind) and give it a file in `kinds`.

mod builtin;
mod choice;
mod keeper;
mod kinds;
mod runner;
mod scheduler;
mod settings;
mod webhook;

pub use self::builtin::{Builtin, ticks};
pub use self::choice::{Choice, PROVIDERS, choose};
pub use self::keeper::{ENDS_MAX, TASK, keep, start};
pub use self::kinds::{Morning, Tools};
pub use self::runner::{Fired, Runner};
pub use self::scheduler::{Ask, Doing, Scheduler, Seat};
pub use self::settings::Settings;
pub use self::webhook::{ARMING_TIMEOUT, LIST_MAX, LISTED_EVERY, Step, Webhook, plan};

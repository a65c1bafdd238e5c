//! Effects on their way to Gitea, exactly once each.
//!
//! [`plan()`] says what is to be done about an effect, [`learn()`] what an error means for
//! it; both are pure, and so are the token [`Bucket`], the [`Queue`], the [`Target`] and the
//! [`Agenda`], which says what is begun next. [`Task`] is the thin loop that does the I/O: it
//! asks the engine, marks an effect in doubt on the disk before anything is sent, sends, and
//! hands back what it learned.
//!
//! Only this module tries a request again. It changes alerts through the engine alone.

mod agenda;
mod bucket;
mod deliver;
mod figures;
mod gate;
mod host;
mod learn;
pub mod look;
mod plan;
mod queue;
mod refused;
mod repository;
#[cfg(test)]
mod samples;
mod status;
mod target;
mod task;
mod token;
mod worker;

use jiff::SignedDuration;

pub use self::agenda::{Agenda, What, Work};
pub use self::bucket::{Bucket, Priority};
pub use self::deliver::{Courier, Failure, LABEL_COLOR, LABEL_DESCRIPTION, Labels, check_home};
pub use self::figures::Figures;
pub use self::gate::{Gate, Pause};
pub use self::host::{Host, Identity};
pub use self::learn::{Verdict, chain, learn};
pub use self::look::{Needle, Pass, Seen};
pub use self::plan::{Look, Step, plan};
pub use self::queue::Queue;
pub use self::repository::Place;
pub use self::status::{Refusing, Status};
pub use self::target::Target;
pub use self::task::Task;
pub use self::token::TokenProbe;
pub use self::worker::{Ledger, News, Worker};

/// How patient and how fast the outbox is.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How long a request without an answer may still be carried out; at least twice the
    /// timeout of a request.
    pub settle_wait: SignedDuration,
    /// Requests per second to the host, in the long run.
    pub rate: f64,
    /// Requests that may go out at once after a pause; at least 2.
    pub burst: u32,
    /// Effects under way at once.
    pub in_flight: usize,
    /// The first pause before trying again; doubles up to `retry_max`.
    pub retry_first: SignedDuration,
    pub retry_max: SignedDuration,
    /// What a `Retry-After` may ask for at most.
    pub retry_after_max: SignedDuration,
    /// Pauses vary by this many percent, so that many do not come back at once.
    pub jitter_percent: u32,
    /// The first pause before asking a target again that refuses; doubles up to
    /// `probe_max`.
    pub probe_first: SignedDuration,
    pub probe_max: SignedDuration,
    /// How long a parked effect rests.
    pub park_retry: SignedDuration,
    /// How old the last change of an issue must be before its body is rewritten, where Gitea
    /// has no `content_version` to protect what a person is writing.
    pub edit_quiet: SignedDuration,
}

impl Settings {
    /// How long a pause is kept that the server asked for.
    pub fn pause(&self, asked: std::time::Duration) -> SignedDuration {
        SignedDuration::try_from(asked)
            .unwrap_or(SignedDuration::MAX)
            .min(self.retry_after_max)
            // "At once" is never meant.
            .max(self.retry_first)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            settle_wait: SignedDuration::from_secs(60),
            rate: 5.0,
            burst: 10,
            in_flight: 2,
            retry_first: SignedDuration::from_secs(1),
            retry_max: SignedDuration::from_mins(5),
            retry_after_max: SignedDuration::from_hours(1),
            jitter_percent: 20,
            probe_first: SignedDuration::from_mins(1),
            probe_max: SignedDuration::from_mins(15),
            park_retry: SignedDuration::from_hours(6),
            edit_quiet: SignedDuration::from_secs(60),
        }
    }
}

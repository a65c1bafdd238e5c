//! Gitea against our state: what have people done to our issues?
//!
//! Webhooks may tell it sooner, and may never come. So every repository is asked for what
//! has changed since the last time, by Gitea's own clock and with an overlap, page by page
//! until an empty one; and since deleting an issue changes nothing else, each open issue is
//! looked at by itself now and then. However many issues there are, only changed ones are
//! read.
//!
//! What webhooks tell of is looked at as soon as they do ([`Hints`]).
//! What people write on a changed issue is read as well: commands may stand in it.
//!
//! It decides nothing: the engine says what a look is worth, and the alert what follows.

mod bell;
mod failing;
mod hints;
mod remarks;
mod sight;
mod status;
mod task;

use jiff::SignedDuration;

pub use self::bell::{Bell, Poke};
pub use self::hints::Hints;
pub use self::status::{Compared, Status};
pub use self::task::Task;
use crate::tasks::Pace;

/// However often it compares, it may be without success for some of these: a host may want a
/// pause.
const SUCCESS_EVERY: SignedDuration = SignedDuration::from_mins(20);

/// The longest pause before something is asked again where nothing is asked regularly.
const UNASKED_PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// How often Gitea is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// For changes; zero is only when somebody says that there is something to read.
    pub every: SignedDuration,
    /// For each open issue by itself.
    pub look_every: SignedDuration,
}

impl Settings {
    /// The longest pause before something is asked again.
    fn pause_max(&self) -> SignedDuration {
        if self.every.is_positive() { self.every } else { UNASKED_PAUSE_MAX }
    }

    /// How often it is heard of.
    pub fn pace(&self) -> Pace {
        Pace::of_work(self.every.max(SUCCESS_EVERY))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: SignedDuration::from_mins(5), look_every: SignedDuration::from_hours(6) }
    }
}

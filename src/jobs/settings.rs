//! How jobs are run, as it is configured.

use jiff::SignedDuration;
use url::Url;

use crate::signature::Secret;

/// How jobs are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of a scheduler; empty is the built-in one.
    pub provider: String,
    /// How often the built-in one looks for what is due.
    pub every: SignedDuration,
    /// After how long a job is run that an outside scheduler should have fired.
    pub backstop: SignedDuration,
    /// How many runs may be under way at once.
    pub parallel: usize,
    /// How often a run that goes on renews its claim.
    pub renewed: SignedDuration,
    /// Where an outside scheduler is armed. Ends in a slash.
    pub arming_url: Option<Url>,
    /// How long it may take to answer when it is told something.
    pub arming_timeout: SignedDuration,
    /// Where it fires, as it reaches us.
    pub callback_url: Option<Url>,
    /// What such a scheduler and we prove ourselves with.
    pub secret: Option<Secret>,
}

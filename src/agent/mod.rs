//! The agent: looks at one host, and reports what it saw.
//!
//! A [`Watch`] is a named [`Probe`] with a time limit; a [`Cycle`] runs all of them once,
//! none waiting for another, and its results are the observations of one report. The
//! [`Spool`] keeps reports on the disk until a server has acknowledged them, and
//! [`Sender`] signs and sends them, the newest first. A [job] is a command that is run
//! and told of, by a report or by [pings](ping).
//!
//! It knows neither the store nor Gitea, and it changes nothing on its host but its own
//! files: whoever watches must never be the cause of trouble. What it could not find out
//! is unknown, which is something else than a failure.

mod answer;
mod child;
mod client;
mod cycle;
mod disk;
pub mod folder;
pub mod heartbeat;
pub mod job;
pub mod ping;
pub mod post;
mod probe;
mod relay;
mod rest;
mod sender;
mod settings;
mod show;
mod spool;
mod tail;
mod target;
mod turn;

pub use self::cycle::{Cycle, Verdict};
pub use self::probe::{Probe, Validity, Watch, shown_certificate, usual_heartbeat};
pub use self::sender::{Sender, Unsent};
pub use self::settings::{Settings, SettingsError, parse_interval};
pub use self::show::{SCHEMA_VERSION, json, markdown, text};
pub use self::spool::{Limits, Spool, SpoolError, Unkept, Waiting};
pub use self::target::Signals;
pub use self::turn::{Agent, Delivery, Undelivered, seconds};

/// Holds the secret of this source, and wins over `secret_file`.
pub const SECRET_VARIABLE: &str = "TEAWATCH_AGENT_SECRET";

/// Makes sure that reqwest has a provider of cryptography. Repeating it does nothing.
pub fn install_crypto() {
    // Only fails when some provider is installed already, which serves as well.
    rustls::crypto::ring::default_provider().install_default().ok();
}

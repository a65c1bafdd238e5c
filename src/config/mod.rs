//! The configuration: flags over environment over one TOML file over defaults.
//!
//! Everything is read once, at the start, and judged as a whole: what leaves this module
//! is typed, allowed and free of contradictions, and all that is wrong is told at once.
//! Names, defaults and meanings stand in one list, [`SETTINGS`]. Secrets come from the
//! environment or from files that settings name, never from flags or the file itself,
//! and are never printed.

mod check;
mod checks;
mod example;
mod file;
mod jobs;
mod kind;
mod layers;
mod maintenance;
mod name;
mod night;
mod problem;
mod resolved;
mod secret;
mod sections;
mod show;
mod table;
mod value;
mod view;
mod watchers;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::SignedDuration;
use secrecy::SecretString;
use url::Url;

use crate::alert::Salt;
use crate::engine::settings::Settings;
use crate::jobs as running;
use crate::outbox;
use crate::reconcile;
use crate::telemetry;

pub use self::checks::CHECK;
pub use self::example::{beginning, example};
pub use self::jobs::JOB;
pub use self::layers::{Flag, HOOK_TOKEN_VARIABLE, Sources};
pub use self::maintenance::MAINTENANCE;
pub use self::problem::{Error, Origin, Problem};
pub use self::show::Shown;
pub use self::table::{EXPECT, ROUTE, SETTINGS, SOURCE_BYTES_MAX, Setting};

/// Everything that `teawatch serve` is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that was read.
    pub file: Option<PathBuf>,
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// How people reach the page. Ends in a slash.
    pub public_url: Option<Url>,
    /// Whether the page answers although others than this machine can reach it.
    pub public_page: bool,
    pub salt: Salt,
    pub log: Log,
    pub gitea: Gitea,
    pub agents: Agents,
    pub api: Api,
    pub reports: Reports,
    pub deadman: DeadMan,
    /// How often Gitea is asked what people did.
    pub reconcile: reconcile::Settings,
    /// Logins whose commands are obeyed, whatever Gitea says of them.
    pub commands_allow: Vec<String>,
    pub fallback: Fallback,
    pub alertmanager: Alertmanager,
    pub webhooks: Webhooks,
    /// Who runs jobs.
    pub scheduler: running::Settings,
    /// Who may say that a job is due; the first is who is armed.
    pub fire_callers: Vec<String>,
    /// How often the token is tried; 0 is never.
    pub token_probe: SignedDuration,
    pub store_cache_bytes: u64,
    /// How long a caller's body may take to arrive.
    pub body_timeout: SignedDuration,
    /// What may be held of bodies whose senders have proven nothing so far, in bytes.
    pub unproven_bytes: usize,
    /// With less room on the disk no reports are taken; 0 switches that off.
    pub free_bytes: u64,
    pub engine: Settings,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level, and levels by module: `info,teawatch::outbox=debug`.
    pub level: String,
    pub format: telemetry::Format,
}

/// The Gitea that issues go to. Durations are of more than zero.
#[derive(Debug, Clone)]
pub struct Gitea {
    /// Ends in a slash.
    pub url: Url,
    pub token: SecretString,
    /// Certificates in PEM that are trusted besides the system's.
    pub extra_roots: Option<Vec<u8>>,
    /// For the whole exchange.
    pub timeout: SignedDuration,
    pub connect_timeout: SignedDuration,
    /// How patient and how fast the outbox is.
    pub outbox: outbox::Settings,
}

/// Who may report.
#[derive(Debug, Clone)]
pub struct Agents {
    /// At least 32 characters, like the one before.
    pub master: SecretString,
    pub previous_master: Option<SecretString>,
    /// Whether every source may report that is not denied; otherwise those of `allow`.
    pub auto: bool,
    pub allow: BTreeSet<String>,
    pub deny: BTreeSet<String>,
    /// By source; see [`Agents::generation`].
    pub generations: BTreeMap<String, u64>,
    /// How far a signature's time may be from ours.
    pub window: SignedDuration,
    /// The longest name of a source, in bytes; at most [`SOURCE_BYTES_MAX`].
    pub source_bytes: usize,
}

/// Who may use `/api/v1`. Without a token it is open, which is so on loopback only.
#[derive(Debug, Clone)]
pub struct Api {
    pub read_token: Option<SecretString>,
    pub write_token: Option<SecretString>,
}

/// Whom teawatch tells that it lives.
#[derive(Debug, Clone)]
pub struct DeadMan {
    /// The address of an outside dead man's switch, which is a secret.
    pub url: Option<SecretString>,
    pub every: SignedDuration,
}

/// Whom teawatch tells that nothing gets through to Gitea.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// The address that messages are posted to, which is a secret.
    pub url: Option<SecretString>,
    /// `ntfy`, `slack` or `generic`.
    pub kind: String,
    /// How long nothing must have got through.
    pub after: SignedDuration,
    /// How often it is brought to mind.
    pub every: SignedDuration,
}

/// How messages of Alertmanager become checks.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    /// How large one may be.
    pub bytes: usize,
    /// Whether each alert is a check of its own, instead of each group.
    pub per_alert: bool,
    pub repeat_interval: SignedDuration,
    pub watchdogs: BTreeSet<String>,
    pub watchdog_interval: SignedDuration,
}

/// How Gitea's webhooks are taken.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Without one none is taken.
    pub secret: Option<SecretString>,
    pub previous_secret: Option<SecretString>,
    /// What `Authorization` must say besides.
    pub authorization: Option<SecretString>,
    /// How large one may be.
    pub bytes: usize,
    /// Between two looks at one issue.
    pub look_every: SignedDuration,
}

/// How large a report may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reports {
    pub bytes: usize,
    pub observations: usize,
}

/// What a command needs to talk to a running server.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the server is, as this machine reaches it. Ends in a slash.
    pub server: Url,
    /// Where it is for everybody else, if that is known.
    pub public_url: Option<Url>,
    pub data_dir: PathBuf,
    pub api: Api,
}

impl Config {
    /// Reads and judges everything.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        check::config(layers::Layers::read(sources)?)
    }

    /// Whether the page for people answers: on loopback always.
    pub fn has_page(&self) -> bool {
        self.listen.ip().is_loopback() || self.public_page
    }
}

impl Agents {
    /// Reads and judges what making agents' secrets takes, and nothing else.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        check::agents_only(layers::Layers::read(sources)?)
    }

    /// The generation that a source's secret must have.
    pub fn generation(&self, source: &str) -> u64 {
        self.generations.get(source).copied().unwrap_or(1)
    }

    /// Whether a source may report once it has proven its secret.
    pub fn admits(&self, source: &str) -> bool {
        !self.deny.contains(source) && (self.auto || self.allow.contains(source))
    }
}

impl Caller {
    /// Reads and judges what calling the server takes, and nothing else.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        check::caller(layers::Layers::read(sources)?)
    }
}

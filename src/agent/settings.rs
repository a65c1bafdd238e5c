//! What an agent is told: one TOML file, or flags for a quick look.
//!
//! Each kind of probe has tables of its own, so that an error names the line and the keys
//! that are known there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::folder::Job;
use super::probe::{
    Command, Disk, File, Folder, Heartbeat, Http, Probe, Process, Syntax, Tcp, Tls, Watch,
};
use crate::duration::parse_positive;
use crate::observation::{
    INTERVAL_MAX, INTERVAL_MIN, Limits, UNSEEN_MAX, check_name, check_source,
};

/// Everything that the file may hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The name of this host; the host's own if not said.
    pub source: Option<String>,
    /// Where teawatch is.
    pub server: Option<Url>,
    /// Holds the secret of this source; `TEAWATCH_AGENT_SECRET` may hold it instead.
    pub secret_file: Option<PathBuf>,
    /// Certificates in PEM that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// When the next cycle is due, counted from this one.
    #[serde(deserialize_with = "interval")]
    pub every: SignedDuration,
    /// Where reports wait for the server, and where the agent's own heartbeat is.
    pub data_dir: PathBuf,
    /// What the reports that wait may hold together, in bytes, and how long they wait.
    pub spool_bytes: u64,
    #[serde(deserialize_with = "positive")]
    pub spool_age: SignedDuration,
    /// While this file exists, nothing is looked at.
    pub pause_file: Option<PathBuf>,
    /// Is asked for after each cycle: whoever watches it knows that this agent lives.
    #[serde(deserialize_with = "secret_url")]
    pub ping_url: Option<Url>,
    tcp: Vec<Tcp>,
    process: Vec<Process>,
    heartbeat: Vec<Heartbeat>,
    syntax: Vec<Syntax>,
    http: Vec<Http>,
    tls: Vec<Tls>,
    disk: Vec<Disk>,
    file: Vec<File>,
    command: Vec<Command>,
    folder: Vec<Folder>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not right: {what}", path.display())]
    Wrong { path: PathBuf, what: String },
    #[error("the check `{name}`: its name {what}")]
    Name { name: String, what: String },
    #[error("two checks are called `{0}`: each needs a name of its own")]
    Twice(String),
    #[error("{0} checks are too many: at most {max} fit in a report", max = Limits::default().observations)]
    TooMany(usize),
    #[error("at most {UNSEEN_MAX} folders can have `per_job`")]
    PerJob,
    #[error("the source `{name}` {what}: name this host with `source` or --source")]
    Source { name: String, what: String },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: None,
            server: None,
            secret_file: None,
            ca_file: None,
            every: SignedDuration::from_mins(5),
            data_dir: PathBuf::from("/var/lib/teawatch-agent"),
            spool_bytes: 64 * 1024 * 1024,
            spool_age: SignedDuration::from_hours(7 * 24),
            pause_file: None,
            ping_url: None,
            tcp: Vec::new(),
            process: Vec::new(),
            heartbeat: Vec::new(),
            syntax: Vec::new(),
            http: Vec::new(),
            tls: Vec::new(),
            disk: Vec::new(),
            file: Vec::new(),
            command: Vec::new(),
            folder: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| {
            // Not the line itself: there may be a secret in it.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.split('\n').count();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let what = format!("line {line}, column {column}: {}", error.message());
            SettingsError::Wrong { path: path.to_owned(), what }
        })
    }

    /// Watches one more heartbeat file, as the flag and the variable say.
    pub fn add_heartbeat(&mut self, path: PathBuf) {
        self.heartbeat.push(Heartbeat {
            name: "heartbeat".to_owned(),
            timeout: ten_seconds(),
            path,
            max_age: None,
            use_mtime: false,
        });
    }

    /// Every check, in the order of the file's kinds. Names are judged here.
    pub fn watches(self) -> Result<Vec<Watch>, SettingsError> {
        let mut watches = Vec::new();
        macro_rules! add {
            ($list:expr, $kind:ident) => {
                watches.extend($list.into_iter().map(|probe| {
                    Watch::new(probe.name.clone(), probe.timeout, Probe::$kind(probe))
                }));
            };
        }
        add!(self.tcp, Tcp);
        add!(self.process, Process);
        add!(self.heartbeat, Heartbeat);
        add!(self.syntax, Syntax);
        add!(self.http, Http);
        add!(self.tls, Tls);
        add!(self.disk, Disk);
        add!(self.file, File);
        add!(self.command, Command);
        add!(self.folder, Folder);
        if watches.len() > Limits::default().observations {
            return Err(SettingsError::TooMany(watches.len()));
        }
        if watches.iter().filter_map(Watch::prefix).count() > UNSEEN_MAX {
            return Err(SettingsError::PerJob);
        }
        let mut names = std::collections::BTreeSet::new();
        for watch in &watches {
            check_name(&watch.name, Limits::default().name_bytes)
                .map_err(|what| SettingsError::Name { name: watch.name.clone(), what })?;
            if !names.insert(watch.name.clone()) {
                return Err(SettingsError::Twice(watch.name.clone()));
            }
        }
        Ok(watches)
    }

    /// The jobs of every folder of heartbeats.
    pub fn folder_jobs(&self, now: Timestamp) -> io::Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for folder in &self.folder {
            jobs.extend(folder.scan(now)?);
        }
        Ok(jobs)
    }

    /// The name that this host reports under.
    pub fn source_name(&self) -> Result<String, SettingsError> {
        let name = self.source.clone().unwrap_or_else(host_name);
        check_source(&name, Limits::default().source_bytes)
            .map_err(|what| SettingsError::Source { name: name.clone(), what })?;
        Ok(name)
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) fn ten_seconds() -> SignedDuration {
    SignedDuration::from_secs(10)
}

/// A duration of more than zero.
pub(super) fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(from)?;
    parse_positive(&text).map_err(serde::de::Error::custom)
}

/// Reads how often something is to report: what a server would refuse is refused here.
pub fn parse_interval(text: &str) -> Result<SignedDuration, String> {
    let interval = parse_positive(text)?;
    if (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval.as_secs_f64()) {
        return Ok(interval);
    }
    Err("a report must be due again after one millisecond at the least, and after 366 days at \
         the most"
        .to_owned())
}

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    parse_interval(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// An address that is a secret itself: what is wrong with it is told without it.
fn secret_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(|error| serde::de::Error::custom(format!("`ping_url`: {error}")))
}

/// A duration of more than zero, where one is named.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SignedDuration>, D::Error> {
    positive(from).map(Some)
}

//! What can be looked at: one file per kind.
//!
//! A probe never fails: what it sees is an [`Observation`], and what it could not see is
//! one as well, of the kind unknown.

mod command;
mod disk;
mod file;
mod folder;
mod heartbeat;
mod http;
mod process;
mod syntax;
mod tcp;
mod tls;

use jiff::{SignedDuration, Timestamp};

pub(super) use self::command::Command;
pub(super) use self::disk::Disk;
pub(super) use self::file::File;
pub(super) use self::folder::Folder;
pub(super) use self::heartbeat::Heartbeat;
pub use self::heartbeat::usual_path as usual_heartbeat;
pub(super) use self::http::Http;
pub(super) use self::process::Process;
pub(super) use self::syntax::Syntax;
pub(super) use self::tcp::Tcp;
pub(super) use self::tls::Tls;
use crate::check::{Kind, Observation};

/// Something to look at.
#[derive(Debug, Clone)]
pub enum Probe {
    Tcp(Tcp),
    Process(Process),
    Heartbeat(Heartbeat),
    Syntax(Syntax),
    Http(Http),
    Tls(Tls),
    Disk(Disk),
    File(File),
    Folder(Folder),
    Command(Command),
}

/// A probe, the name of its check, and how long it may take.
#[derive(Debug, Clone)]
pub struct Watch {
    pub name: String,
    pub timeout: SignedDuration,
    pub probe: Probe,
}

impl Watch {
    /// Looks once, and gives what was seen by the name of the check: one, or for a folder
    /// of jobs perhaps one for each. Takes no longer than its timeout; what did not answer
    /// by then is unknown, unless the probe itself says what that means.
    pub(super) async fn look(&self, now: Timestamp) -> Vec<(String, Observation)> {
        let limit = self.timeout.unsigned_abs();
        let one = |observation| vec![(self.name.clone(), observation)];
        let looked = async {
            one(match &self.probe {
                Probe::Tcp(probe) => probe.look(limit).await,
                Probe::Process(probe) => blocking(probe, Process::look).await,
                Probe::Heartbeat(probe) => blocking(probe, move |it| it.look(now)).await,
                Probe::Syntax(probe) => probe.look(limit).await,
                Probe::Http(probe) => probe.look(limit, now).await,
                Probe::Tls(probe) => probe.look(limit, now).await,
                Probe::Disk(probe) => blocking(probe, Disk::look).await,
                Probe::File(probe) => blocking(probe, move |it| it.look(now)).await,
                Probe::Command(probe) => probe.look(limit).await,
                Probe::Folder(probe) => return folder(probe, now).await,
            })
        };
        // A probe keeps its own time where it can; a disk that hangs cannot be told to.
        match tokio::time::timeout(limit + SPARE, looked).await {
            Ok(seen) => seen,
            Err(_) => one(unknown(format!("no answer within {:#}", self.timeout))),
        }
    }
}

async fn folder(probe: &Folder, now: Timestamp) -> Vec<(String, Observation)> {
    let (probe, name) = (probe.clone(), probe.name.clone());
    let looked = tokio::task::spawn_blocking(move || probe.look(now)).await;
    looked.unwrap_or_else(|_| vec![(name, unknown(BROKEN.to_owned()))])
}

/// A probe that ended in a way that it should not.
const BROKEN: &str = "the check itself failed";

/// What a probe gets beyond its timeout to say what the timeout means.
const SPARE: std::time::Duration = std::time::Duration::from_millis(500);

/// Looks in a thread where waiting for a disk holds up nobody.
async fn blocking<P: Clone + Send + 'static>(
    probe: &P,
    look: impl FnOnce(&P) -> Observation + Send + 'static,
) -> Observation {
    let probe = probe.clone();
    match tokio::task::spawn_blocking(move || look(&probe)).await {
        Ok(observation) => observation,
        Err(_) => unknown(BROKEN.to_owned()),
    }
}

fn success(summary: String) -> Observation {
    Observation::new(Kind::Success, summary)
}

fn failure(summary: String) -> Observation {
    Observation::new(Kind::Failure, summary)
}

fn unknown(summary: String) -> Observation {
    Observation::new(Kind::Unknown, summary)
}

/// The same with a number.
fn with(mut observation: Observation, name: &str, value: f64) -> Observation {
    observation.numbers.insert(name.to_owned(), value);
    observation
}

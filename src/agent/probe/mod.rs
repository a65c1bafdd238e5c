//! What can be looked at: one file per kind.
//!
//! A probe never fails: what it sees is an [`Observation`], and what it could not see is
//! one as well, of the kind unknown.

mod certificate;
mod command;
mod connect;
mod disk;
mod file;
mod folder;
mod heartbeat;
mod http;
mod process;
mod syntax;
mod tcp;
mod tls;
mod turn;
mod words;

use jiff::{SignedDuration, Timestamp};

pub use self::certificate::{Validity, shown as shown_certificate};
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
pub(super) use self::turn::Turn;
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
    turn: Turn,
}

impl Watch {
    pub fn new(name: String, timeout: SignedDuration, probe: Probe) -> Self {
        Self { name, timeout, probe, turn: Turn::default() }
    }

    /// Looks once, and gives what was seen by the name of the check: one, or for a folder
    /// of jobs perhaps one for each. Takes no longer than its timeout; what did not answer
    /// by then is unknown, unless the probe itself says what that means.
    pub(super) async fn look(&self, now: Timestamp) -> Vec<(String, Observation)> {
        let limit = self.timeout.unsigned_abs();
        let one = |observation| vec![(self.name.clone(), self.label(observation))];
        let looked = async {
            // A thread that hangs stays; another one each cycle would use them all up.
            let Some(_turn) = self.turn.take() else {
                return one(unknown("the look before this one still hangs".to_owned()));
            };
            one(match &self.probe {
                Probe::Tcp(probe) => probe.look(limit).await,
                Probe::Process(probe) => self.blocking(probe, Process::look).await,
                Probe::Heartbeat(probe) => self.blocking(probe, move |it| it.look(now)).await,
                Probe::Syntax(probe) => probe.look(limit, &self.turn).await,
                Probe::Http(probe) => probe.look(limit, now).await,
                Probe::Tls(probe) => probe.look(limit, now).await,
                Probe::Disk(probe) => self.blocking(probe, Disk::look).await,
                Probe::File(probe) => self.blocking(probe, move |it| it.look(now)).await,
                Probe::Command(probe) => probe.look(limit, &self.turn).await,
                Probe::Folder(probe) => {
                    let probe = probe.clone();
                    let looked = self.turn.in_thread(move || probe.look(now)).await;
                    let looked = looked.unwrap_or_else(|| one(unknown(BROKEN.to_owned())));
                    let label = |(name, seen)| (name, self.label(seen));
                    return looked.into_iter().map(label).collect();
                }
            })
        };
        // A probe keeps its own time where it can; a disk that hangs cannot be told to.
        let mut seen = match tokio::time::timeout(limit + SPARE, looked).await {
            Ok(seen) => seen,
            Err(_) => one(unknown(format!("no answer within {:#}", self.timeout))),
        };
        for (_, observation) in &mut seen {
            observation.summary = words::line(&observation.summary);
            observation.details = words::lines(&observation.details);
        }
        seen
    }

    /// What is said of it when nobody has looked.
    pub(super) fn unknown(&self, why: String) -> (String, Observation) {
        (self.name.clone(), self.label(unknown(why)))
    }

    /// What the names begin with of checks that are heard of only if the look succeeds.
    pub(super) fn prefix(&self) -> Option<String> {
        match &self.probe {
            Probe::Folder(folder) if folder.per_job => Some(folder.prefix()),
            _ => None,
        }
    }

    /// What it says always wears the same labels: they decide where its issue is.
    fn label(&self, observation: Observation) -> Observation {
        match &self.probe {
            Probe::Folder(folder) => folder.label(observation),
            _ => observation,
        }
    }

    /// Looks in a thread where waiting for a disk holds up nobody.
    async fn blocking<P: Clone + Send + 'static>(
        &self,
        probe: &P,
        look: impl FnOnce(&P) -> Observation + Send + 'static,
    ) -> Observation {
        let probe = probe.clone();
        let looked = self.turn.in_thread(move || look(&probe)).await;
        looked.unwrap_or_else(|| unknown(BROKEN.to_owned()))
    }
}

/// A probe that ended in a way that it should not.
const BROKEN: &str = "the check itself failed";

/// What a probe gets beyond its timeout to say what the timeout means.
const SPARE: std::time::Duration = std::time::Duration::from_millis(500);

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

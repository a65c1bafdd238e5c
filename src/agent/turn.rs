//! What an agent does each time: look, keep, send, and say that it lives.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::client::client;
use super::disk::on_disk;
use super::heartbeat::{self, Written};
use super::{Cycle, Sender, Spool, SpoolError, Unkept, Unsent, Watch};
use crate::clock::Clock;

/// For the ping of a dead man's switch.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// An agent that is ready.
#[derive(Debug)]
pub struct Agent {
    pub source: String,
    pub every: SignedDuration,
    pub watches: Vec<Watch>,
    pub pause_file: Option<PathBuf>,
    pub clock: Clock,
}

/// Where an agent's cycles go.
#[derive(Debug)]
pub struct Delivery {
    pub spool: Spool,
    pub sender: Sender,
    /// The agent's own heartbeat.
    pub heartbeat: PathBuf,
    pub ping_url: Option<Url>,
    /// Certificates in PEM that are trusted there besides the system's.
    pub roots: Option<Vec<u8>>,
}

/// Why a cycle did not get where it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Undelivered {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("what was not sent waits")]
    Unsent(#[from] Unsent),
    #[error("the report could be neither kept nor sent, and is lost")]
    Lost(#[source] Unsent),
    #[error("its own heartbeat {} could not be written", path.display())]
    Heartbeat { path: PathBuf, source: std::io::Error },
    #[error("the ping of {host} failed")]
    Ping { host: String, source: reqwest::Error },
}

impl Agent {
    /// Looks at everything once, unless somebody has paused it.
    pub async fn look(&self) -> Cycle {
        let (source, every) = (self.source.clone(), self.every);
        if let Some(file) = self.pause_file.clone()
            && let Ok(Some(why)) = on_disk(move || paused_by(&file)).await
        {
            return Cycle::paused(source, every, &self.watches, &why, &self.clock);
        }
        Cycle::run(source, every, &self.watches, &self.clock).await
    }
}

impl Delivery {
    /// Keeps a cycle's report, sends what waits, and says that the agent lives. One failure
    /// stops none of the rest; each is told.
    pub async fn deliver(
        &mut self,
        cycle: &Cycle,
        number: u64,
        clock: &Clock,
        tell: &mut (dyn FnMut(String) + Send),
    ) -> Vec<Undelivered> {
        let kept = cycle.clone();
        let unkept = self.spool.keep_in_time(move |id| kept.report(id)).await;
        let mut failures = send(unkept, &self.spool, &mut self.sender, clock, tell).await;
        let written = Written {
            job: None,
            pid: std::process::id(),
            timestamp: seconds(clock.now()),
            interval_seconds: Some(cycle.every.as_secs_f64()),
            cycle: Some(number),
            model: None,
            status: "alive".to_owned(),
        };
        let heartbeat = self.heartbeat.clone();
        let write = move || heartbeat::write(&heartbeat, &written);
        if let Err(source) = on_disk(write).await.flatten() {
            failures.push(Undelivered::Heartbeat { path: self.heartbeat.clone(), source });
        }
        if let Some(url) = &self.ping_url
            && let Err(source) = ping(url, self.roots.as_deref()).await
        {
            let host = url.host_str().unwrap_or_default().to_owned();
            failures.push(Undelivered::Ping { host, source: source.without_url() });
        }
        failures
    }
}

/// Sends a report that the disk would not keep, if there is one, and all that waits.
pub(super) async fn send(
    unkept: Option<Box<Unkept>>,
    spool: &Spool,
    sender: &mut Sender,
    clock: &Clock,
    tell: &mut (dyn FnMut(String) + Send),
) -> Vec<Undelivered> {
    let mut failures = Vec::new();
    sender.recall(spool).await;
    if let Some(unkept) = unkept {
        let Unkept { report, error } = *unkept;
        failures.push(error.into());
        // A disk that is full is what somebody should hear of.
        if let Err(unsent) = sender.send_unkept(&report, tell).await {
            failures.push(Undelivered::Lost(unsent));
        }
    }
    match spool.waiting_in_time(clock.now()).await {
        Ok((waiting, dropped)) => {
            if dropped > 0 {
                tell(format!("lost, since the spool is full or they are old: {dropped} reports"));
            }
            if let Err(unsent) = sender.send(spool, &waiting, tell).await {
                failures.push(unsent.into());
            }
        }
        Err(error) => failures.push(error.into()),
    }
    sender.remember(spool).await;
    failures
}

/// Why nothing is looked at, if it is this file's being there.
fn paused_by(file: &Path) -> Option<String> {
    file.exists().then(|| format!("{} exists", file.display()))
}

async fn ping(url: &Url, roots: Option<&[u8]>) -> reqwest::Result<()> {
    let client = client(url, PING_TIMEOUT, roots)?.build()?;
    client.get(url.clone()).send().await?.error_for_status().map(drop)
}

/// Seconds since 1970.
pub fn seconds(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

//! Reporting one thing, from a process that has something else to do.

use std::sync::Arc;
use std::time::Duration;

use super::{Sender, Spool, SpoolError, Unsent};
use crate::check::Observation;
use crate::clock::Clock;
use crate::observation::{Limits, Report, check_name, fit};

/// What waits is sent for so long at most: whoever has called wants to go on.
const PATIENCE: Duration = Duration::from_secs(15);

/// The disk may take so long at most to keep a report.
const DISK_PATIENCE: Duration = Duration::from_secs(5);

/// Why an observation has not arrived yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotPosted {
    #[error("no check can be called {0:?}: its name {1}")]
    Name(String, String),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the disk did not take the report within {} s", DISK_PATIENCE.as_secs())]
    NotKept,
    #[error("the report was not sent and waits")]
    Unsent(#[from] Unsent),
    #[error("the report was not sent within {} s and waits", PATIENCE.as_secs())]
    TimedOut,
}

/// Whether a check may be called `name`. The server would refuse another.
pub fn judge_name(name: &str) -> Result<(), NotPosted> {
    check_name(name, Limits::default().name_bytes)
        .map_err(|what| NotPosted::Name(name.to_owned(), what))
}

/// Keeps an observation of the check `name` as a report of its own. Whether the agent of
/// `source` lives is not what it is about, so that it declares no interval for it.
pub fn keep(
    spool: &Spool,
    source: &str,
    name: &str,
    observation: Observation,
) -> Result<(), NotPosted> {
    judge_name(name)?;
    let observations = vec![(name.to_owned(), fit(observation))];
    let source = source.to_owned();
    spool
        .keep(|id| Report { source, id, interval: None, observations })
        .map_err(|unkept| unkept.error.into())
}

/// The same on a thread of its own: a disk that hangs holds up neither this process nor
/// what else it does meanwhile.
pub async fn keep_beside(
    spool: &Arc<Spool>,
    source: String,
    name: &str,
    observation: Observation,
) -> Result<(), NotPosted> {
    let (spool, name) = (Arc::clone(spool), name.to_owned());
    let kept = tokio::task::spawn_blocking(move || keep(&spool, &source, &name, observation));
    match tokio::time::timeout(DISK_PATIENCE, kept).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(_)) | Err(_) => Err(NotPosted::NotKept),
    }
}

/// Sends what waits, for as long as whoever has called can wait.
pub async fn send(
    spool: &Spool,
    sender: &mut Sender,
    clock: &Clock,
    tell: &mut (dyn FnMut(String) + Send),
) -> Result<(), NotPosted> {
    send_within(PATIENCE, spool, sender, clock, tell).await
}

async fn send_within(
    patience: Duration,
    spool: &Spool,
    sender: &mut Sender,
    clock: &Clock,
    tell: &mut (dyn FnMut(String) + Send),
) -> Result<(), NotPosted> {
    let waiting = spool.waiting(clock.now())?;
    match tokio::time::timeout(patience, sender.send(spool, &waiting, tell)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(NotPosted::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use jiff::SignedDuration;

    use super::*;
    use crate::agent;
    use crate::check::Kind;
    use crate::signature::Secret;

    #[test]
    fn a_server_that_says_nothing_is_waited_for_no_longer_than_patience_lasts() {
        agent::install_crypto();
        // It accepts, since the system does, and never answers.
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}/", mute.local_addr().unwrap()).parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let limits = agent::Limits { bytes: 1 << 20, age: SignedDuration::from_hours(1) };
        let spool = Arc::new(Spool::open(folder.path(), limits).unwrap());
        let clock = Clock::system();
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut sender = Sender::new(&server, secret, None, clock.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = runtime.block_on(async {
            let seen = Observation::new(Kind::Success, "done");
            keep_beside(&spool, "web1".to_owned(), "job", seen).await.unwrap();
            let patience = Duration::from_millis(50);
            send_within(patience, &spool, &mut sender, &clock, &mut |_| {}).await
        });
        assert!(matches!(sent, Err(NotPosted::TimedOut)), "{sent:?}");
        assert_eq!(spool.waiting(clock.now()).unwrap().len(), 1);
    }

    #[test]
    fn a_name_that_no_server_takes_is_told_before_anything_is_kept() {
        for name in ["", "agent", "two\nlines", " blank", &"x".repeat(201)] {
            assert!(judge_name(name).is_err(), "{name:?}");
        }
        assert!(judge_name("db/backup").is_ok());
    }
}

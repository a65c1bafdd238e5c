//! Reporting one thing, from a process that has something else to do.

use std::time::Duration;

use super::{Sender, Spool, Undelivered, Unkept};
use crate::check::Observation;
use crate::clock::Clock;
use crate::observation::{Limits, Report, check_name, fit};

/// What waits is sent for so long at most: whoever has called wants to go on.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why an observation has not arrived yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotPosted {
    #[error("no check can be called {0:?}: its name {1}")]
    Name(String, String),
    #[error("the report was not sent within {} s and waits", PATIENCE.as_secs())]
    TimedOut,
    #[error("the report could be neither kept nor sent within {} s, and is lost", PATIENCE.as_secs())]
    Lost,
}

/// Whether a check may be called `name`. The server would refuse another.
pub fn judge_name(name: &str) -> Result<(), NotPosted> {
    check_name(name, Limits::default().name_bytes)
        .map_err(|what| NotPosted::Name(name.to_owned(), what))
}

/// Keeps an observation of the check `name` as a report of its own, or gives it back where
/// the disk does not take it. Whether the agent of `source` lives is not what it is about,
/// so that it declares no interval for it.
pub async fn keep(
    spool: &Spool,
    source: String,
    name: &str,
    observation: Observation,
) -> Result<Option<Box<Unkept>>, NotPosted> {
    judge_name(name)?;
    let observations = vec![(name.to_owned(), fit(observation))];
    let make = |id| Report { source, id, interval: None, observations, unseen: Vec::new() };
    Ok(spool.keep_in_time(make).await)
}

/// Sends what [`keep`] gave back, and all that waits, for as long as whoever has called can
/// wait. Gives what went wrong with it.
pub async fn send(
    unkept: Option<Box<Unkept>>,
    spool: &Spool,
    sender: &mut Sender,
    clock: &Clock,
    tell: &mut (dyn FnMut(String) + Send),
) -> Result<Vec<Undelivered>, NotPosted> {
    send_within(PATIENCE, unkept, spool, sender, clock, tell).await
}

async fn send_within(
    patience: Duration,
    unkept: Option<Box<Unkept>>,
    spool: &Spool,
    sender: &mut Sender,
    clock: &Clock,
    tell: &mut (dyn FnMut(String) + Send),
) -> Result<Vec<Undelivered>, NotPosted> {
    let late = if unkept.is_some() { NotPosted::Lost } else { NotPosted::TimedOut };
    let sent = super::turn::send(unkept, spool, sender, clock, tell);
    tokio::time::timeout(patience, sent).await.map_err(|_| late)
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
        let spool = Spool::new(folder.path(), limits);
        let clock = Clock::system();
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut sender = Sender::new(&server, secret, None, clock.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = runtime.block_on(async {
            let seen = Observation::new(Kind::Success, "done");
            let unkept = keep(&spool, "web1".to_owned(), "job", seen).await.unwrap();
            let patience = Duration::from_millis(50);
            send_within(patience, unkept, &spool, &mut sender, &clock, &mut |_| {}).await
        });
        assert!(matches!(sent, Err(NotPosted::TimedOut)), "{sent:?}");
        assert_eq!(spool.waiting(clock.now()).unwrap().0.len(), 1);
    }

    #[test]
    fn a_name_that_no_server_takes_is_told_before_anything_is_kept() {
        for name in ["", "agent", "two\nlines", " blank", &"x".repeat(201)] {
            assert!(judge_name(name).is_err(), "{name:?}");
        }
        assert!(judge_name("db/backup").is_ok());
    }
}

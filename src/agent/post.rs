//! Reporting one thing, from a process that has something else to do.

use std::time::Duration;

use super::{Sender, Spool, SpoolError, Unsent};
use crate::check::Observation;
use crate::clock::Clock;
use crate::observation::{Report, fit};

/// What waits is sent for so long at most: whoever has called wants to go on.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why an observation has not arrived yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotPosted {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the report was not sent and waits")]
    Unsent(#[from] Unsent),
    #[error("the report was not sent within {} s and waits", PATIENCE.as_secs())]
    TimedOut,
}

/// Keeps an observation of the check `name` as a report of its own. Whether the agent of
/// `source` lives is not what it is about, so that it declares no interval for it.
pub fn keep(
    spool: &Spool,
    source: &str,
    name: &str,
    observation: Observation,
) -> Result<(), NotPosted> {
    let observations = vec![(name.to_owned(), fit(observation))];
    let source = source.to_owned();
    spool
        .keep(|id| Report { source, id, interval: None, observations })
        .map_err(|unkept| unkept.error.into())
}

/// Sends what waits.
pub async fn send(
    spool: &Spool,
    sender: &mut Sender,
    clock: &Clock,
    tell: &mut (dyn FnMut(String) + Send),
) -> Result<(), NotPosted> {
    let waiting = spool.waiting(clock.now())?;
    match tokio::time::timeout(PATIENCE, sender.send(spool, &waiting, tell)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(NotPosted::TimedOut),
    }
}

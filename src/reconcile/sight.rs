//! One look at one issue, and what an answer means that is none.

use crate::alert::Sighted;
use crate::engine::{self, Sighting};
use crate::gitea::{self, Concern, Issue, IssueState};
use crate::outbox::{Failure, Ledger, News, Place, Priority, Worker, chain, check_home};

/// Why a question came to nothing.
#[derive(Debug)]
pub(super) enum Unread {
    /// The repository has another name now, which is remembered.
    Moved,
    /// The issue cannot be read, in words. It may be the fault of this one.
    Issue(String),
    /// Nothing can be read, in words.
    Failed(String),
    Engine(engine::Error),
}

impl From<engine::Error> for Unread {
    fn from(error: engine::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self::Failed(chain(&failure))
    }
}

/// Looks at one issue. What does not exist was deleted, if the repository answers and has
/// issues.
pub(super) async fn issue<L: Ledger>(
    worker: &Worker<L>,
    number: u64,
    place: &Place<'_>,
) -> Result<Sighting, Unread> {
    let client = worker.host.client(Priority::Reconcile);
    let (owner, name) = place.path();
    match client.issues(owner, name).get(number).await {
        Ok(answer) => {
            check_home(place.id, &answer.value)?;
            Ok(sighting(&answer.value))
        }
        Err(error) if error.is_not_found() => match worker.question(place).await {
            Ok(None) => Ok(Sighting { number, sighted: Sighted::Gone, labels: Vec::new() }),
            Ok(Some(reason)) => Err(Unread::Failed(reason)),
            Err(error) => Err(unread(worker, error, place).await?),
        },
        Err(error) if concerns_all(&error) => Err(unread(worker, error, place).await?),
        Err(error) => Err(Unread::Issue(chain(&error))),
    }
}

/// Whether the next issue could not be read either.
fn concerns_all(error: &gitea::Error) -> bool {
    matches!(error.concern(), Concern::Target | Concern::Moved { .. } | Concern::Identity)
}

/// How an issue that was read is.
pub(super) fn sighting(issue: &Issue) -> Sighting {
    Sighting {
        number: issue.number,
        sighted: match issue.state {
            IssueState::Open => Sighted::Open,
            IssueState::Closed => Sighted::Closed,
        },
        labels: issue.labels.iter().map(|label| label.name.clone()).collect(),
    }
}

/// What an answer means that is none.
pub(super) async fn unread<L: Ledger>(
    worker: &Worker<L>,
    error: gitea::Error,
    place: &Place<'_>,
) -> Result<Unread, engine::Error> {
    Ok(match error.concern() {
        Concern::Moved { .. } => match worker.follow(&error, place).await? {
            News::Refused(reason) => Unread::Failed(reason),
            _ => Unread::Moved,
        },
        Concern::Identity => {
            worker.host.forget_identity();
            Unread::Failed(chain(&error))
        }
        _ => Unread::Failed(chain(&error)),
    })
}

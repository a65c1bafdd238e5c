//! The loop that empties the outbox.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::agenda::{Agenda, Work};
use super::{Ledger, News, Status, Worker};
use crate::engine::{self, Feed};
use crate::tasks::{Mark, Pace};

/// The longest sleep: a wake-up is a hint, a slow look the guarantee.
const TURN_MAX: SignedDuration = SignedDuration::from_secs(30);

/// The outbox at work.
#[derive(Debug)]
pub struct Task<L> {
    worker: Arc<Worker<L>>,
    feed: mpsc::UnboundedReceiver<Feed>,
    agenda: Agenda,
    status: watch::Sender<Status>,
    mark: Mark,
}

/// A piece of work that is done, and what it has shown.
type Finished = (Work, Result<News, engine::Error>);

impl<L: Ledger> Task<L> {
    /// How often it is heard of: it goes round although nothing waits.
    pub const PACE: Pace = Pace { beats: TURN_MAX, succeeds: TURN_MAX };

    /// An outbox that has yet to hear what waits. `repositories` are those that the
    /// configuration names: their open issues are read at once. It tells through `status`
    /// what refuses, and through `mark` that it goes round.
    pub fn new(
        worker: Arc<Worker<L>>,
        feed: mpsc::UnboundedReceiver<Feed>,
        repositories: impl IntoIterator<Item = String>,
        status: watch::Sender<Status>,
        mark: Mark,
    ) -> Self {
        let agenda = Agenda::new(worker.settings.clone(), repositories, worker.clock.now());
        Self { worker, feed, agenda, status, mark }
    }

    /// Works until `stop`, or until the engine has ended. What is under way then is
    /// finished first, for at most `patience`; what is not, stays in doubt on the disk.
    pub async fn run(mut self, stop: CancellationToken, patience: Duration) {
        if !self.is_fed(&stop).await {
            return;
        }
        let mut works = JoinSet::new();
        while !stop.is_cancelled() {
            while let Ok(news) = self.feed.try_recv() {
                self.agenda.take(news);
            }
            let now = self.worker.clock.now();
            self.start_work(&mut works, now);
            self.publish();
            let sleep = self.sleep(now);
            tokio::select! {
                () = stop.cancelled() => {}
                news = self.feed.recv() => match news {
                    Some(news) => self.agenda.take(news),
                    None => break,
                },
                Some(finished) = works.join_next() => {
                    if !self.finish(finished) {
                        break;
                    }
                }
                // Whoever else calls Gitea may have been told to wait.
                () = self.worker.host.paused_anew() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        let finish_all = async { while works.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, finish_all).await.is_err() {
            tracing::warn!("Gitea did not answer in time; what is in doubt is looked for later");
        }
    }

    /// Waits until the engine has told what the store holds: before that a repository whose
    /// open issues were read long ago looks like a new one. Returns whether to go on.
    async fn is_fed(&self, stop: &CancellationToken) -> bool {
        loop {
            // What the store holds is fed before anybody is answered.
            let answered = tokio::select! {
                () = stop.cancelled() => return false,
                answered = self.worker.ledger.ask(|_, _| ()) => answered,
            };
            match answered {
                Ok(()) => return true,
                Err(engine::Error::Full) => {
                    self.mark.rest(self.worker.settings.retry_first.unsigned_abs()).await;
                }
                Err(_) => return false,
            }
        }
    }

    /// Starts as much as may be under way at once.
    fn start_work(&mut self, works: &mut JoinSet<Finished>, now: Timestamp) {
        if self.agenda.look(now) {
            self.worker.host.forget_identity();
        }
        // What would only wait at the gate is not begun, and no effect is put in doubt for it.
        if self.worker.host.paused().is_some() {
            return;
        }
        while works.len() < self.worker.settings.in_flight.max(1) {
            let Some(work) = self.agenda.begin(now) else { break };
            let worker = Arc::clone(&self.worker);
            works.spawn(async move {
                let news = worker.work(&work).await;
                (work, news)
            });
        }
    }

    /// Takes note of what a piece of work has shown. Returns whether to go on.
    fn finish(&mut self, finished: Result<Finished, tokio::task::JoinError>) -> bool {
        let (work, news) = match finished {
            Ok(finished) => finished,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the outbox failed");
                return false;
            }
        };
        // What the work has changed is in the feed before it was answered.
        while let Ok(news) = self.feed.try_recv() {
            self.agenda.take(news);
        }
        self.agenda.finish(&work, news, (self.worker.dice)(), self.worker.clock.now())
    }

    fn publish(&self) {
        let login = self.worker.host.known_identity().map(|identity| identity.login);
        let pause = self.worker.host.paused();
        let status = Status { login, refusing: self.agenda.refusing(), pause };
        self.mark.succeeded();
        self.mark.paused(pause.map(|pause| pause.to_string()));
        self.status.send_if_modified(|known| {
            let is_news = *known != status;
            log_changes(known, &status);
            *known = status;
            is_news
        });
    }

    /// How long nothing becomes due by itself.
    fn sleep(&self, now: Timestamp) -> Duration {
        let paused_until = self.worker.host.paused().map(|pause| pause.until);
        let next = paused_until.or_else(|| self.agenda.next_due(now));
        let pause = next.map_or(SignedDuration::MAX, |at| at.duration_since(now));
        let pause = pause.max(SignedDuration::ZERO).unsigned_abs() + Duration::from_millis(1);
        pause.min(TURN_MAX.unsigned_abs())
    }
}

/// Says once that a repository takes nothing, and why, and once that it does again.
fn log_changes(before: &Status, after: &Status) {
    for (repository, refusing) in &after.refusing {
        let known = before.refusing.get(repository);
        if known.is_none_or(|known| known.reason != refusing.reason) {
            tracing::warn!(since = %refusing.since, "{repository} refuses: {}", refusing.reason);
        }
    }
    for repository in before.refusing.keys() {
        if !after.refusing.contains_key(repository) {
            tracing::info!("{repository} no longer refuses");
        }
    }
}

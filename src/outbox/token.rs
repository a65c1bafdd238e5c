//! Whether Gitea still takes our token, found out before it is needed.

use std::sync::Arc;

use http::StatusCode;
use jiff::SignedDuration;

use super::learn::chain;
use super::repository::Place;
use super::{Ledger, Priority, Target, Worker};
use crate::engine::Repository;
use crate::tasks::{Mark, Pace};

/// Asks now and then who we are, and whether our repositories still take issues. It changes
/// nothing there, and waits at the gate until nobody else wants to go.
#[derive(Debug)]
pub struct TokenProbe<L> {
    worker: Arc<Worker<L>>,
    /// Those that the configuration names.
    repositories: Vec<String>,
    every: SignedDuration,
}

impl<L: Ledger> TokenProbe<L> {
    /// A probe that asks at once, and then every so often.
    pub fn new(worker: Arc<Worker<L>>, repositories: Vec<String>, every: SignedDuration) -> Self {
        Self { worker, repositories, every }
    }

    /// How often it is heard of.
    pub fn pace(&self) -> Pace {
        Pace::of_work(self.every)
    }

    /// Asks for ever. One refusal proves nothing and is asked about again at once; from the
    /// second on it is told, and asked again every `gitea.probe_first`: nothing else finds out
    /// that Gitea is back.
    pub async fn run(&self, mark: &Mark) {
        let mut target = Target::default();
        loop {
            let asked = mark.during(self.ask()).await;
            let now = self.worker.clock.now();
            let pause = match asked {
                Ok(()) => {
                    if target.reason().is_some() {
                        tracing::info!("Gitea takes the token again");
                    }
                    target.succeed();
                    mark.succeeded();
                    self.every
                }
                Err(why) => {
                    let was_told = target.reason().map(|(_, told)| told.to_owned());
                    target.refuse(&self.worker.settings, &why, (self.worker.dice)(), now);
                    if let Some((_, why)) = target.reason() {
                        if was_told.as_deref() != Some(why) {
                            tracing::error!("{why}");
                        }
                        mark.failed(why);
                    }
                    // It moves on after an error as well: a probe never hammers.
                    let pause = target.probe_at().map(|at| at.duration_since(now));
                    pause.map_or(self.every, |pause| pause.min(self.worker.settings.probe_first))
                }
            };
            mark.rest(pause.max(SignedDuration::ZERO).unsigned_abs()).await;
        }
    }

    /// Asks about the token, and if that is good about each repository, whatever the others
    /// answer. An error says what is wrong.
    pub async fn ask(&self) -> Result<(), String> {
        let user = self.worker.host.client(Priority::Probe).user().await;
        if let Err(error) = user {
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
            let is_refused = error.status().is_some_and(|status| refused.contains(&status));
            let error = chain(&error);
            return Err(if is_refused {
                format!(
                    "Gitea does not take the token: {error}; make a new one for the same user, \
                     put it where `gitea.token_file` says, and start teawatch again"
                )
            } else {
                format!("Gitea cannot be asked whether it takes the token: {error}")
            });
        }
        let mut refusals = Vec::new();
        for repository in &self.repositories {
            if let Err(why) = self.ask_repository(repository).await {
                refusals.push(format!("{repository}: {why}"));
            }
        }
        if refusals.is_empty() { Ok(()) } else { Err(refusals.join("; ")) }
    }

    async fn ask_repository(&self, repository: &str) -> Result<(), String> {
        let name = repository.to_owned();
        let record = self.worker.ledger.ask(move |core, _| core.repository_record(&name)).await;
        // What the engine does not answer it tells itself.
        let record: Repository = record.ok().flatten().unwrap_or_default();
        match self.worker.question(&Place::new(repository, &record)).await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(why),
            // It has another name, which the outbox finds out.
            Err(error) if matches!(error.concern(), crate::gitea::Concern::Moved { .. }) => Ok(()),
            Err(error) => Err(chain(&error)),
        }
    }
}

//! The loop that looks at what Gitea's webhooks tell of.
//!
//! It takes nothing from them but where to look. Looks at one issue are merged, and there is
//! a pause between two of them. What fails waits, on the disk, for the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::sight::{self, Unread};
use super::{Bell, Poke};
use crate::engine::{self, About, DeliveryOutcome, Hint, Hinted};
use crate::observation::brief;
use crate::outbox::{Ledger, Place, Worker, chain};
use crate::tasks::{Mark, Pace};

/// What Gitea does at once it tells in several messages.
const GATHER: Duration = Duration::from_millis(50);
/// The longest sleep. There is a bell, and what it says is on the disk already.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// The longest pause before something is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// What cannot be asked for so long is a trouble.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// What is kept of an answer, in bytes.
const ANSWER_MAX: usize = 200;

/// The looks at work.
#[derive(Debug)]
pub struct Hints<L> {
    worker: Arc<Worker<L>>,
    /// Between two looks at one issue.
    every: Duration,
    bell: Bell,
    poke: Poke,
    /// What is not asked before a time, by repository and issue; 0 is all of the repository.
    rests: BTreeMap<(String, u64), Rest>,
    /// Since when a repository cannot be asked, and why.
    failing: BTreeMap<String, (Instant, String)>,
}

#[derive(Debug)]
struct Rest {
    until: Instant,
    pause: Duration,
}

impl<L: Ledger> Hints<L> {
    /// How often it is heard of.
    pub const PACE: Pace =
        Pace { beats: crate::tasks::BEAT, succeeds: SignedDuration::from_mins(20) };

    /// A task that has yet to look. `every` is the time between two looks at one issue.
    pub fn new(worker: Arc<Worker<L>>, every: SignedDuration, bell: Bell, poke: Poke) -> Self {
        let every = every.unsigned_abs();
        Self { worker, every, bell, poke, rests: BTreeMap::new(), failing: BTreeMap::new() }
    }

    /// Looks until `stop`, or until the engine has ended.
    pub async fn run(mut self, stop: CancellationToken, mark: &Mark) {
        loop {
            let pause = tokio::select! {
                () = stop.cancelled() => return,
                turned = mark.during(self.turn()) => match turned {
                    Ok(pause) => pause,
                    // It is busy, and asked again soon.
                    Err(engine::Error::Full) => self.every,
                    Err(error) => {
                        tracing::debug!(error = &error as &dyn std::error::Error, "no more looks");
                        return;
                    }
                },
            };
            self.tell(mark);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.bell.rung() => mark.rest(GATHER).await,
                () = mark.rest(pause) => {}
            }
        }
    }

    fn tell(&self, mark: &Mark) {
        let lasts = self.failing.values().find(|(since, _)| since.elapsed() > PATIENCE);
        match lasts {
            Some((_, why)) => mark.failed(why),
            None if self.failing.is_empty() => mark.succeeded(),
            None => {}
        }
    }

    /// Looks at everything whose time has come. Returns how long there is nothing to do, if
    /// nobody rings.
    async fn turn(&mut self) -> Result<Duration, engine::Error> {
        let (hinted, waits) = self.worker.ledger.ask(|core, _| core.hints()).await?;
        let told: BTreeSet<_> = hinted.iter().map(|hinted| &hinted.round.repository).collect();
        self.failing.retain(|repository, _| told.contains(repository));
        let now = Instant::now();
        self.rests.retain(|(repository, _), rest| told.contains(repository) || rest.until > now);
        for hinted in &hinted {
            self.look_into(hinted).await?;
        }
        let now = Instant::now();
        let next = self.rests.values().filter(|rest| rest.until > now).map(|rest| rest.until).min();
        Ok(match (waits, next) {
            (false, _) => SLEEP_MAX,
            (true, Some(next)) => (next - now).clamp(GATHER, SLEEP_MAX),
            (true, None) => self.every.clamp(GATHER, SLEEP_MAX),
        })
    }

    /// Looks into what is told of one repository, until something cannot be asked.
    async fn look_into(&mut self, hinted: &Hinted) -> Result<(), engine::Error> {
        let repository = &hinted.round.repository;
        let mut by_issue: BTreeMap<u64, Vec<&Hint>> = BTreeMap::new();
        for hint in &hinted.hints {
            by_issue.entry(hint.issue.unwrap_or(0)).or_default().push(hint);
        }
        for (issue, hints) in by_issue {
            if self.rests(repository, 0) || self.rests(repository, issue) {
                continue;
            }
            if hints.iter().any(|hint| hint.about == About::Comment) {
                self.poke.comments(repository);
            }
            let deliveries = hints.iter().map(|hint| hint.delivery).collect();
            let began = Instant::now();
            let looked = match issue {
                0 => self.question(hinted, deliveries).await,
                issue => self.look_at(hinted, issue, deliveries).await,
            };
            match looked {
                Ok(true) => {
                    let pause = self.every;
                    self.rests
                        .insert((repository.clone(), issue), Rest { until: began + pause, pause });
                    self.failing.remove(repository);
                }
                Ok(false) => self.rest(repository, issue),
                Err(Unread::Moved) => {}
                Err(Unread::Engine(error)) => return Err(error),
                Err(Unread::Failed(why)) => {
                    tracing::debug!(why, "{repository} cannot be looked at");
                    let since = self.failing.get(repository).map_or(began, |(since, _)| *since);
                    self.failing.insert(repository.clone(), (since, why));
                    self.rest(repository, 0);
                }
            }
        }
        Ok(())
    }

    /// Looks at an issue. Returns whether that said something: false if one of our own writes
    /// has crossed it.
    async fn look_at(
        &self,
        hinted: &Hinted,
        issue: u64,
        deliveries: Vec<u64>,
    ) -> Result<bool, Unread> {
        let place = Place::new(&hinted.round.repository, &hinted.round.record);
        let sighting = sight::issue(&self.worker, issue, &place).await?;
        let (repository, writes) = (hinted.round.repository.clone(), hinted.round.writes);
        let handed_over = self.worker.ledger.ask(move |core, now| {
            let sighted = sighting.sighted;
            let is_crossed = !core.look(&repository, writes, &[sighting], now).is_empty();
            for delivery in deliveries.into_iter().filter(|_| !is_crossed) {
                core.settle_delivery(delivery, DeliveryOutcome::Found(sighted));
            }
            !is_crossed
        });
        Ok(handed_over.await?)
    }

    /// Asks for a repository. If it was renamed that is remembered; what else it says, it
    /// says again to whoever wants to write there.
    async fn question(&self, hinted: &Hinted, deliveries: Vec<u64>) -> Result<bool, Unread> {
        let place = Place::new(&hinted.round.repository, &hinted.round.record);
        let answer = match self.worker.question(&place).await {
            Ok(None) => "it takes issues".to_owned(),
            Ok(Some(reason)) => reason,
            Err(error) if error.is_not_found() => chain(&error),
            Err(error) => return Err(sight::unread(&self.worker, error, &place).await?),
        };
        let outcome = DeliveryOutcome::Asked(brief(&answer, ANSWER_MAX));
        let settle = self.worker.ledger.ask(move |core, _| {
            for delivery in deliveries {
                core.settle_delivery(delivery, outcome.clone());
            }
        });
        settle.await?;
        Ok(true)
    }

    fn rests(&self, repository: &str, issue: u64) -> bool {
        let rest = self.rests.get(&(repository.to_owned(), issue));
        rest.is_some_and(|rest| rest.until > Instant::now())
    }

    /// Lets something rest, longer from time to time.
    fn rest(&mut self, repository: &str, issue: u64) {
        let key = (repository.to_owned(), issue);
        let before = self.rests.get(&key).map(|rest| rest.pause);
        let pause = before.map_or(self.every, |before| (before * 2).min(PAUSE_MAX));
        self.rests.insert(key, Rest { until: Instant::now() + pause, pause });
    }
}

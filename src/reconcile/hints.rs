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
    /// What is not asked before a time, by repository and issue; 0 is the repository itself.
    rests: BTreeMap<(String, u64), Rest>,
    /// Repositories that cannot be asked.
    failing: BTreeMap<String, Failing>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    why: String,
    rest: Rest,
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
        match self.failing.values().find(|failing| failing.since.elapsed() > PATIENCE) {
            Some(failing) => mark.failed(&failing.why),
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
        let failing = self.failing.values().map(|failing| &failing.rest);
        let rests = self.rests.values().chain(failing).map(|rest| rest.until);
        let next = rests.filter(|&until| until > now).min();
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
            let key = (repository.clone(), issue);
            let now = Instant::now();
            let failing = self.failing.get(repository).map(|failing| &failing.rest);
            if self.rests.get(&key).into_iter().chain(failing).any(|rest| rest.until > now) {
                continue;
            }
            if hints.iter().any(|hint| hint.about == About::Comment) {
                self.poke.comments(repository);
            }
            let deliveries = hints.iter().map(|hint| hint.delivery).collect();
            let looked = match issue {
                0 => self.question(hinted, deliveries).await,
                issue => self.look_at(hinted, issue, deliveries).await,
            };
            match looked {
                Ok(is_settled) => {
                    self.failing.remove(repository);
                    let before = self.rests.get(&key).filter(|_| !is_settled);
                    let rest = Rest::after(before, self.every, now);
                    self.rests.insert(key, rest);
                }
                // It is asked for again under its new name.
                Err(Unread::Moved) => return Ok(()),
                Err(Unread::Engine(error)) => return Err(error),
                Err(Unread::Issue(why) | Unread::Failed(why)) => {
                    // It may be the fault of this one, which must not hold up the others.
                    let rest = Rest::after(self.rests.get(&key), self.every * 2, now);
                    self.rests.insert(key, rest);
                    let before = self.failing.get(repository);
                    if before.is_none() {
                        tracing::warn!(why, "{repository} cannot be looked at for a webhook");
                    }
                    let since = before.map_or(now, |failing| failing.since);
                    let rest = Rest::after(before.map(|failing| &failing.rest), self.every, now);
                    self.failing.insert(repository.clone(), Failing { since, why, rest });
                    return Ok(());
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
}

impl Rest {
    /// A pause from `now` on: the first one, or longer than the one before.
    fn after(before: Option<&Self>, first: Duration, now: Instant) -> Self {
        let pause = before.map_or(first, |before| (before.pause * 2).min(PAUSE_MAX.max(first)));
        Self { until: now + pause, pause }
    }
}

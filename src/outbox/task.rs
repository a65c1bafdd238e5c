//! The loop that empties the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::status::Refusing;
use super::{Ledger, News, Queue, Status, Target, Worker};
use crate::alert::EffectKind;
use crate::engine::{self, Entry, Feed, Repository};

/// How often we ask who we are.
const IDENTITY_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// The longest sleep: a wake-up is a hint, a slow look the guarantee.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// The outbox at work.
#[derive(Debug)]
pub struct Task<L> {
    worker: Arc<Worker<L>>,
    feed: mpsc::UnboundedReceiver<Feed>,
    queue: Queue,
    /// Entries that wait for something other than their own time.
    resting: BTreeMap<u64, Timestamp>,
    repositories: BTreeMap<String, Repository>,
    targets: BTreeMap<String, Target>,
    /// Repositories that are being asked about.
    asking: BTreeSet<String>,
    status: watch::Sender<Status>,
    identity_at: Timestamp,
    looked_at: Timestamp,
}

/// What a piece of work was about.
#[derive(Debug)]
struct Finished {
    repository: String,
    /// Empty for questions about the repository.
    entries: Vec<u64>,
    news: Result<News, engine::Error>,
}

impl<L: Ledger> Task<L> {
    /// An outbox that has yet to hear what waits. `repositories` are those that the
    /// configuration names: their open issues are read at once.
    pub fn new(
        worker: Worker<L>,
        feed: mpsc::UnboundedReceiver<Feed>,
        repositories: impl IntoIterator<Item = String>,
    ) -> (Self, watch::Receiver<Status>) {
        let (status, receiver) = watch::channel(Status::default());
        let identity_at = worker.clock.now();
        let repositories =
            repositories.into_iter().map(|name| (name, Repository::default())).collect();
        let task = Self {
            worker: Arc::new(worker),
            feed,
            queue: Queue::default(),
            resting: BTreeMap::new(),
            repositories,
            targets: BTreeMap::new(),
            asking: BTreeSet::new(),
            status,
            identity_at,
            looked_at: identity_at,
        };
        (task, receiver)
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
                self.take(news);
            }
            let now = self.worker.clock.now();
            self.start_work(&mut works, now);
            self.publish(now);
            let sleep = self.sleep(now);
            tokio::select! {
                () = stop.cancelled() => {}
                news = self.feed.recv() => match news {
                    Some(news) => self.take(news),
                    None => break,
                },
                Some(finished) = works.join_next() => {
                    if !self.finish(finished) {
                        break;
                    }
                }
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
                    tokio::time::sleep(self.worker.settings.retry_first.unsigned_abs()).await;
                }
                Err(_) => return false,
            }
        }
    }

    fn take(&mut self, news: Feed) {
        match news {
            Feed::Entry(entry) => {
                self.resting.remove(&entry.seq);
                self.queue.put(*entry);
            }
            Feed::Gone(seq) => {
                self.resting.remove(&seq);
                self.queue.remove(seq);
            }
            Feed::Repository(name, record) => {
                self.repositories.insert(name, *record);
            }
        }
    }

    /// Starts as much as may be under way at once.
    fn start_work(&mut self, works: &mut JoinSet<Finished>, now: Timestamp) {
        if now < self.looked_at {
            self.rewind(self.looked_at.duration_since(now));
        }
        self.looked_at = now;
        if now.duration_since(self.identity_at) >= IDENTITY_EVERY {
            self.worker.host.forget_identity();
            self.identity_at = now;
        }
        // What would only wait at the gate is not begun, and no effect is put in doubt for it.
        if self.worker.host.paused_until().is_some() {
            return;
        }
        while works.len() < self.worker.settings.in_flight.max(1) {
            if !self.start_question(works, now) && !self.start_attempt(works, now) {
                break;
            }
        }
    }

    /// The clock was set back: nothing waits longer for that.
    fn rewind(&mut self, by: SignedDuration) {
        let earlier = |at: &mut Timestamp| *at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
        self.resting.values_mut().for_each(earlier);
        earlier(&mut self.identity_at);
        self.targets.values_mut().for_each(|target| target.rewind(by));
    }

    /// Asks about a repository: whether it still refuses, or for its open issues.
    fn start_question(&mut self, works: &mut JoinSet<Finished>, now: Timestamp) -> bool {
        let waiting = self.queue.repositories().into_iter().map(str::to_owned);
        let names: BTreeSet<_> = self.repositories.keys().cloned().chain(waiting).collect();
        let next = names.into_iter().find_map(|name| {
            if self.asking.contains(&name) {
                return None;
            }
            let target = self.targets.get(&name);
            if let Some(at) = target.and_then(Target::probe_at) {
                return (at <= now).then_some((name, true));
            }
            let is_adopted = self.repositories.get(&name).is_some_and(|record| record.is_adopted);
            (!is_adopted).then_some((name, false))
        });
        let Some((repository, is_probe)) = next else { return false };
        self.asking.insert(repository.clone());
        let record = self.record(&repository);
        let worker = Arc::clone(&self.worker);
        works.spawn(async move {
            let news = if is_probe {
                worker.probe(&repository, &record).await
            } else {
                worker.adopt(&repository, &record).await
            };
            Finished { repository, entries: Vec::new(), news }
        });
        true
    }

    fn start_attempt(&mut self, works: &mut JoinSet<Finished>, now: Timestamp) -> bool {
        let Some(entry) = self.queue.next(now, |entry| self.may_run(entry, now)) else {
            return false;
        };
        let (seq, repository) = (entry.seq, entry.repository.clone());
        let mut entries = vec![seq];
        if entry.effect.kind == EffectKind::Open && entry.doubt.is_some() {
            let others = self.queue.in_doubt(&repository, now).map(|entry| entry.seq);
            entries.extend(others.filter(|&other| other != seq));
        }
        for &seq in &entries {
            self.queue.begin(seq);
        }
        let record = self.record(&repository);
        let worker = Arc::clone(&self.worker);
        works.spawn(async move {
            let others = entries.get(1..).unwrap_or_default();
            let news = worker.attempt(seq, others, &repository, &record).await;
            Finished { repository, entries, news }
        });
        true
    }

    fn may_run(&self, entry: &Entry, now: Timestamp) -> bool {
        let is_resting = self.resting.get(&entry.seq).is_some_and(|&until| now < until);
        let is_open = self.targets.get(&entry.repository).is_none_or(Target::is_open);
        let may_open = entry.effect.kind != EffectKind::Open
            || self.repositories.get(&entry.repository).is_some_and(|record| record.is_adopted);
        !is_resting && is_open && may_open
    }

    /// Takes note of what a piece of work has shown. Returns whether to go on.
    fn finish(&mut self, finished: Result<Finished, tokio::task::JoinError>) -> bool {
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the outbox failed");
                return false;
            }
        };
        let Finished { repository, entries, news } = finished;
        // What the work has changed is in the feed before it was answered.
        while let Ok(news) = self.feed.try_recv() {
            self.take(news);
        }
        for &seq in &entries {
            self.queue.end(seq);
        }
        if entries.is_empty() {
            self.asking.remove(&repository);
        }
        let now = self.worker.clock.now();
        let target = self.targets.entry(repository.clone()).or_default();
        match news {
            Ok(News::Delivered) => target.succeed(),
            Ok(News::Allowed) => target.allow(),
            Ok(News::Refused(reason)) => {
                let dice = (self.worker.dice)();
                target.refuse(&self.worker.settings, &reason, dice, now);
            }
            Ok(News::Wait(until)) => {
                self.resting.extend(entries.iter().map(|&seq| (seq, until)));
            }
            Ok(News::Nothing) => {}
            Err(engine::Error::Full) => {
                // The engine is busy with reports; the effect is asked for again soon.
                let soon = now.checked_add(self.worker.settings.retry_first);
                let soon = soon.unwrap_or(Timestamp::MAX);
                self.resting.extend(entries.iter().map(|&seq| (seq, soon)));
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the outbox ends");
                return false;
            }
        }
        true
    }

    fn publish(&self, now: Timestamp) {
        let refusing = self.targets.iter().filter_map(|(name, target)| {
            let on_trial = || target.reason_on_trial().filter(|_| self.queue.has_work(name));
            let (since, reason) = target.reason().or_else(on_trial)?;
            Some((name.clone(), Refusing { since, reason: reason.to_owned() }))
        });
        let login = self.worker.host.known_identity().map(|identity| identity.login);
        let paused_until = self.worker.host.paused_until();
        let refusing = refusing.collect();
        let mut status = Status { login, refusing, paused_until, turned_at: None };
        self.status.send_if_modified(|known| {
            status.turned_at = known.turned_at;
            let is_news = *known != status;
            log_changes(known, &status);
            *known = Status { turned_at: Some(now), ..status };
            is_news
        });
    }

    fn record(&self, repository: &str) -> Repository {
        self.repositories.get(repository).cloned().unwrap_or_default()
    }

    /// How long nothing becomes due by itself.
    fn sleep(&self, now: Timestamp) -> Duration {
        let rests = self.resting.values().copied().filter(|&at| at > now).min();
        let probes = self.targets.values().filter_map(Target::probe_at).filter(|&at| at > now);
        let due = [self.queue.next_due(now), rests, probes.min()].into_iter().flatten().min();
        let next = self.worker.host.paused_until().or(due);
        let pause = next.map_or(SignedDuration::MAX, |at| at.duration_since(now));
        let pause = pause.max(SignedDuration::ZERO).unsigned_abs() + Duration::from_millis(1);
        pause.min(SLEEP_MAX)
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

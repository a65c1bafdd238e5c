//! The loop that asks Gitea, and hands what it saw to the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::failing::Failing;
use super::remarks::{Ear, Reading};
use super::sight::{self, Unread};
use super::{Compared, Poke, Settings, Status};
use crate::engine::{self, Round};
use crate::gitea::StateFilter;
use crate::outbox::{Ledger, News, Place, Priority, Worker, check_home, look};
use crate::tasks::Mark;

/// A list reaches so far behind the last one: a change is dated before it can be read, and
/// Gitea's clock may be several.
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// Issues that are looked at by themselves in one go.
const LOOKS_MAX: usize = 20;
/// The longest sleep: what is due is found by looking, not by waiting for it.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// And the shortest.
const SLEEP_MIN: Duration = Duration::from_millis(10);
/// After so many issues that cannot be read, and none that can, the rest waits for the next
/// time.
pub(super) const FAILURES_MAX: usize = 3;
/// The first pause before something is asked again: doubles up to the interval.
pub(super) const PAUSE_FIRST: SignedDuration = SignedDuration::from_secs(1);

/// Reconcile at work.
#[derive(Debug)]
pub struct Task<L> {
    worker: Arc<Worker<L>>,
    settings: Settings,
    /// Logins that may command, in small letters.
    allow: BTreeSet<String>,
    poke: Poke,
    known: BTreeMap<String, Known>,
    status: watch::Sender<Status>,
}

/// What is remembered of a repository from one comparison to the next.
#[derive(Debug, Default)]
struct Known {
    compared: Compared,
    /// Issues whose looks our own writes have crossed.
    again: BTreeSet<u64>,
    /// Issues that cannot be looked at.
    failing: Failing,
    ear: Ear,
    /// Somebody says that there is something to read.
    is_poked: bool,
    pause: SignedDuration,
    /// Nothing is asked before this time. A clock that was set back ends it.
    rests_until: Option<Timestamp>,
}

impl Known {
    /// Whether a single issue that could not be read is to be tried again.
    fn owes(&self, now: Timestamp) -> bool {
        self.failing.is_due(now) || self.ear.failing.is_due(now)
    }

    /// The shortest pause before anything is asked again.
    fn pause(&self) -> Option<Duration> {
        let own = self.rests_until.map(|_| self.pause.unsigned_abs());
        [own, self.failing.pause(), self.ear.failing.pause()].into_iter().flatten().min()
    }
}

/// What was found by reading what has changed.
#[derive(Debug)]
struct Changes {
    /// Issues whose looks our own writes have crossed.
    crossed: BTreeSet<u64>,
    /// Whether what people have written could be read.
    heard: Result<(), Unread>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { crossed: BTreeSet::new(), heard: Ok(()) }
    }
}

impl<L: Ledger> Task<L> {
    /// A task that has yet to ask for the first time. It tells through `status` how each
    /// comparison went.
    pub fn new(worker: Arc<Worker<L>>, settings: Settings, status: watch::Sender<Status>) -> Self {
        let (allow, poke, known) = (BTreeSet::new(), Poke::default(), BTreeMap::new());
        Self { worker, settings, allow, poke, known, status }
    }

    /// The same that compares at once what `poke` names, and lets people command whose logins
    /// are in `allow`, whatever Gitea says of them.
    #[must_use]
    pub fn listening(self, poke: Poke, allow: &[String]) -> Self {
        let allow = allow.iter().map(|login| login.to_lowercase()).collect();
        Self { allow, poke, ..self }
    }

    /// Compares until `stop`, or until the engine has ended. Nothing is lost by stopping in
    /// the middle: what was not handed over is read again.
    pub async fn run(mut self, stop: CancellationToken, mark: &Mark) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                turned = mark.during(self.turn()) => if let Err(error) = turned {
                    tracing::debug!(error = &error as &dyn std::error::Error, "reconcile ends");
                    return;
                },
            }
            self.tell(mark);
            tokio::select! {
                () = stop.cancelled() => return,
                () = mark.rest(self.rest()) => {}
                poked = self.poke.poked() => for repository in poked {
                    self.known.entry(repository).or_default().is_poked = true;
                },
            }
        }
    }

    /// How long to sleep: less where something is to be asked again soon.
    fn rest(&self) -> Duration {
        // At first nothing is known of any repository, which passes.
        let longest = if self.known.is_empty() { PAUSE_FIRST.unsigned_abs() } else { SLEEP_MAX };
        let again = self.known.values().filter_map(Known::pause).min();
        let every = self.settings.pause_max().unsigned_abs() / 10;
        every.min(again.unwrap_or(every)).clamp(SLEEP_MIN, longest)
    }

    /// Says whether it does what it is for. A comparison that has come to nothing is no
    /// success, and a failure only when that lasts.
    fn tell(&self, mark: &Mark) {
        let status = self.status.borrow();
        let trouble: Vec<_> = status.trouble(self.worker.clock.now()).collect();
        let lasting: Vec<_> =
            trouble.iter().filter(|(_, lasts)| *lasts).map(|(words, _)| words.as_str()).collect();
        if trouble.is_empty() {
            mark.succeeded();
        } else if !lasting.is_empty() {
            mark.failed(lasting.join("; "));
        }
    }

    /// Compares each repository whose time has come, or of which somebody says that there is
    /// something to read. Fails when the engine has ended.
    pub async fn turn(&mut self) -> Result<(), engine::Error> {
        let asked = self.worker.ledger.ask(|core, _| core.rounds()).await;
        let rounds = match asked {
            Ok(rounds) => rounds,
            // It is busy with reports, and asked again soon.
            Err(engine::Error::Full) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.known.retain(|name, _| rounds.iter().any(|round| round.repository == *name));
        let mut room = LOOKS_MAX;
        for round in rounds {
            let known = self.known.entry(round.repository.clone()).or_default();
            known.compared.succeeded_at = known.compared.succeeded_at.max(round.polled_at);
            let now = self.worker.clock.now();
            let every = Some(self.settings.every).filter(SignedDuration::is_positive);
            let is_due = known.is_poked
                || round.may_owe_comments
                || known.owes(now)
                || every.is_some_and(|every| {
                    round.polled_at.is_none_or(|at| now.duration_since(at) >= every)
                });
            let left = known.rests_until.map(|until| until.duration_since(now));
            let rests = left.is_some_and(|left| left.is_positive() && left <= known.pause);
            let has_work = is_due || !known.again.is_empty();
            if rests || !has_work {
                continue;
            }
            known.is_poked = false;
            let mut known = std::mem::take(known);
            let read = self.compare(&round, is_due, &mut known, &mut room).await;
            self.note(&round.repository, known, read)?;
        }
        self.publish();
        Ok(())
    }

    /// Reads what has changed, if `is_due`, and looks at single issues: first at those that
    /// our own writes have crossed, as long as they do so, last at those that cannot be read.
    async fn compare(
        &self,
        round: &Round,
        is_due: bool,
        known: &mut Known,
        room: &mut usize,
    ) -> Result<(), Unread> {
        let place = Place::new(&round.repository, &round.record);
        let mut numbers: Vec<_> = known.again.iter().copied().collect();
        let read = match is_due {
            true => self.read_changes(round, &place, &mut known.ear).await?,
            false => Changes::default(),
        };
        known.again.extend(read.crossed);
        let (name, look_every) = (round.repository.clone(), self.settings.look_every);
        let limit = LOOKS_MAX + known.failing.len();
        let asked =
            self.worker.ledger.ask(move |core, now| core.due_looks(&name, look_every, limit, now));
        let (mut due, writes) = asked.await?;
        let now = self.worker.clock.now();
        known.failing.retain(|number| due.contains(&number) || known.again.contains(&number));
        due.retain(|number| !known.failing.rests(*number, now));
        due.sort_by_key(|number| known.failing.contains(*number));
        // What was crossed just now would be crossed again.
        numbers.extend(due.into_iter().filter(|number| is_due && !known.again.contains(number)));
        numbers.truncate(*room);
        *room -= numbers.len();
        let (mut is_read, mut failures) = (false, 0);
        for number in numbers {
            match self.look_at(number, writes, &place).await {
                Ok(is_crossed) => {
                    is_read = true;
                    known.failing.read(number, now);
                    match is_crossed {
                        true => known.again.insert(number),
                        false => known.again.remove(&number),
                    };
                }
                Err(Unread::Issue(why)) => {
                    failures += 1;
                    let longest = self.settings.pause_max();
                    if known.failing.fail(number, why.clone(), longest, now) {
                        tracing::warn!(why, "#{number} of {} cannot be read", round.repository);
                    }
                    if !is_read && failures == FAILURES_MAX {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        read.heard
    }

    /// Reads the issues of ours that have changed since the last time, in any state, and what
    /// people have written on them.
    async fn read_changes(
        &self,
        round: &Round,
        place: &Place<'_>,
        ear: &mut Ear,
    ) -> Result<Changes, Unread> {
        let worker = &self.worker;
        let client = worker.host.client(Priority::Reconcile);
        let identity = match worker.identity(Priority::Reconcile).await? {
            Ok(identity) => identity,
            Err(error) => return Err(sight::unread(worker, error, place).await?),
        };
        let since = round.record.polled_until.and_then(|at| at.checked_sub(OVERLAP).ok());
        let all = StateFilter::All;
        let read = look::issues(client, place.path(), &identity, &worker.salt, all, since, 0).await;
        let pass = match read {
            Ok(pass) => pass,
            Err(error) => return Err(sight::unread(worker, error, place).await?),
        };
        for seen in &pass.seen {
            check_home(place.id, &seen.issue)?;
        }
        if let Some(News::Refused(reason)) = worker.inspect(pass.markers()).await? {
            return Err(Unread::Failed(reason));
        }
        let pause_max = self.settings.pause_max();
        let reading = Reading { worker, place, identity: &identity, allow: &self.allow, pause_max };
        let changed = pass.seen.iter().map(|seen| &seen.issue);
        let heard = ear.listen(&reading, round, changed, pass.date).await;
        // What could not be read of single issues is remembered for each of them.
        if let Err(error @ (Unread::Engine(_) | Unread::Moved)) = heard {
            return Err(error);
        }
        let sightings: Vec<_> = pass.seen.iter().map(|seen| sight::sighting(&seen.issue)).collect();
        let (name, writes) = (round.repository.clone(), round.writes);
        let (date, highest, open) = (pass.date, pass.highest(), pass.open());
        let handed_over = worker.ledger.ask(move |core, now| {
            let crossed = core.look(&name, writes, &sightings, now);
            core.polled(&name, date, highest, now);
            if let Some(at) = date.and_then(|at| at.checked_sub(OVERLAP).ok()) {
                core.remarks_until(&name, at);
            }
            core.heal(&name, &open, now);
            core.close_past(&name, writes, &open, now);
            crossed
        });
        Ok(Changes { crossed: handed_over.await?, heard })
    }

    /// Looks at one issue. Returns whether one of our own writes has crossed the look.
    async fn look_at(&self, number: u64, writes: u64, place: &Place<'_>) -> Result<bool, Unread> {
        let sighting = sight::issue(&self.worker, number, place).await?;
        let repository = place.repository.to_owned();
        let handed_over = self
            .worker
            .ledger
            .ask(move |core, now| core.look(&repository, writes, &[sighting], now));
        Ok(!handed_over.await?.is_empty())
    }

    /// Remembers how a comparison went, and when the next may be.
    fn note(
        &mut self,
        repository: &str,
        mut known: Known,
        read: Result<(), Unread>,
    ) -> Result<(), engine::Error> {
        let now = self.worker.clock.now();
        let failing = [&known.failing, &known.ear.failing].into_iter();
        known.compared.unreadable = failing.flat_map(|it| it.words(repository)).collect();
        match read {
            Ok(()) => {
                if known.compared.error.take().is_some() {
                    tracing::info!("what people did to issues in {repository} can be read again");
                }
                known.compared.failing_since = None;
            }
            // What was to be read is yet to be read.
            Err(Unread::Moved | Unread::Engine(engine::Error::Full)) => known.is_poked = true,
            Err(Unread::Engine(error)) => return Err(error),
            Err(Unread::Issue(error) | Unread::Failed(error)) => {
                if known.compared.error.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "what people did to issues in {repository} cannot be read"
                    );
                }
                // What was to be read is yet to be read.
                known.is_poked = true;
                known.compared.failing_since.get_or_insert(now);
                known.compared.error = Some(error);
            }
        }
        let is_done = known.again.is_empty() && known.compared.error.is_none();
        let longest = self.settings.pause_max();
        known.pause = match is_done {
            true => SignedDuration::ZERO,
            false => known.pause.saturating_mul(2).max(PAUSE_FIRST).min(longest),
        };
        let until = now.checked_add(known.pause).unwrap_or(Timestamp::MAX);
        known.rests_until = (!is_done).then_some(until);
        self.known.insert(repository.to_owned(), known);
        Ok(())
    }

    fn publish(&self) {
        let compared = self.known.iter();
        let compared = compared.map(|(name, known)| (name.clone(), known.compared.clone()));
        let repositories = compared.collect();
        self.status.send_if_modified(|status| {
            let is_news = status.repositories != repositories;
            status.repositories = repositories;
            is_news
        });
    }
}

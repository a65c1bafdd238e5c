//! Plays a case: the engine's core over a store in memory, and the outbox over a network
//! that does as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, ready};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use teawatch::alert::admit::Limits;
use teawatch::alert::route::Matcher;
use teawatch::alert::{EffectKind, Fingerprint, GroupBy, Rule, Salt, Target};
use teawatch::check::{CheckId, Flapping, Kind, Observation, Policy};
use teawatch::clock::Clock;
use teawatch::engine::settings::{Expect, Resolved, Routes, Settings};
use teawatch::engine::{self, Core, Feed};
use teawatch::observation::{Report, ReportId};
use teawatch::outbox::{Agenda, Courier, Host, Ledger, News, Settings as Patience, Worker};
use teawatch::sandbox::BOT_TOKEN;
use teawatch::store::{Fault, Memory, Store as _};

use super::gitea::Gitea;
use super::invariants::Seen;
use super::moves::{Deed, Fate, Knobs, Move, Order};

pub const REPOSITORY: &str = "ops/alerts";
pub const LABEL: &str = "teawatch";
/// 2026-01-02T03:04:05Z, where both clocks begin.
const START: i64 = 1_767_323_045_000;
/// A longer time without a turn is an absence, in seconds.
const ABSENCE_GAP: i64 = 60;
/// More wake-ups or attempts than this, at one moment or at the end, are a busy loop.
const ROUNDS_MAX: usize = 500;

type Played = Result<(), TestCaseError>;

/// The engine without its thread: each command is a round of its own.
#[derive(Debug, Clone)]
pub struct Book(Arc<Mutex<Pages>>, Arc<AtomicI64>);

#[derive(Debug)]
pub struct Pages {
    pub core: Core,
    memory: Memory,
    feed: Vec<Feed>,
    turned_at: Timestamp,
    /// A commit has failed, so the process has ended.
    has_failed: bool,
}

impl Pages {
    fn turn(&mut self, now: Timestamp) {
        self.core.turn(now);
        self.core.mark(now);
        self.turned_at = now;
    }
}

impl Book {
    pub fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.1.load(Ordering::Relaxed)).unwrap()
    }

    /// A round without a command, which commits what loading or time has changed. An engine
    /// that has failed takes no more turns.
    fn turn(&self) {
        drop(self.run(|_, _| ()));
    }

    fn run<T>(&self, work: impl FnOnce(&mut Core, Timestamp) -> T) -> Result<T, engine::Error> {
        let now = self.now();
        let mut pages = self.pages();
        if pages.has_failed {
            return Err(engine::Error::Stopped);
        }
        pages.turn(now);
        let answer = work(&mut pages.core, now);
        let (writes, feed) = pages.core.take_writes();
        if pages.memory.commit(writes).is_err() {
            pages.has_failed = true;
            return Err(engine::Error::Stopped);
        }
        pages.feed.extend(feed);
        Ok(answer)
    }
}

impl Ledger for Book {
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, engine::Error>> + Send {
        ready(self.run(work))
    }
}

/// An agent: its epochs so far, and the newest number in each.
#[derive(Debug, Default)]
struct Agent {
    epochs: Vec<u64>,
    checks: BTreeSet<String>,
    newest: Option<Report>,
}

#[derive(Debug)]
pub struct Play {
    pub knobs: Knobs,
    pub gitea: Gitea,
    pub book: Book,
    pub salt: Salt,
    pub seen: Seen,
    clock: Arc<AtomicI64>,
    worker: Worker<Book>,
    agenda: Agenda,
    agents: BTreeMap<String, Agent>,
    stores: u64,
    has_ordered_a_crash: bool,
    /// When texts of an issue were written last, by alert, episode and kind.
    spoken: BTreeMap<(Fingerprint, u64, EffectKind), Timestamp>,
    written: BTreeSet<u64>,
}

impl Play {
    pub fn new(knobs: &Knobs) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let gitea = Gitea::new(knobs.page_size, START);
        let salt = Salt::new("salt");
        let memory = Memory::new();
        let core = load(knobs, &memory, &salt, 0, now_of(&clock));
        let turned_at = now_of(&clock);
        let pages = Pages { core, memory, feed: Vec::new(), turned_at, has_failed: false };
        let book = Book(Arc::new(Mutex::new(pages)), Arc::clone(&clock));
        book.turn();
        let worker = worker(&book, &gitea, &salt);
        let mut agents = BTreeMap::new();
        if knobs.expects {
            let checks = BTreeSet::from(["expected".to_owned()]);
            agents.insert("s0".to_owned(), Agent { checks, ..Agent::default() });
        }
        let agenda = agenda(now_of(&clock));
        let knobs = knobs.clone();
        Self {
            knobs,
            gitea,
            book,
            salt,
            seen: Seen::default(),
            clock,
            worker,
            agenda,
            agents,
            stores: 0,
            has_ordered_a_crash: false,
            spoken: BTreeMap::new(),
            written: BTreeSet::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        now_of(&self.clock)
    }

    pub fn make(&mut self, step: &Move) -> Played {
        match step {
            Move::Wait(seconds) => self.wait(*seconds),
            Move::SetClock(seconds) => {
                if *seconds > 0 {
                    // It looks as if as much time had passed, in which all has arrived.
                    self.gitea.land_all();
                    self.spoken.clear();
                }
                self.clock.fetch_add(seconds * 1_000, Ordering::Relaxed);
            }
            Move::Report { source, order, observations } => {
                self.report(*source, *order, observations)?;
            }
            Move::Wake => self.wake()?,
            Move::Work { fate, on_write } => {
                self.gitea.order(*fate, *on_write);
                self.work()?;
                self.gitea.order(Fate::Answered, false);
            }
            Move::Crash => self.restart(true)?,
            Move::CrashInCommit { skip, is_found } => {
                let pages = self.book.pages();
                let commit = pages.memory.commits() + 1 + u64::from(*skip);
                let fault = if *is_found { Fault::Applied } else { Fault::Lost };
                pages.memory.order(commit, fault);
                drop(pages);
                self.has_ordered_a_crash = true;
            }
            Move::Silence { check, starts_in, lasts } => self.silence(*check, *starts_in, *lasts),
            Move::LoseData => self.lose_data(),
            Move::Human { issue, deed } => self.act_as_human(*issue, *deed),
        }
        if self.book.pages().has_failed {
            self.restart(false)?;
        }
        self.feed()
    }

    /// Everything gets better, and all that is to be told is told.
    pub fn drain(&mut self) -> Played {
        if self.has_ordered_a_crash {
            self.restart(true)?;
            self.feed()?;
        }
        for _ in 0..ROUNDS_MAX {
            self.wake()?;
            if self.work()? {
                self.feed()?;
                self.check()?;
                continue;
            }
            self.feed()?;
            if self.is_told() {
                return Ok(());
            }
            let now = self.now();
            let due = [self.agenda.next_due(now), self.book.pages().core.next_deadline()];
            let due = due.into_iter().flatten().min();
            prop_assert!(due.is_some() || self.gitea.is_anything_late(), "nothing is ever due");
            let pause = due.map_or(SignedDuration::from_secs(1), |due| due.duration_since(now));
            self.wait((pause.as_millis() / 1_000 + 1).try_into().unwrap());
        }
        Err(TestCaseError::fail(format!("the outbox is never empty: {:#?}", self.entries())))
    }

    /// All checks are well, and stay so: after a while nothing is open.
    pub fn recover_all(&mut self) -> Played {
        self.end_silences();
        // An adopted issue may wait an hour for checks that its table does not name.
        for round in 0..150 {
            self.report_success(if round == 0 { Order::NewEpoch } else { Order::Next })?;
            // At first every second, for results in a row; then slower, for what takes time.
            self.wait(if round < 20 { 1 } else { 30 });
            self.wake()?;
            self.feed()?;
            let (pages, now) = (self.book.pages(), self.now());
            let is_well = |check: &engine::CheckView| {
                let latest = check.latest.as_ref();
                latest.is_some_and(|latest| latest.kind == Kind::Success)
            };
            if pages.core.checks_page(None, 500, now).items.iter().all(is_well)
                && !pages.core.alerts_page(None, 500).items.iter().any(is_active)
            {
                break;
            }
        }
        self.drain()?;
        let active = self.book.pages().core.alerts_page(None, 500).items;
        let active: Vec<_> = active.into_iter().filter(is_active).collect();
        prop_assert!(active.is_empty(), "all is well, and still in trouble: {active:#?}");
        // What was gathered is told, and the tables are brought up to date.
        let mut left = self.knobs.comment_interval + 1;
        while left > 0 {
            self.wait(left.min(60));
            left -= 60;
            self.report_success(Order::Next)?;
        }
        self.drain()?;
        self.check()?;
        self.check_tables()
    }

    /// Every source says that all of its checks are well.
    fn report_success(&mut self, order: Order) -> Played {
        let sources: Vec<_> = self.agents.keys().cloned().collect();
        for source in sources {
            let checks = self.agents[&source].checks.clone();
            let well = |name: String| (name, Observation::new(Kind::Success, "fine"));
            self.send(&source, order, checks.into_iter().map(well).collect())?;
        }
        Ok(())
    }

    /// Whether we know what is open, Gitea knows all, and it will hear nothing that it was told before.
    pub fn is_told(&self) -> bool {
        self.agenda.is_adopted(REPOSITORY)
            && self.book.pages().core.health().undelivered == 0
            && !self.gitea.is_anything_late()
    }

    pub fn entries(&self) -> Vec<engine::Entry> {
        self.book.pages().core.outbox_page(None, 500).items
    }

    /// Lets time pass, while the engine looks around.
    fn wait(&mut self, seconds: i64) {
        let mut left = seconds;
        while left > 0 {
            let some = left.min(ABSENCE_GAP);
            self.gitea.wait(some);
            self.clock.fetch_add(some * 1_000, Ordering::Relaxed);
            self.book.turn();
            left -= some;
        }
    }

    fn silence(&self, check: u8, starts_in: i64, lasts: i64) {
        let start = self.now() + SignedDuration::from_secs(starts_in);
        let draft = engine::Draft {
            matcher: Matcher { name: Some(format!("c{check}")), ..Matcher::default() },
            start: Some(start),
            end: Some(start + SignedDuration::from_secs(lasts)),
            duration_seconds: None,
            author: "alice".to_owned(),
            reason: "a new disk".to_owned(),
        };
        // A commit may fail.
        drop(self.book.run(|core, now| core.silence(draft, now)));
    }

    fn end_silences(&self) {
        let silences = self.book.pages().core.silences_page(None, 500, self.now()).items;
        for view in silences {
            let number = view.silence.number;
            self.book.run(|core, now| core.end_silence(number, now)).unwrap();
        }
    }

    fn report(&mut self, source: u8, order: Order, observations: &[(u8, u8)]) -> Played {
        let observe = |&(check, kind): &(u8, u8)| {
            let kind =
                [Kind::Success, Kind::Failure, Kind::Unknown, Kind::Start][usize::from(kind)];
            let mut observation = Observation::new(kind, "@all <!-- #1");
            observation.interval = self.knobs.interval.map(SignedDuration::from_secs);
            (format!("c{check}"), observation)
        };
        let observations = observations.iter().map(observe).collect();
        self.send(&format!("s{source}"), order, observations)
    }

    fn send(
        &mut self,
        source: &str,
        order: Order,
        observations: Vec<(String, Observation)>,
    ) -> Played {
        let agent = self.agents.entry(source.to_owned()).or_default();
        agent.checks.extend(observations.iter().map(|(name, _)| name.clone()));
        if agent.epochs.is_empty() || matches!(order, Order::NewEpoch) {
            agent.epochs.push(0);
        }
        let newest = agent.epochs.len() - 1;
        let (epoch, seq) = match order {
            Order::Next | Order::NewEpoch => (newest, agent.epochs[newest] + 1),
            Order::Late => (newest, agent.epochs[newest] + 2),
            Order::FormerEpoch => {
                let epoch = newest.saturating_sub(1);
                (epoch, agent.epochs[epoch] + 1)
            }
            Order::Repeat => (newest, agent.epochs[newest]),
        };
        let mut report = Report {
            source: source.to_owned(),
            id: ReportId { epoch: format!("e{epoch}"), seq },
            interval: self.knobs.interval.map(SignedDuration::from_secs),
            observations,
            unseen: Vec::new(),
        };
        if let (Order::Repeat, Some(newest)) = (order, &agent.newest) {
            report = newest.clone();
        }
        agent.epochs[epoch] = agent.epochs[epoch].max(seq);
        agent.newest = Some(report.clone());
        self.accept(&report)?;
        if matches!(order, Order::Late) {
            // The one before comes after it.
            report.id.seq -= 1;
            self.accept(&report)?;
        }
        Ok(())
    }

    /// Hands a report in, and hands it in again if it was acknowledged.
    fn accept(&mut self, report: &Report) -> Played {
        if self.book.run(|core, now| core.accept(report, now)).is_err() {
            return Ok(());
        }
        let now = self.now();
        let mut pages = self.book.pages();
        let again = pages.core.accept(report, now);
        prop_assert!(again.duplicate, "a repeated report was taken for a new one");
        let (writes, _) = pages.core.take_writes();
        prop_assert!(writes.is_empty(), "a repeated report changed something");
        Ok(())
    }

    fn wake(&mut self) -> Played {
        // A clock that was set back moves what is remembered, whether anything is due or not.
        if self.book.run(|_, _| ()).is_err() {
            return Ok(());
        }
        let (before, now) = (self.stamp(), self.now());
        let Ok(woken) = self.book.run(|core, now| core.wake_due(ROUNDS_MAX, now)) else {
            return Ok(());
        };
        prop_assert!(woken < ROUNDS_MAX, "a busy loop");
        let mut pages = self.book.pages();
        let next = pages.core.next_deadline();
        prop_assert!(next.is_none_or(|next| next > now), "a deadline is past: {next:?}");
        let again = pages.core.wake_due(ROUNDS_MAX, now);
        let (writes, _) = pages.core.take_writes();
        prop_assert!(again == 0 && writes.is_empty(), "waking twice changed something");
        drop(pages);
        if woken == 0 {
            prop_assert_eq!(before, self.stamp());
        }
        Ok(())
    }

    /// What must be the same after a crash.
    fn stamp(&self) -> String {
        let now = self.now();
        let pages = self.book.pages();
        let checks = pages.core.checks_page(None, 500, now).items;
        let checks: Vec<_> = checks
            .iter()
            .map(|check| (&check.source, &check.name, check.since, check.last_seen, check.results))
            .collect();
        let alerts = pages.core.alerts_page(None, 500).items;
        let mut entries = pages.core.outbox_page(None, 500).items;
        entries.iter_mut().for_each(|entry| entry.parked = None);
        serde_json::to_string(&(checks, alerts, entries)).unwrap()
    }

    /// What the task of the outbox does when it has a free hand. Returns whether there was
    /// anything to do.
    fn work(&mut self) -> Result<bool, TestCaseError> {
        self.feed()?;
        let now = self.now();
        self.agenda.look(now);
        let Some(work) = self.agenda.begin(now) else { return Ok(false) };
        let news = self.worker.work(&work).now_or_never();
        let news = news.expect("a request that waits for something");
        if let Ok(News::Wait(until)) = &news {
            prop_assert!(*until > now, "the outbox waits for what is past");
        }
        self.feed()?;
        // If it says no, the engine has stopped; the process is about to.
        self.agenda.finish(&work, news, (self.worker.dice)(), now);
        Ok(true)
    }

    /// Tells the outbox what was committed.
    fn feed(&mut self) -> Played {
        let feed = std::mem::take(&mut self.book.pages().feed);
        for news in feed {
            if let Feed::Entry(entry) = &news {
                self.note_speech(entry)?;
            }
            self.agenda.take(news);
        }
        Ok(())
    }

    /// Comments on an issue, and edits of it, keep their distance. Only the last words in an
    /// issue do not wait, since the next issue of the alert comes after them.
    fn note_speech(&mut self, entry: &engine::Entry) -> Played {
        let effect = entry.effect;
        let is_talk = matches!(effect.kind, EffectKind::Comment | EffectKind::Edit);
        if !is_talk || entry.text.is_none() || !self.written.insert(entry.seq) {
            return Ok(());
        }
        let alerts = self.book.pages().core.alerts_page(None, 500).items;
        let alert = alerts.iter().find(|alert| alert.fingerprint == entry.fingerprint);
        if alert.is_some_and(|alert| effect.episode < alert.episode) {
            return Ok(());
        }
        let now = self.gitea.now();
        let key = (entry.fingerprint.clone(), effect.episode, effect.kind);
        if let Some(last) = self.spoken.insert(key, now) {
            let passed = now.duration_since(last).as_secs();
            prop_assert!(
                passed >= self.knobs.comment_interval,
                "a {} {passed} s after the one before",
                effect.kind
            );
        }
        Ok(())
    }

    /// The process ends and starts again. Unless it ended in a commit, whose outcome
    /// nobody knows, all is as it was.
    fn restart(&mut self, is_clean: bool) -> Played {
        let (before, turned_at) = (self.stamp(), self.book.pages().turned_at);
        let memory = self.book.pages().memory.crash();
        let core = load(&self.knobs, &memory, &self.salt, self.stores, self.now());
        let written: Vec<_> = self.entries().iter().map(|entry| entry.seq).collect();
        self.start(core, memory);
        if is_clean && self.now() >= turned_at {
            let after = self.stamp();
            prop_assert!(before == after, "a crash lost something:\n{before}\n{after}");
        }
        if !is_clean {
            self.spoken.clear();
            self.written.extend(written);
        }
        self.book.turn();
        Ok(())
    }

    fn start(&mut self, core: Core, memory: Memory) {
        let turned_at = self.now();
        let pages = Pages { core, memory, feed: Vec::new(), turned_at, has_failed: false };
        self.book = Book(Arc::new(Mutex::new(pages)), Arc::clone(&self.clock));
        self.worker = worker(&self.book, &self.gitea, &self.salt);
        self.agenda = agenda(self.now());
        self.has_ordered_a_crash = false;
    }

    fn lose_data(&mut self) {
        // Finding a backup takes longer than any request.
        self.gitea.land_all();
        self.seen.lost_until = self.gitea.look(|world| world.issues(REPOSITORY).count() as u64);
        self.stores += 1;
        let memory = Memory::new();
        let core = load(&self.knobs, &memory, &self.salt, self.stores, self.now());
        self.start(core, memory);
        self.spoken.clear();
        self.written.clear();
        self.book.turn();
    }

    fn act_as_human(&mut self, issue: u8, deed: Deed) {
        let issues = self.gitea.look(|world| world.issues(REPOSITORY).count());
        if issues == 0 {
            return;
        }
        let number = (usize::from(issue) % issues) as u64 + 1;
        self.gitea.act(|world, now| {
            let body = world.issue(REPOSITORY, number).unwrap().body.clone();
            let edited = match deed {
                Deed::Comment => {
                    world.comment_as("alice", REPOSITORY, number, "on it", now).unwrap();
                    return;
                }
                Deed::WriteAbove => format!("alice looks at it\n\n{body}"),
                Deed::RemoveDelimiters => {
                    body.replace("<!-- teawatch: this table is kept up to date -->", "")
                }
                Deed::DoubleDelimiters => body.replace(
                    "<!-- teawatch: end of the table -->",
                    "<!-- teawatch: end of the table -->\n<!-- teawatch: end of the table -->",
                ),
            };
            world.edit_body_as("alice", REPOSITORY, number, &edited, now).unwrap();
        });
        if matches!(deed, Deed::WriteAbove) {
            self.seen.edited.insert(number);
        }
    }
}

fn is_active(alert: &engine::AlertView) -> bool {
    alert.phase != "inactive"
}

fn now_of(clock: &AtomicI64) -> Timestamp {
    Timestamp::from_millisecond(clock.load(Ordering::Relaxed)).unwrap()
}

fn instance(store: u64) -> String {
    format!("{store:016x}")
}

fn load(knobs: &Knobs, memory: &Memory, salt: &Salt, store: u64, now: Timestamp) -> Core {
    let (settings, salt) = (settings(knobs), salt.clone());
    Core::load(&mut memory.clone(), settings, salt, None, instance(store), now).unwrap()
}

fn worker(book: &Book, gitea: &Gitea, salt: &Salt) -> Worker<Book> {
    let base = "http://gitea.test".parse().unwrap();
    let host = Host::new(&base, &BOT_TOKEN.into(), Arc::new(gitea.clone()), None).unwrap();
    let clock = Arc::clone(&book.1);
    Worker {
        ledger: book.clone(),
        host,
        settings: Patience::default(),
        salt: salt.clone(),
        clock: Clock::from_fn(move || now_of(&clock)),
        courier: Courier::default(),
        dice: || u32::MAX / 2,
    }
}

fn agenda(now: Timestamp) -> Agenda {
    Agenda::new(Patience::default(), [REPOSITORY.to_owned()], now)
}

fn settings(knobs: &Knobs) -> Settings {
    let secs = SignedDuration::from_secs;
    let policy = Policy {
        fail_after: knobs.fail_after,
        fail_for: secs(knobs.fail_for),
        recover_after: knobs.recover_after,
        stale_factor: 2.0,
        unknown_after: secs(100),
        flapping: Flapping { window: knobs.flapping, on: 50, off: 25 },
    };
    let rule = Rule {
        open_after: secs(knobs.open_after),
        close_after: secs(knobs.close_after),
        reopen_window: secs(knobs.reopen_window),
        comment_interval: secs(knobs.comment_interval),
        group_by: match knobs.group_by {
            0 => GroupBy::Check,
            1 => GroupBy::Source,
            _ => GroupBy::Named("all".to_owned()),
        },
        target: Target {
            repository: REPOSITORY.to_owned(),
            labels: vec![LABEL.to_owned()],
            ..Target::default()
        },
        ..Rule::default()
    };
    let expected = Expect { id: CheckId::new("s0", "expected"), interval: secs(60) };
    Settings {
        routes: Routes { routes: Vec::new(), otherwise: Resolved { policy, rule } },
        limits: Limits {
            max_new_issues: knobs.max_new_issues,
            max_open_issues: knobs.max_open_issues,
        },
        expect: knobs.expects.then_some(expected).into_iter().collect(),
        absence_gap: secs(ABSENCE_GAP),
        ..Settings::default()
    }
}

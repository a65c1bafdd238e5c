//! What tasks say of themselves, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Failure, Pace, Report, Shown, State};
use crate::clock::Clock;

/// How often a task that rests or waits says that it is alive.
pub const BEAT: SignedDuration = SignedDuration::from_secs(10);

/// How much is kept of what went wrong, in characters.
const TEXT_MAX: usize = 1_000;

/// The marks of all tasks of this process. Cheap to clone.
#[derive(Clone)]
pub struct Marks {
    pub(super) board: Arc<Board>,
    clock: Clock,
    pub(super) started_at: Timestamp,
    /// How often a task that rests or waits says that it is alive.
    beat: Duration,
}

/// What the tasks and whoever copies their marks share.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<Content>,
    /// Something is new.
    pub(super) news: Condvar,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) tasks: BTreeMap<String, (Pace, Shown)>,
    /// Tasks that have said something since they were copied last.
    pub(super) news: BTreeSet<String>,
    /// Why the process ends, once it does.
    pub(super) ended: Option<(Timestamp, String)>,
    /// Whether there is a new task, or an end.
    pub(super) is_changed: bool,
    /// Why the marks cannot be copied, if they cannot.
    pub(super) trouble: Option<String>,
    pub(super) is_over: bool,
}

impl Board {
    /// No change to it can be interrupted, so it stays whole when a task panics.
    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marks")
    }
}

impl Marks {
    /// Marks of a process that begins now and has no task yet. Tasks say every [`BEAT`] that
    /// they are alive.
    pub fn new(clock: Clock) -> Self {
        let started_at = clock.now();
        Self { board: Arc::default(), clock, started_at, beat: BEAT.unsigned_abs() }
    }

    /// The same with another beat, for a clock that goes faster than time.
    #[must_use]
    pub fn beating(self, every: Duration) -> Self {
        Self { beat: every, ..self }
    }

    /// A task that begins to leave marks.
    pub fn task(&self, name: &'static str, pace: Pace) -> Mark {
        let mut content = self.board.content();
        content.tasks.insert(name.to_owned(), (pace, Shown::default()));
        content.is_changed = true;
        drop(content);
        let mark = Mark { name, marks: self.clone() };
        // The first one says that it lives, and not that anything succeeded.
        mark.alive();
        mark
    }

    /// Says why the process ends.
    pub fn end(&self, why: impl Into<String>) {
        let mut content = self.board.content();
        content.ended = Some((self.clock.now(), why.into()));
        content.is_changed = true;
        drop(content);
        self.board.news.notify_all();
    }

    /// How every task is.
    pub fn report(&self) -> Vec<Report> {
        let now = self.clock.now();
        let tasks = self.board.content().tasks.clone();
        let judged = tasks.into_iter().map(|(name, (pace, shown))| {
            let state = State::of(pace, &shown, self.started_at, now);
            Report::new(name, state, shown)
        });
        judged.collect()
    }

    /// Why the marks do not reach the disk, if they do not.
    pub fn trouble(&self) -> Option<String> {
        self.board.content().trouble.clone()
    }
}

/// Through which one task says how it is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mark {
    name: &'static str,
    marks: Marks,
}

impl Mark {
    /// What the task is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// It is alive.
    pub fn alive(&self) {
        self.show(|shown, now| shown.alive_at = Some(now));
    }

    /// It has done what it is for.
    pub fn succeeded(&self) {
        self.show(|shown, now| {
            (shown.alive_at, shown.success_at) = (Some(now), Some(now));
            if let Some(error) = &mut shown.error {
                error.is_over = true;
            }
        });
    }

    /// It could not do what it is for.
    pub fn failed(&self, why: impl fmt::Display) {
        let text: String = why.to_string().chars().take(TEXT_MAX).collect();
        self.show(|shown, now| shown.error = Some(Failure { at: now, text, is_over: false }));
    }

    /// The same, for an error and all that led to it.
    pub fn erred(&self, error: &dyn Error) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        self.failed(text);
    }

    /// It rests on purpose, or no longer does.
    pub fn paused(&self, why: Option<String>) {
        self.show(|shown, _| shown.paused = why);
    }

    /// What it has to say of its work, for people.
    pub fn note(&self, note: String) {
        self.show(|shown, _| shown.note = Some(note));
    }

    /// Waits, however long it may be, and says meanwhile that it is alive.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            self.alive();
            tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep(self.marks.beat) => {}
            }
        }
    }

    /// Sleeps, and says meanwhile that it is alive.
    pub async fn rest(&self, pause: Duration) {
        self.during(tokio::time::sleep(pause)).await;
    }

    fn show(&self, change: impl FnOnce(&mut Shown, Timestamp)) {
        let now = self.marks.clock.now();
        let mut content = self.marks.board.content();
        if let Some((_, shown)) = content.tasks.get_mut(self.name) {
            change(shown, now);
        }
        let is_first = content.news.is_empty();
        if !content.news.contains(self.name) {
            content.news.insert(self.name.to_owned());
        }
        drop(content);
        if is_first {
            self.marks.board.news.notify_all();
        }
    }
}

//! One round: what has queued up, in memory; then one commit; then the answers.

use std::fmt;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{Core, Feed};
use crate::store::{self, Store};

/// Runs on the state, and hands back how to answer once the round is on the disk.
pub type Work = Box<dyn FnOnce(&mut Core, Timestamp) -> Answer + Send>;
/// Tells whoever asked.
pub type Answer = Box<dyn FnOnce() + Send>;
/// Uses the store once a round is on the disk, and tells whoever asked.
pub type Between = Box<dyn FnOnce(&Core, &mut dyn Store) + Send>;

/// How much a command takes of the queue and of a round.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weight {
    pub bytes: usize,
    pub observations: usize,
}

/// What can wait in the queue.
pub enum Command {
    Work(Work, Weight),
    /// Ends its round: it takes its time.
    Between(Between),
    /// Nothing after it is taken any more.
    Stop,
}

impl Command {
    /// A command that hands back what `work` returns, once that is on the disk.
    pub fn new<T: Send + 'static>(
        weight: Weight,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> (Self, oneshot::Receiver<T>) {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |core, now| {
            let result = work(core, now);
            // A caller who has hung up needs no answer.
            Box::new(move || drop(answer.send(result)))
        });
        (Self::Work(work, weight), answered)
    }

    /// A command that hands back what `work` reads in the store.
    pub fn between<T: Send + 'static>(
        work: impl FnOnce(&Core, &mut dyn Store) -> T + Send + 'static,
    ) -> (Self, oneshot::Receiver<T>) {
        let (answer, answered) = oneshot::channel();
        let between: Between = Box::new(move |core, store| drop(answer.send(work(core, store))));
        (Self::Between(between), answered)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(_, weight) => f.debug_tuple("Work").field(weight).finish(),
            Self::Between(_) => f.write_str("Between"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}

/// The state and its store: the one that writes. It knows no thread and no clock, so a
/// simulation drives the same one as the engine's thread.
pub struct Writer {
    core: Core,
    store: Box<dyn Store>,
    last_mark: Timestamp,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("core", &self.core).finish_non_exhaustive()
    }
}

impl Writer {
    /// Takes over what was loaded from `store`. What loading has changed, an absence or an
    /// expected check, is a round as well.
    pub fn start(
        core: Core,
        store: Box<dyn Store>,
        now: Timestamp,
        feed: &mut dyn FnMut(Feed),
    ) -> Result<Self, store::Error> {
        let mut writer = Self { core, store, last_mark: now };
        writer.commit(Asked::default(), feed)?;
        Ok(writer)
    }

    /// The state, as of the last round.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// When a mark is due.
    pub fn last_mark(&self) -> Timestamp {
        self.last_mark
    }

    /// Runs what `next` has, commands before timers, commits it all at once, feeds the
    /// outbox, and answers. Returns whether it was the last round.
    ///
    /// After an error nobody is answered, what is on the disk is not known, and there must
    /// not be another round.
    pub fn round(
        &mut self,
        next: &mut dyn FnMut() -> Option<Command>,
        now: Timestamp,
        feed: &mut dyn FnMut(Feed),
    ) -> Result<bool, store::Error> {
        self.core.turn(now);
        let asked = self.run(next, now);
        let is_last = asked.is_last;
        let since_mark = now.duration_since(self.last_mark);
        if since_mark >= self.core.settings.absence_mark || since_mark.is_negative() || is_last {
            self.core.mark(now);
            self.last_mark = now;
        }
        self.commit(asked, feed)?;
        Ok(is_last)
    }

    fn run(&mut self, next: &mut dyn FnMut() -> Option<Command>, now: Timestamp) -> Asked {
        let (commands, budget) =
            (self.core.settings.round_commands, self.core.settings.round_observations);
        let mut asked = Asked::default();
        let mut observations = 0;
        while let Some(command) = next() {
            match command {
                Command::Work(work, weight) => {
                    observations += weight.observations;
                    asked.answers.push(work(&mut self.core, now));
                }
                Command::Between(between) => {
                    asked.between = Some(between);
                    break;
                }
                Command::Stop => {
                    asked.is_last = true;
                    break;
                }
            }
            if asked.answers.len() >= commands || observations >= budget {
                break;
            }
        }
        self.core.wake_due(budget, now);
        asked
    }

    fn commit(&mut self, asked: Asked, feed: &mut dyn FnMut(Feed)) -> Result<(), store::Error> {
        let (writes, news) = self.core.take_writes();
        if !writes.is_empty() {
            let began = Instant::now();
            self.store.commit(writes)?;
            self.core.figures.commits.observe(began.elapsed().as_secs_f64());
        }
        news.into_iter().for_each(feed);
        // Before anybody is answered: who was, finds the turn counted.
        self.core.figures.turns.inc();
        for answer in asked.answers {
            answer();
        }
        if let Some(between) = asked.between {
            between(&self.core, &mut *self.store);
        }
        Ok(())
    }
}

/// What a round leaves to be done once it is on the disk.
#[derive(Default)]
struct Asked {
    answers: Vec<Answer>,
    between: Option<Between>,
    is_last: bool,
}

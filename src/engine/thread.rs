//! The thread that owns the state, and the handle to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::{Core, Error, Feed};
use crate::clock::Clock;
use crate::store::{self, Store};

/// A command: runs on the state, and hands back how to answer once the round is on the
/// disk.
type Work = Box<dyn FnOnce(&mut Core, Timestamp) -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// How much a command takes of the queue and of a round.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weight {
    pub bytes: usize,
    pub observations: usize,
}

enum Command {
    Work(Work, Weight),
    Stop,
}

/// The handle to the engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    commands: SyncSender<Command>,
    waiting_bytes: Arc<AtomicUsize>,
    queue_bytes: usize,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// A running engine.
#[derive(Debug)]
pub struct Started {
    pub engine: Engine,
    /// What the outbox must know, beginning with everything that waits.
    pub feed: mpsc::UnboundedReceiver<Feed>,
    /// Resolves when the thread has ended, and says how.
    pub ended: oneshot::Receiver<Ended>,
    pub thread: JoinHandle<()>,
}

/// How the engine ended.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to, and everything is on the disk.
    Stopped,
    /// A commit failed: the process must stop, and its outcome is unknown.
    Failed(store::Error),
}

/// Starts the thread. It takes over `core` and `store`.
pub fn start(core: Core, store: Box<dyn Store>, clock: Clock) -> Result<Started, Error> {
    let settings = &core.settings;
    let (commands, inbox) = sync_channel(settings.queue_commands.max(1));
    let (feed_in, feed) = mpsc::unbounded_channel();
    let (ended_in, ended) = oneshot::channel();
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let engine = Engine {
        commands,
        waiting_bytes: Arc::clone(&waiting_bytes),
        queue_bytes: settings.queue_bytes,
    };
    let writer = Writer { core, store, clock, inbox, waiting_bytes, feed: feed_in };
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            let how = writer.run();
            // Whoever started the engine may have gone already.
            drop(ended_in.send(how));
        })
        .map_err(Error::Thread)?;
    Ok(Started { engine, feed, ended, thread })
}

impl Engine {
    /// Runs `work` on the state and returns its result once it is on the disk.
    pub async fn submit<T: Send + 'static>(
        &self,
        weight: Weight,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |core, now| {
            let result = work(core, now);
            // A caller who has hung up needs no answer.
            Box::new(move || drop(answer.send(result)))
        });
        let waiting = self.waiting_bytes.fetch_add(weight.bytes, Ordering::Relaxed);
        if waiting > 0 && waiting + weight.bytes > self.queue_bytes {
            self.waiting_bytes.fetch_sub(weight.bytes, Ordering::Relaxed);
            return Err(Error::Full);
        }
        self.commands.try_send(Command::Work(work, weight)).map_err(|error| {
            self.waiting_bytes.fetch_sub(weight.bytes, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Error::Full,
                TrySendError::Disconnected(_) => Error::Stopped,
            }
        })?;
        answered.await.map_err(|_| Error::Stopped)
    }

    /// Runs `work`, which takes next to nothing of the queue.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.submit(Weight::default(), work).await
    }

    /// Lets the engine finish what is queued, and end. Blocks while the queue is full.
    pub fn stop(&self) {
        // An engine that has ended already is stopped.
        drop(self.commands.send(Command::Stop));
    }
}

struct Writer {
    core: Core,
    store: Box<dyn Store>,
    clock: Clock,
    inbox: Receiver<Command>,
    waiting_bytes: Arc<AtomicUsize>,
    feed: mpsc::UnboundedSender<Feed>,
}

impl Writer {
    fn run(mut self) -> Ended {
        // What loading has changed, an absence or an expected check, is a round as well.
        if let Err(error) = self.commit(Vec::new()) {
            return Ended::Failed(error);
        }
        let mut last_mark = self.clock.now();
        loop {
            let first = match self.inbox.recv_timeout(self.pause(last_mark)) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Command::Stop),
            };
            let now = self.clock.now();
            self.core.turn(now);
            let (answers, is_last) = self.round(first, now);
            let since_mark = now.duration_since(last_mark);
            if since_mark >= self.core.settings.absence_mark || since_mark.is_negative() || is_last
            {
                self.core.mark(now);
                last_mark = now;
            }
            if let Err(error) = self.commit(answers) {
                return Ended::Failed(error);
            }
            if is_last {
                return Ended::Stopped;
            }
        }
    }

    /// How long to wait for a command: until something is due, or a mark.
    fn pause(&self, last_mark: Timestamp) -> Duration {
        let now = self.clock.now();
        let mark = self.core.settings.absence_mark;
        let until_mark = mark - now.duration_since(last_mark).clamp(SignedDuration::ZERO, mark);
        let until_due = self.core.next_deadline().map(|due| due.duration_since(now));
        let pause = until_due.map_or(until_mark, |due| due.min(until_mark));
        pause.max(SignedDuration::ZERO).unsigned_abs()
    }

    /// Runs what waits, commands before timers. Returns how to answer, and whether it was
    /// the last round.
    fn round(&mut self, first: Option<Command>, now: Timestamp) -> (Vec<Answer>, bool) {
        let mut answers = Vec::new();
        let mut observations = 0;
        let mut next = first;
        let mut is_last = false;
        while let Some(command) = next.take() {
            match command {
                Command::Work(work, weight) => {
                    self.waiting_bytes.fetch_sub(weight.bytes, Ordering::Relaxed);
                    observations += weight.observations;
                    answers.push(work(&mut self.core, now));
                }
                Command::Stop => {
                    is_last = true;
                    break;
                }
            }
            let settings = &self.core.settings;
            if answers.len() < settings.round_commands && observations < settings.round_observations
            {
                next = self.inbox.try_recv().ok();
            }
        }
        self.core.wake_due(self.core.settings.round_observations, now);
        (answers, is_last)
    }

    fn commit(&mut self, answers: Vec<Answer>) -> Result<(), store::Error> {
        let (writes, feed) = self.core.take_writes();
        if !writes.is_empty() {
            self.store.commit(writes)?;
        }
        for news in feed {
            // Without an outbox nobody needs the news; the disk has them.
            drop(self.feed.send(news));
        }
        for answer in answers {
            answer();
        }
        Ok(())
    }
}

//! The thread that owns the state, and the handle to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::round::{Command, Weight, Writer};
use super::{Addresses, Core, Error, Feed, Figures};
use crate::clock::Clock;
use crate::store::{self, Store};
use crate::tasks::{Mark, Marks, Pace};

/// The handle to the engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    commands: SyncSender<Command>,
    waiting_bytes: Arc<AtomicUsize>,
    queue_bytes: usize,
    figures: Figures,
    addresses: Addresses,
    feed: FeedIn,
}

/// To whoever is the outbox now.
type FeedIn = Arc<Mutex<mpsc::UnboundedSender<Feed>>>;

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

/// Starts the thread. It takes over `core` and `store`, and says through `marks` how it is.
pub fn start(
    core: Core,
    store: Box<dyn Store>,
    clock: Clock,
    marks: &Marks,
) -> Result<Started, Error> {
    let settings = &core.settings;
    let (commands, inbox) = sync_channel(settings.queue_commands.max(1));
    let (feed_in, feed) = mpsc::unbounded_channel();
    let feed_in = Arc::new(Mutex::new(feed_in));
    let (ended_in, ended) = oneshot::channel();
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let engine = Engine {
        commands,
        waiting_bytes: Arc::clone(&waiting_bytes),
        queue_bytes: settings.queue_bytes,
        figures: core.figures.clone(),
        addresses: core.addresses.clone(),
        feed: Arc::clone(&feed_in),
    };
    let marks = Said::of(marks, settings.absence_mark);
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            let now = clock.now();
            let how = match Writer::start(core, store, now, &mut |news| send(&feed_in, news)) {
                Ok(writer) => {
                    marks.succeeded(true);
                    let feed = feed_in;
                    Thread { writer, clock, inbox, waiting_bytes, feed, marks }.run()
                }
                Err(error) => {
                    marks.engine.erred(&error);
                    Ended::Failed(error)
                }
            };
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
        let (command, answered) = Command::new(weight, work);
        let waiting = self.waiting_bytes.fetch_add(weight.bytes, Ordering::Relaxed);
        if waiting > 0 && waiting + weight.bytes > self.queue_bytes {
            self.waiting_bytes.fetch_sub(weight.bytes, Ordering::Relaxed);
            return Err(Error::Full);
        }
        self.figures.waiting.inc();
        self.send(command).inspect_err(|_| {
            self.figures.waiting.dec();
            self.waiting_bytes.fetch_sub(weight.bytes, Ordering::Relaxed);
        })?;
        answered.await.map_err(|_| Error::Stopped)
    }

    /// Runs `work` on the store, between two rounds. Reports wait for it, so it is short.
    pub(super) async fn between<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core, &mut dyn Store) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (command, answered) = Command::between(work);
        self.send(command)?;
        answered.await.map_err(|_| Error::Stopped)
    }

    fn send(&self, command: Command) -> Result<(), Error> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Error::Full,
            TrySendError::Disconnected(_) => Error::Stopped,
        })
    }

    /// Runs `work`, which takes next to nothing of the queue.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.submit(Weight::default(), work).await
    }

    /// What an outbox must know that takes the place of one that has ended, beginning with
    /// everything that waits. The one before hears nothing more.
    pub async fn feed(&self) -> Result<mpsc::UnboundedReceiver<Feed>, Error> {
        let (feed_in, feed) = mpsc::unbounded_channel();
        let shared = Arc::clone(&self.feed);
        let swap = move |core: &mut Core, now| {
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = feed_in;
            core.feed_everything(now);
        };
        self.ask(swap).await?;
        Ok(feed)
    }

    /// What the commands hold that wait for their turn, in bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    /// By which addresses pings find their checks.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What it has counted so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Lets the engine finish what is queued, and end. Blocks while the queue is full.
    pub fn stop(&self) {
        // An engine that has ended already is stopped.
        drop(self.commands.send(Command::Stop));
    }
}

/// What the thread says of itself: it does the work of three tasks.
struct Said {
    engine: Mark,
    absences: Mark,
    retention: Mark,
}

impl Said {
    fn of(marks: &Marks, every: SignedDuration) -> Self {
        let task = |name| marks.task(name, Pace::of_turns(every));
        Self {
            engine: task("engine"),
            absences: task("absence-mark"),
            retention: task("retention"),
        }
    }

    fn all(&self) -> [&Mark; 3] {
        [&self.engine, &self.absences, &self.retention]
    }

    /// A round begins.
    fn alive(&self) {
        self.all().into_iter().for_each(Mark::alive);
    }

    /// A round is on the disk.
    fn succeeded(&self, has_marked: bool) {
        self.engine.succeeded();
        self.retention.succeeded();
        if has_marked {
            self.absences.succeeded();
        }
    }

    /// It was the last one.
    fn ended(&self) {
        for mark in self.all() {
            mark.paused(Some("it was asked to end".to_owned()));
        }
    }
}

/// The engine's thread: waits, and lets the writer do its rounds.
struct Thread {
    writer: Writer,
    clock: Clock,
    inbox: Receiver<Command>,
    waiting_bytes: Arc<AtomicUsize>,
    feed: FeedIn,
    marks: Said,
}

impl Thread {
    fn run(mut self) -> Ended {
        loop {
            let first = match self.inbox.recv_timeout(self.pause()) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Command::Stop),
            };
            self.marks.alive();
            let last_mark = self.writer.last_mark();
            match self.round(first) {
                Ok(is_last) => {
                    self.marks.succeeded(is_last || self.writer.last_mark() != last_mark);
                    if is_last {
                        self.marks.ended();
                        return Ended::Stopped;
                    }
                }
                Err(error) => {
                    self.marks.engine.erred(&error);
                    return Ended::Failed(error);
                }
            }
        }
    }

    /// How long to wait for a command: until something is due, or a mark.
    fn pause(&self) -> Duration {
        let now = self.clock.now();
        let core = self.writer.core();
        let mark = core.settings.absence_mark;
        let since_mark = now.duration_since(self.writer.last_mark());
        let until_mark = mark - since_mark.clamp(SignedDuration::ZERO, mark);
        let until_due = core.next_deadline().map(|due| due.duration_since(now));
        let pause = until_due.map_or(until_mark, |due| due.min(until_mark));
        pause.max(SignedDuration::ZERO).unsigned_abs()
    }

    /// A round with everything that waits. Returns whether it was the last one.
    fn round(&mut self, mut first: Option<Command>) -> Result<bool, store::Error> {
        let (inbox, waiting_bytes) = (&self.inbox, &self.waiting_bytes);
        let waiting = self.writer.core().figures.waiting.clone();
        let mut next = || {
            let command = first.take().or_else(|| inbox.try_recv().ok())?;
            if let Command::Work(_, weight) = &command {
                waiting.dec();
                waiting_bytes.fetch_sub(weight.bytes, Ordering::Relaxed);
            }
            Some(command)
        };
        let now = self.clock.now();
        self.writer.round(&mut next, now, &mut |news| send(&self.feed, news))
    }
}

/// Without an outbox nobody needs the news; the disk has them.
fn send(feed: &FeedIn, news: Feed) {
    drop(feed.lock().unwrap_or_else(PoisonError::into_inner).send(news));
}

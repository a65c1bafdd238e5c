//! Puts what rounds have decided on the disk, one after the other, and then tells it.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::round::Decided;
use super::{Error, Feed, Figures};
use crate::store::{self, Store};

/// The store, and who hears what was written. It knows no thread: a simulation drives the
/// same one.
pub struct Commits {
    store: Box<dyn Store>,
    feed: mpsc::UnboundedSender<Feed>,
    figures: Figures,
}

impl fmt::Debug for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commits")
    }
}

impl Commits {
    /// Commits to `store`, counts in `figures`, and returns what an outbox must know.
    pub fn new(store: Box<dyn Store>, figures: Figures) -> (Self, mpsc::UnboundedReceiver<Feed>) {
        let (feed, fed) = mpsc::unbounded_channel();
        (Self { store, feed, figures }, fed)
    }

    /// Commits all that a round has decided at once, feeds the outbox, and answers.
    ///
    /// After an error nobody is answered, what is on the disk is not known, and there must
    /// not be another commit.
    pub fn carry_out(&mut self, decided: Decided) -> Result<(), store::Error> {
        let Decided { writes, news, asked, .. } = decided;
        if !writes.is_empty() {
            let began = Instant::now();
            self.store.commit(writes)?;
            self.figures.commits.observe(began.elapsed().as_secs_f64());
        }
        if let Some(feed) = asked.feed {
            self.feed = feed;
        }
        for news in news {
            // Without an outbox nobody needs the news; the disk has them.
            drop(self.feed.send(news));
        }
        // Before anybody is answered: who was, finds the turn counted.
        self.figures.turns.inc();
        for answer in asked.answers {
            answer();
        }
        if let Some(between) = asked.between {
            between(&mut *self.store);
        }
        Ok(())
    }
}

/// The thread that commits, as the engine's thread sees it: while one round is on its way to
/// the disk, the next is decided. There is never more than one on its way.
#[derive(Debug)]
pub(super) struct CommitThread {
    rounds: SyncSender<Decided>,
    committed: Receiver<Result<Committed, store::Error>>,
    is_busy: bool,
    thread: JoinHandle<()>,
}

/// A round is on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Committed {
    /// It said that somebody is looking.
    pub(super) has_mark: bool,
}

impl CommitThread {
    pub(super) fn start(mut commits: Commits) -> Result<Self, Error> {
        let (rounds, decided) = sync_channel::<Decided>(1);
        let (done, committed) = sync_channel(1);
        let run = move || {
            for round in decided {
                let has_mark = round.has_mark;
                let result = commits.carry_out(round).map(|()| Committed { has_mark });
                let has_failed = result.is_err();
                // The engine's thread may have ended in a panic.
                if done.send(result).is_err() || has_failed {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("commits".to_owned()).spawn(run);
        let thread = thread.map_err(Error::Thread)?;
        Ok(Self { rounds, committed, is_busy: false, thread })
    }

    /// Whether a round is on its way to the disk.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Sends a round on its way. The one before must be on the disk.
    pub(super) fn carry_out(&mut self, decided: Decided) {
        // A thread that has ended answers with its end.
        drop(self.rounds.send(decided));
        self.is_busy = true;
    }

    /// Waits until the round on its way is on the disk, but no longer than `patience`.
    /// Nothing if it still is not there.
    pub(super) fn wait(&mut self, patience: Duration) -> Option<Result<Committed, store::Error>> {
        let committed = match self.committed.recv_timeout(patience) {
            Ok(committed) => committed,
            Err(RecvTimeoutError::Timeout) => return None,
            // It ends by itself only after an error, which was told, or in a panic.
            Err(RecvTimeoutError::Disconnected) => Err(store::Error::Failed),
        };
        self.is_busy = false;
        Some(committed)
    }

    /// Ends the thread, and with it the store. Goes on with its panic, if it had one.
    pub(super) fn end(self) {
        drop(self.rounds);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

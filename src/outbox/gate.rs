//! Hands out the tokens of a host, by priority.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use tokio::sync::{Notify, oneshot};

use super::{Bucket, Priority, Settings};
use crate::clock::Clock;

/// Whoever calls the host waits here first.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    arrived: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    waiting: BTreeMap<(Priority, u64), oneshot::Sender<()>>,
    tickets: u64,
}

impl Gate {
    /// A gate with a full bucket.
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        let bucket = Bucket::new(settings.rate, settings.burst, clock.now());
        let state = State { bucket, waiting: BTreeMap::new(), tickets: 0 };
        Self { state: Mutex::new(state), arrived: Notify::new(), clock }
    }

    /// Waits for a token.
    pub async fn take(&self, priority: Priority) {
        let (pass, passed) = oneshot::channel();
        {
            let mut state = self.state();
            state.tickets += 1;
            let ticket = state.tickets;
            state.waiting.insert((priority, ticket), pass);
        }
        self.arrived.notify_one();
        // A gate that is gone lets nobody through: the caller is being stopped.
        if passed.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Hands out tokens, for ever: the first priority first, then who came first.
    pub async fn run(&self) {
        loop {
            match self.hand_out() {
                Some(pause) => {
                    let pause = pause.max(SignedDuration::ZERO).unsigned_abs();
                    // Somebody with a better priority may come meanwhile.
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.arrived.notified() => {}
                    }
                }
                None => self.arrived.notified().await,
            }
        }
    }

    /// Lets everybody through for whom there is a token. Returns how long the next one
    /// has to wait, if anybody does.
    fn hand_out(&self) -> Option<SignedDuration> {
        let now = self.clock.now();
        let mut state = self.state();
        while let Some(first) = state.waiting.first_key_value().map(|(key, _)| *key) {
            let Some(pass) = state.waiting.remove(&first) else { continue };
            if pass.is_closed() {
                continue;
            }
            match state.bucket.take(first.0, now) {
                // Whoever hung up in this instant has spent a token for nothing.
                Ok(()) => drop(pass.send(())),
                Err(pause) => {
                    state.waiting.insert(first, pass);
                    return Some(pause);
                }
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

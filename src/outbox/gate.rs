//! Hands out the tokens of a host, by priority, and none while the host wants a pause.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use super::{Bucket, Priority, Settings};
use crate::clock::Clock;
use crate::tasks::{Mark, Pace};

/// The longest sleep: while a machine is suspended its sleeps stand still, and pauses do not.
const SLEEP_MAX: SignedDuration = SignedDuration::from_secs(30);

/// Whoever calls the host waits here first.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    arrived: Notify,
    /// Rung when a pause begins, or becomes longer.
    paused_anew: Notify,
    clock: Clock,
    settings: Settings,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    waiting: BTreeMap<(Priority, u64), oneshot::Sender<()>>,
    tickets: u64,
    pause: Option<Pause>,
}

/// A time during which the host wants to hear nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gitea asked for a pause until {}", self.until)
    }
}

impl Pause {
    /// Whether it takes longer than `patience` from its beginning to its end.
    pub fn outlasts(self, patience: SignedDuration) -> bool {
        self.until.duration_since(self.from) > patience
    }

    /// The same when the clock was set back meanwhile: it grows no longer by that.
    fn seen_at(self, now: Timestamp) -> Self {
        if self.from <= now {
            return self;
        }
        let length = self.until.duration_since(self.from);
        Self { from: now, until: now.checked_add(length).unwrap_or(Timestamp::MAX) }
    }
}

impl State {
    fn pause(&mut self, now: Timestamp) -> Option<Pause> {
        let pause = self.pause.map(|pause| pause.seen_at(now));
        self.pause = pause.filter(|pause| now < pause.until);
        self.pause
    }
}

impl Gate {
    /// How often it is heard of, whether anybody comes or not.
    pub const PACE: Pace = Pace { beats: SLEEP_MAX, succeeds: SLEEP_MAX };

    /// A gate with a full bucket.
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        let bucket = Bucket::new(settings.rate, settings.burst, clock.now());
        let state = State { bucket, waiting: BTreeMap::new(), tickets: 0, pause: None };
        let (state, settings) = (Mutex::new(state), settings.clone());
        Self { state, arrived: Notify::new(), paused_anew: Notify::new(), clock, settings }
    }

    /// The host asked for a pause: nobody is let through meanwhile, whatever for.
    pub fn pause(&self, asked: std::time::Duration) {
        let now = self.clock.now();
        let until = now.checked_add(self.settings.pause(asked)).unwrap_or(Timestamp::MAX);
        let mut state = self.state();
        // Of several wishes the longest counts.
        let longer = state.pause.filter(|pause| pause.seen_at(now).until >= until);
        state.pause = longer.or(Some(Pause { from: now, until }));
        drop(state);
        self.paused_anew.notify_one();
    }

    /// Waits until the host asks for a pause, or has done so since the last time.
    pub async fn paused_anew(&self) {
        self.paused_anew.notified().await;
    }

    /// The time during which nobody is let through, if that is so.
    pub fn paused(&self) -> Option<Pause> {
        self.state().pause(self.clock.now())
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
    pub async fn run(&self, mark: &Mark) {
        loop {
            let pause = self.hand_out().unwrap_or(SLEEP_MAX);
            mark.succeeded();
            let pause = pause.clamp(SignedDuration::ZERO, SLEEP_MAX).unsigned_abs();
            // Somebody with a better priority may come meanwhile.
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.arrived.notified() => {}
            }
        }
    }

    /// Lets everybody through for whom there is a token. Returns how long the next one
    /// has to wait, if anybody does.
    pub fn hand_out(&self) -> Option<SignedDuration> {
        let now = self.clock.now();
        let mut state = self.state();
        let pause = state.pause(now);
        if let Some(pause) = pause.filter(|_| !state.waiting.is_empty()) {
            // A moment more, so that rounding does not make us come too early for ever.
            return Some(pause.until.duration_since(now) + SignedDuration::from_millis(1));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::super::samples::at;
    use super::*;

    #[test]
    fn of_several_pauses_the_longest_counts_and_a_clock_that_goes_back_adds_nothing() {
        let second = Arc::new(AtomicI64::new(1_000));
        let clock = {
            let second = Arc::clone(&second);
            Clock::from_fn(move || at(second.load(Ordering::Relaxed)))
        };
        let gate = Gate::new(&Settings::default(), clock);
        let paused_until = || gate.paused().map(|pause| pause.until);
        assert_eq!(paused_until(), None);
        gate.pause(Duration::from_secs(60));
        gate.pause(Duration::from_secs(20));
        assert_eq!(paused_until(), Some(at(1_060)));
        gate.pause(Duration::from_secs(86_400));
        assert_eq!(paused_until(), Some(at(1_000 + 3_600)), "an hour at most");
        second.store(400, Ordering::Relaxed);
        assert_eq!(paused_until(), Some(at(400 + 3_600)));
        second.store(400 + 3_600, Ordering::Relaxed);
        assert_eq!(paused_until(), None);
    }
}

//! What the supervisor that started this process is told: systemd, or who speaks like it.
//!
//! A supervisor restarts a process that has ended. That one hangs it learns from its watchdog,
//! which teawatch feeds as long as its engine makes turns: with a commit that never comes back
//! from the disk, nothing is fed, and the process is restarted.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;

use crate::engine::{self, Engine};
use crate::outbox::Status;

/// How often it is told how things are, where there is no watchdog to feed.
const STATUS_EVERY: Duration = Duration::from_secs(15);
/// How often the watchdog is fed within the time that it waits: one or two that come late do
/// no harm.
const FEEDS: u32 = 3;
/// How much is told at once, in characters: it is one line.
const STATUS_MAX: usize = 300;

/// The supervisor that started this process.
#[derive(Debug, Clone, Copy)]
pub struct Supervisor {
    /// It ends a process that has not fed its watchdog for this long.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that wants to be told (`NOTIFY_SOCKET`), if there is one.
    #[expect(clippy::disallowed_methods, reason = "it is no setting: the supervisor says so")]
    pub fn of_this_process() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let watchdog = sd_notify::watchdog_enabled().filter(|within| !within.is_zero());
        Some(Self { watchdog })
    }

    /// The process ends because it was asked to, or because a part of it has.
    pub fn stopping(self) {
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// Says that the door is open, and then for ever feeds the watchdog and tells in one line
    /// how things are.
    pub async fn run(
        self,
        engine: Engine,
        outbox: watch::Receiver<Status>,
        shortage: watch::Receiver<Option<String>>,
    ) {
        tell(&[NotifyState::Ready]);
        let every = self.watchdog.map_or(STATUS_EVERY, |within| within / FEEDS);
        let mut told = String::new();
        watchdog(&engine, every, |waiting| {
            if self.watchdog.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
            let words = words(waiting, &outbox.borrow(), shortage.borrow().as_deref());
            if words != told {
                tell(&[NotifyState::Status(&words)]);
                told = words;
            }
        })
        .await;
    }
}

/// Calls `feed` at once and then every so often, each time only if the engine has made a turn
/// since; with the number of effects that wait, where it was not too busy to say so. While
/// the engine hangs, this waits with it.
pub async fn watchdog(engine: &Engine, every: Duration, mut feed: impl FnMut(Option<usize>)) {
    let mut made = engine.figures().turns.get();
    loop {
        let asked = engine.ask(|core, _| core.undelivered()).await;
        let turns = engine.figures().turns.get();
        match asked {
            // An idle engine makes a turn because it was asked.
            Ok(waiting) => feed(Some(waiting)),
            // With a full queue nobody is heard, and turns are made all the same.
            Err(engine::Error::Full) if turns != made => feed(None),
            Err(_) => {}
        }
        made = turns;
        tokio::time::sleep(every).await;
    }
}

/// How things are, on one line.
fn words(waiting: Option<usize>, outbox: &Status, shortage: Option<&str>) -> String {
    let words = if let Some(shortage) = shortage {
        shortage.to_owned()
    } else if let Some((repository, refusing)) = outbox.refusing.first_key_value() {
        format!("{repository} refuses since {}: {}", refusing.since, refusing.reason)
    } else {
        match waiting {
            Some(0) => "at work; Gitea was told everything".to_owned(),
            Some(1) => "at work; 1 effect waits for Gitea".to_owned(),
            Some(many) => format!("at work; {many} effects wait for Gitea"),
            None => "at work; more is asked of it than it can do".to_owned(),
        }
    };
    // What Gitea says may have several lines.
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(STATUS_MAX).collect()
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        // What it should know it will ask for by its own means, and the work goes on.
        tracing::warn!(error = &error as &dyn std::error::Error, "the supervisor is not told");
    }
}

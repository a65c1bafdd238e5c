//! The scheduler outside: somebody else wakes us when a job is due.
//!
//! It is told of exactly one time for each job, the next one ([`Arming`]), and calls
//! `/webhooks/fire_due` then. What it knows is brought in line with our jobs at the start,
//! after each change and after each run; and it is asked now and then what it knows, since it
//! may forget. A job that it should have fired is run all the same, a grace later. Without an
//! address nobody is told anything: then whoever calls knows by itself when.

mod arming;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

pub use self::arming::{ARMING_TIMEOUT, LIST_MAX};
use self::arming::{Arming, Untold};
pub use self::plan::{Step, plan};
use super::runner::Runner;
use super::scheduler::{Doing, Scheduler, Seat};
use super::settings::Settings;
use crate::job::By;
use crate::outbox::chain;
use crate::tasks::Mark;

/// How often it is asked what it knows: half of what a job that it has forgotten is late by
/// all the same, if nothing else is configured.
pub const LISTED_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// A scheduler outside.
#[derive(Debug)]
pub struct Webhook {
    every: Duration,
    backstop: SignedDuration,
    arming: Option<Arming>,
    /// What it knows; nothing, as long as it was not asked.
    known: Mutex<Option<Known>>,
    /// Whether it could not be told everything, or what it knows could not be read.
    is_behind: AtomicBool,
}

/// What it said that it knows, and was told since.
#[derive(Debug)]
struct Known {
    listed_at: Timestamp,
    /// Whether the list could be read, if there was one.
    is_read: bool,
    armed: BTreeMap<String, Timestamp>,
}

impl Webhook {
    pub const NAME: &str = "webhook";

    /// The scheduler of the settings; or why it cannot be, as half a sentence.
    pub(super) fn make(settings: &Settings) -> Result<Arc<dyn Scheduler>, String> {
        let secret = settings.secret.clone();
        let secret = secret.ok_or("`fire.callers` names nobody who may fire")?;
        let arming = match (&settings.arming_url, &settings.callback_url) {
            (None, _) => None,
            (Some(_), None) => {
                return Err("`scheduler.arming_url` needs `public_url`, to be called at".to_owned());
            }
            (Some(url), Some(callback)) => {
                Some(Arming::new(url, callback, secret, settings.arming_timeout)?)
            }
        };
        let (every, backstop) = (settings.every.unsigned_abs(), settings.backstop);
        let (known, is_behind) = (Mutex::default(), AtomicBool::default());
        Ok(Arc::new(Self { every, backstop, arming, known, is_behind }))
    }

    async fn work(&self, Seat { runner, stop, mark }: Seat) {
        loop {
            tokio::select! {
                () = mark.during(self.turn(&runner, &mark)) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = mark.rest(self.every) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Runs what should have been fired.
    async fn turn(&self, runner: &Runner, mark: &Mark) {
        match runner.fire_due(By::Backstop, Some(self.backstop)).await {
            // What went wrong was said when it did.
            Ok(()) if self.is_behind.load(Ordering::Relaxed) => {}
            Ok(()) => mark.succeeded(),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no job can be run");
                mark.erred(&error);
            }
        }
    }

    /// Tells it what is to be fired next. A list that cannot be read is an error at the time at
    /// which it was asked for, and until the next one nothing is well.
    async fn tell(&self, arming: &Arming, runner: &Runner) -> Result<(), String> {
        let mut known = self.known.lock().await;
        let now = runner.now();
        let is_new = |known: &Known| {
            (SignedDuration::ZERO..LISTED_EVERY).contains(&now.duration_since(known.listed_at))
        };
        let mut unread = None;
        let armed = match known.take() {
            Some(known) if is_new(&known) => known,
            old => {
                let armed = match arming.list(now).await {
                    Ok(armed) => armed,
                    Err(why @ Untold::Stranger(_)) => {
                        *known = old;
                        return Err(nothing_told(&why));
                    }
                    // What it knows is open, and to be told that again changes nothing.
                    Err(why @ (Untold::TooLong | Untold::NoJson(_))) => {
                        unread = Some(chain(&why));
                        BTreeMap::new()
                    }
                    // What it was told since the last one counts.
                    Err(_) => old.map(|old| old.armed).unwrap_or_default(),
                };
                Known { listed_at: now, is_read: unread.is_none(), armed }
            }
        };
        let armed = &mut known.insert(armed).armed;
        let wanted = runner.armed().await.map_err(|error| error.to_string())?;
        let mut failures = Vec::new();
        for step in plan(&wanted, armed) {
            let told = match &step {
                Step::Arm { job, at } => arming.arm(job, *at, runner.now()).await,
                Step::Cancel { job } => arming.cancel(job, runner.now()).await,
            };
            match (told, step) {
                (Ok(()), Step::Arm { job, at }) => drop(armed.insert(job, at)),
                (Ok(()), Step::Cancel { job }) => drop(armed.remove(&job)),
                (Err(why @ Untold::Stranger(_)), _) => return Err(nothing_told(&why)),
                // One that fails stops no other.
                (Err(why), step) => {
                    failures.push(chain(&why));
                    // It may have heard it all the same: which time it knows is open.
                    if let Step::Arm { job, .. } = step {
                        armed.remove(&job);
                    }
                }
            }
        }
        match (failures.first(), unread) {
            (None, None) => Ok(()),
            (None, Some(why)) => Err(format!("each job was armed anew: {why}")),
            (Some(why), _) => {
                Err(format!("{} of its times could not be told: {why}", failures.len()))
            }
        }
    }
}

/// Whoever takes us for a stranger is not asked for each time whether it still does.
fn nothing_told(why: &Untold) -> String {
    format!("no time can be told: {}", chain(why))
}

impl Scheduler for Webhook {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn called(&self) -> String {
        let called = match self.arming {
            Some(_) => "the scheduler outside, which is told of each time,",
            None => "a scheduler outside, which knows by itself when to fire,",
        };
        called.to_owned()
    }

    fn start(&self, seat: Seat) -> Doing<'_, ()> {
        Box::pin(self.work(seat))
    }

    fn reconcile<'a>(&'a self, runner: &'a Runner) -> Doing<'a, Result<(), String>> {
        Box::pin(async move {
            let Some(arming) = &self.arming else { return Ok(()) };
            let told = self.tell(arming, runner).await;
            let is_unread = self.known.lock().await.as_ref().is_some_and(|known| !known.is_read);
            self.is_behind.store(told.is_err() || is_unread, Ordering::Relaxed);
            told
        })
    }
}

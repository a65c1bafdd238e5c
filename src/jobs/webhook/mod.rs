//! The scheduler outside: somebody else wakes us when a job is due.
//!
//! It is told of exactly one time for each job, the next one ([`Arming`]), and calls
//! `/webhooks/fire_due` then. What it was told is brought in line with our jobs at the start,
//! after each change and after each run, and every so often. Whatever it forgets, a job that
//! it should have fired is run all the same, a grace later. Without an address nobody is told
//! anything: then whoever calls knows by itself when.

mod arming;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::arming::Arming;
pub use self::plan::{Step, plan};
use super::runner::Runner;
use super::scheduler::{Doing, Scheduler, Seat};
use super::settings::Settings;
use crate::engine;
use crate::job::{By, JobId};
use crate::reconcile::Bell;
use crate::tasks::Mark;

/// A scheduler outside.
#[derive(Debug)]
pub struct Webhook {
    every: Duration,
    backstop: SignedDuration,
    arming: Option<Arming>,
    /// Rung when there may be something to tell it.
    bell: Bell,
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
            (Some(url), Some(callback)) => Some(Arming::new(url, callback, secret)?),
        };
        let (every, backstop) = (settings.every.unsigned_abs(), settings.backstop);
        Ok(Arc::new(Self { every, backstop, arming, bell: Bell::default() }))
    }

    async fn work(&self, Seat { runner, stop, mark }: Seat) {
        // What it was told before this start; nothing, as long as it has not said so.
        let mut armed = None;
        loop {
            let turn = mark.during(self.turn(&runner, &mark, &mut armed));
            let went_well = tokio::select! {
                turned = turn => match turned {
                    Ok(()) => true,
                    Err(why) => {
                        tracing::error!("the scheduler outside: {why}");
                        mark.failed(why);
                        false
                    }
                },
                () = stop.cancelled() => return,
            };
            if went_well {
                mark.succeeded();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = mark.rest(self.every) => {}
                // Whoever cannot be told now is not told again with each change.
                () = self.bell.rung(), if went_well => {}
            }
        }
    }

    /// Runs what should have been fired, and tells what is to be fired next.
    async fn turn(
        &self,
        runner: &Runner,
        mark: &Mark,
        armed: &mut Option<BTreeMap<String, Timestamp>>,
    ) -> Result<(), String> {
        let engine = |error: engine::Error| error.to_string();
        runner.fire_due(By::Backstop, Some(self.backstop)).await.map_err(engine)?;
        let who = match self.arming {
            Some(_) => "the scheduler outside, which is told of each time,",
            None => "a scheduler outside, which knows by itself when to fire,",
        };
        runner.tell(mark, who).await.map_err(engine)?;
        let Some(arming) = &self.arming else { return Ok(()) };
        let wanted: BTreeMap<JobId, Timestamp> = runner.armed().await.map_err(engine)?;
        let mut known = match armed.take() {
            Some(known) => known,
            // Telling it again changes nothing.
            None => arming.list(runner.now()).await.unwrap_or_default(),
        };
        let mut failures = Vec::new();
        for step in plan(&wanted, &known) {
            let told = match &step {
                Step::Arm { job, at } => arming.arm(job, *at, runner.now()).await,
                Step::Cancel { job } => arming.cancel(job, runner.now()).await,
            };
            match (told, step) {
                (Ok(()), Step::Arm { job, at }) => drop(known.insert(job, at)),
                (Ok(()), Step::Cancel { job }) => drop(known.remove(&job)),
                // One that fails stops no other.
                (Err(why), _) => failures.push(why),
            }
        }
        *armed = Some(known);
        match failures.first() {
            None => Ok(()),
            Some(why) => Err(format!("{} of its times could not be told: {why}", failures.len())),
        }
    }
}

impl Scheduler for Webhook {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn start(&self, seat: Seat) -> Doing<'_, ()> {
        Box::pin(self.work(seat))
    }

    fn on_jobs_changed(&self) {
        self.bell.ring();
    }

    fn reconcile(&self) -> Doing<'_, ()> {
        self.bell.ring();
        Box::pin(std::future::ready(()))
    }
}

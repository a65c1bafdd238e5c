//! What runs behind the doors of the server, and is kept running.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};

use super::space::{self, watch_space};
use crate::clock::Clock;
use crate::engine::{self, Engine, Feed};
use crate::http::{self, App};
use crate::jobs::{self, Morning, Runner, Tools, choose};
use crate::notify::DeadMan;
use crate::outbox::{self, Gate, Task, TokenProbe, Worker};
use crate::reconcile::{self, Bell, Hints, Poke};
use crate::tasks::{Marks, Pace, Supervisor};

/// Tasks that are asked to end, and not cut off.
const OUTBOX: &str = "outbox";
const RECONCILE: &str = "reconcile";
const HINTS: &str = "webhooks";

/// Everything that the tasks work with.
pub(super) struct Background {
    pub(super) engine: Engine,
    /// What waits, for the first outbox.
    pub(super) feed: mpsc::UnboundedReceiver<Feed>,
    pub(super) gate: Arc<Gate>,
    pub(super) worker: Arc<Worker<Engine>>,
    /// Those that the configuration names.
    pub(super) repositories: Vec<String>,
    pub(super) status: watch::Sender<outbox::Status>,
    pub(super) reconcile: reconcile::Settings,
    /// Logins that may command.
    pub(super) commands_allow: Vec<String>,
    pub(super) compared: watch::Sender<reconcile::Status>,
    /// There where webhooks are taken: the time between two looks at one issue, and what rings
    /// when there is something to look at.
    pub(super) looks: Option<(SignedDuration, Bell)>,
    pub(super) data_dir: PathBuf,
    /// With less room than this the disk is short of it.
    pub(super) free_bytes: u64,
    pub(super) shortage: watch::Sender<Option<String>>,
    pub(super) token: Arc<TokenProbe<Engine>>,
    /// Whether it is tried by itself.
    pub(super) is_token_tried: bool,
    /// There where one is configured.
    pub(super) dead_man: Option<Arc<DeadMan>>,
    pub(super) scheduler: jobs::Settings,
    pub(super) marks: Marks,
    pub(super) clock: Clock,
    pub(super) app: App,
}

impl Background {
    /// Starts every task. `patience` is for what the outbox has under way when it ends.
    /// Returns what runs jobs.
    pub(super) fn start(self, supervisor: &mut Supervisor, patience: Duration) -> Runner {
        let Self { engine, gate, app, .. } = self;
        supervisor.start("gate", Gate::PACE, move |mark, _| {
            let gate = Arc::clone(&gate);
            async move { gate.run(&mark).await }
        });

        let (mut first, worker, status) = (Some(self.feed), self.worker, self.status);
        let (repositories, asks) = (self.repositories, Arc::clone(&worker));
        let hinted = Arc::clone(&worker);
        let fed = engine.clone();
        supervisor.start(OUTBOX, Task::<Engine>::PACE, move |mark, stop| {
            let (first, engine) = (first.take(), fed.clone());
            let (worker, status) = (Arc::clone(&worker), status.clone());
            let repositories = repositories.clone();
            async move {
                let feed = match first {
                    Some(feed) => Ok(feed),
                    None => match stop.run_until_cancelled(engine.feed()).await {
                        Some(feed) => feed,
                        // An engine that hangs never answers.
                        None => return,
                    },
                };
                match feed {
                    Ok(feed) => {
                        let task = Task::new(worker, feed, repositories, status, mark);
                        task.run(stop, patience).await;
                    }
                    // Its supervisor comes again.
                    Err(engine::Error::Full) => tracing::warn!("the engine is too busy"),
                    Err(error) => tracing::debug!(%error, "there is nothing left to send"),
                }
            }
        });

        let (data_dir, least, shortage) = (self.data_dir.clone(), self.free_bytes, self.shortage);
        supervisor.start("disk", Pace::of_turns(space::EVERY), move |mark, _| {
            let (data_dir, shortage) = (data_dir.clone(), shortage.clone());
            async move { watch_space(&data_dir, least, &shortage, &mark).await }
        });

        let (settings, compared, allow) = (self.reconcile, self.compared, self.commands_allow);
        let poke = Poke::default();
        let poked = poke.clone();
        supervisor.start(RECONCILE, settings.pace(), move |mark, stop| {
            let task = reconcile::Task::new(Arc::clone(&asks), settings, compared.clone());
            let task = task.listening(poked.clone(), &allow);
            async move { task.run(stop, &mark).await }
        });

        let reporting = app.clone();
        let tools = Tools {
            engine,
            clock: self.clock,
            marks: self.marks,
            data_dir: self.data_dir,
            token: Arc::clone(&self.token),
            poke: poke.clone(),
            dead_man: self.dead_man,
            morning: Morning::new(move || {
                let app = reporting.clone();
                async move { app.file_night().await }
            }),
        };
        if let Some((every, bell)) = self.looks {
            supervisor.start(HINTS, Hints::<Engine>::PACE, move |mark, stop| {
                let hints = Hints::new(Arc::clone(&hinted), every, bell.clone(), poke.clone());
                async move { hints.run(stop, &mark).await }
            });
        }

        if self.is_token_tried {
            let token = self.token;
            supervisor.start("token", token.pace(), move |mark, _| {
                let token = Arc::clone(&token);
                async move { token.run(&mark).await }
            });
        }

        let choice = choose(&self.scheduler, jobs::PROVIDERS);
        let runner = Runner::new(tools, &self.scheduler, choice);
        app.run_jobs(runner.clone());
        jobs::start(supervisor, &self.scheduler, &runner);

        supervisor.start(http::Watch::NAME, http::Watch::PACE, move |mark, _| {
            http::Watch::run(app.clone(), mark)
        });
        runner
    }

    /// Lets jobs and the outbox finish what they have under way, without reconcile in its way.
    pub(super) async fn finish(supervisor: &Supervisor, runner: &Runner, patience: Duration) {
        supervisor.stop(jobs::TASK).await;
        runner.finish(patience).await;
        supervisor.stop(RECONCILE).await;
        supervisor.stop(HINTS).await;
        supervisor.stop(OUTBOX).await;
    }
}

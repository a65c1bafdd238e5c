//! The one body of all runs, whoever has fired them.
//!
//! A run has a claim, which is on the disk, before it is handed over here. It waits for room,
//! says on the disk that it begins, works, and says how it went. Whoever has lost the claim
//! meanwhile works no further. What panics has failed, and so has what takes too long.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::choice::Choice;
use super::kinds::{self, Tools};
use super::scheduler::Scheduler;
use super::settings::Settings;
use crate::engine::{self, Claimed, Core, Engine};
use crate::job::{Ask, By, Job, JobId, NotFired, RunState};
use crate::tasks::Mark;

/// So many jobs are fired in one commit; the rest follows in the next.
const FIRED_MAX: usize = 500;

/// How long it rests when the engine is too busy to hear how a run went.
const PAUSE: Duration = Duration::from_millis(200);

/// What has become of asking for a run: the number of the run, or why there is none.
pub type Fired = Result<u64, NotFired>;

/// Runs jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tools: Tools,
    room: Semaphore,
    /// How often the claim of a run is renewed.
    renewed: Duration,
    running: TaskTracker,
    /// Nothing more is begun.
    closing: CancellationToken,
    /// Nothing goes on.
    cut_off: CancellationToken,
    choice: Choice,
    /// What has taken the place of that, if something has.
    instead: OnceLock<Choice>,
    /// Sends when something has become of a job.
    news: watch::Sender<()>,
}

/// How work ended.
struct Ended {
    state: RunState,
    why: String,
    output: String,
}

impl Runner {
    /// A runner that tells the chosen scheduler of each run. Of the settings, `parallel` and
    /// `renewed` are its own.
    pub fn new(tools: Tools, settings: &Settings, choice: Choice) -> Self {
        Self(Arc::new(Inner {
            tools,
            room: Semaphore::new(settings.parallel.max(1)),
            renewed: settings.renewed.unsigned_abs(),
            running: TaskTracker::new(),
            closing: CancellationToken::new(),
            cut_off: CancellationToken::new(),
            choice,
            instead: OnceLock::new(),
            news: watch::Sender::new(()),
        }))
    }

    fn engine(&self) -> &Engine {
        &self.0.tools.engine
    }

    fn at_work(&self) -> &Choice {
        self.0.instead.get().unwrap_or(&self.0.choice)
    }

    /// Who says when: the scheduler that was chosen, or what has taken its place.
    pub fn scheduler(&self) -> &Arc<dyn Scheduler> {
        &self.at_work().scheduler
    }

    /// Another scheduler takes the place of the chosen one, from now on; once and for all.
    pub fn replace(&self, instead: Choice) {
        self.0.instead.set(instead).ok();
    }

    /// Why that is not the one that was asked for, if it is not.
    pub fn warning(&self) -> Option<&str> {
        self.at_work().warning.as_deref()
    }

    /// Tells the scheduler that something has become of a job. Whatever it makes of that, the
    /// job is as it is.
    pub fn changed(&self) {
        let told = AssertUnwindSafe(|| self.scheduler().on_jobs_changed());
        if std::panic::catch_unwind(told).is_err() {
            tracing::error!("the scheduler panicked when it was told that jobs have changed");
        }
        self.0.news.send_replace(());
    }

    /// Hears whenever something has become of a job from now on.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.0.news.subscribe()
    }

    /// Whether nothing more is begun.
    pub fn is_closing(&self) -> bool {
        self.0.closing.is_cancelled()
    }

    /// Claims what somebody asks for of a job, and runs it. Returns once the claim is on the
    /// disk.
    pub async fn fire(&self, job: &str, ask: Ask, by: By) -> Result<Fired, engine::Error> {
        let which = job.to_owned();
        let fire = move |core: &mut Core, now| match core.fire(&which, ask, by, now) {
            Ok(claimed) => (Ok(claimed.run), vec![claimed]),
            Err(why) => (Err(why), Vec::new()),
        };
        self.claim(fire).await
    }

    /// Claims and runs every slot that is due; with a grace, those that have been for so long.
    pub async fn fire_due(
        &self,
        by: By,
        grace: Option<SignedDuration>,
    ) -> Result<(), engine::Error> {
        loop {
            let fire = move |core: &mut Core, now| {
                let claimed = core.fire_due(by, grace, FIRED_MAX, now);
                (claimed.len(), claimed)
            };
            if self.claim(fire).await? < FIRED_MAX {
                return Ok(());
            }
        }
    }

    /// Claims, and runs what was claimed: also when whoever has asked hangs up in between.
    async fn claim<T: Send + 'static>(
        &self,
        claim: impl FnOnce(&mut Core, Timestamp) -> (T, Vec<Claimed>) + Send + 'static,
    ) -> Result<T, engine::Error> {
        let runner = self.clone();
        let claiming = self.0.running.spawn(async move {
            let (result, claimed) = runner.engine().ask(claim).await?;
            claimed.into_iter().for_each(|claimed| runner.run(claimed));
            Ok(result)
        });
        // It ends early only with the process.
        claiming.await.unwrap_or(Err(engine::Error::Stopped))
    }

    /// Says through a mark how jobs are: who fires them, which is next, and whether they are
    /// paused.
    pub(super) async fn tell(&self, mark: &Mark) -> Result<(), engine::Error> {
        let health = self.engine().ask(|core, _| core.jobs_health()).await?;
        let next = match &health.next {
            Some((at, name)) => format!(", the next is `{name}` at {at}"),
            None => String::new(),
        };
        let warning = self.warning().map_or_else(String::new, |why| format!("; {why}"));
        let (who, active, jobs) = (self.scheduler().called(), health.active, health.jobs);
        mark.note(format!("{who} has {active} active of {jobs} jobs{next}{warning}"));
        mark.paused(health.paused.map(|pause| format!("all jobs are paused: {}", pause.reason)));
        Ok(())
    }

    /// When each job is due that will be run.
    pub async fn armed(&self) -> Result<BTreeMap<JobId, Timestamp>, engine::Error> {
        self.engine().ask(|core, _| core.jobs_armed()).await
    }

    /// The time by which jobs are due.
    pub fn now(&self) -> Timestamp {
        self.0.tools.clock.now()
    }

    /// Runs what was claimed.
    fn run(&self, claimed: Claimed) {
        let runner = self.clone();
        self.0.running.spawn(async move {
            runner.body(claimed).await;
            runner.changed();
        });
    }

    async fn body(&self, Claimed { run, job, .. }: Claimed) {
        let room = tokio::select! {
            biased;
            () = self.0.closing.cancelled() => None,
            room = self.renewed(run, self.0.room.acquire()) => room,
        };
        let Some(Ok(_room)) = room else {
            // What is not given back is nobody's once it has expired.
            drop(self.engine().ask(move |core, now| core.give_back_run(run, now)).await);
            return;
        };
        if !self.engine().ask(move |core, now| core.begin_run(run, now)).await.unwrap_or(false) {
            return;
        }
        let name = job.definition.name.clone();
        tracing::info!(job = %job.id, run, "the job `{name}` begins");
        let Some(ended) = self.renewed(run, self.work(job, run)).await else {
            tracing::error!(run, "the job `{name}` has lost its claim, and works no further");
            return;
        };
        match ended.state {
            RunState::Done => tracing::info!(run, "the job `{name}` is done"),
            state => tracing::error!(run, "the job `{name}`: {state}: {}", ended.why),
        }
        self.tell_end(run, ended).await;
    }

    /// Says how it went, until the engine has heard it.
    async fn tell_end(&self, run: u64, ended: Ended) {
        loop {
            let (state, why, output) = (ended.state, ended.why.clone(), ended.output.clone());
            let told =
                self.engine().ask(move |core, now| core.finish_run(run, state, why, output, now));
            match told.await {
                Err(engine::Error::Full) => tokio::time::sleep(PAUSE).await,
                // An engine that has stopped finds at its next start that the run is over.
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Works, within the job's limit.
    async fn work(&self, job: Job, run: u64) -> Ended {
        let limit = job.definition.limit;
        let mut work = JoinSet::new();
        work.spawn(kinds::run(self.0.tools.clone(), job, run));
        let failed = |why: String| Ended { state: RunState::Failed, why, output: String::new() };
        tokio::select! {
            ended = work.join_next() => match ended {
                Some(Ok(Ok(output))) => {
                    let why = output.lines().last().unwrap_or_default().to_owned();
                    Ended { state: RunState::Done, why, output }
                }
                Some(Ok(Err(why))) => failed(why),
                Some(Err(error)) if error.is_panic() => failed("it panicked".to_owned()),
                Some(Err(_)) | None => failed("it was cut off".to_owned()),
            },
            () = tokio::time::sleep(limit.unsigned_abs()) => {
                failed(format!("it took longer than its limit of {limit:#}"))
            }
            () = self.0.cut_off.cancelled() => Ended {
                state: RunState::Unknown,
                why: "teawatch was stopped while it ran".to_owned(),
                output: String::new(),
            },
        }
    }

    /// Waits, and renews the claim of the run meanwhile; nothing, if that is lost.
    async fn renewed<T>(&self, run: u64, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return Some(result),
                () = tokio::time::sleep(self.0.renewed) => {}
            }
            let renewed = self.engine().ask(move |core, now| core.renew_run(run, now));
            // An engine that is too busy is asked again before the claim expires.
            if let Ok(false) = renewed.await {
                return None;
            }
        }
    }

    /// Begins nothing more.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Begins nothing more, waits for what is under way, and cuts off what takes longer.
    pub async fn finish(&self, patience: Duration) {
        self.close();
        self.0.running.close();
        if tokio::time::timeout(patience, self.0.running.wait()).await.is_err() {
            tracing::warn!("jobs are still running and are cut off");
            self.0.cut_off.cancel();
            // What the engine does not hear in time is unknown at the next start.
            drop(tokio::time::timeout(patience, self.0.running.wait()).await);
        }
    }
}

//! Keeps a scheduler at its work, what is told of jobs true, and what the scheduler has
//! arranged elsewhere in line with our jobs.
//!
//! All of it goes on side by side: however long somebody elsewhere takes to answer, jobs are
//! run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::builtin::Builtin;
use super::choice::Choice;
use super::runner::Runner;
use super::scheduler::{Scheduler, Seat};
use super::settings::Settings;
use crate::tasks::{Ends, Mark, Pace, Patience, Supervisor};

/// What the task is called.
pub const TASK: &str = "scheduler";

/// A scheduler that has ended so often by itself, within the time over which the supervisor
/// counts ends, is no longer relied upon.
pub const ENDS_MAX: usize = 3;

/// Starts the scheduler of the runner, as a task. The built-in one takes its place if it ends
/// again and again.
pub fn start(supervisor: &mut Supervisor, settings: &Settings, runner: &Runner) {
    if let Some(warning) = runner.warning() {
        tracing::warn!("{warning}");
    }
    let (runner, every) = (runner.clone(), settings.every);
    let patience = Patience { ends: ENDS_MAX, ..supervisor.patience };
    let (mut ends, mut has_begun) = (Ends::default(), false);
    supervisor.start(TASK, Pace::of_turns(every), move |mark, stop| {
        // Each start but the first follows an end.
        let is_worn_out = has_begun && ends.another(&patience, Instant::now()).is_none();
        has_begun = true;
        let name = runner.scheduler().name();
        if is_worn_out && name != Builtin::NAME {
            let warning = format!(
                "the scheduler `{name}` ends again and again: the built-in one is at work instead"
            );
            tracing::warn!("{warning}");
            let scheduler = Arc::new(Builtin::new(every));
            runner.replace(Choice { scheduler, warning: Some(warning) });
        }
        let scheduler = Arc::clone(runner.scheduler());
        let seat = Seat { runner: runner.clone(), stop, mark };
        async move { keep(&*scheduler, seat, every.unsigned_abs()).await }
    });
}

/// Lets a scheduler work until it ends or is told to stop. Meanwhile its mark says how jobs
/// are, and it is asked to bring in line what it has arranged elsewhere: at the start, after
/// jobs were changed or run, and `every` so often.
pub async fn keep(scheduler: &dyn Scheduler, seat: Seat, every: Duration) {
    let Seat { runner, stop, mark } = seat.clone();
    let ended = async {
        stop.cancelled().await;
        scheduler.stop();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = scheduler.start(seat) => {}
        () = told(&runner, &mark, every) => {}
        () = in_line(scheduler, &runner, &mark, every) => {}
        () = ended => {}
    }
}

/// Never ends.
async fn told(runner: &Runner, mark: &Mark, every: Duration) {
    let mut news = runner.news();
    loop {
        if let Err(error) = runner.tell(mark).await {
            // An engine that is too busy is asked again; one that has ended ends the process.
            tracing::debug!(%error, "how jobs are cannot be told");
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = next(&mut news) => {}
        }
    }
}

/// Never ends.
async fn in_line(scheduler: &dyn Scheduler, runner: &Runner, mark: &Mark, every: Duration) {
    let mut news = runner.news();
    loop {
        let brought = scheduler.reconcile(runner).await;
        if let Err(why) = &brought {
            tracing::error!("the scheduler `{}`: {why}", scheduler.name());
            mark.failed(why);
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            // Whoever cannot be told now is not told again with each change.
            () = next(&mut news), if brought.is_ok() => {}
        }
    }
}

/// Waits until something becomes of a job, or has since the last time.
async fn next(news: &mut watch::Receiver<()>) {
    if news.changed().await.is_err() {
        // Nobody is left who could change anything.
        std::future::pending::<()>().await;
    }
}

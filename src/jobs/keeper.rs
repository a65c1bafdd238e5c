//! Keeps a scheduler at its work, and what it has arranged elsewhere in line with our jobs.
//!
//! Both go on side by side: however long somebody elsewhere takes to answer, jobs are run.

use std::time::Duration;

use super::runner::Runner;
use super::scheduler::{Scheduler, Seat};

/// Lets a scheduler work until it ends or is told to stop. Meanwhile it is asked to bring in
/// line what it has arranged elsewhere: at the start, after jobs were changed or run, and
/// `every` so often.
pub async fn keep(scheduler: &dyn Scheduler, seat: Seat, every: Duration) {
    let (runner, stop) = (seat.runner.clone(), seat.stop.clone());
    let ended = async {
        stop.cancelled().await;
        scheduler.stop();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = scheduler.start(seat) => {}
        () = in_line(scheduler, &runner, every) => {}
        () = ended => {}
    }
}

/// Never ends.
async fn in_line(scheduler: &dyn Scheduler, runner: &Runner, every: Duration) {
    loop {
        let brought = scheduler.reconcile(runner).await;
        if let Err(why) = &brought {
            tracing::error!("the scheduler `{}`: {why}", scheduler.name());
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            // Whoever cannot be told now is not told again with each change.
            () = runner.news(), if brought.is_ok() => {}
        }
    }
}

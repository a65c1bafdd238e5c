//! Who says when jobs are run, kept at work.

use std::sync::Arc;

use crate::jobs::{Builtin, Choice, Runner, Scheduler, Seat, Settings};
use crate::tasks::{Pace, Supervisor};

/// What the task is called.
pub(super) const TASK: &str = "scheduler";

/// A scheduler that has ended so often by itself is no longer relied upon.
const ENDS_MAX: usize = 3;

/// Starts the scheduler that was chosen. The built-in one takes its place if it ends again and
/// again.
pub(super) fn start(
    supervisor: &mut Supervisor,
    settings: &Settings,
    choice: Choice,
    runner: &Runner,
) {
    let Choice { scheduler: chosen, warning } = choice;
    if let Some(warning) = &warning {
        tracing::warn!("{warning}");
    }
    let builtin: Arc<dyn Scheduler> = Arc::new(Builtin::new(settings.every));
    let (runner, mut starts) = (runner.clone(), 0);
    supervisor.start(TASK, Pace::of_turns(settings.every), move |mark, stop| {
        starts += 1;
        let mut scheduler = Arc::clone(&chosen);
        if starts > ENDS_MAX && chosen.name() != Builtin::NAME {
            let name = chosen.name();
            tracing::warn!("the scheduler `{name}` ends again and again: the built-in one works");
            scheduler = Arc::clone(&builtin);
        }
        let seat = Seat { runner: runner.clone(), stop: stop.clone(), mark };
        async move {
            let ended = async {
                stop.cancelled().await;
                scheduler.stop();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = scheduler.start(seat) => {}
                () = ended => {}
            }
        }
    });
}

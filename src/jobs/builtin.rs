//! The built-in scheduler: looks every minute or so for what is due.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::runner::Runner;
use super::scheduler::{Doing, Scheduler, Seat};
use crate::job::By;
use crate::tasks::Mark;

/// A turn under way may take so long to end when it is to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The scheduler that is always there. It arranges nothing elsewhere, so that there is nothing
/// to be told of and nothing to bring in line.
#[derive(Debug)]
pub struct Builtin {
    every: Duration,
}

impl Builtin {
    pub const NAME: &str = "builtin";

    /// One that looks so often.
    pub fn new(every: SignedDuration) -> Self {
        Self { every: every.unsigned_abs() }
    }
}

impl Scheduler for Builtin {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn called(&self) -> String {
        "the built-in scheduler".to_owned()
    }

    fn start(&self, seat: Seat) -> Doing<'_, ()> {
        let Seat { runner, stop, mark } = seat;
        Box::pin(async move {
            let turn = move || tick(runner.clone());
            ticks(self.every, &stop, &mark, turn).await;
        })
    }
}

/// Fires what is due.
async fn tick(runner: Runner) -> Result<(), crate::engine::Error> {
    runner.fire_due(By::Ticker, None).await
}

/// Does a turn, again and again, until `stop`; at least one. Whatever becomes of a turn, be it
/// a panic, there is a next one.
///
/// A mark of success is left by a turn that went well and by no other; marks of being alive
/// do not wait for the end of a turn.
pub async fn ticks<W, E>(
    every: Duration,
    stop: &CancellationToken,
    mark: &Mark,
    mut turn: impl FnMut() -> W,
) where
    W: Future<Output = Result<(), E>> + Send + 'static,
    E: Error + Send + 'static,
{
    loop {
        // A set, so that a panic ends with its turn.
        let mut under_way = JoinSet::new();
        under_way.spawn(turn());
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(PATIENCE).await;
        };
        let ended = tokio::select! {
            ended = mark.during(under_way.join_next()) => ended,
            () = patience => return,
        };
        match ended {
            Some(Ok(Ok(()))) | None => mark.succeeded(),
            Some(Ok(Err(error))) => {
                tracing::error!(error = &error as &dyn Error, "jobs could not be looked at");
                mark.erred(&error);
            }
            Some(Err(error)) => {
                tracing::error!(error = &error as &dyn Error, "looking at jobs broke off");
                mark.erred(&error);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = mark.rest(every) => {}
        }
    }
}

//! What a scheduler is: it decides when a job is run, never what it does.
//!
//! The interface is an experiment until others have written schedulers. There is no folder of
//! plugins: a scheduler is compiled in ([`PROVIDERS`](super::PROVIDERS)). The built-in one is
//! not in that list, so that nothing can take the last resort away.

use std::future::Future;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;

use super::runner::{Fired, Runner};
use crate::engine;
use crate::job::By;
use crate::tasks::Mark;

pub use crate::job::Ask;

/// Something that a scheduler is doing.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a scheduler works with.
#[derive(Debug, Clone)]
pub struct Seat {
    pub runner: Runner,
    /// Cancelled when it is to end: that alone ends it.
    pub stop: CancellationToken,
    /// Through which it says how it is.
    pub mark: Mark,
}

/// Says when jobs are run. `name` and `start` are all that one must have; whatever is added
/// has a default that does no harm.
pub trait Scheduler: Send + Sync {
    /// What it is called.
    fn name(&self) -> &str;

    /// What it is, for people: the subject of a sentence.
    fn called(&self) -> String {
        format!("the scheduler `{}`", self.name())
    }

    /// Does its work until it is told to stop.
    fn start(&self, seat: Seat) -> Doing<'_, ()>;

    /// Whether it could work, by what is known here: nobody is asked over the network.
    fn is_available(&self) -> bool {
        true
    }

    /// Hurries its end. The signal of the [`Seat`] is what ends it.
    fn stop(&self) {}

    /// Jobs were made, changed, run or removed. Whoever says so waits for the end of this:
    /// what takes time belongs into [`Scheduler::reconcile`], which follows.
    fn on_jobs_changed(&self) {}

    /// Somebody says that a job is due: claims what is meant, and runs it.
    fn fire_due<'a>(
        &'a self,
        runner: &'a Runner,
        job: &'a str,
        ask: Ask,
    ) -> Doing<'a, Result<Fired, engine::Error>> {
        Box::pin(runner.fire(job, ask, By::Outside))
    }

    /// Brings in line with our jobs whatever it has arranged elsewhere; or says why not, in a
    /// sentence, by which its task fails until it says that it has succeeded. It is called by
    /// [`keep`](super::keep) while `start` is at work, and never twice at once: at the start,
    /// after each change and each run, and every so often. What was cut short or failed is done
    /// by the next call.
    fn reconcile<'a>(&'a self, _: &'a Runner) -> Doing<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl std::fmt::Debug for dyn Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scheduler({})", self.name())
    }
}

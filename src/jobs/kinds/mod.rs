//! What jobs do: one file for each kind.

mod backup;
mod dead_man;
mod open_issue;
mod reconcile;
mod retention;
mod sweep;
mod token_probe;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::job::{Job, Kind};
use crate::notify::DeadMan;
use crate::outbox::TokenProbe;
use crate::reconcile::Poke;
use crate::tasks::Marks;

/// What jobs work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tools {
    pub engine: Engine,
    pub clock: Clock,
    pub marks: Marks,
    pub data_dir: PathBuf,
    pub token: Arc<TokenProbe<Engine>>,
    /// What makes reconcile compare now.
    pub poke: Poke,
    /// There where one is configured.
    pub dead_man: Option<Arc<DeadMan>>,
}

/// Does what a job does. Returns what it has to say, whose last line sums it up; or why it has
/// failed, in a sentence. `run` is the number of the run.
pub(super) async fn run(tools: Tools, job: Job, run: u64) -> Result<String, String> {
    match job.definition.kind {
        Kind::Sweep => sweep::run(&tools).await,
        Kind::Reconcile => reconcile::run(&tools).await,
        Kind::TokenProbe => token_probe::run(&tools).await,
        Kind::DeadMan => dead_man::run(&tools).await,
        Kind::Backup { keep } => backup::run(&tools, &job.definition.name, keep).await,
        Kind::Retention => retention::run(&tools).await,
        Kind::OpenIssue(_) => open_issue::run(&tools, &job, run).await,
    }
}

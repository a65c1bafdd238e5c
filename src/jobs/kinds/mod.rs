//! What jobs do: one file for each kind.

mod backup;
mod dead_man;
mod open_issue;
mod reconcile;
mod report;
mod retention;
mod sweep;
mod token_probe;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::clock::Clock;
use crate::engine::{self, Engine, Filed};
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
    pub morning: Morning,
}

/// Makes the report of the last night an issue.
#[derive(Clone)]
pub struct Morning(Arc<dyn Fn() -> Filing + Send + Sync>);

type Filing = Pin<Box<dyn Future<Output = Result<Filed, engine::Error>> + Send>>;

impl Morning {
    /// By what knows everything that is to be told.
    pub fn new<W>(file: impl Fn() -> W + Send + Sync + 'static) -> Self
    where
        W: Future<Output = Result<Filed, engine::Error>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(file())))
    }

    fn file(&self) -> Filing {
        (self.0)()
    }
}

impl fmt::Debug for Morning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Morning")
    }
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
        Kind::Report => report::run(&tools).await,
        Kind::OpenIssue(_) => open_issue::run(&tools, &job, run).await,
    }
}

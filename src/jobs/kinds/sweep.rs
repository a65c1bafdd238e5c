//! Looks at every check anew.

use super::Tools;
use crate::engine::{self, Health, Sweep};

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let health = sweep(tools).await.map_err(|error| error.to_string())?;
    Ok(format!("{} checks were looked at, {} alerts fire", health.checks, health.firing))
}

/// A portion in each round of the engine, so that others are answered in between.
async fn sweep(tools: &Tools) -> Result<Health, engine::Error> {
    let mut next = Some(Sweep::BEGIN);
    while let Some(from) = next {
        next = tools.engine.ask(move |core, now| core.sweep(&from, now)).await?;
    }
    tools.engine.ask(|core, _| core.health()).await
}

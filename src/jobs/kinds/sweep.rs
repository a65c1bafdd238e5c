//! Looks at every check anew.

use super::Tools;
use crate::engine::Core;

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let swept = tools.engine.ask(Core::sweep).await;
    let health = swept.map_err(|error| error.to_string())?;
    Ok(format!("{} checks were looked at, {} alerts fire", health.checks, health.firing))
}

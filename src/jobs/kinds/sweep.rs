//! Looks at every check anew.

use super::Tools;

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let swept = tools.engine.ask(|core, now| core.sweep(now)).await;
    let health = swept.map_err(|error| error.to_string())?;
    Ok(format!("{} checks were looked at, {} alerts fire", health.checks, health.firing))
}

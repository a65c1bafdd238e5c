//! Forgets what was kept for long enough, at once: each turn of the engine does a little.

use std::time::Duration;

use super::Tools;
use crate::engine::Core;

/// Reports go first: between two steps the engine has time for them.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    loop {
        let retained = tools.engine.ask(Core::retain).await;
        if retained.map_err(|error| error.to_string())? {
            return Ok("everything was looked at, and what was old enough is gone".to_owned());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

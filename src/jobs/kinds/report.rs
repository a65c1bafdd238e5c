//! Makes the report of the last night an issue.

use super::Tools;
use crate::engine::Filed;

/// Of one night there is one issue, however often this is run.
pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let filed = tools.morning.file().await.map_err(|error| error.to_string())?;
    let Filed { day, repository, is_new, .. } = filed;
    Ok(if is_new {
        format!("the report of the night to {day} goes to {repository}")
    } else {
        format!("the report of the night to {day} is in {repository} already")
    })
}

//! Asks Gitea whether it still takes our token.

use super::Tools;

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    tools.token.ask().await?;
    Ok("Gitea takes the token, and the repositories take issues".to_owned())
}

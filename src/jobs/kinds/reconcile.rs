//! Compares every repository with our state, now.
//!
//! The task that does so anyway is asked to do it: there is one that reads, and it keeps to
//! its pauses.

use std::time::Duration;

use super::Tools;

/// How often it is asked whether it is done. The limit of the job ends it.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let began = tools.clock.now();
    let rounds = || async {
        let rounds = tools.engine.ask(|core, _| core.rounds()).await;
        rounds.map_err(|error| error.to_string())
    };
    let repositories: Vec<_> = rounds().await?.into_iter().map(|round| round.repository).collect();
    if repositories.is_empty() {
        return Err("no repository was read so far".to_owned());
    }
    repositories.iter().for_each(|repository| tools.poke.comments(repository));
    loop {
        let now = rounds().await?;
        let is_done = now
            .iter()
            .filter(|round| repositories.contains(&round.repository))
            .all(|round| round.polled_at.is_some_and(|at| at >= began));
        if is_done {
            return Ok(format!("{} were compared", repositories.join(", ")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

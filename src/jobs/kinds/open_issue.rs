//! Opens an issue for something that people are to do.

use super::Tools;
use crate::job::Job;

pub(super) async fn run(tools: &Tools, job: &Job, run: u64) -> Result<String, String> {
    let id = job.id.clone();
    let begun = tools.engine.ask(move |core, now| core.begin_chore(&id, run, now)).await;
    Ok(match begun.map_err(|error| error.to_string())? {
        true => "an issue was ordered".to_owned(),
        false => "the issue of an earlier run is still open".to_owned(),
    })
}

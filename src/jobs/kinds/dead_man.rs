//! Asks for the outside dead man's switch.

use super::Tools;

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let Some(dead_man) = &tools.dead_man else {
        return Err("there is no dead man's switch: set `deadman.url_file`".to_owned());
    };
    dead_man.ping_once(&tools.engine, &tools.marks).await?;
    Ok("the dead man's switch was pinged".to_owned())
}

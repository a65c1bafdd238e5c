//! `teawatch checks show`.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::super::call::{Server, done, plain};
use super::super::flags::ListArgs;
use super::super::output;
use crate::config::Caller;
use crate::engine::CheckView;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As the list names it: source/name
    check: String,
    /// Print only the address by which a check that is defined is pinged: it is a secret, and
    /// takes the token for changing something
    #[arg(long)]
    url: bool,
    #[command(flatten)]
    list: Box<ListArgs>,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { check, url, list } = args;
    let caller = Caller::load(&list.config.sources())?;
    let runtime = super::super::runtime()?;
    if url {
        let base = caller.public_url.clone().unwrap_or_else(|| caller.server.clone());
        let server = Server::new(caller)?;
        let found = runtime.block_on(server.find(&super::path("addresses", &check)?))?;
        let uuid = found["uuid"].as_str().context("the server's answer makes no sense")?;
        output::print(&format!("{base}ping/{uuid}\n"))?;
        return done();
    }
    let server = Server::new(caller)?;
    let view: Value = runtime.block_on(server.get(&super::path("check", &check)?, &[]))?;
    if list.json {
        output::print(&format!("{view:#}\n"))?;
        return done();
    }
    let view = serde_json::from_value(view).context("the server's answer makes no sense")?;
    output::print(&format!("{}\n", lines(&view).join("\n")))?;
    done()
}

fn lines(view: &CheckView) -> Vec<String> {
    let CheckView { source, status, since, .. } = view;
    let mut lines = vec![format!("{source}/{} is {status} since {since}", plain(&view.name))];
    if let Some(definition) = &view.definition {
        lines.extend(definition.description.lines().map(plain));
        if definition.is_configured {
            lines.push("It is defined in the configuration.".to_owned());
        }
    }
    if !view.account.is_empty() {
        lines.push(plain(&view.account));
    }
    if let Some(latest) = &view.latest {
        lines.push(format!("{}: {}", latest.at, plain(&latest.summary)));
        lines.extend(latest.details.lines().map(|line| format!("  {}", plain(line))));
    }
    if let Some(logged) = &view.logged {
        lines.push(format!("{}: it logged:", logged.at.get()));
        lines.push(format!("  {}", plain(&logged.summary)));
        lines.extend(logged.details.lines().map(|line| format!("  {}", plain(line))));
    }
    lines
}

//! `teawatch checks`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use url::form_urlencoded;

use super::call::{Server, done, plain, table};
use super::flags::ListArgs;
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::engine::CheckView;

/// What is done with checks.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stop watching a check, until it reports again
    Forget {
        /// As the list names it: source/name
        check: String,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

/// Shows every check, or forgets one.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(Command::Forget { check, config }) = args.command {
        return forget(&check, config);
    }
    let args = args.list;
    let server = Server::new(Caller::load(&args.config.sources())?)?;
    let checks: Vec<CheckView> = super::runtime()?.block_on(server.list("api/v1/checks"))?;
    if args.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&checks)?))?;
        return done();
    }
    let rows: Vec<_> = checks
        .iter()
        .map(|check| {
            let summary = check.latest.as_ref().map_or("", |latest| &*latest.summary);
            vec![
                check.status.to_string(),
                format!("{}/{}", check.source, plain(&check.name)),
                check.since.to_string(),
                plain(summary),
            ]
        })
        .collect();
    output::print(&table(&["STATUS", "CHECK", "SINCE", "LATEST"], &rows))?;
    done()
}

fn forget(check: &str, config: Box<ConfigArgs>) -> anyhow::Result<ExitCode> {
    let server = Server::new(Caller::load(&config.sources())?)?;
    let (source, name) = check.split_once('/').context("a check is called SOURCE/NAME")?;
    let named = [("source", source), ("name", name)];
    let named = form_urlencoded::Serializer::new(String::new()).extend_pairs(named).finish();
    let path = format!("api/v1/checks?{named}");
    super::runtime()?.block_on(server.change(Method::DELETE, &path))?;
    output::print(&format!("{} is no longer watched, until it reports again\n", plain(check)))?;
    done()
}

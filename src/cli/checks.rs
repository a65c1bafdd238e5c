//! `teawatch checks`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;

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
    /// Show all that is known of a check: how it is, when it is due, what runs
    Show {
        /// As the list names it: source/name
        check: String,
        #[command(flatten)]
        args: Box<ListArgs>,
    },
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
    match args.command {
        Some(Command::Forget { check, config }) => return forget(&check, config),
        Some(Command::Show { check, args }) => return show(&check, *args),
        None => {}
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
            let summary = check.latest.as_ref().map(|latest| plain(&latest.summary));
            let running = check.running_since.map(|since| format!("running since {since}"));
            let words: Vec<_> = running.into_iter().chain(summary).collect();
            vec![
                check.status.to_string(),
                format!("{}/{}", check.source, plain(&check.name)),
                check.since.to_string(),
                check.due_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
                words.join("; "),
            ]
        })
        .collect();
    output::print(&table(&["STATUS", "CHECK", "SINCE", "DUE", "LATEST"], &rows))?;
    done()
}

/// The address of a check by its name.
fn path(check: &str) -> anyhow::Result<String> {
    let (source, name) = check.split_once('/').context("a check is called SOURCE/NAME")?;
    Ok(Server::path(&["api", "v1", "checks", source, name]))
}

fn show(check: &str, args: ListArgs) -> anyhow::Result<ExitCode> {
    let server = Server::new(Caller::load(&args.config.sources())?)?;
    let view: CheckView = super::runtime()?.block_on(server.get(&path(check)?, &[]))?;
    if args.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&view)?))?;
        return done();
    }
    let name = plain(&view.name);
    let mut lines = vec![format!("{}/{name} is {} since {}", view.source, view.status, view.since)];
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
    output::print(&format!("{}\n", lines.join("\n")))?;
    done()
}

fn forget(check: &str, config: Box<ConfigArgs>) -> anyhow::Result<ExitCode> {
    let server = Server::new(Caller::load(&config.sources())?)?;
    let path = path(check)?;
    super::runtime()?.block_on(server.change(Method::DELETE, &path))?;
    output::print(&format!("{} is no longer watched, until it reports again\n", plain(check)))?;
    done()
}

//! `teawatch checks`.

mod definition;
mod show;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use url::form_urlencoded;

use self::definition::Wanted;
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

/// A check, and of which server.
#[derive(Debug, clap::Args)]
struct One {
    /// As the list names it: source/name
    check: String,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all checks, as `teawatch checks` does
    List(Box<ListArgs>),
    /// Show all that is known of a check: how it is, when it is due, what runs
    Show(show::Args),
    /// Define a check: when it is due, and what its pings mean
    Add(Box<Wanted>),
    /// Change what is said of a check that is defined; zero or "" takes something away
    Edit(Box<Wanted>),
    /// Judge nothing of a check, and close its issue, until its next ping or until it is resumed
    Pause(One),
    /// Let a check go on that is paused
    Resume(One),
    /// Stop watching a check, with all that is defined of it, until it reports again
    #[command(visible_alias = "forget")]
    Remove(One),
}

/// Shows every check, or does something with one.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Some(command) = args.command else { return list(args.list) };
    match command {
        Command::List(args) => list(*args),
        Command::Show(args) => show::run(args),
        Command::Add(wanted) => {
            wanted.send(Method::POST)?;
            done()
        }
        Command::Edit(wanted) => {
            wanted.send(Method::PATCH)?;
            done()
        }
        Command::Pause(one) => change(one, Method::POST, "pauses", "is paused"),
        Command::Resume(one) => change(one, Method::DELETE, "pauses", "goes on"),
        Command::Remove(one) => {
            change(one, Method::DELETE, "checks", "is no longer watched, until it reports again")
        }
    }
}

fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
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

/// Source and name of a check.
fn parts(check: &str) -> anyhow::Result<(&str, &str)> {
    check.split_once('/').context("a check is called SOURCE/NAME")
}

/// What the server has at `place` for a check.
fn path(place: &str, check: &str) -> anyhow::Result<String> {
    let (source, name) = parts(check)?;
    let named = [("source", source), ("name", name)];
    let named = form_urlencoded::Serializer::new(String::new()).extend_pairs(named).finish();
    Ok(format!("api/v1/{place}?{named}"))
}

/// Does something with a check, and says so.
fn change(one: One, method: Method, place: &str, done_so: &str) -> anyhow::Result<ExitCode> {
    let One { check, config } = one;
    let server = Server::new(Caller::load(&config.sources())?)?;
    super::runtime()?.block_on(server.change(method, &path(place, &check)?))?;
    output::print(&format!("{} {done_so}\n", plain(&check)))?;
    done()
}

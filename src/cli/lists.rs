//! `teawatch alerts` and `teawatch checks`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;

use super::call::{Server, done, plain, table};
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::engine::{AlertView, CheckView};

/// How a list is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON, one array of everything
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What is done with checks.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ChecksArgs {
    #[command(flatten)]
    list: Args,
    #[command(subcommand)]
    command: Option<ChecksCommand>,
}

#[derive(Debug, Subcommand)]
enum ChecksCommand {
    /// Stop watching a check, until it reports again
    Forget {
        /// As the list names it: source/name
        check: String,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

/// Shows every alert that has ever fired, or is about to.
pub(super) fn alerts(args: Args) -> anyhow::Result<ExitCode> {
    let server = Server::new(Caller::load(&args.config.sources())?)?;
    let alerts: Vec<AlertView> = super::runtime()?.block_on(server.list("api/v1/alerts"))?;
    if args.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&alerts)?))?;
        return done();
    }
    let rows: Vec<_> = alerts
        .iter()
        .map(|alert| {
            let issue = match alert.issue {
                Some(number) => format!("{}#{number}", alert.repository),
                None if alert.is_row => format!("{} (overflow)", alert.repository),
                None => "-".to_owned(),
            };
            vec![
                alert.phase.clone(),
                issue,
                plain(&alert.title),
                alert.in_trouble.len().to_string(),
                alert.fired_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
                alert.silenced.as_ref().map_or_else(
                    || "-".to_owned(),
                    |silenced| plain(&format!("until {} by {}", silenced.until, silenced.by)),
                ),
            ]
        })
        .collect();
    let head = ["PHASE", "ISSUE", "ALERT", "IN TROUBLE", "FIRED AT", "SILENCED"];
    output::print(&table(&head, &rows))?;
    done()
}

/// Shows every check, or forgets one.
pub(super) fn checks(args: ChecksArgs) -> anyhow::Result<ExitCode> {
    if let Some(ChecksCommand::Forget { check, config }) = args.command {
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
    let path = Server::path(&["api", "v1", "checks", source, name]);
    super::runtime()?.block_on(server.change(Method::DELETE, &path))?;
    output::print(&format!("{} is no longer watched, until it reports again\n", plain(check)))?;
    done()
}

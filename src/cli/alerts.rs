//! `teawatch alerts`: all of them, or how one is and why.

use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Subcommand;

use super::call::{Server, done, plain, table};
use super::flags::ListArgs;
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::engine::AlertView;

/// What is shown of alerts.
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
    /// Say how one alert is and what people have asked of it, with its facts
    Show {
        /// As the list names it: its title; or its fingerprint
        alert: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(Command::Show { alert, json, config }) => show(&alert, json, config),
        None => list(args.list),
    }
}

/// Shows every alert that has ever fired, or is about to.
fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
    let alerts = all(args.config)?;
    if args.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&alerts)?))?;
        return done();
    }
    let rows: Vec<_> = alerts
        .iter()
        .map(|alert| {
            vec![
                alert.phase.clone(),
                issue(alert),
                plain(&alert.title),
                alert.in_trouble.len().to_string(),
                alert.fired_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
                silenced(alert),
            ]
        })
        .collect();
    let head = ["PHASE", "ISSUE", "ALERT", "IN TROUBLE", "FIRED AT", "SILENCED"];
    output::print(&table(&head, &rows))?;
    done()
}

/// Shows one alert: first what matters, in a sentence, then the rest.
fn show(named: &str, json: bool, config: Box<ConfigArgs>) -> anyhow::Result<ExitCode> {
    let alerts = all(*config)?;
    let alert = find(&alerts, named)?;
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(alert)?))?;
        return done();
    }
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    let facts = [
        ("FINGERPRINT", alert.fingerprint.to_string()),
        ("PHASE", alert.phase.clone()),
        ("ISSUE", issue(alert)),
        ("EPISODE", alert.episode.to_string()),
        ("REOPENED", alert.reopens.to_string()),
        ("FIRED AT", alert.fired_at.map_or_else(String::new, |at| at.to_string())),
        ("CLOSED AT", alert.closed_at.map_or_else(String::new, |at| at.to_string())),
        ("IN TROUBLE", list(&mut alert.in_trouble.iter().map(|name| plain(name)))),
        ("NOT TOLD YET", list(&mut alert.undelivered.iter().map(|it| it.kind.to_string()))),
    ];
    let facts = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
    let rows: Vec<_> = facts.map(|(name, fact)| vec![name.to_owned(), fact]).collect();
    let facts = table(&["ALERT", &plain(&alert.title)], &rows);
    let accounts = alert.accounts.iter();
    let accounts: String = accounts
        .map(|(name, account)| format!("\nAbout {}: {}\n", plain(name), plain(account)))
        .collect();
    output::print(&format!("{}\n\n{facts}{accounts}", plain(&alert.explanation)))?;
    done()
}

fn all(config: ConfigArgs) -> anyhow::Result<Vec<AlertView>> {
    let server = Server::new(Caller::load(&config.sources())?)?;
    super::runtime()?.block_on(server.list("api/v1/alerts"))
}

fn silenced(alert: &AlertView) -> String {
    let silenced = alert.silenced.as_ref();
    silenced.map_or_else(
        || "-".to_owned(),
        |silenced| plain(&format!("until {} by {}", silenced.until, silenced.by)),
    )
}

/// Where it is told.
fn issue(alert: &AlertView) -> String {
    match alert.issue {
        Some(number) => format!("{}#{number}", alert.repository),
        None if alert.is_row => format!("{} (overflow)", alert.repository),
        None => "-".to_owned(),
    }
}

/// The alert of this fingerprint or title. A source and a group may share a title.
fn find<'a>(alerts: &'a [AlertView], named: &str) -> anyhow::Result<&'a AlertView> {
    let is_it = |alert: &&AlertView| alert.fingerprint.to_string() == named || alert.title == named;
    let found: Vec<_> = alerts.iter().filter(is_it).collect();
    match found.as_slice() {
        [alert] => Ok(alert),
        [] => Err(unknown(alerts, named)),
        several => {
            let all: Vec<_> = several.iter().map(|alert| alert.fingerprint.to_string()).collect();
            bail!("several alerts are called `{}`: name one of {}", plain(named), all.join(", "))
        }
    }
}

fn unknown(alerts: &[AlertView], named: &str) -> anyhow::Error {
    // A third of the letters may be wrong.
    let limit = (named.chars().count() / 3).max(1);
    let apart = |alert: &AlertView| strsim::damerau_levenshtein(named, &alert.title);
    let nearest = alerts.iter().map(|alert| (apart(alert), alert)).min_by_key(|(apart, _)| *apart);
    let meant = match nearest.filter(|(apart, _)| *apart <= limit) {
        Some((_, alert)) => format!("did you mean `{}`? ", plain(&alert.title)),
        None => String::new(),
    };
    anyhow!(
        "no alert is called `{}`: {meant}`teawatch alerts` lists those that have fired",
        plain(named)
    )
}

//! `teawatch silence`: nothing is written about what a pattern matches, for a while.

use std::process::ExitCode;

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::ConfigArgs;
use super::call::{Server, done, plain, table};
use super::output::print;
use crate::config::Caller;
use crate::duration;
use crate::engine::SilenceView;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let nothing be written about the checks that a pattern matches
    Add(Add),
    /// List silences: those that are over too, for 7 days
    List {
        /// Print JSON, one array of everything
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// End silences now
    Expire {
        /// As the list numbers them
        #[arg(required = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
#[command(group = clap::ArgGroup::new("how-long").required(true))]
pub(super) struct Add {
    /// Which sources, as a pattern with * and ?
    #[arg(long, value_name = "PATTERN", group = "which")]
    source: Option<String>,
    /// Which checks, likewise
    #[arg(long, value_name = "PATTERN", group = "which")]
    name: Option<String>,
    /// A label that a check must have, with a pattern for its value; may be repeated
    #[arg(long = "label", value_name = "LABEL=PATTERN", group = "which", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// How long it lasts: 30m, 2h, 7d
    #[arg(long = "for", value_name = "DURATION", group = "how-long",
          value_parser = duration::parse_positive)]
    lasts: Option<SignedDuration>,
    /// Until when instead, as in 2026-12-01T22:00:00Z
    #[arg(long, value_name = "TIME", group = "how-long")]
    until: Option<Timestamp>,
    /// When it begins, if not at once
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Why; shown with every alert that it silences
    #[arg(long)]
    reason: String,
    /// Who wants it
    #[arg(long, env = "USER")]
    author: String,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("expected LABEL=PATTERN")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add(args) => add(args),
        Command::List { json, config } => {
            list(&Server::new(Caller::load(&config.sources())?)?, json)
        }
        Command::Expire { numbers, config } => {
            let server = Server::new(Caller::load(&config.sources())?)?;
            super::runtime()?.block_on(async {
                for number in numbers {
                    let path = format!("api/v1/silences/{number}");
                    server.change(Method::DELETE, &path).await?;
                    print(&format!("silence {number} is over\n"))?;
                }
                done()
            })
        }
    }
}

fn add(args: Add) -> anyhow::Result<ExitCode> {
    let Add { source, name, labels, lasts, until, from, reason, author, config } = args;
    let server = Server::new(Caller::load(&config.sources())?)?;
    let labels: Map<_, _> = labels.into_iter().map(|(key, it)| (key, Value::from(it))).collect();
    // What is over is the server's clock's to say, so a duration stays one.
    let asked = json!({
        "match": { "source": source, "name": name, "labels": labels },
        "start": from,
        "end": until,
        "duration_seconds": lasts.map(|lasts| lasts.as_secs_f64()),
        "author": author,
        "reason": reason,
    });
    let made = super::runtime()?.block_on(server.tell(Method::POST, "api/v1/silences", &asked))?;
    let SilenceView { silence, .. } = serde_json::from_value(made)?;
    print(&format!("silence {}: {} to {}\n", silence.number, silence.start, silence.end))?;
    done()
}

fn list(server: &Server, json: bool) -> anyhow::Result<ExitCode> {
    let silences: Vec<SilenceView> = super::runtime()?.block_on(server.list("api/v1/silences"))?;
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&silences)?))?;
        return done();
    }
    let rows: Vec<_> = silences
        .iter()
        .map(|SilenceView { state, silence }| {
            vec![
                silence.number.to_string(),
                state.clone(),
                silence.start.to_string(),
                silence.end.to_string(),
                plain(&silence.matcher.to_string()),
                plain(&silence.author),
                plain(&silence.reason),
            ]
        })
        .collect();
    print(&table(&["NUMBER", "STATE", "START", "END", "CHECKS", "AUTHOR", "REASON"], &rows))?;
    done()
}

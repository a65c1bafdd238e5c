//! `teawatch outbox`: what Gitea has not confirmed, and what to do about it.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::call::{Server, done, plain, table};
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::engine::Entry;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what Gitea has not confirmed
    List {
        /// Print JSON, one array of everything
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Show one effect, with its text, as JSON
    Show {
        /// Its number in the list
        seq: u64,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Try a parked or waiting effect now
    Retry {
        /// Its number in the list
        seq: u64,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Give an effect up: Gitea is not told
    Drop {
        /// Its number in the list
        seq: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { json, config } => list(&server(config)?, json),
        Command::Show { seq, config } => {
            let path = format!("api/v1/outbox/{seq}");
            let server = server(config)?;
            let entry: Value = super::runtime()?.block_on(server.get(&path, &[]))?;
            output::print(&format!("{}\n", serde_json::to_string_pretty(&entry)?))?;
            done()
        }
        Command::Retry { seq, config } => {
            let path = format!("api/v1/outbox/{seq}/retry");
            let server = server(config)?;
            super::runtime()?.block_on(server.change(Method::POST, &path))?;
            output::print(&format!("effect {seq} is tried again\n"))?;
            done()
        }
        Command::Drop { seq, yes, config } => {
            if !yes && !confirmed(seq)? {
                output::print("nothing was changed\n")?;
                return Ok(ExitCode::FAILURE);
            }
            let path = format!("api/v1/outbox/{seq}");
            let server = server(config)?;
            super::runtime()?.block_on(server.change(Method::DELETE, &path))?;
            output::print(&format!("effect {seq} is dropped\n"))?;
            done()
        }
    }
}

fn server(config: Box<ConfigArgs>) -> anyhow::Result<Server> {
    Server::new(Caller::load(&config.sources())?)
}

fn list(server: &Server, json: bool) -> anyhow::Result<ExitCode> {
    let entries: Vec<Entry> = super::runtime()?.block_on(server.list("api/v1/outbox"))?;
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&entries)?))?;
        return done();
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            vec![
                entry.seq.to_string(),
                entry.progress().to_string(),
                entry.effect.kind.to_string(),
                entry.repository.clone(),
                entry.made_at.to_string(),
                plain(entry.last_error.as_deref().unwrap_or("")),
            ]
        })
        .collect();
    let head = ["NUMBER", "STATE", "EFFECT", "REPOSITORY", "ORDERED AT", "LAST ERROR"];
    output::print(&table(&head, &rows))?;
    done()
}

fn confirmed(seq: u64) -> anyhow::Result<bool> {
    let mut stderr = std::io::stderr();
    write!(stderr, "Gitea will never be told effect {seq}. Drop it? [y/N] ")
        .and_then(|()| stderr.flush())
        .context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

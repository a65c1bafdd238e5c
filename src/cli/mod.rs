//! The command line: one file per command, and the flags that several of them share.
//!
//! Turns flags into values, calls what does the work, and prints. Contains no rule about
//! alerts and never ends the process.

mod call;
mod config;
mod demo;
mod lists;
mod outbox;
mod output;
mod pid_file;
mod sandbox;
mod secret;
mod serve;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::config::{Flag, Sources};

/// Turns trouble into Gitea issues that open, speak and close by themselves.
#[derive(Debug, Parser)]
#[command(name = "teawatch", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take reports and keep Gitea's issues in line with them
    Serve(serve::Args),
    /// Show it all working on this machine, without a Gitea
    Demo(demo::Args),
    /// Run a stand-in for Gitea on this machine
    Sandbox(sandbox::Args),
    /// List alerts
    Alerts(lists::Args),
    /// List or forget checks
    Checks(lists::ChecksArgs),
    /// See what Gitea has not confirmed, retry or drop it
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Judge, show or begin a configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Make secrets
    #[command(subcommand)]
    Secret(secret::Command),
}

/// Does what the command line asks for.
///
/// An error is a failure (exit code 1); a wrong call (2) has ended the process in
/// [`Cli::parse`] already.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Alerts(args) => lists::alerts(args),
        Command::Checks(args) => lists::checks(args),
        Command::Outbox(command) => outbox::run(command),
        Command::Config(command) => config::run(command),
        Command::Secret(command) => secret::run(command),
    }
}

/// The flags of every command that reads the configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
struct ConfigArgs {
    /// Read this file [default: teawatch.toml here, else /etc/teawatch/teawatch.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep the state in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Listen on this address and port
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Name this address in links
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where Gitea is
    #[arg(long, value_name = "URL")]
    gitea_url: Option<String>,
    /// Open issues in this repository
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// How much to log: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log: text, json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Any setting by its name in the file, as in `alerts.open_after=5m`; repeatable
    ///
    /// Of several values for one setting the last counts; a flag of its own counts more.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// These flags, over this process's environment and the usual files.
    fn sources(self) -> Sources {
        let set = self.set.into_iter().map(|(key, value)| Flag {
            name: format!("--set {key}"),
            key,
            value,
        });
        let named = [
            ("--data-dir", "data_dir", self.data_dir),
            ("--listen", "listen", self.listen),
            ("--public-url", "public_url", self.public_url),
            ("--gitea-url", "gitea.url", self.gitea_url),
            ("--repository", "gitea.repository", self.repository),
            ("--log-level", "log.level", self.log_level),
            ("--log-format", "log.format", self.log_format),
        ];
        let named = named.into_iter().filter_map(|(name, key, value)| {
            Some(Flag { name: name.to_owned(), key: key.to_owned(), value: value? })
        });
        Sources::of_this_process(self.config, set.chain(named).collect())
    }
}

/// Splits `key=value`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Where everything asynchronous runs.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Starts a part of the server whose handle its owner keeps and waits for.
#[expect(clippy::disallowed_methods, reason = "whoever calls this keeps the handle")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

/// Resolves, with its name, when this process is asked to end.
fn stop_signal() -> anyhow::Result<impl Future<Output = &'static str> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

//! The command line: one file per command, and the flags that several of them share.
//!
//! Turns flags into values, calls what does the work, and prints. Contains no rule about
//! alerts and never ends the process.

mod agent;
#[cfg(feature = "server")]
mod alerts;
#[cfg(feature = "server")]
mod background;
#[cfg(feature = "server")]
mod backup;
mod beat;
#[cfg(feature = "server")]
mod call;
#[cfg(feature = "server")]
mod checks;
#[cfg(feature = "server")]
mod config;
mod dashes;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "server")]
mod doctor;
#[cfg(feature = "server")]
mod doors;
#[cfg(feature = "server")]
mod enroll;
#[cfg(feature = "server")]
mod flags;
#[cfg(feature = "server")]
mod hook;
#[cfg(feature = "server")]
mod inherited;
#[cfg(feature = "server")]
mod init;
mod install;
#[cfg(feature = "server")]
mod jobs;
#[cfg(feature = "server")]
mod night;
#[cfg(feature = "server")]
mod outbox;
mod output;
#[cfg(feature = "server")]
mod pid_file;
mod reporting;
#[cfg(feature = "server")]
mod restore;
mod run;
#[cfg(feature = "server")]
mod sandbox;
#[cfg(feature = "server")]
mod secret;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod setup;
#[cfg(feature = "server")]
mod silence;
#[cfg(feature = "server")]
mod space;
#[cfg(feature = "server")]
mod status;
mod target;
#[cfg(feature = "server")]
mod units;
#[cfg(feature = "server")]
mod unstarted;
#[cfg(feature = "server")]
mod watchers;
#[cfg(feature = "server")]
mod way;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
#[cfg(feature = "server")]
use tokio::task::JoinHandle;

#[cfg(feature = "server")]
use self::flags::ConfigArgs;

/// Turns trouble into Gitea issues that open, speak and close by themselves.
#[derive(Debug, Parser)]
#[command(name = "teawatch", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Reads a command line, with the name of the program. A wrong one ends the process, with
    /// exit code 2.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Self {
        Self::parse_from(dashes::doubled(&Self::command(), arguments.collect()))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up teawatch with your Gitea
    #[cfg(feature = "server")]
    Init(init::Args),
    /// Take reports and keep Gitea's issues in line with them
    #[cfg(feature = "server")]
    Serve(serve::Args),
    /// Say whether teawatch is at work, also when it does not answer
    ///
    /// Reads what the server leaves in its data directory, and asks nobody. Exits 0 when all
    /// is well, 1 when something is wrong, 2 when that cannot be told.
    #[cfg(feature = "server")]
    Status(status::Args),
    /// Look at everything that teawatch stands on, and say what mends what is not well
    ///
    /// Exits 0 when nothing is wrong, 1 otherwise.
    #[cfg(feature = "server")]
    Doctor(doctor::Args),
    /// Look at this host, and report what was seen
    Agent(agent::Args),
    /// Write a job's heartbeat
    Beat(Box<beat::Args>),
    /// Run a command, and tell how it went, by a report or by pings
    Run(Box<run::Args>),
    /// Show it all working on this machine, without a Gitea
    #[cfg(feature = "server")]
    Demo(demo::Args),
    /// Run a stand-in for Gitea on this machine
    #[cfg(feature = "server")]
    Sandbox(sandbox::Args),
    /// List alerts, or show one
    #[cfg(feature = "server")]
    Alerts(alerts::Args),
    /// List, define, pause or remove checks
    #[cfg(feature = "server")]
    Checks(checks::Args),
    /// Say what was in the night: what is down, what was, for how long, and how it is now
    #[cfg(feature = "server")]
    Report(night::Args),
    /// Let nothing be written about some checks for a while
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Silence(silence::Command),
    /// See and change what teawatch runs on a schedule
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// See what Gitea has not confirmed, retry or drop it
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Gitea's webhooks: make them, and see what they have told
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Hook(hook::Command),
    /// Write a backup of everything while the server runs
    #[cfg(feature = "server")]
    Backup(backup::Args),
    /// Make a new store from a backup
    #[cfg(feature = "server")]
    Restore(restore::Args),
    /// Judge, show or begin a configuration
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Config(config::Command),
    /// Print how to run the server under systemd
    #[cfg(feature = "server")]
    Install(units::Args),
    /// Make secrets
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Secret(secret::Command),
}

/// Does what the command line asks for.
///
/// An error is a failure (exit code 1); a wrong call (2) has ended the process in
/// [`Cli::read`] already.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        #[cfg(feature = "server")]
        Command::Init(args) => init::run(&args),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(args),
        #[cfg(feature = "server")]
        Command::Status(args) => status::run(args),
        #[cfg(feature = "server")]
        Command::Doctor(args) => doctor::run(args),
        Command::Agent(args) => agent::run(args),
        Command::Beat(args) => beat::run(&args),
        Command::Run(args) => Ok(run::run(&args)),
        #[cfg(feature = "server")]
        Command::Demo(args) => demo::run(&args),
        #[cfg(feature = "server")]
        Command::Sandbox(args) => sandbox::run(&args),
        #[cfg(feature = "server")]
        Command::Alerts(args) => alerts::run(args),
        #[cfg(feature = "server")]
        Command::Checks(args) => checks::run(args),
        #[cfg(feature = "server")]
        Command::Report(args) => night::run(args),
        #[cfg(feature = "server")]
        Command::Silence(command) => silence::run(command),
        #[cfg(feature = "server")]
        Command::Jobs(command) => jobs::run(command),
        #[cfg(feature = "server")]
        Command::Outbox(command) => outbox::run(command),
        #[cfg(feature = "server")]
        Command::Hook(command) => hook::run(command),
        #[cfg(feature = "server")]
        Command::Backup(args) => backup::run(args),
        #[cfg(feature = "server")]
        Command::Restore(args) => restore::run(args),
        #[cfg(feature = "server")]
        Command::Config(command) => config::run(command),
        #[cfg(feature = "server")]
        Command::Install(args) => units::run(&args),
        #[cfg(feature = "server")]
        Command::Secret(command) => secret::run(command),
    }
}

/// Where everything asynchronous runs.
#[cfg(feature = "server")]
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The same for what does one thing after the other: one thread is plenty, and small.
fn runtime_small() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Starts a part of the server whose handle its owner keeps and waits for.
#[cfg(feature = "server")]
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

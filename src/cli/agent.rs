//! `teawatch agent`: looks at this host, and reports.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::SignedDuration;
use tokio::runtime::Runtime;
use url::Url;

#[cfg(feature = "server")]
use super::enroll;
use super::install;
use super::output::print;
use super::reporting::{self, tell, tell_all};
use crate::agent::folder;
use crate::agent::{self, Agent, Cycle, Delivery, Settings, Verdict, parse_interval};
use crate::clock::Clock;

/// The exit code of a wrong call, and of a cycle in which nothing failed and something is
/// unknown.
const CANNOT_TELL: u8 = 2;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Read this file [default: teawatch-agent.toml here, else /etc/teawatch/agent.toml]
    #[arg(long, value_name = "FILE", env = "TEAWATCH_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// Report under this name [default: the host's]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Where teawatch is
    #[arg(long, value_name = "URL")]
    server: Option<Url>,
    /// When the next cycle is due, as the cron entry has it [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, conflicts_with = "watch")]
    every: Option<SignedDuration>,
    /// Go on until a signal, instead of looking once
    #[arg(long)]
    watch: bool,
    /// With --watch: how often to look; this is when the next cycle is due as well
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, default_value = "60s", requires = "watch")]
    interval: SignedDuration,
    /// Look at this heartbeat file, in addition
    #[arg(long, value_name = "FILE", env = "TEAWATCH_AGENT_HEARTBEAT")]
    heartbeat: Option<PathBuf>,
    /// Print what was seen as Markdown; send nothing, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print what was seen as JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print nothing
    #[arg(long, short)]
    quiet: bool,
    /// Print the panel of the folders of heartbeats alone, as Markdown, or with --text or
    /// --json as text or JSON; report nothing
    #[arg(long, conflicts_with_all = ["watch", "quiet"])]
    panel: bool,
    /// With --panel: print it as text, for a terminal
    #[arg(long, requires = "panel", conflicts_with = "json")]
    text: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// On the server: print a host's secret, and a configuration for its agent
    #[cfg(feature = "server")]
    Enroll(enroll::Args),
    /// Print how to run the agent every five minutes
    Install(install::Args),
}

/// Looks, prints and reports. What cannot even begin is a wrong call.
pub(super) fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    match args.command.take() {
        #[cfg(feature = "server")]
        Some(Command::Enroll(args)) => return enroll::run(args),
        Some(Command::Install(args)) => return install::run(&args),
        None => {}
    }
    let args = &args;
    let done =
        if args.panel { panel(args) } else { prepare(args).and_then(|ready| ready.run(args)) };
    Ok(done.unwrap_or_else(|error| {
        tell(&format!("{error:#}"));
        ExitCode::from(CANNOT_TELL)
    }))
}

/// Prints the jobs of all folders that the file names.
fn panel(args: &Args) -> anyhow::Result<ExitCode> {
    let settings = reporting::needed_settings(args.config.as_deref())?;
    let jobs = settings.folder_jobs(Clock::system().now()).context("a folder cannot be read")?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&jobs)?)
    } else if args.text {
        folder::plain_panel(&jobs, usize::MAX)
    } else {
        folder::panel(&jobs)
    };
    print(&text)?;
    let is_any = |is: fn(folder::Status) -> bool| jobs.iter().any(|job| is(job.status));
    Ok(if is_any(folder::Status::is_trouble) {
        ExitCode::FAILURE
    } else if is_any(folder::Status::is_untold) {
        ExitCode::from(CANNOT_TELL)
    } else {
        ExitCode::SUCCESS
    })
}

/// An agent, and where its cycles go unless it is a dry run.
struct Ready {
    agent: Agent,
    delivery: Option<Delivery>,
    runtime: Runtime,
}

fn prepare(args: &Args) -> anyhow::Result<Ready> {
    let mut settings = match (&args.config, &args.heartbeat) {
        (None, Some(_)) => reporting::settings(None)?.unwrap_or_default(),
        (config, _) => reporting::needed_settings(config.as_deref())?,
    };
    if let Some(path) = &args.heartbeat {
        settings.add_heartbeat(path.clone());
    }
    settings.source = args.source.clone().or(settings.source);
    settings.server = args.server.clone().or(settings.server);
    settings.every = args.every.unwrap_or(settings.every);
    if args.watch {
        settings.every = args.interval;
    }
    agent::install_crypto();
    let clock = Clock::system();
    let delivery = if args.dry_run { None } else { Some(delivery(&settings, &clock)?) };
    let agent = Agent {
        source: settings.source_name()?,
        every: settings.every,
        pause_file: settings.pause_file.clone(),
        watches: settings.watches()?,
        clock,
    };
    if agent.watches.is_empty() {
        bail!("there is nothing to look at: the file names no check");
    }
    Ok(Ready { agent, delivery, runtime: super::runtime_small()? })
}

fn delivery(settings: &Settings, clock: &Clock) -> anyhow::Result<Delivery> {
    Ok(Delivery {
        spool: reporting::spool(settings),
        sender: reporting::sender(settings, clock)?,
        heartbeat: settings.data_dir.join("heartbeat.json"),
        ping_url: settings.ping_url.clone(),
        roots: settings.ca_file.as_deref().map(reporting::roots).transpose()?,
    })
}

impl Ready {
    fn run(mut self, args: &Args) -> anyhow::Result<ExitCode> {
        let code = self.runtime.block_on(async {
            let stop = super::stop_signal()?;
            tokio::pin!(stop);
            let mut number = 0;
            loop {
                number += 1;
                let began = tokio::time::Instant::now();
                let cycle = tokio::select! {
                    cycle = self.agent.look() => cycle,
                    _ = &mut stop => return Ok(ExitCode::SUCCESS),
                };
                if let Err(error) = show(&cycle, args) {
                    // Whoever cannot be shown it can still be sent it.
                    tell(&format!("{error:#}"));
                }
                if let Some(delivery) = &mut self.delivery {
                    let clock = &self.agent.clock;
                    let mut tell_it = |line: String| tell(&line);
                    let failures = tokio::select! {
                        failures = delivery.deliver(&cycle, number, clock, &mut tell_it) => failures,
                        // What is under way is kept, and comes again.
                        _ = &mut stop => return Ok(exit_code(&cycle)),
                    };
                    tell_all(failures);
                }
                if !args.watch {
                    return Ok(exit_code(&cycle));
                }
                let next = began + self.agent.every.unsigned_abs();
                tokio::select! {
                    () = tokio::time::sleep_until(next) => {}
                    _ = &mut stop => return Ok(exit_code(&cycle)),
                }
            }
        });
        // A disk that hangs must not hold up the end.
        self.runtime.shutdown_background();
        code
    }
}

fn show(cycle: &Cycle, args: &Args) -> anyhow::Result<()> {
    if args.json {
        print(&format!("{}\n", agent::json(cycle)))
    } else if args.quiet {
        Ok(())
    } else if args.dry_run {
        print(&agent::markdown(cycle))
    } else {
        print(&agent::text(cycle))
    }
}

fn exit_code(cycle: &Cycle) -> ExitCode {
    match cycle.verdict() {
        Verdict::Healthy => ExitCode::SUCCESS,
        Verdict::Failing => ExitCode::FAILURE,
        Verdict::CannotTell => ExitCode::from(CANNOT_TELL),
    }
}

//! `teawatch run`: runs a command, and tells how it went, by reports or by pings.

mod lock;
mod ping;
mod repeat;
mod report;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use tokio::time::Instant;

use self::ping::{Pinged, Pings};
use self::repeat::Repeat;
use self::report::Reporter;
use super::reporting::{self, tell};
use super::runtime_small;
use super::target::Target;
use crate::agent::job::{Job, Outputs, REPORT_KEEPS, Run};
use crate::agent::post;
use crate::duration::parse_positive;

/// The exit code if the command still runs from before: try again later.
const STILL_RUNNING: u8 = 75;
/// The exit code if the command was not run for a reason of ours.
const NOT_RUN: u8 = 125;

/// What `--help` ends with.
const ENDS: &str = "\
Where a check is named by --uuid, or by --slug and --ping-key, or by their variables, it is
pinged; else the command is reported to the agent's server, and what cannot be sent waits.

Flags of runitor are taken with one dash as well, and `-every` is --repeat.

Exit codes: the command's own, or 128 and the number of the signal that ended it;
  124  it ended in good order, but only because it was over its limit
   75  it still runs from before (--no-overlap)
  125  teawatch could not run it
  126  it cannot be executed
  127  it does not exist";

#[derive(Debug, clap::Args)]
#[command(after_help = ENDS)]
pub(super) struct Args {
    /// The name of its check, where it is reported [default: the program's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How often it runs, where it is reported; twice as long without a report is trouble
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    every: Option<SignedDuration>,
    /// Kill it, with all that it has started, when it takes longer
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    limit: Option<SignedDuration>,
    /// Do not run it while it still runs from before (exit code 75)
    #[arg(long)]
    no_overlap: bool,
    /// Run it again and again, so often, until a signal to end; SIGALRM runs it at once
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    repeat: Option<SignedDuration>,
    /// Throw away what it says on its standard output
    #[arg(long)]
    quiet: bool,
    /// Throw away all that it says
    #[arg(long)]
    silent: bool,
    /// The agent's file [default: teawatch-agent.toml here, else /etc/teawatch/agent.toml]
    #[arg(long, value_name = "FILE", env = "TEAWATCH_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    pings: Pings,
}

/// Runs the command whatever becomes of what is told, and ends as it ended.
pub(super) fn run(args: &Args) -> ExitCode {
    try_run(args).unwrap_or_else(|error| {
        tell(&format!("run: {error:#}"));
        ExitCode::from(NOT_RUN)
    })
}

fn try_run(args: &Args) -> anyhow::Result<ExitCode> {
    let (program, arguments) = args.command.split_first().context("there is no command")?;
    let name = args.name.clone().unwrap_or_else(|| base_name(program));
    // The command does not fail for want of a configuration.
    let settings = reporting::needed_settings(args.config.as_deref());
    let _lock = match args.no_overlap.then(|| lock::take(&name, settings.as_ref().ok())) {
        None => None,
        Some(taken) => {
            let Some(lock) = taken? else {
                tell(&format!("run: {name:?} still runs from before"));
                return Ok(ExitCode::from(STILL_RUNNING));
            };
            Some(lock)
        }
    };
    // Nor for the name of its check.
    let ca_file = settings.as_ref().ok().and_then(|settings| settings.ca_file.clone());
    let teller = match args.target.pinger(ca_file.as_deref()) {
        Ok(Some(pinger)) => Teller::Ping(Pinged { pinger, pings: &args.pings }),
        Ok(None) => {
            let settings = post::judge_name(&name)
                .map_err(|error| anyhow!("{error}: this run is not reported"))
                .and(settings);
            let every = args.every.or(args.repeat);
            Teller::Report(Box::new(Reporter { settings, name, every }))
        }
        Err(error) => {
            let settings = Err(anyhow!("{error:#}: this run is told to nobody"));
            Teller::Report(Box::new(Reporter { settings, name, every: None }))
        }
    };
    let job = Job {
        program: program.clone(),
        arguments: arguments.to_vec(),
        limit: args.limit.map(SignedDuration::unsigned_abs),
        outputs: match (args.silent, args.quiet) {
            (true, _) => Outputs::Neither,
            (false, true) => Outputs::Errors,
            (false, false) => Outputs::Both,
        },
        kept: match &teller {
            Teller::Ping(_) => args.pings.kept(),
            Teller::Report(_) => REPORT_KEEPS,
        },
    };
    let runtime = runtime_small()?;
    let code = runtime.block_on(async {
        let repeat = args.repeat.map(|every| Repeat::new(every.unsigned_abs()));
        let mut repeat = repeat.transpose()?;
        loop {
            let began = Instant::now();
            let run = teller.run(&job).await?;
            let goes_on = match &mut repeat {
                Some(repeat) => repeat.goes_on(began).await,
                None => false,
            };
            if !goes_on {
                return anyhow::Ok(run.exit_code());
            }
        }
    });
    // A name server or a disk that hangs is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::from(code?))
}

/// Who hears of the command.
enum Teller<'a> {
    Report(Box<Reporter>),
    Ping(Pinged<'a>),
}

impl Teller<'_> {
    async fn run(&self, job: &Job) -> anyhow::Result<Run> {
        match self {
            Self::Report(reporter) => Box::pin(reporter.run(job)).await,
            Self::Ping(pinged) => Box::pin(pinged.run(job)).await,
        }
    }
}

/// What the program is called, without its folder and as text. Its arguments may hold
/// secrets.
fn base_name(program: &OsStr) -> String {
    let name = Path::new(program).file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}

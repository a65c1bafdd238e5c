//! `teawatch run`: runs a command, and reports how it went.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use super::reporting::{self, tell, tell_all};
use super::{runtime_small, stop_signal};
use crate::agent::job::Job;
use crate::agent::{self, Settings, Undelivered, post};
use crate::check::{Kind, Observation};
use crate::clock::Clock;
use crate::duration::parse_positive;

/// The exit code if the command still runs from before: try again later.
const STILL_RUNNING: u8 = 75;
/// The exit code if the command was not run for a reason of ours.
const NOT_RUN: u8 = 125;

/// What `--help` ends with.
const ENDS: &str = "\
Exit codes: the command's own, or 128 and the number of the signal that ended it;
  124  it ended in good order, but only because it was over its limit
   75  it still runs from before (--no-overlap)
  125  teawatch could not run it
  126  it cannot be executed
  127  it does not exist";

#[derive(Debug, clap::Args)]
#[command(after_help = ENDS)]
pub(super) struct Args {
    /// The name of its check [default: the program's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How often it runs; twice as long without a report is trouble
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    every: Option<SignedDuration>,
    /// Kill it, with all that it has started, when it takes longer
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    limit: Option<SignedDuration>,
    /// Do not run it while it still runs from before (exit code 75)
    #[arg(long)]
    no_overlap: bool,
    /// The agent's file [default: teawatch-agent.toml here, else /etc/teawatch/agent.toml]
    #[arg(long, value_name = "FILE", env = "TEAWATCH_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// Runs the command whatever becomes of the report, and ends as it ended.
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
    let Some(_lock) = lock(args, &name, settings.as_ref().ok())? else {
        tell(&format!("run: {name:?} still runs from before"));
        return Ok(ExitCode::from(STILL_RUNNING));
    };
    // Nor for the name of its check.
    let settings = post::judge_name(&name)
        .map_err(|error| anyhow!("{error}: this run is not reported"))
        .and(settings);
    let limit = args.limit.map(SignedDuration::unsigned_abs);
    let job = Job { program: program.clone(), arguments: arguments.to_vec(), limit };
    let runtime = runtime_small()?;
    let (ended, told) = runtime.block_on(async {
        let start =
            Observation { interval: args.every, ..Observation::new(Kind::Start, "running") };
        let started = async {
            if let Ok(settings) = &settings {
                // What cannot be told now waits, and is told with the end.
                report(settings, &name, start).await.ok();
            }
            std::future::pending::<Infallible>().await
        };
        // The command waits for nothing: it is there before its start is told.
        let ended = tokio::select! {
            biased;
            ended = job.run() => ended,
            never = started => match never {},
        };
        let ended = ended.context("cannot wait for the command")?;
        let mut end = ended.observation(limit);
        end.interval = args.every;
        let told = match &settings {
            // Whoever wants us to end by now has seen the command end.
            Ok(settings) => tokio::select! {
                told = report(settings, &name, end) => told,
                signal = stop_signal()? => Err(anyhow!("{signal} while the report was sent")),
            },
            Err(error) => Err(anyhow!("{error:#}")),
        };
        anyhow::Ok((ended, told))
    })?;
    match told {
        Ok(failures) => tell_all(failures),
        Err(error) => tell(&format!("run: {error:#}")),
    }
    // A name server or a disk that hangs is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::from(ended.exit_code()))
}

/// Gives what went wrong with it after it was kept, or was not.
async fn report(
    settings: &Settings,
    name: &str,
    observation: Observation,
) -> anyhow::Result<Vec<Undelivered>> {
    agent::install_crypto();
    let clock = Clock::system();
    let observation = Observation { observed_at: Some(clock.now()), ..observation };
    let spool = reporting::spool(settings);
    let unkept = post::keep(&spool, settings.source_name()?, name, observation).await?;
    let mut sender = reporting::sender(settings, &clock)?;
    let mut tell_it = |line: String| tell(&line);
    Ok(post::send(unkept, &spool, &mut sender, &clock, &mut tell_it).await?)
}

/// The lock that says that the command runs; nothing if somebody else holds it. Given back
/// by the system when this process ends, however it ends; the command does not hold it, nor
/// does what it leaves behind, which may stay for good.
fn lock(
    args: &Args,
    name: &str,
    settings: Option<&Settings>,
) -> anyhow::Result<Option<Option<File>>> {
    if !args.no_overlap {
        return Ok(Some(None));
    }
    let settings = settings.context("--no-overlap needs the agent's `data_dir` for its lock")?;
    let folder = settings.data_dir.join("run");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    // Two names are two files, whatever they are made of and however long they are.
    let digest = Sha256::digest(name.as_bytes());
    let path = folder.join(format!("{}.lock", hex::encode(digest)));
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Some(file))),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// What the program is called, without its folder and as text. Its arguments may hold
/// secrets.
fn base_name(program: &OsStr) -> String {
    let name = Path::new(program).file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}

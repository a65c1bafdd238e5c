//! `teawatch beat`: a job says that it is done.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::SignedDuration;

use super::reporting::{self, tell, tell_all};
use super::runtime_small;
use super::target::Target;
use crate::agent::heartbeat::{self, Written};
use crate::agent::ping::Event;
use crate::agent::{self, folder, post};
use crate::check::{Kind, Observation};
use crate::clock::Clock;
use crate::duration::parse_positive;

/// Where the files of jobs go if nobody says otherwise, the first that can be written to.
const FOLDERS: [&str; 2] = ["/var/run/bezalel/heartbeats", "~/.bezalel/heartbeats"];

/// The exit code of a wrong call.
const WRONG_CALL: u8 = 2;

/// The shape of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A file `<job>.last` in a folder of many jobs
    Last,
    /// One file for one worker
    Heartbeat,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name of the job
    job: String,
    /// How often the job means to run; twice as long without a beat is stale
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    interval: SignedDuration,
    /// The number of the worker's cycle
    #[arg(long, value_name = "N")]
    cycle: Option<u64>,
    /// What the worker works with
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    #[arg(long, value_enum, default_value = "last")]
    format: Format,
    /// The folder of `<job>.last` files
    #[arg(long, value_name = "DIR", env = "TEAWATCH_AGENT_HEARTBEATS")]
    dir: Option<PathBuf>,
    /// With --format heartbeat: the file [default: ~/.nexus/heartbeat.json]
    #[arg(long, value_name = "FILE", env = "TEAWATCH_AGENT_HEARTBEAT")]
    file: Option<PathBuf>,
    /// Report it to the server as well
    #[arg(long)]
    post: bool,
    /// With --post: the agent's file [default: teawatch-agent.toml here, else
    /// /etc/teawatch/agent.toml]
    #[arg(long, value_name = "FILE", env = "TEAWATCH_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// Ping a URL as well: the flags below, or their variables, name it. A check that a flag
    /// names is pinged in any case
    #[arg(long)]
    ping: bool,
    #[command(flatten)]
    target: Target,
}

/// Writes the heartbeat. Whoever calls this at the end of a job must not fail for it: what
/// goes wrong is told, and only a wrong call is an error.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !folder::is_job(&args.job) {
        tell("beat: the name of a job must be one that a file can have");
        return Ok(ExitCode::from(WRONG_CALL));
    }
    let clock = Clock::system();
    let written = Written {
        job: Some(args.job.clone()),
        pid: std::os::unix::process::parent_id(),
        timestamp: agent::seconds(clock.now()),
        interval_seconds: Some(args.interval.as_secs_f64()),
        cycle: args.cycle,
        model: args.model.clone(),
        status: "alive".to_owned(),
    };
    if let Err(error) = write(args, &written) {
        tell(&format!("beat: the heartbeat of {} could not be written: {error}", args.job));
    }
    if args.post
        && let Err(error) = report(args, &clock)
    {
        tell(&format!("beat: {error:#}"));
    }
    if (args.ping || args.target.is_named())
        && let Err(error) = ping(args)
    {
        tell(&format!("beat: the ping is lost: {error:#}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to the first place that can be written to.
fn write(args: &Args, written: &Written) -> Result<(), String> {
    let file = folder::file_name(&args.job);
    let paths: Vec<_> = match (args.format, &args.file, &args.dir) {
        (Format::Heartbeat, Some(path), _) => vec![path.clone()],
        (Format::Heartbeat, None, _) => vec![agent::usual_heartbeat()],
        (Format::Last, _, Some(dir)) => vec![dir.join(file)],
        (Format::Last, _, None) => {
            FOLDERS.iter().map(|dir| PathBuf::from(dir).join(&file)).collect()
        }
    };
    let mut failures = Vec::new();
    for path in paths {
        let (path, is_at_home) = (heartbeat::expand(&path), path.starts_with("~"));
        if is_at_home && !path.is_absolute() {
            failures.push(format!("{}: this user has no home", path.display()));
            continue;
        }
        match heartbeat::write(&path, written) {
            Ok(()) => return Ok(()),
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
    }
    Err(failures.join("; "))
}

fn report(args: &Args, clock: &Clock) -> anyhow::Result<()> {
    let settings = reporting::needed_settings(args.config.as_deref())?;
    agent::install_crypto();
    let spool = reporting::spool(&settings);
    let mut observation = Observation::new(Kind::Success, "beat");
    observation.interval = Some(args.interval);
    observation.observed_at = Some(clock.now());
    if let Some(cycle) = args.cycle {
        observation.labels.insert("cycle".to_owned(), cycle.to_string());
    }
    let runtime = runtime_small()?;
    let sent = runtime.block_on(async {
        let unkept = post::keep(&spool, settings.source_name()?, &args.job, observation).await?;
        let mut sender = reporting::sender(&settings, clock)?;
        let mut tell_it = |line: String| tell(&line);
        anyhow::Ok(post::send(unkept, &spool, &mut sender, clock, &mut tell_it).await?)
    });
    // A name server or a disk that hangs is not waited for.
    runtime.shutdown_background();
    tell_all(sent?);
    Ok(())
}

fn ping(args: &Args) -> anyhow::Result<()> {
    // What is wrong with the agent's file is no reason not to ping.
    let settings = reporting::settings(args.config.as_deref()).ok().flatten();
    let ca_file = settings.and_then(|settings| settings.ca_file);
    let pinger = args.target.pinger(ca_file.as_deref())?;
    let pinger = pinger.context("no check is named: --uuid does that, or --slug and --ping-key")?;
    let runtime = runtime_small()?;
    let sent = runtime.block_on(pinger.send(Event::Success, None, &[], std::future::pending()));
    // A name server that hangs is not waited for.
    runtime.shutdown_background();
    sent?;
    Ok(())
}

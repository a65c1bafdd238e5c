//! `teawatch jobs`: what is run on a schedule.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::ConfigArgs;
use super::call::{Server, done, plain, table};
use super::output::print;
use crate::config::Caller;
use crate::engine::{JobView, JobsHealth};
use crate::job::{Draft, Kind, Run};

/// Where jobs are, below the server's address.
const PATH: &str = "api/v1/jobs";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List jobs, and when each is due
    List(Show),
    /// Show one job
    Show {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        json: bool,
    },
    /// Make a job
    Add {
        /// What it is called
        name: String,
        #[command(flatten)]
        job: Job,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Change what is named of a job; the rest stays
    Edit {
        #[command(flatten)]
        which: Which,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        job: Job,
    },
    /// Run a job on schedule no more, or no job at all
    Pause {
        /// By name or id
        #[arg(required_unless_present = "all")]
        job: Option<String>,
        /// All jobs
        #[arg(long, conflicts_with = "job")]
        all: bool,
        /// Why; shown wherever the job is
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Let a paused job go on, from its next time on; or all jobs
    Resume {
        /// By name or id
        #[arg(required_unless_present = "all")]
        job: Option<String>,
        /// All jobs
        #[arg(long, conflicts_with = "job")]
        all: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Run a job now, besides its schedule
    Run {
        #[command(flatten)]
        which: Which,
        /// Run the time that is due, which then does not come any more
        #[arg(long)]
        slot: bool,
    },
    /// Remove a job, with all that is remembered of it
    Remove {
        #[command(flatten)]
        which: Which,
    },
    /// List the runs of a job, the newest first
    Runs {
        #[command(flatten)]
        which: Which,
        /// Print JSON, one array of everything, with what each has written
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Print JSON, one array of everything
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// By name or id
    job: String,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// What a job is to do, and when.
#[derive(Debug, clap::Args)]
pub(super) struct Job {
    /// What it does
    #[arg(long = "do", value_name = "KIND", value_parser = Kind::ALL)]
    kind: Option<String>,
    /// When: "every 30m", "in 30m", "2026-12-01 22:00", or a cron expression "0 3 * * *"
    #[arg(long)]
    schedule: Option<String>,
    /// Whose clock that is, as Europe/Berlin; UTC if it is not said
    #[arg(long)]
    zone: Option<String>,
    /// How often it is run; 0 is for ever
    #[arg(long)]
    times: Option<u32>,
    /// What becomes of runs that were missed: one for all of them, none, or each
    #[arg(long, value_parser = ["once", "skip", "all"])]
    missed: Option<String>,
    /// With `--missed all`: the newest so many
    #[arg(long)]
    missed_max: Option<u32>,
    /// Each run comes up to this much later
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// A run that takes longer has failed
    #[arg(long, value_name = "DURATION")]
    limit: Option<String>,
    /// How many backups are kept
    #[arg(long)]
    keep: Option<u32>,
    /// Of an issue: what people are to do
    #[arg(long)]
    title: Option<String>,
    /// Of an issue: what stands on top of it, in Markdown
    #[arg(long, value_name = "MARKDOWN")]
    body: Option<String>,
    /// Of an issue: whether none is opened while an earlier one is open
    #[arg(long, value_name = "BOOL")]
    one_at_a_time: Option<bool>,
}

impl Job {
    fn draft(self, name: Option<String>) -> Draft {
        let Self {
            kind,
            schedule,
            zone,
            times,
            missed,
            missed_max,
            jitter,
            limit,
            keep,
            title,
            body,
            one_at_a_time,
        } = self;
        Draft {
            name,
            kind,
            schedule,
            zone,
            times,
            missed,
            missed_max,
            jitter,
            limit,
            keep,
            title,
            body,
            one_at_a_time,
        }
    }
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(Show { json, config }) => list(&server(*config)?, json),
        Command::Show { which: Which { job, config }, json } => {
            let server = server(*config)?;
            let path = Server::path(&["api", "v1", "jobs", &job]);
            let job: JobView = super::runtime()?.block_on(server.get(&path, &[]))?;
            print(&if json { pretty(&json!(job))? } else { shown(&job) })?;
            done()
        }
        Command::Add { name, job, config } => {
            let made = post(*config, PATH, &json!(job.draft(Some(name))))?;
            say("made", &made)
        }
        Command::Edit { which: Which { job: which, config }, name, job } => {
            let (server, path) = (server(*config)?, Server::path(&["api", "v1", "jobs", &which]));
            let asked = json!(job.draft(name));
            say("changed", &super::runtime()?.block_on(server.tell(Method::PATCH, &path, &asked))?)
        }
        Command::Pause { job, all, reason, config } => {
            let asked = json!({ "reason": reason });
            match job.filter(|_| !all) {
                Some(job) => say("paused", &post(*config, &of(&job, "pause"), &asked)?),
                None => said(*config, "api/v1/scheduler/pause", &asked, "all jobs are paused\n"),
            }
        }
        Command::Resume { job, all, config } => match job.filter(|_| !all) {
            Some(job) => say("resumed", &post(*config, &of(&job, "resume"), &json!({}))?),
            None => said(*config, "api/v1/scheduler/resume", &json!({}), "all jobs go on\n"),
        },
        Command::Run { which: Which { job, config }, slot } => {
            let fired = post(*config, &of(&job, "run"), &json!({ "slot": slot }))?;
            print(&format!("run {} of `{}` begins\n", fired["run"], plain(&job)))?;
            done()
        }
        Command::Remove { which: Which { job, config } } => {
            let (server, path) = (server(*config)?, Server::path(&["api", "v1", "jobs", &job]));
            super::runtime()?.block_on(server.change(Method::DELETE, &path))?;
            print(&format!("the job `{}` is removed\n", plain(&job)))?;
            done()
        }
        Command::Runs { which: Which { job, config }, json } => runs(&server(*config)?, &job, json),
    }
}

fn server(config: ConfigArgs) -> anyhow::Result<Server> {
    Server::new(Caller::load(&config.sources())?)
}

fn of(job: &str, what: &str) -> String {
    Server::path(&["api", "v1", "jobs", job, what])
}

fn post(config: ConfigArgs, path: &str, asked: &Value) -> anyhow::Result<Value> {
    super::runtime()?.block_on(server(config)?.tell(Method::POST, path, asked))
}

/// Does something with all jobs.
fn said(config: ConfigArgs, path: &str, asked: &Value, words: &str) -> anyhow::Result<ExitCode> {
    post(config, path, asked)?;
    print(words)?;
    done()
}

/// Says what has become of a job, and when it comes next.
fn say(what: &str, job: &Value) -> anyhow::Result<ExitCode> {
    let job: JobView = serde_json::from_value(job.clone())?;
    let next = job.next.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let name = &job.definition.name;
    print(&format!("job {} `{name}` is {what}: {}, next {next}\n", job.id, job.when))?;
    done()
}

fn list(server: &Server, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let jobs: Vec<JobView> = runtime.block_on(server.list(PATH))?;
    if json {
        print(&pretty(&json!(jobs))?)?;
        return done();
    }
    let health: JobsHealth = runtime.block_on(server.get("api/v1/scheduler", &[]))?;
    if let Some(pause) = &health.paused {
        print(&format!("ALL JOBS ARE PAUSED since {}: {}\n", pause.since, plain(&pause.reason)))?;
    }
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| {
            vec![
                job.id.to_string(),
                job.definition.name.clone(),
                job.state.to_string(),
                time(job.next),
                plain(&job.when),
                plain(&job.what),
                job.last.as_ref().map_or_else(String::new, |last| last.state.to_string()),
                job.reason.as_deref().map(plain).unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["ID", "NAME", "STATE", "NEXT", "SCHEDULE", "DOES", "LAST", "REASON"];
    print(&table(&head, &rows))?;
    for (key, why) in &health.unreadable {
        print(&format!("the record at {} cannot be read: {}\n", plain(key), plain(why)))?;
    }
    done()
}

/// A job, line by line.
fn shown(job: &JobView) -> String {
    let definition = &job.definition;
    let times = definition.times.map_or_else(|| "for ever".to_owned(), |it| format!("{it} times"));
    let last = job.last.as_ref().map_or_else(
        || "never".to_owned(),
        |last| format!("run {} at {}: {} {}", last.run, last.at, last.state, last.why),
    );
    let rows = [
        ("id", job.id.to_string()),
        ("name", definition.name.clone()),
        ("state", job.state.to_string()),
        ("reason", job.reason.clone().unwrap_or_default()),
        ("does", job.what.clone()),
        ("schedule", job.when.clone()),
        ("next", time(job.next)),
        ("times", format!("{times}, {} so far", job.fired)),
        ("jitter", format!("{:#}", definition.jitter)),
        ("limit", format!("{:#}", definition.limit)),
        ("last", last),
        ("check", job.check.clone()),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    rows.map(|(name, value)| format!("{name:10}{}\n", plain(&value))).collect()
}

fn runs(server: &Server, job: &str, json: bool) -> anyhow::Result<ExitCode> {
    let runs: Vec<Run> = super::runtime()?.block_on(server.list(&of(job, "runs")))?;
    if json {
        print(&pretty(&json!(runs))?)?;
        return done();
    }
    let rows: Vec<_> = runs
        .iter()
        .map(|run| {
            vec![
                run.number.to_string(),
                run.state.to_string(),
                run.slot.map_or_else(|| "besides".to_owned(), |slot| slot.to_string()),
                time(run.began_at),
                time(run.ended_at),
                plain(&run.why),
            ]
        })
        .collect();
    print(&table(&["RUN", "STATE", "SLOT", "BEGAN", "ENDED", "WHY"], &rows))?;
    done()
}

fn time(at: Option<jiff::Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

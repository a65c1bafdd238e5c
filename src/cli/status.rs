//! `teawatch status`: whether teawatch is at work, told without asking it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::Serialize;

use super::call::{plain, table};
use super::pid_file::PidFile;
use super::{ConfigArgs, output};
use crate::clock::Clock;
use crate::config::Caller;
use crate::jobs;
use crate::tasks::{Left, Life, Process, Report, State};

/// A disk that does not answer for this long hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something is wrong; nobody can tell. Well is 0.
const EXIT_TROUBLE: u8 = 1;
const EXIT_UNKNOWN: u8 = 2;

/// How it is said.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// How a server is.
#[derive(Debug, Serialize)]
struct Status {
    verdict: Verdict,
    server: Server,
    /// What is wrong, or cannot be told.
    reasons: Vec<String>,
    tasks: Vec<Report>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Well,
    Trouble,
    Unknown,
}

/// What has become of the process that left the marks.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Server {
    Runs {
        pid: i32,
        since: Timestamp,
    },
    /// It is there, and a signal keeps it from doing anything.
    Suspended {
        pid: i32,
    },
    /// It ended, and could say why.
    Stopped {
        at: Timestamp,
        why: String,
    },
    /// It is gone without a word.
    Died {
        pid: i32,
    },
    /// It is there, and has left no mark so far.
    Starting {
        pid: i32,
    },
    NeverRan {
        data_dir: PathBuf,
    },
    Unknown {
        why: String,
    },
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let caller = match Caller::load(&args.config.sources()) {
        Ok(caller) => caller,
        Err(error) => {
            // Without standard error there is nobody left to tell.
            let error = anyhow::Error::new(error);
            drop(writeln!(std::io::stderr(), "teawatch: {error:#}"));
            return Ok(ExitCode::from(EXIT_UNKNOWN));
        }
    };
    let now = Clock::system().now();
    let status = Status::read_in_time(&caller.data_dir, now)?;
    output::print(&match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&status)?),
        false => status.text(now),
    })?;
    Ok(match status.verdict {
        Verdict::Well => ExitCode::SUCCESS,
        Verdict::Trouble => ExitCode::from(EXIT_TROUBLE),
        Verdict::Unknown => ExitCode::from(EXIT_UNKNOWN),
    })
}

impl Status {
    /// Reads in a thread of its own, which a disk that hangs may keep.
    fn read_in_time(data_dir: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let (found, status) = channel();
        let from = data_dir.to_owned();
        std::thread::Builder::new()
            .name("status".to_owned())
            // Whoever waits for it may have given up.
            .spawn(move || drop(found.send(Self::read(&from, now))))
            .context("cannot start a thread")?;
        Ok(status.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let (seconds, data_dir) = (PATIENCE.as_secs(), data_dir.display());
            let why = format!("{data_dir} could not be read for {seconds} s: does its disk hang?");
            let server = Server::Unknown { why };
            Self { verdict: Verdict::Unknown, server, reasons: Vec::new(), tasks: Vec::new() }
        }))
    }

    fn read(data_dir: &Path, now: Timestamp) -> Self {
        let (server, mut tasks) = match Left::read(data_dir, now) {
            Ok(left) => (Server::of(&left, data_dir), left.tasks),
            Err(why) => (Server::Unknown { why }, Vec::new()),
        };
        // What a process has left that does nothing any more says nothing about now. That is
        // one trouble, not many.
        let is_running = matches!(server, Server::Runs { .. });
        if !is_running {
            tasks.iter_mut().for_each(|task| task.state = State::Unknown);
        }
        let (troubled, rest): (Vec<_>, Vec<_>) =
            tasks.iter().filter(|_| is_running).partition(|task| task.state.is_trouble());
        let verdict = match &server {
            Server::Suspended { .. } | Server::Stopped { .. } | Server::Died { .. } => {
                Verdict::Trouble
            }
            Server::Starting { .. } | Server::NeverRan { .. } | Server::Unknown { .. } => {
                Verdict::Unknown
            }
            Server::Runs { .. } if !troubled.is_empty() => Verdict::Trouble,
            Server::Runs { .. } if rest.is_empty() => Verdict::Unknown,
            Server::Runs { .. } if rest.iter().any(|task| task.state.is_untold()) => {
                Verdict::Unknown
            }
            Server::Runs { .. } => Verdict::Well,
        };
        let complaints = troubled.into_iter().chain(rest).filter_map(Report::complaint);
        let reasons = complaints.collect();
        Self { verdict, server, reasons, tasks }
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = format!("{}\n", self.server.words());
        let is_running = matches!(self.server, Server::Runs { .. });
        if is_running {
            text.push_str(match self.verdict {
                Verdict::Well => "All is well: reports are taken, and Gitea takes what follows.\n",
                Verdict::Trouble => "NOT WELL:\n",
                Verdict::Unknown => "It cannot be told whether all is well:\n",
            });
        }
        for reason in &self.reasons {
            let _infallible = writeln!(text, "- {}", plain(reason));
        }
        if let Some(words) = self.jobs() {
            text.push_str(&plain(&words));
            text.push('\n');
        }
        if self.tasks.iter().any(|task| task.state == State::Stalled) && is_running {
            text.push_str("Restart teawatch: a task that has stalled does not go on by itself.\n");
        }
        if self.tasks.is_empty() {
            return text;
        }
        let rows = self.tasks.iter().map(|task| {
            let error = task
                .error
                .as_ref()
                .map(|error| format!("{}: {}", ago(Some(error.at), now), plain(&error.text)));
            let last = task.paused.as_deref().map(plain).or(error).unwrap_or_default();
            vec![
                task.name.clone(),
                task.state.to_string(),
                ago(task.alive_at, now),
                ago(task.success_at, now),
                last,
            ]
        });
        let head = ["TASK", "STATE", "ALIVE", "LAST SUCCESS", "PAUSE, OR LAST ERROR"];
        text.push('\n');
        text.push_str(&table(&head, &rows.collect::<Vec<_>>()));
        text
    }
}

impl Status {
    /// Whether jobs are run by themselves, in a sentence, if a server ever left a mark of that.
    fn jobs(&self) -> Option<String> {
        let task = self.tasks.iter().find(|task| task.name == jobs::TASK)?;
        if !matches!(self.server, Server::Runs { .. }) {
            return Some("Jobs will NOT be run before it is.".to_owned());
        }
        let note = task.note.as_deref().unwrap_or("nothing is known of them so far");
        let error = task.error.as_ref().filter(|error| !error.is_over);
        let why = error.map_or_else(String::new, |error| format!(": {}", error.text));
        Some(match task.state {
            State::Well => format!("Jobs will fire automatically: {note}."),
            State::Paused => {
                format!("Jobs do NOT fire: {}.", task.paused.as_deref().unwrap_or_default())
            }
            State::Stalled => format!(
                "Jobs do NOT fire: the scheduler has STALLED. Before that, {note}. Restart teawatch."
            ),
            State::Failing => {
                let since = task
                    .success_at
                    .map_or_else(String::new, |at| format!(" since {}", to_the_second(at)));
                format!("Jobs may not fire in time: no tick has succeeded{since}{why}. {note}.")
            }
            State::NeverRan | State::Unknown => {
                format!("It cannot be told whether jobs fire{why}.")
            }
        })
    }
}

impl Server {
    fn of(left: &Left, data_dir: &Path) -> Self {
        // One that has written its pid and no mark yet begins, or could not write any.
        let starting = |than: Option<Process>| {
            let process = Process::with_pid(PidFile::read(data_dir)?)?;
            let is_another = Some(process) != than && process.life() != Life::Gone;
            is_another.then_some(Self::Starting { pid: process.pid })
        };
        let Some(owner) = &left.owner else {
            let data_dir = data_dir.to_owned();
            return starting(None).unwrap_or(Self::NeverRan { data_dir });
        };
        let pid = owner.process.pid;
        match owner.process.life() {
            Life::Runs => Self::Runs { pid, since: owner.started_at },
            Life::Suspended => Self::Suspended { pid },
            Life::Unknown(why) => Self::Unknown { why },
            Life::Gone => match (starting(Some(owner.process)), &owner.ended) {
                (Some(starting), _) => starting,
                (None, Some((at, why))) => Self::Stopped { at: *at, why: why.clone() },
                (None, None) => Self::Died { pid },
            },
        }
    }

    fn words(&self) -> String {
        const IDLE: &str = "No reports are taken, and trouble is NOT told: start it with \
                            `teawatch serve`";
        match self {
            Self::Runs { pid, since } => {
                format!("teawatch runs: pid {pid}, since {}.", to_the_second(*since))
            }
            Self::Suspended { pid } => format!(
                "teawatch has STALLED: its process, pid {pid}, is held by a signal or a debugger. \
                 Let it go on (`kill -CONT {pid}`), or restart it."
            ),
            Self::Stopped { at, why } => {
                format!("teawatch is stopped since {}: {}. {IDLE}.", to_the_second(*at), plain(why))
            }
            Self::Died { pid } => format!(
                "teawatch is stopped: its process, pid {pid}, is gone without a word, as after a \
                 crash, `kill -9` or a power failure. {IDLE}."
            ),
            Self::Starting { pid } => format!(
                "It cannot be told whether all is well: the process that is to serve, pid {pid}, \
                 has left no marks."
            ),
            Self::NeverRan { data_dir } => format!(
                "It cannot be told whether all is well: no teawatch ever ran in {}. Start it with \
                 `teawatch serve`, or name its directory with --data-dir.",
                data_dir.display()
            ),
            Self::Unknown { why } => {
                format!("It cannot be told whether all is well: {}.", plain(why))
            }
        }
    }
}

/// How long ago something was.
fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return "never".to_owned() };
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    // Fractions of a second are nobody's business.
    format!("{:#} ago", age.round(Unit::Second).unwrap_or(age))
}

fn to_the_second(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%d %H:%M:%S UTC")
}

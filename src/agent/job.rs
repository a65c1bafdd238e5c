//! Running somebody's command, and noting how it went.
//!
//! The command must not notice: its input and outputs are what they were, it gets the
//! signals that were meant for it, and its end is handed on. What it may notice: its
//! outputs are pipes. Whom it leaves behind with them can write no more once we have
//! ended, and so can the command itself when we are killed; it then goes on by itself.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::relay::relay;
pub use super::tail::Tail;
use super::target::{Signals, Target, has_terminal};
use crate::check::{Kind, Observation};

/// Between asking a command to end and killing it.
const GRACE: Duration = Duration::from_secs(5);

/// Kept of the end of what a command says, in bytes, where it is reported: as much as a
/// report keeps.
pub const REPORT_KEEPS: usize = 3_000;

/// What a shell says when a command cannot be run, and when there is none.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
/// What `timeout` says when it had to end a command.
const TIMED_OUT: u8 = 124;

/// A command and its limit.
#[derive(Debug, Clone)]
pub struct Job {
    pub program: OsString,
    pub arguments: Vec<OsString>,
    /// Longer than this, and it is killed with all that it has started.
    pub limit: Option<Duration>,
    pub outputs: Outputs,
    /// Kept of the end of what it says, in bytes.
    pub kept: usize,
}

/// Which outputs of a command are handed on and kept; the others are thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outputs {
    Both,
    Errors,
    Neither,
}

/// How a command went.
#[derive(Debug)]
pub struct Run {
    pub ending: Ending,
    pub took: Duration,
    /// The end of what it said, on both outputs.
    pub tail: Tail,
}

/// How a command ended.
#[derive(Debug)]
pub enum Ending {
    Exited(ExitStatus),
    /// It had to be killed at its limit.
    TimedOut(ExitStatus),
    NotStarted(io::Error),
}

impl Run {
    /// What whoever called is to see: the command's own code, 128 and the number of the
    /// signal that ended it, or what a shell says where there was nothing to run.
    pub fn exit_code(&self) -> u8 {
        match &self.ending {
            // It ended in good order because it was asked to, and yet it was not done.
            Ending::TimedOut(status) if status.success() => TIMED_OUT,
            Ending::Exited(status) | Ending::TimedOut(status) => {
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
                code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
            }
            Ending::NotStarted(error) if error.kind() == ErrorKind::NotFound => NOT_FOUND,
            Ending::NotStarted(_) => NOT_EXECUTABLE,
        }
    }

    /// Whether it went well, and how it ended, in a few words. `limit` is that of its job.
    pub fn outcome(&self, limit: Option<Duration>) -> (Kind, String) {
        let took = format!("{:.1?}", self.took);
        match &self.ending {
            Ending::Exited(status) if status.success() => {
                (Kind::Success, format!("finished in {took}"))
            }
            Ending::Exited(status) => {
                let how = match (status.code(), status.signal()) {
                    (Some(code), _) => format!("exited with {code}"),
                    (None, Some(signal)) => format!("was killed by signal {signal}"),
                    (None, None) => "ended without a word".to_owned(),
                };
                (Kind::Failure, format!("{how} after {took}"))
            }
            Ending::TimedOut(_) => {
                let limit = limit.unwrap_or_default();
                (Kind::Failure, format!("was killed at its limit of {limit:?}"))
            }
            Ending::NotStarted(error) => (Kind::Failure, format!("cannot be started: {error}")),
        }
    }

    /// What a report says of it.
    pub fn observation(&self, limit: Option<Duration>) -> Observation {
        let (kind, summary) = self.outcome(limit);
        let mut observation = Observation::new(kind, summary);
        observation.details = self.tail.text();
        observation.numbers.insert("duration_seconds".to_owned(), self.took.as_secs_f64());
        observation.numbers.insert("exit_code".to_owned(), f64::from(self.exit_code()));
        observation
    }
}

impl Job {
    /// Runs the command to its end.
    pub async fn run(&self) -> io::Result<Run> {
        let began = Instant::now();
        let is_shared = has_terminal();
        let mut signals = Signals::new()?;
        let mut child = match self.spawn(is_shared) {
            Ok(child) => child,
            Err(error) => {
                let (took, tail) = (began.elapsed(), Tail::new(self.kept));
                return Ok(Run { ending: Ending::NotStarted(error), took, tail });
            }
        };
        let mut target = Target::new(&child, is_shared);
        let tail = Mutex::new(Tail::new(self.kept));
        let (end, ended) = watch::channel(false);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let copies = async {
            tokio::join!(
                relay(stdout, tokio::io::stdout(), &tail, ended.clone()),
                relay(stderr, tokio::io::stderr(), &tail, ended.clone()),
            )
        };
        tokio::pin!(copies);
        let mut copied = false;
        let limit = async {
            match self.limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(limit);
        let (mut is_late, mut kill_at) = (false, None);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = &mut copies, if !copied => copied = true,
                signal = signals.next() => target.hand_on(signal),
                () = &mut limit, if !is_late => {
                    is_late = true;
                    target.send_to_all(Signal::TERM);
                    kill_at = Some(tokio::time::Instant::now() + GRACE);
                }
                () = sleep_until(kill_at) => {
                    kill_at = None;
                    target.send_to_all(Signal::KILL);
                }
            }
        };
        let took = began.elapsed();
        if is_late {
            target.sweep();
        }
        end.send_replace(true);
        if !copied {
            // Nobody is left whom a signal could be meant for but us.
            tokio::select! {
                _ = &mut copies => {}
                _ = signals.next() => {}
            }
        }
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = std::mem::replace(&mut *tail, Tail::new(0));
        let ending = if is_late { Ending::TimedOut(status) } else { Ending::Exited(status) };
        Ok(Run { ending, took, tail })
    }

    /// Starts the command. A shell runs a script that does not say who should, and so do we.
    fn spawn(&self, is_shared: bool) -> io::Result<Child> {
        let output = |is_heard: bool| if is_heard { Stdio::piped() } else { Stdio::null() };
        let spawn = |command: &mut Command| {
            command
                .args(&self.arguments)
                // What signs the reports is nobody else's, and the output may be shown.
                .env_remove(super::SECRET_VARIABLE)
                .stdout(output(self.outputs == Outputs::Both))
                .stderr(output(self.outputs != Outputs::Neither));
            if !is_shared {
                command.process_group(0);
            }
            command.spawn()
        };
        match spawn(&mut Command::new(&self.program)) {
            Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                // It looks for the program where we did.
                let script = r#"exec "$0" "$@""#;
                spawn(Command::new("/bin/sh").args(["-c", script]).arg(&self.program))
            }
            result => result,
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

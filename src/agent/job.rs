//! Running somebody's command, and noting how it went.
//!
//! The command must not notice: its input and outputs are what they were, it gets the
//! signals that were meant for it, and its end is handed on.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::check::{Kind, Observation};

/// Kept of the end of the output, in bytes: as much as a report keeps.
const TAIL_MAX: usize = 3_000;
/// Between asking a command to end and killing it.
const GRACE: Duration = Duration::from_secs(5);
/// Outputs that others hold open are given up this long after the command has ended.
const LINGER: Duration = Duration::from_millis(200);

/// What a shell says when a command cannot be run, and when there is none.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// A command and its limit.
#[derive(Debug, Clone)]
pub struct Job {
    pub program: String,
    pub arguments: Vec<String>,
    /// Longer than this, and it is killed with all that it has started.
    pub limit: Option<Duration>,
}

/// How a command went.
#[derive(Debug)]
pub struct Run {
    pub ending: Ending,
    pub took: Duration,
    /// The end of what it said, on both outputs.
    pub tail: String,
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
            Ending::Exited(status) | Ending::TimedOut(status) => {
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
                code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
            }
            Ending::NotStarted(error) if error.kind() == ErrorKind::NotFound => NOT_FOUND,
            Ending::NotStarted(_) => NOT_EXECUTABLE,
        }
    }

    /// What a report says of it.
    pub fn observation(&self, limit: Option<Duration>) -> Observation {
        let took = format!("{:.1?}", self.took);
        let (kind, summary) = match &self.ending {
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
        };
        let mut observation = Observation::new(kind, summary);
        observation.details.clone_from(&self.tail);
        observation.numbers.insert("duration_seconds".to_owned(), self.took.as_secs_f64());
        observation.numbers.insert("exit_code".to_owned(), f64::from(self.exit_code()));
        observation
    }
}

impl Job {
    /// Runs the command to its end.
    pub async fn run(&self) -> io::Result<Run> {
        let began = Instant::now();
        // On a terminal the command shares our group, or it could not read from it; signals
        // of the keyboard then reach it by themselves.
        let on_terminal = io::stdin().is_terminal();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !on_terminal {
            command.process_group(0);
        }
        let mut signals = Signals::new(on_terminal)?;
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let (took, tail) = (began.elapsed(), String::new());
                return Ok(Run { ending: Ending::NotStarted(error), took, tail });
            }
        };
        let target = Target { pid: pid(&child), is_group: !on_terminal };
        let tail = Mutex::new(Tail::default());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let copies = async {
            tokio::join!(
                copy(stdout, tokio::io::stdout(), &tail),
                copy(stderr, tokio::io::stderr(), &tail),
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
                signal = signals.next() => target.send(signal),
                () = &mut limit, if !is_late => {
                    is_late = true;
                    target.send(Signal::TERM);
                    kill_at = Some(tokio::time::Instant::now() + GRACE);
                }
                () = sleep_until(kill_at) => {
                    kill_at = None;
                    target.send(Signal::KILL);
                }
            }
        };
        let took = began.elapsed();
        if is_late {
            // Whatever it started goes with it.
            target.send(Signal::KILL);
        }
        if !copied {
            drop(tokio::time::timeout(LINGER, copies).await);
        }
        let tail = tail.lock().map(|tail| tail.text()).unwrap_or_default();
        let ending = if is_late { Ending::TimedOut(status) } else { Ending::Exited(status) };
        Ok(Run { ending, took, tail })
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Whom signals go to.
#[derive(Debug, Clone, Copy)]
struct Target {
    pid: Option<Pid>,
    is_group: bool,
}

impl Target {
    fn send(self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        // It may have ended in this instant.
        if self.is_group {
            kill_process_group(pid, signal).ok();
        } else {
            kill_process(pid, signal).ok();
        }
    }
}

/// The signals that are handed on.
struct Signals(Vec<(tokio::signal::unix::Signal, Signal)>);

impl Signals {
    fn new(on_terminal: bool) -> io::Result<Self> {
        let mut all = vec![
            (signal(SignalKind::terminate())?, Signal::TERM),
            (signal(SignalKind::hangup())?, Signal::HUP),
            (signal(SignalKind::user_defined1())?, Signal::USR1),
            (signal(SignalKind::user_defined2())?, Signal::USR2),
        ];
        // The terminal sends these to the whole group; once is enough. They are caught all
        // the same, so that we are there to see the command's end.
        let keyboard = [
            (signal(SignalKind::interrupt())?, Signal::INT),
            (signal(SignalKind::quit())?, Signal::QUIT),
        ];
        if !on_terminal {
            all.extend(keyboard);
        }
        Ok(Self(all))
    }

    async fn next(&mut self) -> Signal {
        let waits = self.0.iter_mut().map(|(caught, number)| {
            Box::pin(async move {
                // A stream of signals never ends.
                caught.recv().await;
                *number
            })
        });
        futures_util::future::select_all(waits).await.0
    }
}

/// The end of an output.
#[derive(Debug, Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        let excess = self.0.len().saturating_sub(TAIL_MAX);
        self.0.drain(..excess);
    }

    fn text(&self) -> String {
        let bytes: Vec<_> = self.0.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim_start_matches('\u{fffd}').to_owned()
    }
}

/// Hands an output on, and keeps its end.
async fn copy(
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
    tail: &Mutex<Tail>,
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 8 * 1024];
    let mut is_heard = true;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..count];
        if let Ok(mut tail) = tail.lock() {
            tail.add(bytes);
        }
        // A reader that has gone away does not end the command.
        if is_heard {
            is_heard = to.write_all(bytes).await.is_ok() && to.flush().await.is_ok();
        }
    }
}

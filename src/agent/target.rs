//! Whom signals come from and go to while a command runs.

use std::fs::File;
use std::io;

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

/// The command, and what it has started.
#[derive(Debug)]
pub(super) struct Target {
    pid: Option<Pid>,
    /// Whether it shares our group and our terminal, instead of having a group of its own.
    is_shared: bool,
    /// What it is known to have started, where it has no group to tell by: the number of
    /// the process and when it began, since numbers are given again.
    started: Vec<(i32, u64)>,
}

impl Target {
    pub(super) fn new(child: &Child, is_shared: bool) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { pid, is_shared, started: Vec::new() }
    }

    /// Hands a signal on that was sent to us.
    pub(super) fn hand_on(&self, signal: Signal) {
        // The keyboard's go to everybody at the terminal, and once is enough.
        if !(self.is_shared && matches!(signal, Signal::INT | Signal::QUIT)) {
            self.send(signal);
        }
    }

    /// Ends it with all that it has started.
    pub(super) fn send_to_all(&mut self, signal: Signal) {
        if self.is_shared {
            // Who has lost its parent is found no more, so that nobody is forgotten.
            self.started.extend(self.pid.map(offspring).unwrap_or_default());
        }
        self.send(signal);
        for (pid, began) in &self.started {
            let is_same = |found: Process| found.stat().is_ok_and(|stat| stat.starttime == *began);
            if Process::new(*pid).is_ok_and(is_same)
                && let Some(pid) = Pid::from_raw(*pid)
            {
                kill_process(pid, signal).ok();
            }
        }
    }

    /// What it has left behind is ended as well; it has ended itself.
    pub(super) fn sweep(&mut self) {
        if self.is_shared {
            self.pid = None;
        }
        self.send_to_all(Signal::KILL);
    }

    fn send(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        // It may have ended in this instant.
        if self.is_shared {
            kill_process(pid, signal).ok();
        } else {
            kill_process_group(pid, signal).ok();
        }
    }
}

/// Whether there is a terminal that the command may read from, whatever its input is. It
/// then stays in our group: in one of its own it would be stopped for reading.
pub(super) fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// The children of a process, and theirs.
fn offspring(root: Pid) -> Vec<(i32, u64)> {
    let Ok(processes) = all_processes() else { return Vec::new() };
    let all: Vec<_> = processes.flatten().filter_map(|process| process.stat().ok()).collect();
    let mut parents = vec![root.as_raw_nonzero().get()];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        for stat in all.iter().filter(|stat| stat.ppid == parent) {
            parents.push(stat.pid);
            found.push((stat.pid, stat.starttime));
        }
    }
    found
}

/// The signals that are handed on.
#[derive(Debug)]
pub struct Signals(Vec<(tokio::signal::unix::Signal, Signal)>);

impl Signals {
    /// Catches them, but for those that whoever called us has had ignored, as `nohup` does:
    /// the command is to ignore them as well.
    pub fn new() -> io::Result<Self> {
        let ignored = Process::myself().and_then(|process| process.status());
        let ignored = ignored.map_or(0, |status| status.sigign);
        let mut all = Vec::new();
        for (kind, number) in [
            (SignalKind::terminate(), Signal::TERM),
            (SignalKind::hangup(), Signal::HUP),
            (SignalKind::user_defined1(), Signal::USR1),
            (SignalKind::user_defined2(), Signal::USR2),
            (SignalKind::interrupt(), Signal::INT),
            (SignalKind::quit(), Signal::QUIT),
        ] {
            if ignored & (1 << (number.as_raw() - 1)) == 0 {
                all.push((signal(kind)?, number));
            }
        }
        Ok(Self(all))
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
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

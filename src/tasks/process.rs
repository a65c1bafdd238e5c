//! A process of this machine, told from a later one that got its number.

use procfs::ProcError;
use procfs::process::ProcState;
use serde::{Deserialize, Serialize};

/// Which process it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub pid: i32,
    /// When it began, in the kernel's ticks since the machine started. A later process of
    /// the same number began later.
    pub start_ticks: u64,
}

/// Whether a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    Runs,
    /// A signal or a debugger holds it: it does nothing.
    Suspended,
    /// It has ended.
    Gone,
    /// It cannot be told, and why.
    Unknown(String),
}

impl Process {
    /// The one that asks.
    pub fn own() -> Result<Self, String> {
        let own = procfs::process::Process::myself().and_then(|own| own.stat());
        let stat = own.map_err(|error| format!("cannot read /proc: {error}"))?;
        Ok(Self { pid: stat.pid, start_ticks: stat.starttime })
    }

    /// The one that has this number now, if any.
    pub fn with_pid(pid: i32) -> Option<Self> {
        let stat = procfs::process::Process::new(pid).and_then(|found| found.stat()).ok()?;
        Some(Self { pid, start_ticks: stat.starttime })
    }

    /// How it is.
    pub fn life(self) -> Life {
        let found = procfs::process::Process::new(self.pid).and_then(|found| found.stat());
        let stat = match found {
            Ok(stat) => stat,
            Err(ProcError::NotFound(_)) => return Life::Gone,
            Err(error) => return Life::Unknown(format!("cannot read /proc: {error}")),
        };
        if stat.starttime != self.start_ticks {
            return Life::Gone;
        }
        match stat.state() {
            Ok(ProcState::Zombie | ProcState::Dead) => Life::Gone,
            Ok(ProcState::Stopped | ProcState::Tracing) => Life::Suspended,
            Ok(_) => Life::Runs,
            Err(error) => Life::Unknown(format!("cannot read /proc: {error}")),
        }
    }
}

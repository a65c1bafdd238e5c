//! Reports that no server has acknowledged yet, on the disk.
//!
//! A report gets its number and its file in one step, under a lock: several processes of
//! one host share a spool. No number of an epoch is ever given twice: a process that dies
//! loses none, and after a boot, which may have lost some, another epoch begins. Reports
//! are kept as they are, unsigned: a signature carries the time of its sending.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::observation::{Report, ReportId};

/// How much a spool may hold; the oldest reports go first.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub bytes: u64,
    pub age: SignedDuration,
}

/// Says which boot of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

const STATE: &str = "epoch.json";
const SUFFIX: &str = ".report.json";

/// A directory with reports.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    limits: Limits,
}

/// Why a report could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the spool {} cannot be used", path.display())]
pub struct SpoolError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The numbers that were given.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    epoch: String,
    last: u64,
    boot: String,
}

/// A report that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub path: PathBuf,
    pub bytes: u64,
    pub kept_at: Timestamp,
}

impl Spool {
    /// A spool in this directory, which is made if it does not exist, for its owner alone.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, SpoolError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| SpoolError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), limits })
    }

    /// Keeps a report; `make` gives it its number. It is on the disk when this returns.
    pub fn keep(&self, make: impl FnOnce(ReportId) -> Report) -> Result<Report, SpoolError> {
        self.try_keep(make).map_err(|source| self.error(source))
    }

    /// Reports that wait, the newest first. Those that are too old, or too many, are
    /// thrown away.
    pub fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, SpoolError> {
        self.try_waiting(now).map_err(|source| self.error(source))
    }

    /// Reads a report that waits; nothing if somebody else has sent it meanwhile.
    pub fn read(&self, waiting: &Waiting) -> Option<Vec<u8>> {
        fs::read(&waiting.path).ok()
    }

    /// The server has it.
    pub fn forget(&self, waiting: &Waiting) {
        // Another process may have sent the same; a repeated report changes nothing.
        drop(fs::remove_file(&waiting.path));
    }

    fn try_keep(&self, make: impl FnOnce(ReportId) -> Report) -> io::Result<Report> {
        let lock = File::create(self.path.join("lock"))?;
        lock.lock()?;
        let mut state = self.state();
        state.last += 1;
        let report = make(ReportId { epoch: state.epoch.clone(), seq: state.last });
        self.write(STATE, &serde_json::to_vec(&state)?, false)?;
        // Names sort as numbers do.
        let name = format!("{:020}-{}{SUFFIX}", state.last, state.epoch);
        self.write(&name, &report.to_json(), true)?;
        File::open(&self.path)?.sync_all()?;
        Ok(report)
    }

    /// The state, or a new epoch where it is lost or may be older than it was: numbers must
    /// never repeat in one.
    fn state(&self) -> State {
        // Without a name for this boot every report gets an epoch of its own.
        let boot = fs::read_to_string(BOOT).unwrap_or_else(|_| random_epoch());
        let kept = fs::read(self.path.join(STATE)).ok();
        let kept: Option<State> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.filter(|state| state.boot == boot).unwrap_or_else(|| State {
            epoch: random_epoch(),
            last: 0,
            boot,
        })
    }

    fn write(&self, name: &str, bytes: &[u8], is_durable: bool) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.path)?;
        file.write_all(bytes)?;
        if is_durable {
            file.as_file().sync_all()?;
        }
        file.persist(self.path.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    fn try_waiting(&self, now: Timestamp) -> io::Result<Vec<Waiting>> {
        let mut waiting = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().ends_with(SUFFIX) {
                continue;
            }
            // One that was sent by another process meanwhile waits no more.
            let Ok(found) = entry.metadata() else { continue };
            let kept_at = Timestamp::try_from(found.modified()?).unwrap_or(now);
            waiting.push(Waiting { path: entry.path(), bytes: found.len(), kept_at });
        }
        waiting.sort_by(|a, b| (b.kept_at, &b.path).cmp(&(a.kept_at, &a.path)));
        let mut held = 0;
        let (keep, drop): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| {
            held += one.bytes;
            held <= self.limits.bytes && now.duration_since(one.kept_at) <= self.limits.age
        });
        drop.iter().for_each(|one| self.forget(one));
        Ok(keep)
    }

    fn error(&self, source: io::Error) -> SpoolError {
        SpoolError { path: self.path.clone(), source }
    }
}

/// A name that no other epoch has: the time would not do after a clock was set back.
pub(super) fn random_epoch() -> String {
    let mut bytes = [0_u8; 8];
    // Without randomness the process is as good a name as any.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u64::from(std::process::id()).to_be_bytes();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

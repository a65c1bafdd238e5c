//! Reports that no server has acknowledged yet, on the disk.
//!
//! A report gets its number and its file in one step, under a lock: several processes of
//! one host share a spool. No number of an epoch is ever given twice: a process that dies
//! loses none, and after a boot, which may have lost some, numbers go on far above them.
//! The epoch stays: what waits of one that the server has not met yet would count as news.
//! Reports are kept as they are, unsigned: a signature carries the time of its sending.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::disk::on_disk;
use crate::observation::{Report, ReportId};

/// How much a spool may hold; the oldest reports go first, and the newest never.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What all reports may take on the disk, in whole blocks.
    pub bytes: u64,
    pub age: SignedDuration,
}

/// Says which boot of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Says which machine this is: a copy of a disk is another agent.
const MACHINE: &str = "/etc/machine-id";

const STATE: &str = "epoch.json";
const SUFFIX: &str = ".report.json";
/// What a file is called until it is complete.
const UNFINISHED: &str = ".new-";

/// The size of the state, in bytes: always the same, so that it can be written on a disk
/// that is full.
const STATE_BYTES: usize = 512;
/// What the smallest file takes on a disk, in bytes.
const BLOCK: u64 = 4096;
/// A boot may have lost fewer numbers than this.
const LOST_MAX: u64 = 1 << 20;
/// Nobody holds the lock for longer than a write takes; one that was stopped, or whose disk
/// hangs, must not make all others wait with it.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Whoever began a file so long ago does not finish it.
const ABANDONED: SignedDuration = SignedDuration::from_hours(1);

/// A directory with reports.
#[derive(Debug, Clone)]
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

/// A report that could not be kept, and why. It can still be sent.
#[derive(Debug)]
pub struct Unkept {
    pub report: Report,
    pub error: SpoolError,
}

/// The numbers that were given.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    epoch: String,
    last: u64,
    boot: String,
    #[serde(default)]
    machine: String,
}

/// A report that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub path: PathBuf,
    pub epoch: String,
    pub seq: u64,
    /// What it takes on the disk.
    pub bytes: u64,
    pub kept_at: Timestamp,
}

impl Spool {
    /// A spool in this directory, which is made for its owner alone when there is something
    /// to keep.
    pub fn new(path: &Path, limits: Limits) -> Self {
        Self { path: path.to_owned(), limits }
    }

    /// Like [`Self::keep`]. What a disk that hangs does not take in time comes back as well,
    /// although it may keep it yet: better twice than never.
    pub(super) async fn keep_in_time(
        &self,
        make: impl FnOnce(ReportId) -> Report + Clone + Send + 'static,
    ) -> Option<Box<Unkept>> {
        let (spool, again) = (self.clone(), make.clone());
        match on_disk(move || spool.keep(make)).await {
            Ok(kept) => kept.err(),
            Err(source) => {
                let report = again(ReportId::once(&random_epoch()));
                Some(Box::new(Unkept { report, error: self.error(source) }))
            }
        }
    }

    /// Keeps a report; `make` gives it its number. It is on the disk when this returns, or
    /// comes back.
    pub fn keep(&self, make: impl FnOnce(ReportId) -> Report) -> Result<(), Box<Unkept>> {
        let numbered = make_folder(&self.path)
            .and_then(|()| self.lock())
            .and_then(|lock| Ok((lock, self.number()?)));
        let (_lock, id) = match numbered {
            Ok(numbered) => numbered,
            Err(source) => {
                let report = make(ReportId::once(&random_epoch()));
                return Err(Box::new(Unkept { report, error: self.error(source) }));
            }
        };
        // Names sort as numbers do.
        let name = format!("{:020}-{}{SUFFIX}", id.seq, id.epoch);
        let report = make(id);
        let written = self.write(&name, &report.to_json(), true);
        match written.and_then(|()| File::open(&self.path)?.sync_all()) {
            Ok(()) => Ok(()),
            Err(source) => {
                let error = self.error(source);
                Err(Box::new(Unkept { report, error }))
            }
        }
    }

    /// Reports that wait, the newest first, and how many were too old, or too many, and are
    /// thrown away.
    pub fn waiting(&self, now: Timestamp) -> Result<(Vec<Waiting>, usize), SpoolError> {
        self.try_waiting(now).map_err(|source| self.error(source))
    }

    /// Like [`Self::waiting`], on a disk that may hang.
    pub(super) async fn waiting_in_time(
        &self,
        now: Timestamp,
    ) -> Result<(Vec<Waiting>, usize), SpoolError> {
        let spool = self.clone();
        let waiting = on_disk(move || spool.try_waiting(now)).await.flatten();
        waiting.map_err(|source| self.error(source))
    }

    /// Keeps a note beside the reports, in place of the one before.
    pub(super) fn put(&self, name: &str, note: &[u8]) -> io::Result<()> {
        make_folder(&self.path)?;
        self.write(name, note, false)
    }

    /// A note beside the reports, if there is one.
    pub(super) fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        unless_gone(fs::read(self.path.join(name)))
    }

    /// Reads a report that waits; nothing if somebody else has sent it meanwhile.
    pub fn read(&self, waiting: &Waiting) -> io::Result<Option<Vec<u8>>> {
        unless_gone(fs::read(&waiting.path))
    }

    /// The server has it. Another process may have sent the same: a repeated report changes
    /// nothing.
    pub fn forget(&self, waiting: &Waiting) -> io::Result<()> {
        unless_gone(fs::remove_file(&waiting.path)).map(drop)
    }

    fn open_lock(&self) -> io::Result<File> {
        let path = self.path.join("lock");
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        match options.clone().create_new(true).open(&path) {
            // Only what was made here: another name of somebody's file is not given away.
            Ok(file) => hand_over(&file, &self.path).map(|()| file),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(&path),
            Err(error) => Err(error),
        }
    }

    /// Nobody else gives numbers as long as this is there.
    fn lock(&self) -> io::Result<File> {
        let lock = self.open_lock()?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let said = "another process holds its lock and does not go on";
                    return Err(io::Error::new(ErrorKind::TimedOut, said));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// A number that nobody got before.
    fn number(&self) -> io::Result<ReportId> {
        let mut state = self.next_state()?;
        state.last += 1;
        let mut bytes = serde_json::to_vec(&state)?;
        bytes.resize(STATE_BYTES.max(bytes.len()), b' ');
        if let Err(error) = self.write(STATE, &bytes, false) {
            // A full disk still lets files be changed that are there.
            let mut options = OpenOptions::new();
            let file = options.write(true).open(self.path.join(STATE));
            file.and_then(|mut file| file.write_all(&bytes)).map_err(|_| error)?;
        }
        Ok(ReportId { epoch: state.epoch, seq: state.last })
    }

    /// The state, or a new epoch where it is lost or is that of another machine: numbers must
    /// never repeat in one.
    fn next_state(&self) -> io::Result<State> {
        // Without a name for this boot each time could be the first after one.
        let boot = fs::read_to_string(BOOT).unwrap_or_else(|_| random_epoch());
        let machine = fs::read_to_string(MACHINE).unwrap_or_default();
        Ok(match self.state()?.filter(|state| state.machine == machine) {
            Some(state) if state.boot == boot => state,
            Some(state) => State { last: state.last.saturating_add(LOST_MAX), boot, ..state },
            None => State { epoch: random_epoch(), last: 0, boot, machine },
        })
    }

    /// Nothing where there is none, or none that makes sense. One that cannot be read is an
    /// error: what it says still counts.
    fn state(&self) -> io::Result<Option<State>> {
        let Some(bytes) = unless_gone(fs::read(self.path.join(STATE)))? else { return Ok(None) };
        // Numbers that end soon are nobody's.
        let is_sound = |state: &State| state.last < u64::MAX / 2;
        Ok(serde_json::from_slice(&bytes).ok().filter(is_sound))
    }

    fn write(&self, name: &str, bytes: &[u8], is_durable: bool) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.path)?;
        file.write_all(bytes)?;
        hand_over(file.as_file(), &self.path)?;
        if is_durable {
            file.as_file().sync_all()?;
        }
        file.persist(self.path.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    fn try_waiting(&self, now: Timestamp) -> io::Result<(Vec<Waiting>, usize)> {
        let mut waiting = self.list(now)?;
        // Within an epoch numbers tell what is newer, whatever the clock did meanwhile.
        let current = self.state()?.map(|state| state.epoch);
        let mut newest = BTreeMap::new();
        for one in &waiting {
            let at = newest.entry(one.epoch.clone()).or_insert(one.kept_at);
            *at = one.kept_at.max(*at);
        }
        let rank = |one: &Waiting| {
            (current.as_ref() == Some(&one.epoch), newest.get(&one.epoch).copied(), one.seq)
        };
        waiting.sort_by(|a, b| (rank(b), &b.path).cmp(&(rank(a), &a.path)));
        let (mut held, mut is_newest) = (0, true);
        let (keep, drop): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| {
            held += one.bytes;
            let fits =
                held <= self.limits.bytes && now.duration_since(one.kept_at) <= self.limits.age;
            std::mem::take(&mut is_newest) || fits
        });
        // Where nothing can be removed, nothing is added either.
        let dropped = drop.iter().filter(|one| self.forget(one).is_ok()).count();
        Ok((keep, dropped))
    }

    /// Every report, in no order. What nobody will finish is removed; what is not ours is
    /// left alone.
    fn list(&self, now: Timestamp) -> io::Result<Vec<Waiting>> {
        let mut waiting = Vec::new();
        let Some(entries) = unless_gone(fs::read_dir(&self.path))? else { return Ok(waiting) };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let numbered = parse_name(&name);
            if numbered.is_none() && !name.starts_with(UNFINISHED) {
                continue;
            }
            // What another process has sent, or finished, meanwhile is not there any more.
            let Ok(found) = entry.metadata() else { continue };
            if !found.is_file() {
                continue;
            }
            let kept_at = Timestamp::try_from(found.modified()?).unwrap_or(now);
            if let Some((seq, epoch)) = numbered {
                let (path, bytes) = (entry.path(), found.len().next_multiple_of(BLOCK));
                waiting.push(Waiting { path, epoch, seq, bytes, kept_at });
            } else if now.duration_since(kept_at) > ABANDONED {
                _ = fs::remove_file(entry.path());
            }
        }
        Ok(waiting)
    }

    fn error(&self, source: io::Error) -> SpoolError {
        SpoolError { path: self.path.clone(), source }
    }
}

/// Makes a directory, and those above it.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    let Some(parent) = path.parent() else { return builder.recursive(true).create(path) };
    builder.recursive(true).create(parent)?;
    match builder.recursive(false).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let mut options = OpenOptions::new();
            let made = options
                .read(true)
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(path)?;
            hand_over(&made, parent)
        }
    }
}

/// Gives what root has made to whom the folder around it belongs: the agent, who runs as
/// somebody else, must be able to read what a job of root's has left there.
fn hand_over(made: &File, folder: &Path) -> io::Result<()> {
    let (owner, ours) = (fs::metadata(folder)?, made.metadata()?);
    if ours.uid() == 0 && owner.uid() != 0 {
        std::os::unix::fs::fchown(made, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// The number and the epoch in the name of a report's file.
fn parse_name(name: &str) -> Option<(u64, String)> {
    let (seq, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((seq.parse().ok()?, epoch.to_owned()))
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A name that no other epoch has: the time would not do after a clock was set back.
pub(super) fn random_epoch() -> String {
    let mut bytes = [0_u8; 8];
    // Without randomness the process is as good a name as any.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u64::from(std::process::id()).to_be_bytes();
    }
    hex::encode(bytes)
}

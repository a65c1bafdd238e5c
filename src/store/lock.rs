//! The right to use a store, which one process at a time has.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::error::Error;

/// The file in the data directory that is locked.
pub(super) const FILE: &str = "store.lock";

/// How often and how long apart a lock is tried: for half a second in all. A process that
/// was killed may be outlived for an instant by a child of its that has the lock with all
/// its open files, and sled's threads by the store that they wrote for.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// A lock on a file, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of a data directory, whose store is or will be at `path`.
    pub(super) fn of(data_dir: &Path, path: &Path) -> Result<Self, Error> {
        let cannot_open = |source| Error::Open { path: path.to_owned(), source };
        let file = File::create(data_dir.join(FILE)).map_err(cannot_open)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(cannot_open)?;
        let lock = Self::take(file).map_err(cannot_open)?;
        lock.ok_or_else(|| Error::InUse { path: path.to_owned() })
    }

    /// Takes the lock; `None` if somebody else keeps it.
    pub(super) fn take(file: File) -> io::Result<Option<Self>> {
        for attempt in 1..=TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) if attempt < TRIES => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl Drop for Lock {
    /// Closing the file would not do while a child that has not yet become another
    /// program has it open as well.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store's lock is kept until this process ends"
            );
        }
    }
}

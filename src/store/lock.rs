//! The right to use a store, which one process at a time has.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::Duration;

/// How often and how long apart a lock is tried: for half a second in all. A process that
/// was killed may be outlived for an instant by a child of its that has the lock with all
/// its open files, and sled's threads by the store that they wrote for.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// A lock on a file, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
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

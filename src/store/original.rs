//! The data file as it was before it was opened.
//!
//! What sled cannot read it takes for the end of its log, and it wipes what follows, be it
//! nearly all of the store. Whoever looks at a damaged store after that sees little of it. So
//! a copy is made first, which stays if the store turns out to be damaged. It is on the disk
//! before sled changes anything: else a power cut while the store is opened could take both.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::error::Error;

/// sled's data file.
const DATA: &str = "db";
/// The copy, while it is made and while the store is opened.
const UNFINISHED: &str = "db.unfinished";
const COPY: &str = "db.original";
/// The copy of a store that was found damaged.
const DAMAGED: &str = "db.damaged";

/// The copy of a store's data file.
#[derive(Debug)]
pub(super) struct Original {
    store: PathBuf,
}

impl Original {
    /// Copies the data file of a store, if there is one. Where that cannot be, as where the
    /// disk has no room for another, the store is opened all the same.
    pub(super) fn keep(store: &Path) -> Self {
        let original = Self { store: store.to_owned() };
        if let Err(error) = original.copy() {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the data file of the store cannot be copied before it is opened"
            );
        }
        original
    }

    fn copy(&self) -> io::Result<()> {
        let (data, copy) = (self.store.join(DATA), self.store.join(COPY));
        // A start that was cut off has left one, and may have opened the file.
        if copy.exists() || !data.is_file() {
            return Ok(());
        }
        let disk = statvfs(&self.store)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free / 2 < fs::metadata(&data)?.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let unfinished = self.store.join(UNFINISHED);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let copied = File::open(data)
            .and_then(|mut from| {
                let mut to = options.open(&unfinished)?;
                io::copy(&mut from, &mut to)?;
                to.sync_all()
            })
            .and_then(|()| fs::rename(&unfinished, copy));
        if copied.is_err() {
            drop(fs::remove_file(unfinished));
        }
        copied?;
        // Its name too.
        File::open(&self.store)?.sync_all()
    }

    /// The store was opened, or was not.
    pub(super) fn after<T>(self, opened: &Result<T, Error>) {
        let damaged = self.store.join(DAMAGED);
        match opened {
            // Of several starts that found damage, the first one's copy stays.
            Err(Error::Damaged { .. }) if !damaged.exists() => {
                drop(fs::rename(self.store.join(COPY), damaged));
            }
            Ok(_) | Err(Error::Damaged { .. } | Error::Newer { .. }) => {
                for file in [COPY, UNFINISHED] {
                    drop(fs::remove_file(self.store.join(file)));
                }
            }
            // The next start will tell.
            Err(_) => {}
        }
    }
}

//! The file that says, outside of sled, which commit was durable last.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Written after each sync and not synced itself: it may be behind, and never ahead.
#[derive(Debug)]
pub(super) struct Witness(File);

const NAME: &str = "commits";

impl Witness {
    pub(super) fn open(store: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(store.join(NAME)).map(Self)
    }

    /// Whether a store is here that has committed something.
    pub(super) fn has_seen_commits(store: &Path) -> bool {
        std::fs::read(store.join(NAME)).is_ok_and(|number| number.iter().any(|byte| *byte != 0))
    }

    /// The number of the last commit; 0 where the file is new, or was never written out.
    pub(super) fn read(&self) -> io::Result<u64> {
        let mut number = [0; 8];
        match self.0.read_exact_at(&mut number, 0) {
            Ok(()) => Ok(u64::from_be_bytes(number)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, number: u64) -> io::Result<()> {
        self.0.write_all_at(&number.to_be_bytes(), 0)
    }
}

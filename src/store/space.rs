//! How much room the disk of a store still has.

use std::io;
use std::path::Path;

use rustix::fs::statvfs;

/// The room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What ordinary users may still use.
    pub free: u64,
    /// What the store's data file takes; nothing before there is one.
    pub used: u64,
}

impl Space {
    /// Looks at the disk that a store in `data_dir` is on. Blocks.
    pub fn look(data_dir: &Path) -> io::Result<Self> {
        let disk = statvfs(data_dir)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let used = match std::fs::metadata(data_dir.join("store").join("db")) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { free, used })
    }

    /// Whether less than `least` is free, or less than the store takes itself: sled writes
    /// much of its file anew now and then, and a disk that is full stops it for good. 0
    /// switches this off.
    pub fn is_short(self, least: u64) -> bool {
        least > 0 && self.free < least.max(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_short_of_room_below_the_limit_and_below_the_stores_own_size() {
        let is_short = |free, used, least| Space { free, used }.is_short(least);
        assert!(is_short(99, 0, 100) && !is_short(100, 0, 100));
        assert!(is_short(199, 200, 100) && !is_short(200, 200, 100));
        assert!(!is_short(0, 200, 0));
    }
}

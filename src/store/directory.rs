//! The files around sled's: made, swept and synced, with rights for their owner alone.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The directory of the store in the data directory.
pub(super) const STORE: &str = "store";

/// The directory of a store that is being restored: it gets its name once it is whole.
pub(super) const UNFINISHED: &str = "store.unfinished";

/// Makes the directory where it is missing, with those above it.
pub(super) fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Makes the directory above where it is missing, with those above it.
pub(super) fn make_above(path: &Path) -> io::Result<()> {
    let Some(above) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(above)
}

/// Takes everybody else's rights to the files away: sled makes them as the umask has it.
pub(super) fn close(path: &Path) -> io::Result<()> {
    for file in files(path)? {
        fs::set_permissions(file, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Deletes what a kill during an earlier start has left of an unfinished snapshot: sled
/// would take it for a snapshot and fail. Its final name comes only by a rename, so that
/// nothing is lost. Says whether there is a finished one.
pub(super) fn sweep_snapshots(path: &Path) -> io::Result<bool> {
    let mut has_snapshot = false;
    for file in files(path)? {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b"snap.") {
            if name.ends_with(b".generating") {
                fs::remove_file(&file)?;
            } else {
                has_snapshot = true;
            }
        }
    }
    Ok(has_snapshot)
}

/// The plain files in a directory.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Makes a new store durable: its files, and the names that lead to them.
pub(super) fn sync_new(data_dir: &Path, path: &Path) -> io::Result<()> {
    for file in files(path)? {
        File::open(file)?.sync_all()?;
    }
    File::open(path)?.sync_all()?;
    sync_names(data_dir)
}

/// Makes the names in the data directory durable, and its own.
pub(super) fn sync_names(data_dir: &Path) -> io::Result<()> {
    let above = match data_dir.parent() {
        Some(above) if above.as_os_str().is_empty() => Some(Path::new(".")),
        above => above,
    };
    for directory in [Some(data_dir), above].into_iter().flatten() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// What is in a directory besides `known`, if anything; nothing if there is no directory.
pub(super) fn other_than(path: &Path, known: &[&str]) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if !known.iter().any(|known| name == *known) {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

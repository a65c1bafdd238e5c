//! Writes a backup into the data directory, and keeps the newest.
//!
//! A backup is there as a whole, read again from the disk and found good, or it is not there.
//! Only then an older one goes.

use std::fs::{self, DirBuilder, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Tools;
use crate::store::Dump;

/// Where backups are, below the data directory.
const FOLDER: &str = "backups";

/// How the name of one begins that is not done.
const UNFINISHED: &str = ".unfinished-";

/// How the name of a backup ends. The time before it sorts them.
const ENDING: &str = ".backup";

pub(super) async fn run(tools: &Tools, job: &str, keep: u32) -> Result<String, String> {
    let (folder, at) = (tools.data_dir.join(FOLDER), tools.clock.now());
    let prefix = format!("{job}-");
    let path = folder.join(format!("{prefix}{}{ENDING}", at.strftime("%Y%m%dT%H%M%S.%3fZ")));
    let cannot = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    // There is one backup at a time: whatever is unfinished besides was left by a kill.
    let backup = tools.engine.backup().await.map_err(|error| cannot(&error))?;
    let mut file = blocking(move || begin(&folder)).await.map_err(|error| cannot(&error))?;
    while let Some(piece) = backup.next().await.map_err(|error| cannot(&error))? {
        let written = blocking(move || file.write_all(&piece).map(|()| file)).await;
        file = written.map_err(|error| cannot(&error))?;
    }
    let to = path.clone();
    let records = blocking(move || finish(file, &to)).await.map_err(|error| cannot(&error))?;
    let (at, gone) = (path.clone(), prefix);
    let gone = blocking(move || prune(&at, &gone, keep)).await.map_err(|error| cannot(&error))?;
    Ok(format!("{}: {records} records; {gone} older ones are gone", path.display()))
}

/// Does what waits for the disk, where nobody else waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// A file beside those that are done; gone when dropped. Others that are not done go now.
fn begin(folder: &Path) -> std::io::Result<NamedTempFile> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    // Others may not read it.
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
}

/// Reads it again as the disk gives it back, and gives it its name. Returns how many records
/// it has.
fn finish(mut file: NamedTempFile, to: &Path) -> std::io::Result<u64> {
    file.as_file().sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let records = Dump::open(&mut file).and_then(|dump| dump.read(&mut |_, _, _| Ok(())));
    let records = records.map_err(std::io::Error::other)?;
    file.persist(to)?;
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(records)
}

/// Removes all backups of this job but the newest. The one that was just made is one of these,
/// also if another was made by a clock that was ahead. Returns how many went.
fn prune(made: &Path, prefix: &str, keep: u32) -> std::io::Result<usize> {
    let Some(folder) = made.parent() else { return Ok(0) };
    let mut others: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let middle = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(ENDING)));
        // The name of another job may begin like this one's.
        if middle.is_some_and(|middle| !middle.contains('-')) && entry.path() != made {
            others.push(entry.path());
        }
    }
    others.sort();
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let surplus = others.len().saturating_sub(keep.saturating_sub(1));
    for backup in &others[..surplus] {
        fs::remove_file(backup)?;
    }
    Ok(surplus)
}

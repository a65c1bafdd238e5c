//! `<data>/teawatch.pid`: says which process serves, for people and `status`.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

const NAME: &str = "teawatch.pid";

/// The file, as long as its process serves.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it in the place of one that a crash may have left behind.
    pub(super) fn write(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(NAME);
        replace(&path, &format!("{}\n", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }

    /// The process that serves by what the file says, if there is one.
    pub(super) fn read(data_dir: &Path) -> Option<i32> {
        fs::read_to_string(data_dir.join(NAME)).ok()?.trim().parse().ok()
    }
}

/// It goes with its process, also where the rest of the start fails.
impl Drop for PidFile {
    /// The store's lock, not this file, keeps a second process out, so leaving it behind
    /// does no harm.
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(error = &error as &dyn std::error::Error, "the pid file stays");
        }
    }
}

/// Puts a file with this text there, for its owner alone. The name comes by a rename, so
/// that whoever reads it sees all of the old text or all of the new one, also after a
/// power failure.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("pid.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    // One that was left unfinished has the mode that it was made with.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

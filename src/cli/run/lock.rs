//! That a command runs once at a time.

use std::fs::File;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::agent::Settings;

/// The lock that says that the command `name` runs; nothing if somebody else holds it. Given
/// back by the system when this process ends, however it ends; the command does not hold it,
/// nor does what it leaves behind, which may stay for good.
pub(super) fn take(name: &str, settings: Option<&Settings>) -> anyhow::Result<Option<File>> {
    let settings = settings.context("--no-overlap needs the agent's `data_dir` for its lock")?;
    let folder = settings.data_dir.join("run");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    // Two names are two files, whatever they are made of and however long they are.
    let digest = Sha256::digest(name.as_bytes());
    let path = folder.join(format!("{}.lock", hex::encode(digest)));
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

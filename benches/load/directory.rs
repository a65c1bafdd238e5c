//! Where a server of a bench keeps its state.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A directory on the disk that holds the build, gone with its owner: a temporary one may
/// be held in memory, where a sync costs nothing.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let name = format!("bench-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left behind is in the way of nothing.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

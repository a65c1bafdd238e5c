//! Files with secrets: read, and written for their owner alone.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;

/// Longer than any secret.
const SECRET_MAX_BYTES: u64 = 64 * 1024;

/// Reads the secret in a file; nothing if there is no such file.
pub(in crate::cli) fn read_secret(path: &Path) -> anyhow::Result<Option<SecretString>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(cannot)?,
    };
    let mut text = String::new();
    file.take(SECRET_MAX_BYTES).read_to_string(&mut text).with_context(cannot)?;
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        bail!("{} holds no secret", path.display());
    }
    Ok(Some(text.into()))
}

/// A folder that files are written into: each is there as a whole and on the disk, or not
/// at all, and nobody else may read it.
#[derive(Debug)]
pub(in crate::cli) struct Folder(PathBuf);

impl Folder {
    pub(in crate::cli) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(in crate::cli) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder where it is missing.
    pub(in crate::cli) fn make(&self) -> anyhow::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.with_context(|| format!("cannot make {}", self.0.display()))
    }

    /// Writes a secret where there is none yet.
    pub(in crate::cli) fn keep(&self, name: &str, secret: &SecretString) -> anyhow::Result<()> {
        match read_secret(&self.path(name))? {
            Some(known) if known.expose_secret() == secret.expose_secret() => Ok(()),
            Some(_) => bail!(
                "{} has just been written by somebody else: run this again",
                self.path(name).display()
            ),
            None => self.write(name, &line(secret), false),
        }
    }

    /// Writes a secret in the place of the one before.
    pub(in crate::cli) fn replace(&self, name: &str, secret: &SecretString) -> anyhow::Result<()> {
        self.write(name, &line(secret), true)
    }

    /// Writes a file; in the place of another one only if that is to be.
    pub(in crate::cli) fn write(
        &self,
        name: &str,
        text: &str,
        may_replace: bool,
    ) -> anyhow::Result<()> {
        let path = self.path(name);
        let write = || -> io::Result<()> {
            // For its owner alone, as all temporary files are.
            let mut file = NamedTempFile::new_in(&self.0)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            if may_replace {
                file.persist(&path)?
            } else {
                file.persist_noclobber(&path)?
            };
            File::open(&self.0)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

fn line(secret: &SecretString) -> String {
    format!("{}\n", secret.expose_secret())
}

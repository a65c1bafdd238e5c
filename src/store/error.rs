//! Why the store failed, sorted by what the caller can do.

use std::io;
use std::path::{Path, PathBuf};

use super::tree::Tree;

/// Why the store failed.
///
/// No message repeats its source: whoever reports the error prints the chain. Keys are
/// shown as text with escapes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory cannot be used; nothing was changed in it.
    #[error("cannot open the store in `{path}`")]
    Open { path: PathBuf, source: io::Error },
    #[error("another teawatch is using `{path}`")]
    InUse { path: PathBuf },
    /// What is on the disk is not what was written. Nothing is repaired, and what sled wipes
    /// of it when it is opened is still in the copy `db.damaged`.
    #[error(
        "the store in `{path}` is damaged ({reason}); nothing was deleted: move the directory \
         away and bring the newest backup back with `teawatch restore`"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "the store in `{path}` has schema {found}, and this teawatch knows schemas up to {known}; \
         start the newer teawatch that wrote it"
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error(
        "`{path}` has a restore that was not finished: run `teawatch restore` with the same \
         backup once more"
    )]
    Unfinished { path: PathBuf },

    /// A commit, or reading, failed halfway. Whether the commit is on the disk is unknown.
    #[error("the store cannot be read or written")]
    Broken(#[source] io::Error),
    #[error("the store failed before, and has to be opened again")]
    Failed,

    #[error("the key `{key}` of {tree} has {bytes} bytes; {limit} are allowed")]
    KeyTooLong { tree: Tree, key: String, bytes: usize, limit: usize },
    #[error("the record `{key}` of {tree} has {bytes} bytes; {limit} are allowed")]
    ValueTooLong { tree: Tree, key: String, bytes: usize, limit: usize },

    #[error("the record `{key}` of {tree} cannot be read")]
    Record { tree: Tree, key: String, source: serde_json::Error },
    #[error(
        "the record `{key}` of {tree} is in format {format:?}, which this teawatch does not know"
    )]
    Format { tree: Tree, key: String, format: Option<u8> },
    #[error("the key `{key}` of {tree} does not have the expected shape")]
    Key { tree: Tree, key: String },

    #[error("the backup cannot be read")]
    DumpIo(#[source] io::Error),
    #[error("this is no sound backup, from byte {at} on: {reason}; use another one")]
    Dump { at: u64, reason: String },
    #[error(
        "the backup has {what} {found}, and this teawatch knows {what}s up to {known}; restore it \
         with the newer teawatch that wrote it"
    )]
    NewerDump { what: &'static str, found: u32, known: u32 },
    #[error("another backup is being made")]
    DumpUnderWay,
    #[error("the backup that was begun is over")]
    DumpOver,
    #[error(
        "more than {bytes} bytes were changed while the backup was made: make it again, faster"
    )]
    Overtaken { bytes: usize },
    /// Nothing was changed in it.
    #[error(
        "`{path}` is not empty, it has `{holds}`: move it away, or name another directory with \
         `--data-dir`"
    )]
    NotEmpty { path: PathBuf, holds: String },
}

impl Error {
    /// Whether every later commit fails as well, until the store is opened again.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Open { .. }
            | Self::InUse { .. }
            | Self::Damaged { .. }
            | Self::Newer { .. }
            | Self::Unfinished { .. }
            | Self::Broken(_)
            | Self::Failed => true,
            Self::KeyTooLong { .. }
            | Self::ValueTooLong { .. }
            | Self::Record { .. }
            | Self::Format { .. }
            | Self::Key { .. }
            | Self::DumpIo(_)
            | Self::Dump { .. }
            | Self::NewerDump { .. }
            | Self::DumpUnderWay
            | Self::DumpOver
            | Self::Overtaken { .. }
            | Self::NotEmpty { .. } => false,
        }
    }

    pub(super) fn damaged(path: &Path, reason: &str) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_owned() }
    }
}

/// A key as error messages show it.
pub(super) fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

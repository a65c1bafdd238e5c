//! What is looked at before a store is opened, and what it says about itself.

use std::fs::File;
use std::io;
use std::path::Path;

use super::directory;
use super::error::Error;
use super::guard::guarded;
use super::journal::Journal;
use super::lock::Lock;
use super::tree::Tree;
use super::witness::Witness;

/// What the store says about itself stands in a tree that is no [`Tree`]: the schema (4
/// bytes), the number of the last commit whose records stand in their trees (8 bytes), and,
/// while records are brought to the next schema, how far that has come.
pub(super) const OWN_TREE: &str = "store";
pub(super) const SCHEMA_KEY: &str = "schema";
pub(super) const NUMBER_KEY: &str = "commits";
pub(super) const STEP_KEY: &str = "step";

/// Makes sure that sled can open its directory, and will not make a new store where the
/// old one's data is gone.
pub(super) fn ready(path: &Path) -> Result<(), Error> {
    let cannot_open = |source| Error::Open { path: path.to_owned(), source };
    let has_snapshot = directory::sweep_snapshots(path).map_err(cannot_open)?;
    match File::open(path.join("db")) {
        // sled locks this file for itself, and does not wait.
        Ok(data) => match Lock::take(data).map_err(cannot_open)? {
            Some(_) => Ok(()),
            None => Err(Error::InUse { path: path.to_owned() }),
        },
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot_open(error)),
        // One that was killed while it was made has neither.
        Err(_) if has_snapshot || Witness::has_seen_commits(path) => {
            Err(Error::damaged(path, "its data file `db` is missing"))
        }
        Err(_) => Ok(()),
    }
}

/// The journal, and the number of the last commit.
pub(super) fn read_journal(
    path: &Path,
    own: &::sled::Tree,
    pages: &::sled::Tree,
) -> Result<(Journal, u64), Error> {
    let in_trees = match guarded(path, || own.get(NUMBER_KEY))? {
        Some(number) => number.as_ref().try_into().map(u64::from_be_bytes),
        None => Ok(0),
    };
    let in_trees =
        in_trees.map_err(|_| Error::damaged(path, "its number of commits is no number"))?;
    guarded(path, || Journal::read(pages.iter(), in_trees))?
        .map_err(|reason| Error::damaged(path, reason))
}

/// The schema of the records; none if the store was made just now. One that is newer than
/// `known` is refused.
pub(super) fn schema(
    path: &Path,
    own: &::sled::Tree,
    commits: u64,
    known: u32,
) -> Result<Option<u32>, Error> {
    let Some(schema) = guarded(path, || own.get(SCHEMA_KEY))? else {
        return match commits {
            0 => Ok(None),
            _ => Err(Error::damaged(path, "it has records but no schema")),
        };
    };
    let schema = schema.as_ref().try_into().map(u32::from_be_bytes);
    match schema.map_err(|_| Error::damaged(path, "its schema is no number"))? {
        found if found > known => Err(Error::Newer { path: path.to_owned(), found, known }),
        found => Ok(Some(found)),
    }
}

/// How far a step has come: all records up to this one are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) tree: Tree,
    pub(super) key: Vec<u8>,
}

impl Reached {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let name = self.tree.name().as_bytes();
        let length = u8::try_from(name.len()).expect("a tree's name is longer than 255 bytes");
        [&[length], name, self.key.as_slice()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first()?;
        let (name, key) = rest.split_at_checked(usize::from(*length))?;
        Some(Self { tree: Tree::named(name)?, key: key.to_vec() })
    }
}

//! The store on sled 0.34, with the habits that make it safe.
//!
//! sled's `flush` moves its log into the page cache and starts writing it out, but never
//! syncs. Every commit is therefore followed by an `fdatasync` of sled's data file through
//! a handle of our own: it acts on the file, not on the handle. sled's `flush_async`
//! deadlocks when several are under way, and is not used. Where sled meets damage it
//! may panic instead of returning an error; every call into it is guarded.
//!
//! Or it takes the damage for the end of its log, and drops what follows without a word.
//! So every commit carries its number, and the file `commits` says, outside of sled,
//! which number was durable last. It is written after the sync and not synced itself: it
//! may be behind, and never ahead. A store that is behind its file has lost commits that
//! were acknowledged, and is refused; who has no backup and wants what is left may delete
//! that file.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ::sled::transaction::{TransactionError, Transactional as _};

use super::error::Error;
use super::guard::guarded;
use super::lock::Lock;
use super::tree::Tree;
use super::writes::WriteSet;
use super::{SCHEMA, Store, Visitor, directory, pieces};

/// How much memory sled's page cache may take, unless configured otherwise. Its own
/// default is 1 GiB, which buys nothing for records that are read once, at the start.
pub const CACHE_BYTES: u64 = 64 << 20;

/// What the store says about itself stands in a tree that is no [`Tree`]: the schema (4
/// bytes) and the number of the last commit (8 bytes).
const OWN_TREE: &str = "store";
const SCHEMA_KEY: &str = "schema";
const NUMBER_KEY: &str = "commits";

/// A store in a directory, which one process at a time can open.
///
/// Every method blocks for the time of a disk access or longer; call them from a thread
/// of their own, never from async code. Dropping it stops sled's threads and blocks, too.
pub struct Sled {
    path: PathBuf,
    trees: BTreeMap<Tree, ::sled::Tree>,
    own: ::sled::Tree,
    db: ::sled::Db,
    /// sled's data file, for the sync.
    data: File,
    /// The file that says which commit was durable last.
    witness: File,
    /// The number of the last commit, counted from when the store was new.
    number: u64,
    /// How many pieces the records with more than one have; once `indexed`, all of them.
    long: BTreeMap<(Tree, Vec<u8>), u16>,
    indexed: bool,
    failed: bool,
    commits: u64,
    syncs: u64,
    /// Held for as long as this lives; sled locks its data file only after it has
    /// looked at its directory.
    _lock: Lock,
}

impl Sled {
    /// Opens the store in `<data_dir>/store`, and makes both directories where they are
    /// missing, for their owner alone.
    ///
    /// Leaves a damaged store as it is ([`Error::Damaged`]), refuses one that another
    /// process has open and one with a newer schema.
    pub fn open(data_dir: &Path, cache_bytes: u64) -> Result<Self, Error> {
        let path = data_dir.join("store");
        let cannot_open = |source| Error::Open { path: path.clone(), source };

        directory::make(&path).map_err(cannot_open)?;
        let lock = File::create(data_dir.join("store.lock")).map_err(cannot_open)?;
        lock.set_permissions(Permissions::from_mode(0o600)).map_err(cannot_open)?;
        let Some(lock) = Lock::take(lock).map_err(cannot_open)? else {
            return Err(Error::InUse { path });
        };

        ready(&path)?;
        let config = ::sled::Config::new().path(&path).cache_capacity(cache_bytes);
        let (db, trees, own) = guarded(&path, || {
            let db = config.open()?;
            let own = db.open_tree(OWN_TREE)?;
            let trees = Tree::ALL
                .into_iter()
                .map(|tree| Ok((tree, db.open_tree(tree.name())?)))
                .collect::<::sled::Result<BTreeMap<_, _>>>()?;
            Ok((db, trees, own))
        })
        .map_err(|error| match error {
            Error::Broken(source) => cannot_open(source),
            error => error,
        })?;
        let data = File::open(path.join("db")).map_err(cannot_open)?;
        let witness = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("commits"))
            .map_err(cannot_open)?;

        let number = last_commit(&path, &own, &witness)?;
        if is_new(&path, &own, &trees)? {
            guarded(&path, || {
                own.insert(SCHEMA_KEY, &SCHEMA.to_be_bytes())?;
                db.flush()
            })?;
            directory::sync_new(data_dir, &path).map_err(cannot_open)?;
        }
        directory::close(&path).map_err(cannot_open)?;

        Ok(Self {
            path,
            trees,
            own,
            db,
            data,
            witness,
            number,
            long: BTreeMap::new(),
            indexed: false,
            failed: false,
            commits: 0,
            syncs: 0,
            _lock: lock,
        })
    }

    /// How many commits have succeeded since the store was opened.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// How many times the data file was synced for a commit; as many as there were
    /// commits.
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// Brings the writes into pieces. What a shorter value leaves over is deleted.
    fn lay_out(&self, writes: &WriteSet) -> Layout {
        let mut layout = Layout { trees: vec![self.own.clone()], ..Layout::default() };
        let number = (self.number + 1).to_be_bytes();
        layout.changes.push((0, NUMBER_KEY.into(), Some(number.as_slice().into())));
        for (tree, key, value) in writes.iter() {
            let before = self.long.get(&(tree, key.to_vec())).copied().unwrap_or(1);
            let after = value.map_or(0, |value| pieces::count(value.len()));
            let tree_index = layout.tree_index(tree, &self.trees);
            let values = value.into_iter().flat_map(pieces::split);
            for (number, value) in (0..after).zip(values) {
                let key = pieces::physical_key(key, number).into();
                layout.changes.push((tree_index, key, Some(value.into())));
            }
            for number in after..before {
                layout.changes.push((tree_index, pieces::physical_key(key, number).into(), None));
            }
            if before > 1 || after > 1 {
                layout.long.push(((tree, key.to_vec()), after));
            }
        }
        layout
    }

    /// Writes the changes in one transaction and makes them durable.
    fn write(&mut self, layout: &Layout) -> Result<(), Error> {
        guarded(&self.path, || {
            // sled may run this more than once, so that it only repeats what is given.
            let written = layout.trees.transaction(|views| {
                for (tree, key, value) in &layout.changes {
                    match value {
                        Some(value) => views[*tree].insert(key, value)?,
                        None => views[*tree].remove(key)?,
                    };
                }
                Ok(())
            });
            written.map_err(|error: TransactionError<Infallible>| match error {
                TransactionError::Storage(error) => error,
                TransactionError::Abort(never) => match never {},
            })?;
            self.db.flush()
        })?;
        self.data.sync_data().map_err(Error::Broken)?;
        self.syncs += 1;
        self.number += 1;
        self.witness.write_all_at(&self.number.to_be_bytes(), 0).map_err(Error::Broken)
    }

    /// Shows every record of one tree and notes the long ones.
    fn load_tree(&mut self, tree: Tree, visit: &mut Visitor<'_>) -> Result<(), Error> {
        let damaged = |reason| damaged(&self.path, reason);
        let records = &self.trees[&tree];
        let mut iter = records.iter();
        // Further pieces are fetched with the first one of their record. The walk only
        // counts them, so that one that belongs to no record is noticed.
        let mut further_expected = 0_u64;
        let mut further_seen = 0_u64;
        while let Some((physical, bytes)) = guarded(&self.path, || iter.next().transpose())? {
            let (key, number) =
                pieces::logical_key(&physical).ok_or_else(|| damaged("a key is too short"))?;
            if number > 0 {
                further_seen += 1;
                continue;
            }
            let (count, value) =
                pieces::first(&bytes).ok_or_else(|| damaged("a value is too short"))?;
            if count == 1 {
                visit(tree, key, value)?;
                continue;
            }
            let mut value = value.to_vec();
            for number in 1..count {
                let piece = pieces::physical_key(key, number);
                let piece = guarded(&self.path, || records.get(piece))?
                    .ok_or_else(|| damaged("a piece of a long value is missing"))?;
                value.extend_from_slice(&piece);
            }
            further_expected += u64::from(count - 1);
            visit(tree, key, &value)?;
            self.long.insert((tree, key.to_vec()), count);
        }
        if further_seen == further_expected {
            Ok(())
        } else {
            Err(damaged("a piece of a long value belongs to no record"))
        }
    }
}

impl Store for Sled {
    fn load(&mut self, visit: &mut Visitor<'_>) -> Result<(), Error> {
        for tree in Tree::ALL {
            self.load_tree(tree, visit)?;
        }
        self.indexed = true;
        Ok(())
    }

    /// The first commit of a store that was not loaded walks over all records, to learn
    /// which of them have several pieces.
    fn commit(&mut self, writes: &WriteSet) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.within_limits()?;
        if !self.indexed {
            self.load(&mut |_, _, _| Ok(()))?;
        }
        let layout = self.lay_out(writes);
        if let Err(error) = self.write(&layout) {
            self.failed = true;
            return Err(error);
        }
        self.commits += 1;
        for (key, count) in layout.long {
            if count > 1 {
                self.long.insert(key, count);
            } else {
                self.long.remove(&key);
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Sled {
    /// sled's own way would print all records.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sled")
            .field("path", &self.path)
            .field("commits", &self.commits)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// A write set as sled takes it.
#[derive(Default)]
struct Layout {
    /// The trees that are touched, ours first, which the changes name by their place.
    trees: Vec<::sled::Tree>,
    last: Option<Tree>,
    changes: Vec<(usize, ::sled::IVec, Option<::sled::IVec>)>,
    /// The records that have or had several pieces, with their new number.
    long: Vec<((Tree, Vec<u8>), u16)>,
}

impl Layout {
    /// The place of `tree`. Write sets are sorted by tree, so that only the last one can
    /// be there already.
    fn tree_index(&mut self, tree: Tree, trees: &BTreeMap<Tree, ::sled::Tree>) -> usize {
        if self.last != Some(tree) {
            self.last = Some(tree);
            self.trees.push(trees[&tree].clone());
        }
        self.trees.len() - 1
    }
}

/// Makes sure that sled can open its directory, and will not make a new store where the
/// old one's data is gone.
fn ready(path: &Path) -> Result<(), Error> {
    let cannot_open = |source| Error::Open { path: path.to_owned(), source };
    let has_snapshot = directory::sweep_snapshots(path).map_err(cannot_open)?;
    match File::open(path.join("db")) {
        // sled locks this file for itself, and does not wait.
        Ok(data) => match Lock::take(data).map_err(cannot_open)? {
            Some(_) => Ok(()),
            None => Err(Error::InUse { path: path.to_owned() }),
        },
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot_open(error)),
        Err(_) if has_snapshot => Err(damaged(path, "its data file `db` is missing")),
        Err(_) => Ok(()),
    }
}

/// The number of the last commit, if it is not behind what the witness says.
fn last_commit(path: &Path, own: &::sled::Tree, witness: &File) -> Result<u64, Error> {
    let number = match guarded(path, || own.get(NUMBER_KEY))? {
        Some(number) => number.as_ref().try_into().map(u64::from_be_bytes),
        None => Ok(0),
    };
    let number = number.map_err(|_| damaged(path, "its number of commits is no number"))?;
    let durable =
        read_witness(witness).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    if number < durable {
        let lost = durable - number;
        return Err(damaged(path, &format!("its last commits are missing, {lost} of {durable}")));
    }
    Ok(number)
}

/// Whether the store was made just now. Judges its schema, if it was not.
fn is_new(
    path: &Path,
    own: &::sled::Tree,
    trees: &BTreeMap<Tree, ::sled::Tree>,
) -> Result<bool, Error> {
    let Some(schema) = guarded(path, || own.get(SCHEMA_KEY))? else {
        let is_empty = guarded(path, || Ok(trees.values().all(::sled::Tree::is_empty)))?;
        return if is_empty {
            Ok(true)
        } else {
            Err(damaged(path, "it has records but no schema"))
        };
    };
    let schema = schema.as_ref().try_into().map(u32::from_be_bytes);
    match schema.map_err(|_| damaged(path, "its schema is no number"))? {
        found if found > SCHEMA => {
            Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA })
        }
        _ => Ok(false),
    }
}

fn damaged(path: &Path, reason: &str) -> Error {
    Error::Damaged { path: path.to_owned(), reason: reason.to_owned() }
}

/// The number in the witness file; none where it is new, or was never written out.
fn read_witness(witness: &File) -> io::Result<u64> {
    let mut number = [0; 8];
    match witness.read_exact_at(&mut number, 0) {
        Ok(()) => Ok(u64::from_be_bytes(number)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

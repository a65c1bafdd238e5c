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
//! which number was durable last. A store that is behind its file has lost commits that
//! were acknowledged, and is refused; who has no backup and wants what is left may delete
//! that file.
//!
//! A commit is written to the [journal](super::journal) first, and its records go to their
//! trees when that is full, or when the store is read.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::guard::{Held, guarded};
use super::journal::{Journal, Page};
use super::layout::Layout;
use super::lock::Lock;
use super::tree::Tree;
use super::witness::Witness;
use super::writes::WriteSet;
use super::{SCHEMA, Store, Visitor, directory, pieces};

/// How much memory sled's page cache may take, unless configured otherwise. Its own
/// default is 1 GiB, which buys nothing for records that are read once, at the start.
pub const CACHE_BYTES: u64 = 64 << 20;

/// What the store says about itself stands in a tree that is no [`Tree`]: the schema (4
/// bytes) and the number of the last commit whose records stand in their trees (8 bytes).
const OWN_TREE: &str = "store";
const SCHEMA_KEY: &str = "schema";
const NUMBER_KEY: &str = "commits";

/// The pages of the journal.
const JOURNAL_TREE: &str = "journal";

/// A store in a directory, which one process at a time can open.
///
/// Every method blocks for the time of a disk access or longer; call them from a thread
/// of their own, never from async code. Dropping it stops sled's threads and blocks, too.
pub struct Sled {
    path: PathBuf,
    open: Held<Open>,
    /// sled's data file, for the sync.
    data: File,
    witness: Witness,
    journal: Journal,
    /// The number of the last commit, counted from when the store was new.
    number: u64,
    /// How many pieces the records with more than one have; once `is_indexed`, all of them.
    long: BTreeMap<(Tree, Vec<u8>), u16>,
    is_indexed: bool,
    failed: bool,
    commits: u64,
    syncs: u64,
    /// Held for as long as this lives; sled locks its data file only after it has
    /// looked at its directory.
    _lock: Lock,
}

/// All that is sled's.
struct Open {
    trees: BTreeMap<Tree, ::sled::Tree>,
    own: ::sled::Tree,
    pages: ::sled::Tree,
    db: ::sled::Db,
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
        let open = guarded(&path, || {
            let db = config.open()?;
            let own = db.open_tree(OWN_TREE)?;
            let pages = db.open_tree(JOURNAL_TREE)?;
            let trees = Tree::ALL
                .into_iter()
                .map(|tree| Ok((tree, db.open_tree(tree.name())?)))
                .collect::<::sled::Result<BTreeMap<_, _>>>()?;
            Ok(Open { trees, own, pages, db })
        })
        .map_err(|error| match error {
            Error::Broken(source) => cannot_open(source),
            error => error,
        })?;
        let open = Held::new(&path, open);
        let data = File::open(path.join("db")).map_err(cannot_open)?;
        let witness = Witness::open(&path).map_err(cannot_open)?;
        let durable = witness.read().map_err(cannot_open)?;

        let (journal, number) = read_journal(&path, &open.own, &open.pages)?;
        if number < durable {
            let reason = format!("its last commits are missing, {} of {durable}", durable - number);
            return Err(damaged(&path, &reason));
        }
        if is_new(&path, &open.own, number)? {
            guarded(&path, || {
                open.own.insert(SCHEMA_KEY, &SCHEMA.to_be_bytes())?;
                open.db.flush()
            })?;
            directory::sync_new(data_dir, &path).map_err(cannot_open)?;
        }
        directory::close(&path).map_err(cannot_open)?;

        Ok(Self {
            path,
            open,
            data,
            witness,
            journal,
            number,
            long: BTreeMap::new(),
            is_indexed: false,
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

    /// Writes the pages of one commit and makes them durable.
    fn write_pages(&mut self, pages: Vec<Page>) -> Result<(), Error> {
        let mut batch = ::sled::Batch::default();
        for (key, page) in pages {
            batch.insert(&key, page);
        }
        guarded(&self.path, || {
            self.open.pages.apply_batch(batch)?;
            self.open.db.flush()
        })?;
        self.sync()
    }

    /// Brings `writes` to their trees, in one transaction, and makes them durable: all that
    /// was committed up to number `number`.
    fn write_trees(&mut self, writes: &WriteSet, number: u64) -> Result<(), Error> {
        if !self.is_indexed {
            for tree in Tree::ALL {
                self.load_tree(tree, &mut |_, _, _| Ok(()))?;
            }
            self.is_indexed = true;
        }
        let mut layout = Layout::new(&self.open.own);
        layout.put_own(NUMBER_KEY, &number.to_be_bytes());
        for (tree, key, value) in writes.iter() {
            let before = self.long.get(&(tree, key.to_vec())).copied().unwrap_or(1);
            let after = layout.put(&self.open.trees[&tree], tree, key, value, before);
            if after > 1 {
                self.long.insert((tree, key.to_vec()), after);
            } else if before > 1 {
                self.long.remove(&(tree, key.to_vec()));
            }
        }
        guarded(&self.path, || {
            layout.write()?;
            self.open.db.flush()
        })?;
        self.sync()
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.data.sync_data().map_err(Error::Broken)?;
        self.syncs += 1;
        Ok(())
    }

    /// Writes commit number `number`: to the journal, or, once that is full, everything
    /// that waits there and this to the trees.
    fn write(&mut self, writes: WriteSet, number: u64) -> Result<(), Error> {
        if let Some(pages) = self.journal.pages(number, &writes) {
            let count = pages.len();
            self.write_pages(pages)?;
            self.journal.append(writes, count);
        } else {
            let mut all = self.journal.take();
            all.merge(writes);
            self.write_trees(&all, number)?;
        }
        self.witness.write(number).map_err(Error::Broken)
    }

    /// Does what may fail only once: after a failure it is unknown what is on the disk.
    fn once<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        let result = run(self);
        self.failed = result.is_err();
        result
    }

    /// Shows every record of one tree and notes the long ones.
    fn load_tree(&mut self, tree: Tree, visit: &mut Visitor<'_>) -> Result<(), Error> {
        let damaged = |reason| damaged(&self.path, reason);
        let records = &self.open.trees[&tree];
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
    /// What waits in the journal goes to its trees first.
    fn load(&mut self, visit: &mut Visitor<'_>) -> Result<(), Error> {
        if !self.journal.is_empty() {
            self.once(|store| {
                let waiting = store.journal.take();
                store.write_trees(&waiting, store.number)
            })?;
        }
        for tree in Tree::ALL {
            self.load_tree(tree, visit)?;
        }
        self.is_indexed = true;
        Ok(())
    }

    fn commit(&mut self, writes: WriteSet) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.within_limits()?;
        let number = self.number + 1;
        self.once(|store| store.write(writes, number))?;
        self.number = number;
        self.commits += 1;
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

/// The journal, and the number of the last commit.
fn read_journal(
    path: &Path,
    own: &::sled::Tree,
    pages: &::sled::Tree,
) -> Result<(Journal, u64), Error> {
    let in_trees = match guarded(path, || own.get(NUMBER_KEY))? {
        Some(number) => number.as_ref().try_into().map(u64::from_be_bytes),
        None => Ok(0),
    };
    let in_trees = in_trees.map_err(|_| damaged(path, "its number of commits is no number"))?;
    guarded(path, || Journal::read(pages.iter(), in_trees))?.map_err(|reason| damaged(path, reason))
}

/// Whether the store was made just now. Judges its schema, if it was not.
fn is_new(path: &Path, own: &::sled::Tree, commits: u64) -> Result<bool, Error> {
    let Some(schema) = guarded(path, || own.get(SCHEMA_KEY))? else {
        return match commits {
            0 => Ok(true),
            _ => Err(damaged(path, "it has records but no schema")),
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

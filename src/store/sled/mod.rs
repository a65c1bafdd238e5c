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

mod migrate;
mod restore;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

pub use self::restore::{Change, restore};
use super::dump::{Header, Origin};
use super::error::Error;
use super::guard::{Held, guarded};
use super::journal::{Journal, Page};
use super::layout::Layout;
use super::lock::Lock;
use super::opening::{self, NUMBER_KEY, OWN_TREE, SCHEMA_KEY, read_journal, ready};
use super::original::Original;
use super::schema::Schema;
use super::snapshot::{KEPT_BYTES_MAX, Lease, PIECE_BYTES, Snapshot};
use super::tree::Tree;
use super::witness::Witness;
use super::writes::WriteSet;
use super::{Record, Store, Visitor, directory, records};

/// How much memory sled's page cache may take, unless configured otherwise. Its own
/// default is 1 GiB, which buys nothing for records that are read once, at the start.
pub const CACHE_BYTES: u64 = 64 << 20;

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
    schema: Schema,
    /// A dump under way.
    snapshot: Option<Snapshot>,
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
    /// Refuses a damaged store, and leaves a copy of its data file as it was in `db.damaged`
    /// ([`Error::Damaged`]); refuses one that another process has open and one with a newer
    /// schema.
    pub fn open(data_dir: &Path, cache_bytes: u64) -> Result<Self, Error> {
        Self::open_with(data_dir, cache_bytes, Schema::PRESENT)
    }

    /// The same for records of the newest of these schemas. Those of an older one are brought
    /// to it first, in as many durable commits as it takes.
    pub fn open_with(data_dir: &Path, cache_bytes: u64, schema: Schema) -> Result<Self, Error> {
        let path = data_dir.join(directory::STORE);
        // Not to be taken for a directory without a store.
        if data_dir.join(directory::UNFINISHED).exists() {
            return Err(Error::Unfinished { path: data_dir.to_owned() });
        }
        directory::make(&path).map_err(|source| Error::Open { path: path.clone(), source })?;
        let lock = Lock::of(data_dir, &path)?;
        Self::open_at(data_dir, path, lock, cache_bytes, schema)
    }

    fn open_at(
        data_dir: &Path,
        path: PathBuf,
        lock: Lock,
        cache_bytes: u64,
        schema: Schema,
    ) -> Result<Self, Error> {
        ready(&path)?;
        let original = Original::keep(&path);
        let opened = Self::open_ready(data_dir, path, lock, cache_bytes, schema);
        original.after(&opened);
        opened
    }

    fn open_ready(
        data_dir: &Path,
        path: PathBuf,
        lock: Lock,
        cache_bytes: u64,
        schema: Schema,
    ) -> Result<Self, Error> {
        let cannot_open = |source| Error::Open { path: path.clone(), source };
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
            return Err(Error::damaged(&path, &reason));
        }
        let found = opening::schema(&path, &open.own, number, schema.version())?;
        if found.is_none() {
            guarded(&path, || {
                open.own.insert(SCHEMA_KEY, &schema.version().to_be_bytes())?;
                open.db.flush()
            })?;
            directory::sync_new(data_dir, &path).map_err(cannot_open)?;
        }
        directory::close(&path).map_err(cannot_open)?;

        let mut store = Self {
            path,
            open,
            data,
            witness,
            journal,
            number,
            long: BTreeMap::new(),
            is_indexed: false,
            schema,
            snapshot: None,
            failed: false,
            commits: 0,
            syncs: 0,
            _lock: lock,
        };
        if let Some(found) = found {
            store.bring_from(found)?;
        }
        Ok(store)
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
    /// `own` is what the store then says about itself.
    fn write_trees(
        &mut self,
        writes: &WriteSet,
        number: u64,
        own: &[(&str, Option<&[u8]>)],
    ) -> Result<(), Error> {
        self.keep_for_the_dump(writes)?;
        if !self.is_indexed {
            for tree in Tree::ALL {
                self.load_tree(tree, &mut |_, _, _| Ok(()))?;
            }
            self.is_indexed = true;
        }
        let mut layout = Layout::new(&self.open.own);
        layout.put_own(NUMBER_KEY, Some(&number.to_be_bytes()));
        for (key, value) in own {
            layout.put_own(key, *value);
        }
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
            self.write_trees(&all, number, &[])?;
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
        let long = &mut self.long;
        records::walk(&self.path, &self.open.trees[&tree], |key, value, count| {
            if count > 1 {
                long.insert((tree, key.to_vec()), count);
            }
            visit(tree, key, value)
        })
    }

    /// What waits in the journal goes to its trees.
    fn empty_journal(&mut self) -> Result<(), Error> {
        if self.journal.is_empty() {
            return Ok(());
        }
        self.once(|store| {
            let waiting = store.journal.take();
            store.write_trees(&waiting, store.number, &[])
        })
    }

    /// Of what will be changed, a dump under way keeps what it has yet to show.
    fn keep_for_the_dump(&mut self, writes: &WriteSet) -> Result<(), Error> {
        let Some(snapshot) = self.snapshot.as_mut().filter(|snapshot| snapshot.is_wanted()) else {
            self.snapshot = None;
            return Ok(());
        };
        for (tree, key, _) in writes.iter() {
            if snapshot.needs(tree, key) {
                let value = records::get(&self.path, &self.open.trees[&tree], key)?;
                snapshot.keep(tree, key, value);
            }
        }
        Ok(())
    }
}

impl Store for Sled {
    /// What waits in the journal goes to its trees first.
    fn load(&mut self, visit: &mut Visitor<'_>) -> Result<(), Error> {
        self.empty_journal()?;
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

    /// What waits in the journal goes to its trees first: from then on they change only when
    /// it is full.
    fn begin_dump(&mut self, origin: Origin) -> Result<Lease, Error> {
        if self.snapshot.as_ref().is_some_and(Snapshot::is_wanted) {
            return Err(Error::DumpUnderWay);
        }
        self.snapshot = None;
        self.empty_journal()?;
        let header = Header { schema: self.schema.version(), commit: self.number, origin };
        let (snapshot, lease) = Snapshot::begin(&header, KEPT_BYTES_MAX);
        self.snapshot = Some(snapshot);
        Ok(lease)
    }

    fn behind(&mut self, tree: Tree, after: Option<&[u8]>) -> Result<Vec<Record>, Error> {
        let mut after = after.map(<[u8]>::to_vec);
        loop {
            let records = &self.open.trees[&tree];
            let page = records::page(&self.path, records, after.as_deref(), PIECE_BYTES)?;
            let end = page.records.last().map(|(key, _)| key.clone()).filter(|_| page.is_cut);
            let mut records: BTreeMap<_, _> = page.records.into_iter().collect();
            // What waits in the journal is newer than what stands in the tree.
            for (key, value) in self.journal.waiting(tree, after.as_deref(), end.as_deref()) {
                match value {
                    Some(value) => drop(records.insert(key.to_vec(), value.to_vec())),
                    None => drop(records.remove(key)),
                }
            }
            // All of a page may be deleted, and records be behind it.
            if !records.is_empty() || end.is_none() {
                return Ok(records.into_iter().collect());
            }
            after = end;
        }
    }

    fn next_of_dump(&mut self, lease: &Lease) -> Result<Option<Vec<u8>>, Error> {
        let snapshot = self.snapshot.as_mut().ok_or(Error::DumpOver)?;
        snapshot.next(lease, |tree, after| {
            records::page(&self.path, &self.open.trees[&tree], after, PIECE_BYTES)
        })
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

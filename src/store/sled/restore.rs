//! A new store with the records of a dump.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::super::dump::{Dump, Header};
use super::super::error::Error;
use super::super::lock::{self, Lock};
use super::super::opening::SCHEMA_KEY;
use super::super::schema::Schema;
use super::super::tree::Tree;
use super::super::writes::WriteSet;
use super::super::{Visitor, directory};
use super::{CACHE_BYTES, Sled};

/// What of the records is written in one commit, in bytes.
const COMMIT_BYTES: usize = 1 << 20;

/// How often it is waited, half a second each time, until sled is closed.
const CLOSING_TRIES: u32 = 60;

/// What may be in a directory that counts as empty: what every file system has at its root,
/// and what a restore that was killed has left.
const NOTHING: &[&str] = &["lost+found", lock::FILE, directory::UNFINISHED];

/// What becomes of a record on its way into the new store; nothing if it stays as it is.
pub type Change<'c> = dyn FnMut(Tree, &[u8], &[u8]) -> Result<Option<Vec<u8>>, Error> + 'c;

/// Makes a store in `data_dir`, which must be empty or missing, with the records of a dump,
/// brought to the newest of these schemas and changed by `change`. Returns the dump's header
/// and the number of its records.
///
/// The store gets its name once it is whole and on the disk: a directory in which this was
/// killed is refused by [`Sled::open`], and taken once more here.
pub fn restore(
    from: &mut dyn io::Read,
    data_dir: &Path,
    schema: Schema,
    change: &mut Change<'_>,
) -> Result<(Header, u64), Error> {
    let cannot_open = |source| Error::Open { path: data_dir.to_owned(), source };
    let empty = || match directory::other_than(data_dir, NOTHING).map_err(cannot_open)? {
        Some(holds) => Err(Error::NotEmpty { path: data_dir.to_owned(), holds }),
        None => Ok(()),
    };
    empty()?;
    let dump = Dump::open(from)?;
    let header = dump.header.clone();
    if header.schema > schema.version() {
        let (found, known) = (header.schema, schema.version());
        return Err(Error::NewerDump { what: "schema", found, known });
    }
    let unfinished = data_dir.join(directory::UNFINISHED);
    directory::make_above(&unfinished).map_err(cannot_open)?;
    let lock = Lock::of(data_dir, &unfinished)?;
    // Whoever had the lock before may have made a store meanwhile.
    empty()?;
    clear(&unfinished).map_err(cannot_open)?;
    directory::make(&unfinished).map_err(cannot_open)?;
    let filled = fill(dump, data_dir, lock, schema, change);
    let (lock, records) = match filled {
        Ok(filled) => filled,
        Err(error) => {
            // What is left of it would be taken for a restore to be finished.
            clear(&unfinished).map_err(cannot_open)?;
            return Err(error);
        }
    };
    directory::sync_new(data_dir, &unfinished).map_err(cannot_open)?;
    fs::rename(&unfinished, data_dir.join(directory::STORE)).map_err(cannot_open)?;
    directory::sync_names(data_dir).map_err(cannot_open)?;
    drop(lock);
    Ok((header, records))
}

fn clear(unfinished: &Path) -> io::Result<()> {
    match fs::remove_dir_all(unfinished) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Writes the records of the dump into a store that has no name yet, and closes it.
fn fill(
    dump: Dump<'_>,
    data_dir: &Path,
    lock: Lock,
    schema: Schema,
    change: &mut Change<'_>,
) -> Result<(Lock, u64), Error> {
    let (from, number) = (dump.header.schema, dump.header.commit);
    let path = data_dir.join(directory::UNFINISHED);
    let mut store = Sled::open_at(data_dir, path.clone(), lock, CACHE_BYTES, schema)?;
    let mut writes = WriteSet::new();
    let mut bytes = 0;
    let visit: &mut Visitor<'_> = &mut |tree, key, value| {
        for (tree, key, value) in schema.bring(from, (tree, key.to_vec(), value.to_vec()))? {
            let value = change(tree, &key, &value)?.unwrap_or(value);
            bytes += key.len() + value.len();
            writes.put_bytes(tree, key, value);
        }
        if bytes < COMMIT_BYTES {
            return Ok(());
        }
        bytes = 0;
        store.add(&std::mem::take(&mut writes), number)
    };
    let records = dump.read(visit)?;
    store.add(&writes, number)?;
    store.witness.write(number).map_err(Error::Broken)?;
    let Sled { open, _lock: lock, .. } = store;
    drop(open);
    // sled's threads write until they let go of its data file.
    for _ in 0..CLOSING_TRIES {
        let data = File::open(path.join("db")).map_err(Error::Broken)?;
        if Lock::take(data).map_err(Error::Broken)?.is_some() {
            return Ok((lock, records));
        }
    }
    Err(Error::InUse { path })
}

impl Sled {
    /// Adds records to those of a store that nobody uses yet.
    fn add(&mut self, writes: &WriteSet, number: u64) -> Result<(), Error> {
        writes.within_limits()?;
        let schema = self.schema.version().to_be_bytes();
        self.once(|store| store.write_trees(writes, number, &[(SCHEMA_KEY, Some(&schema))]))
    }
}

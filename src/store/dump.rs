//! The dump: every record in one stream, for backups and for moving to another engine.
//!
//! | part | bytes |
//! |---|---|
//! | header | `teawatch dump 1` and a line feed; schema (4); number of records (8) |
//! | tree, for each | length of its name (1), name, number of records (8), its records |
//! | record | length of the key (4), key, length of the value (4), value |
//! | end | a zero (1), number of records (8), SHA-256 of everything before (32) |
//!
//! Numbers are big-endian, values as the codec made them. There is no time in it, so
//! that equal stores make equal dumps.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};

use sha2::{Digest, Sha256};

use super::error::Error;
use super::tree::Tree;
use super::{KEY_BYTES, SCHEMA, Store, VALUE_BYTES, Visitor};

const MAGIC: &[u8] = b"teawatch dump 1\n";

/// What a dump says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The schema of the store that was dumped.
    pub schema: u32,
    /// How many records it has, over all trees.
    pub records: u64,
}

/// Writes the dump of `store`. It is read twice: the numbers of records come first.
pub(super) fn write<S: Store + ?Sized>(store: &mut S, to: &mut dyn io::Write) -> Result<(), Error> {
    let mut counts = BTreeMap::from(Tree::ALL.map(|tree| (tree, 0_u64)));
    store.load(&mut |tree, _, _| {
        *counts.entry(tree).or_default() += 1;
        Ok(())
    })?;
    let records: u64 = counts.values().sum();

    let mut to = Hashed::new(io::BufWriter::new(to));
    to.put(MAGIC)?;
    to.put(&SCHEMA.to_be_bytes())?;
    to.put(&records.to_be_bytes())?;
    let mut trees = counts.into_iter().peekable();
    let mut written = 0_u64;
    let mut announced = 0_u64;
    // The headings of empty trees are written on the way to the next record's tree.
    store.load(&mut |tree, key, value| {
        while let Some((name, count)) = trees.next_if(|(name, _)| *name <= tree) {
            complete(written, announced)?;
            to.put_heading(name, count)?;
            announced += count;
        }
        to.put_field(key)?;
        to.put_field(value)?;
        written += 1;
        Ok(())
    })?;
    for (name, count) in trees {
        complete(written, announced)?;
        to.put_heading(name, count)?;
        announced += count;
    }
    complete(written, announced)?;
    to.put(&[0])?;
    to.put(&records.to_be_bytes())?;
    let digest = to.hash.finalize();
    to.inner.write_all(&digest).and_then(|()| to.inner.flush()).map_err(Error::DumpIo)
}

/// Confirms that as many records were written as their headings announce. Others would
/// mean that the store changed while it was dumped.
fn complete(written: u64, announced: u64) -> Result<(), Error> {
    if written == announced {
        Ok(())
    } else {
        Err(Error::Dump(format!("{announced} records were counted and {written} written")))
    }
}

/// Shows every record of a dump, in its order, and judges the dump.
///
/// The checksum stands at the end, so that what was shown counts only once this has
/// returned `Ok`.
pub fn read_dump(from: &mut dyn io::Read, visit: &mut Visitor<'_>) -> Result<Summary, Error> {
    let mut from = Hashed::new(io::BufReader::new(from));
    if from.take(MAGIC.len())? != MAGIC {
        return Err(Error::Dump("it does not begin like one".to_owned()));
    }
    let schema = u32::from_be_bytes(from.take_array()?);
    if schema > SCHEMA {
        return Err(Error::Dump(format!(
            "it has schema {schema}, and this teawatch knows schemas up to {SCHEMA}"
        )));
    }
    let records = u64::from_be_bytes(from.take_array()?);
    let mut seen = 0_u64;
    loop {
        let [length] = from.take_array()?;
        if length == 0 {
            break;
        }
        let name = from.take(usize::from(length))?;
        let tree = Tree::named(&name)
            .ok_or_else(|| Error::Dump(format!("it has a tree `{}`", name.escape_ascii())))?;
        for _ in 0..u64::from_be_bytes(from.take_array()?) {
            let key = from.take_field(KEY_BYTES)?;
            let value = from.take_field(VALUE_BYTES)?;
            visit(tree, &key, &value)?;
            seen += 1;
        }
    }
    let total = u64::from_be_bytes(from.take_array()?);
    if (seen, seen) != (records, total) {
        return Err(Error::Dump(format!(
            "it has {seen} records, and speaks of {records} at its beginning and {total} at its end"
        )));
    }
    let digest = from.hash.finalize();
    let mut claimed = [0; 32];
    from.inner.read_exact(&mut claimed).map_err(torn)?;
    if digest[..] != claimed {
        return Err(Error::Dump("its checksum does not match".to_owned()));
    }
    if from.inner.read(&mut [0]).map_err(Error::DumpIo)? > 0 {
        return Err(Error::Dump("it goes on after its end".to_owned()));
    }
    Ok(Summary { schema, records })
}

/// A stream with the checksum of what has passed.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new() }
    }
}

impl<W: io::Write> Hashed<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hash.update(bytes);
        self.inner.write_all(bytes).map_err(Error::DumpIo)
    }

    fn put_heading(&mut self, tree: Tree, count: u64) -> Result<(), Error> {
        let name = tree.name();
        let length = u8::try_from(name.len()).expect("a tree's name is longer than 255 bytes");
        self.put(&[length])?;
        self.put(name.as_bytes())?;
        self.put(&count.to_be_bytes())
    }

    fn put_field(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(bytes.len()).expect("a field is longer than 4 GiB");
        self.put(&length.to_be_bytes())?;
        self.put(bytes)
    }
}

impl<R: io::Read> Hashed<R> {
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        self.inner.read_exact(&mut array).map_err(torn)?;
        self.hash.update(array);
        Ok(array)
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.inner.read_exact(&mut bytes).map_err(torn)?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    /// A length and as many bytes. The limit keeps a damaged length from taking all
    /// memory.
    fn take_field(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let length = u32::from_be_bytes(self.take_array()?);
        match usize::try_from(length) {
            Ok(length) if length <= limit => self.take(length),
            _ => Err(Error::Dump(format!("a field of it has {length} bytes"))),
        }
    }
}

/// A dump that ends too early is a bad dump, not a disk that cannot be read.
fn torn(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Error::Dump("it ends too early".to_owned())
    } else {
        Error::DumpIo(error)
    }
}

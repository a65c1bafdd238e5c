//! The dump: every record in one stream, for backups and for moving to another engine.
//!
//! It begins with `teawatch dump 1` and a line feed; then come blocks.
//!
//! | part of a block | bytes |
//! |---|---|
//! | kind: 0 header, 1 records, 2 end | 1 |
//! | length of the contents | 4 |
//! | contents | as many |
//! | SHA-256 of everything before, from the first byte of the dump on | 32 |
//!
//! | block | contents |
//! |---|---|
//! | header, the first | schema (4), number of the last commit (8), generation (8), instance |
//! | records | length of the tree's name (1), name, and records until its end |
//! | record | length of the key (2), key, length of the value (4), value |
//! | end, the last | number of records (8) |
//!
//! Numbers are big-endian, values as the codec made them. There is no time in it, and where
//! a block ends follows from its records, so that equal stores make equal dumps. As each
//! block proves all before it, damage is found where it is.

use std::io::{self, Read as _};

use sha2::{Digest, Sha256};

use super::error::Error;
use super::tree::Tree;
use super::{KEY_BYTES, VALUE_BYTES, Visitor};

/// Followed by the number of the format and a line feed.
const MAGIC: &[u8] = b"teawatch dump ";
const FORMAT: u32 = 1;
/// The longest number of a format that is read.
const FORMAT_DIGITS_MAX: usize = 9;

const HEADER: u8 = 0;
const RECORDS: u8 = 1;
const END: u8 = 2;

/// A block of records is closed once it has so many bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// The longest contents that a block can have: nearly full, with the longest record added.
const BLOCK_BYTES_MAX: usize = BLOCK_BYTES + 2 + KEY_BYTES + 4 + VALUE_BYTES;

/// Which store a dump is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub instance: String,
    pub generation: u64,
}

/// What a dump says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The schema of its records.
    pub schema: u32,
    /// The number of the last commit that is in it.
    pub commit: u64,
    pub origin: Origin,
}

/// Makes the bytes of a dump of the records that it is given, in order.
#[derive(Debug)]
pub(super) struct Encoder {
    hash: Sha256,
    tree: Option<Tree>,
    block: Vec<u8>,
    records: u64,
    done: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(header: &Header) -> Self {
        let mut encoder = Self {
            hash: Sha256::new(),
            tree: None,
            block: Vec::new(),
            records: 0,
            done: Vec::new(),
        };
        encoder.put(&[MAGIC, FORMAT.to_string().as_bytes(), b"\n"].concat());
        let mut contents = header.schema.to_be_bytes().to_vec();
        contents.extend(header.commit.to_be_bytes());
        contents.extend(header.origin.generation.to_be_bytes());
        contents.extend(header.origin.instance.as_bytes());
        encoder.put_block(HEADER, &contents);
        encoder
    }

    /// Adds a record that is within the limits of the store.
    pub(super) fn record(&mut self, tree: Tree, key: &[u8], value: &[u8]) {
        if self.tree != Some(tree) || self.block.len() >= BLOCK_BYTES {
            self.close();
            let name = tree.name().as_bytes();
            let length = u8::try_from(name.len()).expect("a tree's name is longer than 255 bytes");
            self.block.push(length);
            self.block.extend(name);
            self.tree = Some(tree);
        }
        let length = u16::try_from(key.len()).expect("a key is beyond its limit");
        self.block.extend(length.to_be_bytes());
        self.block.extend(key);
        let length = u32::try_from(value.len()).expect("a value is beyond its limit");
        self.block.extend(length.to_be_bytes());
        self.block.extend(value);
        self.records += 1;
    }

    pub(super) fn end(&mut self) {
        self.close();
        self.put_block(END, &self.records.to_be_bytes());
    }

    /// The bytes that are done.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.done)
    }

    fn close(&mut self) {
        if !self.block.is_empty() {
            let block = std::mem::take(&mut self.block);
            self.put_block(RECORDS, &block);
        }
    }

    fn put_block(&mut self, kind: u8, contents: &[u8]) {
        let length = u32::try_from(contents.len()).expect("a block is beyond its limit");
        self.put(&[kind]);
        self.put(&length.to_be_bytes());
        self.put(contents);
        let digest = self.hash.clone().finalize();
        self.put(&digest);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.done.extend_from_slice(bytes);
    }
}

/// A dump whose header was read.
pub struct Dump<'r> {
    pub header: Header,
    stream: Stream<'r>,
}

impl std::fmt::Debug for Dump<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'r> Dump<'r> {
    /// Reads the header.
    pub fn open(from: &'r mut dyn io::Read) -> Result<Self, Error> {
        let from = io::BufReader::new(from);
        let mut stream = Stream { from, hash: Sha256::new(), at: 0, began: 0 };
        stream.take_magic()?;
        let at = stream.at;
        let (kind, contents) = stream.take_block()?;
        let header = (kind == HEADER).then(|| header(&contents)).flatten();
        let header = header.ok_or_else(|| bad(at, "its header cannot be read"))?;
        Ok(Self { header, stream })
    }

    /// Shows every record, in the order of the dump, and says how many there are.
    ///
    /// What was shown counts only once this has returned `Ok`: the end may be missing.
    pub fn read(mut self, visit: &mut Visitor<'_>) -> Result<u64, Error> {
        let mut records = 0;
        loop {
            let at = self.stream.at;
            let (kind, contents) = self.stream.take_block()?;
            match kind {
                RECORDS => records += show(at, &contents, visit)?,
                END if contents == records.to_be_bytes() => break,
                END => return Err(bad(at, "it has another number of records than it says")),
                _ => return Err(bad(at, "a block is of a kind that it cannot be")),
            }
        }
        let at = self.stream.at;
        if self.stream.from.read(&mut [0]).map_err(Error::DumpIo)? > 0 {
            return Err(bad(at, "it goes on after its end"));
        }
        Ok(records)
    }
}

/// What is read of a dump, with the checksum of what has passed and how much that was.
struct Stream<'r> {
    from: io::BufReader<&'r mut dyn io::Read>,
    hash: Sha256,
    at: u64,
    /// Where the present block began.
    began: u64,
}

impl Stream<'_> {
    fn take_magic(&mut self) -> Result<(), Error> {
        let no_dump = || bad(0, "it does not begin like one");
        if self.take(MAGIC.len())? != MAGIC {
            return Err(no_dump());
        }
        let mut digits = String::new();
        loop {
            match self.take_array()? {
                [b'\n'] => break,
                [digit @ b'0'..=b'9'] if digits.len() < FORMAT_DIGITS_MAX => {
                    digits.push(char::from(digit));
                }
                _ => return Err(no_dump()),
            }
        }
        match digits.parse() {
            Ok(FORMAT) => Ok(()),
            Ok(found) if found > FORMAT => {
                Err(Error::NewerDump { what: "format", found, known: FORMAT })
            }
            _ => Err(no_dump()),
        }
    }

    /// The kind and the contents of a block that is as it was written.
    fn take_block(&mut self) -> Result<(u8, Vec<u8>), Error> {
        let at = self.at;
        self.began = at;
        let [kind] = self.take_array()?;
        let length = u32::from_be_bytes(self.take_array()?);
        let length = usize::try_from(length).ok().filter(|length| *length <= BLOCK_BYTES_MAX);
        // The limit keeps a damaged length from taking all memory.
        let length = length.ok_or_else(|| bad(at, "a block is longer than any can be"))?;
        let contents = self.take(length)?;
        let digest = self.hash.clone().finalize();
        if self.take(digest.len())? != digest[..] {
            return Err(bad(at, "a checksum does not match: the block there is damaged"));
        }
        Ok((kind, contents))
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.from.read(&mut bytes[filled..]) {
                // One that ends too early is a bad dump, not a disk that cannot be read. Or the
                // length of the block is damaged.
                Ok(0) => return Err(bad(self.began, "it ends too early")),
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::DumpIo(error)),
            }
        }
        self.hash.update(&*bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}

fn bad(at: u64, reason: &str) -> Error {
    Error::Dump { at, reason: reason.to_owned() }
}

fn header(mut contents: &[u8]) -> Option<Header> {
    let schema = u32::from_be_bytes(array(&mut contents)?);
    let commit = u64::from_be_bytes(array(&mut contents)?);
    let generation = u64::from_be_bytes(array(&mut contents)?);
    let instance = str::from_utf8(contents).ok()?.to_owned();
    Some(Header { schema, commit, origin: Origin { instance, generation } })
}

/// Shows the records of a block that stands at `at`, and says how many there are.
fn show(at: u64, contents: &[u8], visit: &mut Visitor<'_>) -> Result<u64, Error> {
    let mut rest = contents;
    let name = array(&mut rest).and_then(|[length]| part(&mut rest, length.into()));
    let name = name.ok_or_else(|| bad(at, "a block has no tree"))?;
    let tree = Tree::named(name).ok_or_else(|| {
        bad(
            at,
            &format!("it has a tree `{}`, which this teawatch does not know", name.escape_ascii()),
        )
    })?;
    let mut records = 0;
    while !rest.is_empty() {
        let (key, value) =
            record(&mut rest).ok_or_else(|| bad(at, "a record is longer than its block"))?;
        visit(tree, key, value)?;
        records += 1;
    }
    Ok(records)
}

fn record<'c>(rest: &mut &'c [u8]) -> Option<(&'c [u8], &'c [u8])> {
    let length = u16::from_be_bytes(array(rest)?);
    let key = part(rest, length.into())?;
    let length = u32::from_be_bytes(array(rest)?);
    Some((key, part(rest, usize::try_from(length).ok()?)?))
}

fn part<'c>(rest: &mut &'c [u8], length: usize) -> Option<&'c [u8]> {
    let (part, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    part(rest, N)?.try_into().ok()
}

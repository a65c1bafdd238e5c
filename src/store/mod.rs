//! The narrow door to the disk: load everything, commit one write set, dump and restore.
//!
//! The store moves bytes and decides nothing. It knows trees, keys and how records are
//! encoded; it must not know what a check or an alert is. It is the only module that
//! knows sled, and no public signature of it names a sled type, so that another engine
//! is a matter of one more implementation of [`Store`].
//!
//! A commit is on the disk as a whole or not at all, and has returned only once it is
//! there. A commit that fails may still be found on the disk later: its outcome is
//! unknown, and no other commit is tried after it ([`Error::is_final`]).

pub use self::codec::{decode, encode};
pub use self::dump::{Dump, Header, Origin};
pub use self::error::Error;
pub use self::key::{Key, KeyReader};
pub use self::memory::{Fault, Memory};
pub use self::schema::{Schema, Step};
pub use self::sled::{CACHE_BYTES, Change, Sled, restore};
pub use self::snapshot::Lease;
pub use self::space::Space;
pub use self::tree::Tree;
pub use self::writes::WriteSet;

mod codec;
mod directory;
mod dump;
mod error;
mod guard;
mod journal;
mod key;
mod layout;
mod lock;
mod memory;
mod opening;
mod original;
mod pieces;
mod records;
mod schema;
mod sled;
mod snapshot;
mod space;
mod tree;
mod witness;
mod writes;

/// The version of the records' shapes, which every store and every dump carries. A
/// store with a newer one is refused, and one with an older one is brought to it.
pub const SCHEMA: u32 = Schema::PRESENT.version();

/// The longest key, in bytes. A sled page holds up to 256 keys and must stay under
/// about 128 KiB, beyond which it becomes a separate file that is never synced.
pub const KEY_BYTES: usize = 384;

/// The longest value, in bytes, its format byte included. The longest text that reaches
/// us is a body of 1 MiB; what is larger than this is a list that grows without end.
pub const VALUE_BYTES: usize = 16 << 20;

/// Takes one record of a store: its tree, its key and its encoded value.
pub type Visitor<'a> = dyn FnMut(Tree, &[u8], &[u8]) -> Result<(), Error> + 'a;

/// The key of a record, and its encoded value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Where records are kept.
///
/// Every method blocks, on the disk where there is one, and is called by the engine's
/// thread alone.
pub trait Store: Send {
    /// Shows every record, trees in the order of [`Tree::ALL`] and keys ascending.
    ///
    /// An error of `visit` ends the walk and is returned as it is; a visitor that can do
    /// without a record notes the trouble and returns `Ok`.
    fn load(&mut self, visit: &mut Visitor<'_>) -> Result<(), Error>;

    /// Writes everything in `writes` at once and returns when it is durable. An empty
    /// write set is no commit and touches nothing.
    fn commit(&mut self, writes: WriteSet) -> Result<(), Error>;

    /// Begins a dump of the records as they are after the last commit, whatever is committed
    /// until it ends. There is one at a time; it ends with its lease.
    fn begin_dump(&mut self, origin: Origin) -> Result<Lease, Error>;

    /// Some records of a tree behind a key, ascending, as they are after the last commit: few
    /// enough that commits need not wait for long. None once all were read.
    fn behind(&mut self, tree: Tree, after: Option<&[u8]>) -> Result<Vec<Record>, Error>;

    /// The next bytes of the dump, as [`Dump`] reads them: few enough that commits need not
    /// wait for long. None once all were given. Two dumps of equal records are equal byte for
    /// byte, but for their headers.
    fn next_of_dump(&mut self, lease: &Lease) -> Result<Option<Vec<u8>>, Error>;
}

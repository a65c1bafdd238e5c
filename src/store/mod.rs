//! The narrow door to the disk: load everything, commit one write set, dump.
//!
//! The store moves bytes and decides nothing. It knows trees, keys and how records are
//! encoded; it must not know what a check or an alert is. It is the only module that
//! knows sled, and no public signature of it names a sled type, so that another engine
//! is a matter of one more implementation of [`Store`].
//!
//! A commit is on the disk as a whole or not at all, and has returned only once it is
//! there. A commit that fails may still be found on the disk later: its outcome is
//! unknown, and no other commit is tried after it ([`Error::is_final`]).

use std::io;

pub use self::codec::decode;
pub use self::dump::{Summary, read_dump};
pub use self::error::Error;
pub use self::key::{Key, KeyReader};
pub use self::memory::{Fault, Memory};
pub use self::sled::{CACHE_BYTES, Sled};
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
mod pieces;
mod sled;
mod space;
mod tree;
mod witness;
mod writes;

/// The version of the records' shapes, which every store and every dump carries. A
/// store with a newer one is refused.
pub const SCHEMA: u32 = 1;

/// The longest key, in bytes. A sled page holds up to 256 keys and must stay under
/// about 128 KiB, beyond which it becomes a separate file that is never synced.
pub const KEY_BYTES: usize = 384;

/// The longest value, in bytes, its format byte included. The longest text that reaches
/// us is a body of 1 MiB; what is larger than this is a list that grows without end.
pub const VALUE_BYTES: usize = 16 << 20;

/// Takes one record of a store: its tree, its key and its encoded value.
pub type Visitor<'a> = dyn FnMut(Tree, &[u8], &[u8]) -> Result<(), Error> + 'a;

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

    /// Writes every record to `to`, as [`read_dump`] reads it. Two dumps of equal
    /// records are equal byte for byte.
    fn dump(&mut self, to: &mut dyn io::Write) -> Result<(), Error> {
        dump::write(self, to)
    }
}

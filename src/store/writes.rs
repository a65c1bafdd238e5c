//! What one commit writes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::codec::encode;
use super::error::{Error, shown};
use super::tree::Tree;
use super::{KEY_BYTES, VALUE_BYTES};

/// Records to be written and keys to be deleted, together or not at all.
///
/// A key has one outcome: what is asked for later replaces what was asked for earlier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteSet {
    writes: BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>,
}

impl WriteSet {
    /// A write set that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record, encoded. Numbers that are not finite come back as an error when
    /// they are read, so that records must hold none.
    pub fn put(&mut self, tree: Tree, key: impl AsRef<[u8]>, value: &impl Serialize) {
        self.put_bytes(tree, key, encode(value));
    }

    /// Writes a record that is encoded already, such as one from a dump.
    pub fn put_bytes(&mut self, tree: Tree, key: impl AsRef<[u8]>, bytes: Vec<u8>) {
        self.writes.insert((tree, key.as_ref().to_vec()), Some(bytes));
    }

    /// Deletes a record. That there is none is no error.
    pub fn delete(&mut self, tree: Tree, key: impl AsRef<[u8]>) {
        self.writes.insert((tree, key.as_ref().to_vec()), None);
    }

    /// Adds the writes of `later`, which win.
    pub fn merge(&mut self, later: Self) {
        self.writes.extend(later.writes);
    }

    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// How many keys are written or deleted.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Every key with what becomes of it: its encoded value, or `None` where it is
    /// deleted. Sorted by tree and key.
    pub fn iter(&self) -> impl Iterator<Item = (Tree, &[u8], Option<&[u8]>)> {
        self.writes.iter().map(|((tree, key), value)| (*tree, key.as_slice(), value.as_deref()))
    }

    /// Refuses what is too long for any store, before any of it is written.
    pub(super) fn within_limits(&self) -> Result<(), Error> {
        for (tree, key, value) in self.iter() {
            let bytes = key.len();
            if bytes > KEY_BYTES {
                return Err(Error::KeyTooLong { tree, key: shown(key), bytes, limit: KEY_BYTES });
            }
            let bytes = value.map_or(0, <[u8]>::len);
            if bytes > VALUE_BYTES {
                let key = shown(key);
                return Err(Error::ValueTooLong { tree, key, bytes, limit: VALUE_BYTES });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_write_to_a_key_wins() {
        let mut writes = WriteSet::new();
        writes.put(Tree::Checks, b"a", &1);
        writes.delete(Tree::Checks, b"a");
        writes.put(Tree::Checks, b"b", &1);
        let mut later = WriteSet::new();
        later.put(Tree::Checks, b"b", &2);
        later.put(Tree::Meta, b"c", &3);
        writes.merge(later);
        let writes: Vec<_> = writes.iter().collect();
        assert_eq!(
            writes,
            [
                (Tree::Meta, b"c".as_slice(), Some(b"\x013".as_slice())),
                (Tree::Checks, b"a".as_slice(), None),
                (Tree::Checks, b"b".as_slice(), Some(b"\x012".as_slice())),
            ]
        );
    }
}

//! Writes as sled takes them: pieces of records, over several trees, in one transaction.

use std::convert::Infallible;

use ::sled::transaction::{TransactionError, Transactional as _};
use ::sled::{IVec, Tree as SledTree};

use super::pieces;
use super::tree::Tree;

/// What one transaction changes.
pub(super) struct Layout {
    /// The trees that are touched, the store's own first; the changes name them by their
    /// place.
    trees: Vec<SledTree>,
    last: Option<Tree>,
    changes: Vec<(usize, IVec, Option<IVec>)>,
}

impl Layout {
    pub(super) fn new(own: &SledTree) -> Self {
        Self { trees: vec![own.clone()], last: None, changes: Vec::new() }
    }

    /// Writes what the store says about itself, or deletes it.
    pub(super) fn put_own(&mut self, key: &str, value: Option<&[u8]>) {
        self.changes.push((0, key.into(), value.map(IVec::from)));
    }

    /// Writes a record into its tree, or deletes it. Of the `before` pieces that it has
    /// there, those that it no longer needs are deleted. Returns how many it has now.
    ///
    /// Records come sorted by their tree.
    pub(super) fn put(
        &mut self,
        records: &SledTree,
        tree: Tree,
        key: &[u8],
        value: Option<&[u8]>,
        before: u16,
    ) -> u16 {
        if self.last != Some(tree) {
            self.last = Some(tree);
            self.trees.push(records.clone());
        }
        let place = self.trees.len() - 1;
        let after = value.map_or(0, |value| pieces::count(value.len()));
        let values = value.into_iter().flat_map(pieces::split);
        for (number, value) in (0..after).zip(values) {
            let key = pieces::physical_key(key, number).into();
            self.changes.push((place, key, Some(value.into())));
        }
        for number in after..before {
            self.changes.push((place, pieces::physical_key(key, number).into(), None));
        }
        after
    }

    /// Runs the transaction. It is not durable before a flush and a sync.
    pub(super) fn write(&self) -> ::sled::Result<()> {
        // sled may run this more than once, so that it only repeats what is given.
        let written = self.trees.transaction(|views| {
            for (tree, key, value) in &self.changes {
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
        })
    }
}

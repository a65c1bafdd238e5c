//! A dump that is made piece by piece while commits go on, and yet shows one moment.
//!
//! It walks through the records by their keys. What a commit changes behind it is dumped
//! already; of what a commit changes ahead of it, the value of the moment is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::dump::{Encoder, Header};
use super::error::Error;
use super::tree::Tree;

/// How much one piece reads at most, beyond its last record, in bytes: reports wait for it.
pub(super) const PIECE_BYTES: usize = 128 << 10;

/// What a dump may keep of values that were changed meanwhile, in bytes. Only a dump that
/// nearly stands still while the whole store changes comes to it.
pub(super) const KEPT_BYTES_MAX: usize = 256 << 20;

/// A dump goes on for as long as somebody has this.
#[derive(Debug, Clone)]
pub struct Lease(Arc<()>);

/// Some records of one tree, ascending.
pub(super) struct Page {
    pub(super) records: Vec<(Vec<u8>, Vec<u8>)>,
    /// There are more behind them.
    pub(super) is_cut: bool,
}

/// A dump under way.
#[derive(Debug)]
pub(super) struct Snapshot {
    lease: Weak<()>,
    encoder: Encoder,
    /// The tree in which it is; none at its end.
    tree: Option<Tree>,
    /// The last key that was dumped of it.
    after: Option<Vec<u8>>,
    /// The values of the moment, where they were changed since; none where there was no
    /// record.
    kept: BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>,
    kept_bytes: usize,
    kept_bytes_max: usize,
}

impl Snapshot {
    /// Begins a dump of the records as they are now.
    pub(super) fn begin(header: &Header, kept_bytes_max: usize) -> (Self, Lease) {
        let lease = Arc::new(());
        let snapshot = Self {
            lease: Arc::downgrade(&lease),
            encoder: Encoder::new(header),
            tree: Tree::ALL.first().copied(),
            after: None,
            kept: BTreeMap::new(),
            kept_bytes: 0,
            kept_bytes_max,
        };
        (snapshot, Lease(lease))
    }

    /// Whether somebody still wants it.
    pub(super) fn is_wanted(&self) -> bool {
        self.lease.strong_count() > 0
    }

    fn is_overtaken(&self) -> bool {
        self.kept_bytes > self.kept_bytes_max
    }

    /// Whether the value of a key that will change must be kept first.
    pub(super) fn needs(&self, tree: Tree, key: &[u8]) -> bool {
        let is_ahead = self.tree.is_some_and(|at| {
            tree > at || tree == at && self.after.as_deref().is_none_or(|after| key > after)
        });
        is_ahead && !self.is_overtaken() && !self.kept.contains_key(&(tree, key.to_vec()))
    }

    /// Keeps the value of a key that will change.
    pub(super) fn keep(&mut self, tree: Tree, key: &[u8], value: Option<Vec<u8>>) {
        self.kept_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.kept.insert((tree, key.to_vec()), value);
        if self.is_overtaken() {
            self.kept.clear();
        }
    }

    /// The next bytes; none once all were given. `page` reads the present records of a tree
    /// behind a key.
    pub(super) fn next(
        &mut self,
        lease: &Lease,
        mut page: impl FnMut(Tree, Option<&[u8]>) -> Result<Page, Error>,
    ) -> Result<Option<Vec<u8>>, Error> {
        if !std::ptr::eq(self.lease.as_ptr(), Arc::as_ptr(&lease.0)) {
            return Err(Error::DumpOver);
        }
        if self.is_overtaken() {
            return Err(Error::Overtaken { bytes: self.kept_bytes_max });
        }
        let done = self.encoder.take();
        if !done.is_empty() {
            return Ok(Some(done));
        }
        while let Some(tree) = self.tree {
            let page = page(tree, self.after.as_deref())?;
            self.dump(tree, page);
            let done = self.encoder.take();
            if !done.is_empty() {
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// Dumps a page as it was at the moment, and goes on behind it.
    fn dump(&mut self, tree: Tree, page: Page) {
        let end = page.records.last().map(|(key, _)| key.clone()).filter(|_| page.is_cut);
        let mut records: BTreeMap<_, _> = page.records.into_iter().collect();
        let is_passed =
            |key: &(Tree, Vec<u8>)| key.0 == tree && end.as_ref().is_none_or(|end| key.1 <= *end);
        while let Some(first) = self.kept.first_entry().filter(|first| is_passed(first.key())) {
            let ((_, key), value) = first.remove_entry();
            self.kept_bytes -= key.len() + value.as_ref().map_or(0, Vec::len);
            match value {
                Some(value) => records.insert(key, value),
                None => records.remove(&key),
            };
        }
        for (key, value) in &records {
            self.encoder.record(tree, key, value);
        }
        self.after = end;
        if self.after.is_none() {
            self.tree = Tree::ALL.into_iter().find(|next| *next > tree);
            if self.tree.is_none() {
                self.encoder.end();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dump::Origin;
    use super::*;

    fn snapshot(kept_bytes_max: usize) -> (Snapshot, Lease) {
        let origin = Origin { instance: "a".to_owned(), generation: 0 };
        Snapshot::begin(&Header { schema: 1, commit: 0, origin }, kept_bytes_max)
    }

    fn nothing(_: Tree, _: Option<&[u8]>) -> Result<Page, Error> {
        Ok(Page { records: Vec::new(), is_cut: false })
    }

    #[test]
    fn what_is_kept_has_a_limit_beyond_which_the_dump_is_given_up() {
        let (mut snapshot, lease) = snapshot(8);
        snapshot.keep(Tree::Checks, b"key", Some(b"value".to_vec()));
        assert!(snapshot.next(&lease, nothing).is_ok());
        assert!(!snapshot.needs(Tree::Checks, b"key") && snapshot.needs(Tree::Checks, b"k"));
        snapshot.keep(Tree::Checks, b"k", None);
        assert!(!snapshot.needs(Tree::Checks, b"other") && snapshot.kept.is_empty());
        let error = snapshot.next(&lease, nothing).unwrap_err();
        assert!(matches!(error, Error::Overtaken { bytes: 8 }), "{error:?}");
    }

    #[test]
    fn a_dump_that_nobody_wants_is_known_as_such_and_nobody_else_gets_it() {
        let (mut first, lease) = snapshot(8);
        assert!(first.is_wanted());
        drop(lease);
        assert!(!first.is_wanted());
        let (_, other) = snapshot(8);
        assert!(matches!(first.next(&other, nothing).unwrap_err(), Error::DumpOver));
    }
}

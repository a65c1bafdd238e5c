//! Bringing the records of an older schema to the present one, before anything is served.

use super::super::error::Error;
use super::super::opening::{Reached, SCHEMA_KEY, STEP_KEY};
use super::super::records;
use super::super::schema::Step;
use super::super::snapshot::PIECE_BYTES;
use super::super::tree::Tree;
use super::super::writes::WriteSet;
use super::{Sled, guarded};

impl Sled {
    /// Goes all steps that lead on from the schema `found`.
    ///
    /// Each commit of a step also says how far it has come, so that one that was killed goes
    /// on behind the records that it has changed.
    pub(super) fn bring_from(&mut self, found: u32) -> Result<(), Error> {
        let schema = self.schema;
        let steps = (found..schema.version())
            .filter_map(|version| schema.step(version).map(|step| (version + 1, step)));
        for (next, step) in steps {
            tracing::info!(schema = next, "bringing the store to a newer schema: {}", step.what);
            let changed = self.once(|store| store.go(step, next))?;
            tracing::info!(schema = next, changed, "the store has the newer schema");
        }
        Ok(())
    }

    /// Goes one step, to the schema `next`. Returns how many records were written or deleted.
    fn go(&mut self, step: &Step, next: u32) -> Result<usize, Error> {
        let waiting = self.journal.take();
        if !waiting.is_empty() {
            self.write_trees(&waiting, self.number, &[])?;
        }
        let reached = self.reached()?;
        let first = reached.as_ref().map_or(Tree::ALL[0], |reached| reached.tree);
        let mut after = reached.map(|reached| reached.key);
        let mut changed = 0;
        for tree in Tree::ALL.into_iter().filter(|tree| *tree >= first) {
            loop {
                let records = &self.open.trees[&tree];
                let page = records::page(&self.path, records, after.as_deref(), PIECE_BYTES)?;
                let mut writes = WriteSet::new();
                for (key, value) in &page.records {
                    writes.merge((step.change)(tree, key, value)?);
                }
                after = page.records.last().map(|(key, _)| key.clone());
                if let Some(key) = after.clone().filter(|_| !writes.is_empty()) {
                    writes.within_limits()?;
                    let reached = Reached { tree, key }.to_bytes();
                    self.write_trees(&writes, self.number, &[(STEP_KEY, Some(&reached))])?;
                    changed += writes.len();
                }
                if !page.is_cut {
                    break;
                }
            }
            after = None;
        }
        let schema = next.to_be_bytes();
        let own = [(SCHEMA_KEY, Some(&schema[..])), (STEP_KEY, None)];
        self.write_trees(&WriteSet::new(), self.number, &own)?;
        Ok(changed)
    }

    /// How far a step has come that was killed.
    fn reached(&self) -> Result<Option<Reached>, Error> {
        let bytes = guarded(&self.path, || self.open.own.get(STEP_KEY))?;
        let read = |bytes: &::sled::IVec| {
            Reached::from_bytes(bytes).ok_or_else(|| {
                Error::damaged(&self.path, "how far it was brought to a newer schema is unclear")
            })
        };
        bytes.as_ref().map(read).transpose()
    }
}

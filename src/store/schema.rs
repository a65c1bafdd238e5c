//! The shapes of the records, and the steps that lead from one to the next.

use super::error::Error;
use super::tree::Tree;
use super::writes::WriteSet;

/// What must be written in place of a record.
type Rewrite = fn(Tree, &[u8], &[u8]) -> Result<WriteSet, Error>;

/// What leads from one schema to the next.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What it is for, for the log.
    pub what: &'static str,
    /// What must be written in place of a record of the schema before; nothing if it stays
    /// as it is.
    ///
    /// A record stays under its key, is deleted, or goes to another tree, of which this step
    /// leaves all records as they are: it may meet there again what it has written.
    pub change: Rewrite,
}

/// The schemas that are known, by the steps between them.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    steps: &'static [Step],
}

/// A record by its place, and its value.
pub(super) type Record = (Tree, Vec<u8>, Vec<u8>);

impl Schema {
    /// Those of this teawatch. The first one is still the present one: no step is known.
    pub const PRESENT: Self = Self::new(&[]);

    /// Schema 1, and one more for each step.
    pub const fn new(steps: &'static [Step]) -> Self {
        Self { steps }
    }

    /// The number of the newest one.
    #[expect(clippy::cast_possible_truncation, reason = "there are never so many steps")]
    pub const fn version(self) -> u32 {
        1 + self.steps.len() as u32
    }

    /// The step that follows a schema.
    pub(super) fn step(self, from: u32) -> Option<&'static Step> {
        let index = usize::try_from(from.checked_sub(1)?).ok()?;
        self.steps.get(index)
    }

    /// What a record of the schema `from` is in the newest one.
    pub(super) fn bring(self, from: u32, record: Record) -> Result<Vec<Record>, Error> {
        let mut records = vec![record];
        for version in from..self.version() {
            let Some(step) = self.step(version) else { break };
            let mut next = Vec::new();
            for (tree, key, value) in records {
                let writes = (step.change)(tree, &key, &value)?;
                let is_own = |(to, at, _): &(Tree, &[u8], _)| *to == tree && *at == key;
                if !writes.iter().any(|write| is_own(&write)) {
                    next.push((tree, key, value));
                }
                let put = |(to, at, value): (Tree, &[u8], Option<&[u8]>)| {
                    value.map(|value| (to, at.to_vec(), value.to_vec()))
                };
                next.extend(writes.iter().filter_map(put));
            }
            records = next;
        }
        Ok(records)
    }
}

//! A store in memory that fails when it is told to: for simulations, and for the error
//! paths that no disk can be brought to on demand.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::dump::{Header, Origin};
use super::error::Error;
use super::snapshot::{KEPT_BYTES_MAX, Lease, PIECE_BYTES, Page, Snapshot};
use super::tree::Tree;
use super::writes::WriteSet;
use super::{Record, SCHEMA, Store, Visitor};

/// What goes wrong with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing of it is kept.
    Lost,
    /// It fails, and yet is found after the next start.
    Applied,
    /// It does not return before [`Memory::release`], and then succeeds.
    Hang,
}

/// A handle to records in memory. Clones are handles to the same records, so that a
/// test can keep one while the engine has the other.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<(Tree, Vec<u8>), Vec<u8>>,
    faults: BTreeMap<u64, Fault>,
    commits: u64,
    /// Commits up to this one hang no longer.
    released: u64,
    failed: bool,
    snapshot: Option<Snapshot>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders that commit number `commit` goes wrong; the first is 1. Empty write sets,
    /// and those that are refused for their length, are not counted.
    pub fn order(&self, commit: u64, fault: Fault) {
        self.state().faults.insert(commit, fault);
    }

    /// How many commits have begun.
    pub fn commits(&self) -> u64 {
        self.state().commits
    }

    /// Lets a commit that hangs go on, and so return.
    pub fn release(&self) {
        let mut state = self.state();
        state.released = state.commits;
        drop(state);
        self.0.released.notify_all();
    }

    /// What the next start would find: a store of its own with the records that were
    /// committed, without orders and without the failure. What the old handles write
    /// from now on does not reach it.
    #[must_use]
    pub fn crash(&self) -> Self {
        let state = State { records: self.state().records.clone(), ..State::default() };
        Self(Arc::new(Shared { state: Mutex::new(state), released: Condvar::new() }))
    }

    /// The state stays whole when a thread panics: no change to it can be interrupted.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, writes: &WriteSet) {
        let snapshot = self.snapshot.take().filter(Snapshot::is_wanted);
        self.snapshot = snapshot.map(|mut snapshot| {
            for (tree, key, _) in writes.iter() {
                if snapshot.needs(tree, key) {
                    snapshot.keep(tree, key, self.records.get(&(tree, key.to_vec())).cloned());
                }
            }
            snapshot
        });
        for (tree, key, value) in writes.iter() {
            let key = (tree, key.to_vec());
            match value {
                Some(value) => self.records.insert(key, value.to_vec()),
                None => self.records.remove(&key),
            };
        }
    }

    fn fail(&mut self) -> Error {
        self.failed = true;
        Error::Broken(io::Error::other("ordered to fail"))
    }
}

impl Store for Memory {
    /// Holds the records for as long as it runs: `visit` must not use another handle.
    fn load(&mut self, visit: &mut Visitor<'_>) -> Result<(), Error> {
        for ((tree, key), value) in &self.state().records {
            visit(*tree, key, value)?;
        }
        Ok(())
    }

    fn commit(&mut self, writes: WriteSet) -> Result<(), Error> {
        let mut state = self.state();
        if state.failed {
            return Err(Error::Failed);
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.within_limits()?;
        state.commits += 1;
        let commit = state.commits;
        match state.faults.remove(&commit) {
            Some(Fault::Lost) => return Err(state.fail()),
            Some(Fault::Applied) => {
                state.apply(&writes);
                return Err(state.fail());
            }
            Some(Fault::Hang) => {
                state = self
                    .0
                    .released
                    .wait_while(state, |state| state.released < commit)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            None => {}
        }
        state.apply(&writes);
        Ok(())
    }

    fn begin_dump(&mut self, origin: Origin) -> Result<Lease, Error> {
        let mut state = self.state();
        if state.snapshot.as_ref().is_some_and(Snapshot::is_wanted) {
            return Err(Error::DumpUnderWay);
        }
        let header = Header { schema: SCHEMA, commit: state.commits, origin };
        let (snapshot, lease) = Snapshot::begin(&header, KEPT_BYTES_MAX);
        state.snapshot = Some(snapshot);
        Ok(lease)
    }

    fn behind(&mut self, tree: Tree, after: Option<&[u8]>) -> Result<Vec<Record>, Error> {
        Ok(page(&self.state().records, tree, after).records)
    }

    fn next_of_dump(&mut self, lease: &Lease) -> Result<Option<Vec<u8>>, Error> {
        let mut state = self.state();
        let State { records, snapshot, .. } = &mut *state;
        let snapshot = snapshot.as_mut().ok_or(Error::DumpOver)?;
        snapshot.next(lease, |tree, after| Ok(page(records, tree, after)))
    }
}

/// The records of a tree behind a key, as many as one piece reads.
fn page(records: &BTreeMap<(Tree, Vec<u8>), Vec<u8>>, tree: Tree, after: Option<&[u8]>) -> Page {
    let first = Bound::Included((tree, Vec::new()));
    let from = after.map_or(first, |after| Bound::Excluded((tree, after.to_vec())));
    let mut page = Page { records: Vec::new(), is_cut: false };
    let mut read = 0;
    for ((at, key), value) in records.range((from, Bound::Unbounded)) {
        if *at != tree {
            break;
        }
        if read >= PIECE_BYTES {
            page.is_cut = true;
            break;
        }
        read += key.len() + value.len();
        page.records.push((key.clone(), value.clone()));
    }
    page
}

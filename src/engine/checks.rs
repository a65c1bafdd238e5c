//! All checks, each in a block of its own, so that finding one touches little memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use crate::check::{Check, CheckId};

/// The checks by their ids.
#[derive(Debug, Default)]
pub(super) struct Checks(BTreeMap<CheckId, Box<Watched>>);

/// A check, and when it is looked at without being heard of.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) check: Check,
    /// The entry of [`Deadlines`](super::deadlines::Deadlines) that counts.
    pub(super) wakes_at: Option<Timestamp>,
}

impl Checks {
    pub(super) fn get(&self, id: &CheckId) -> Option<&Check> {
        self.0.get(id).map(|watched| &watched.check)
    }

    pub(super) fn get_mut(&mut self, id: &CheckId) -> Option<&mut Check> {
        self.0.get_mut(id).map(|watched| &mut watched.check)
    }

    pub(super) fn watched(&mut self, id: &CheckId) -> Option<&mut Watched> {
        self.0.get_mut(id).map(|watched| &mut **watched)
    }

    pub(super) fn contains(&self, id: &CheckId) -> bool {
        self.0.contains_key(id)
    }

    /// Adds a check, or puts it in the place of the one before.
    pub(super) fn insert(&mut self, check: Check) {
        let id = check.id.clone();
        self.0.insert(id, Box::new(Watched { check, wakes_at: None }));
    }

    pub(super) fn remove(&mut self, id: &CheckId) -> Option<Check> {
        self.0.remove(id).map(|watched| watched.check)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.values().map(|watched| &watched.check)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.0.values_mut().map(|watched| &mut **watched)
    }

    /// Those behind `after`, in order.
    pub(super) fn behind(&self, after: Option<&CheckId>) -> impl Iterator<Item = &Check> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let checks = self.0.range::<CheckId, _>((from, Bound::Unbounded));
        checks.map(|(_, watched)| &watched.check)
    }

    /// Those of one source, in order.
    pub(super) fn of_source<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a Check> {
        let checks = self.0.range(CheckId::new(source, "")..).map(|(_, watched)| &watched.check);
        checks.take_while(move |check| check.id.source() == source)
    }
}

//! By which addresses pings find their checks, besides the names of these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::check::{Check, CheckId, Uuid};

/// The UUIDs by which a check of this generation may be pinged, the present one first. None
/// where its source may not ping. They follow from a secret that the engine need not know.
pub type Derive = Arc<dyn Fn(&CheckId, u32) -> Vec<Uuid> + Send + Sync>;

/// The addresses of all checks that are defined. They are made of what is on the disk, so
/// they stand in memory alone, and doors look them up without asking the engine. What they
/// find may have changed since: whoever acts on it says which check is meant, to the engine.
#[derive(Clone, Default)]
pub struct Addresses(Arc<RwLock<Index>>);

#[derive(Default)]
struct Index {
    derive: Option<Derive>,
    uuids: Uuids,
    /// By the checks that would have these names.
    slugs: BTreeMap<CheckId, BTreeSet<CheckId>>,
}

#[expect(
    clippy::disallowed_types,
    reason = "how long a look-up takes tells nothing of how much of a UUID is right, and nobody \
              walks over it"
)]
type Uuids = std::collections::HashMap<Uuid, CheckId>;

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Addresses")
    }
}

impl Addresses {
    /// The check of this UUID.
    pub fn find(&self, uuid: &Uuid) -> Option<CheckId> {
        self.read().uuids.get(uuid).cloned()
    }

    /// The UUID by which a check is pinged, where it is defined and its source may ping.
    pub(super) fn uuid(&self, check: &Check) -> Option<Uuid> {
        self.read().derived(check).first().copied()
    }

    /// The checks of a source that are defined to have a slug: that which would be the name of
    /// this one.
    pub(super) fn of_slug(&self, slug: &CheckId) -> BTreeSet<CheckId> {
        self.read().slugs.get(slug).cloned().unwrap_or_default()
    }

    /// From now on the UUIDs are these. `checks` are all that there are.
    pub(super) fn derive_by<'a>(&self, derive: Derive, checks: impl Iterator<Item = &'a Check>) {
        let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
        index.derive = Some(derive);
        checks.for_each(|check| index.add(check));
    }

    /// A check is defined as it is now.
    pub(super) fn add(&self, check: &Check) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).add(check);
    }

    /// A check is gone, or about to be defined anew.
    pub(super) fn remove(&self, check: &Check) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(check);
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The check that would have the slug of this one for its name.
fn slug(check: &Check) -> Option<CheckId> {
    let slug = check.definition.as_ref()?.slug.as_ref()?;
    Some(CheckId::new(check.id.source(), slug))
}

impl Index {
    fn derived(&self, check: &Check) -> Vec<Uuid> {
        let Some((derive, definition)) = self.derive.as_ref().zip(check.definition.as_ref()) else {
            return Vec::new();
        };
        derive(&check.id, definition.generation)
    }

    fn add(&mut self, check: &Check) {
        for uuid in self.derived(check) {
            self.uuids.insert(uuid, check.id.clone());
        }
        if let Some(slug) = slug(check) {
            self.slugs.entry(slug).or_default().insert(check.id.clone());
        }
    }

    fn remove(&mut self, check: &Check) {
        for uuid in self.derived(check) {
            self.uuids.remove(&uuid);
        }
        let Some(slug) = slug(check) else { return };
        if let Some(checks) = self.slugs.get_mut(&slug) {
            checks.remove(&check.id);
            if checks.is_empty() {
                self.slugs.remove(&slug);
            }
        }
    }
}

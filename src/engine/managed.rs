//! Checks that are defined, as those see them who manage them.

use jiff::Timestamp;

use super::core::Core;
use super::view::{CheckView, PAGE_MAX, Page, page};
use crate::check::{Check, CheckId, Definition, Flip, Uuid};

/// A check that is defined. Whoever sees it may ping it.
#[derive(Debug, Clone)]
pub struct Managed {
    pub view: CheckView,
    pub definition: Definition,
    /// None where its source may not ping.
    pub uuid: Option<Uuid>,
    /// When it has turned, the newest first.
    pub flips: Vec<Flip>,
}

impl Core {
    /// One of them.
    pub fn managed(&self, id: &CheckId, now: Timestamp) -> Option<Managed> {
        let view = self.check(id, now)?;
        let definition = view.definition.clone()?;
        let flips = self.checks.get(id)?.flips.iter().copied().collect();
        Some(Managed { view, definition, uuid: self.ping_uuid(id), flips })
    }

    /// Those of a source, in order, after one of them.
    pub fn managed_page(
        &self,
        source: &str,
        after: Option<CheckId>,
        now: Timestamp,
    ) -> Page<Managed> {
        let after = after.unwrap_or_else(|| CheckId::new(source, ""));
        let checks = self.checks.behind(Some(&after));
        let checks = checks.take_while(|check| check.id.source() == source);
        let defined = checks.filter(|check| check.definition.is_some());
        let Page { items, next } =
            page(defined, PAGE_MAX, |check: &Check| check.id.clone(), |it| it.id.to_string());
        Page { items: items.iter().filter_map(|id| self.managed(id, now)).collect(), next }
    }

    /// Those of a source with their definitions, in order.
    pub fn defined_of<'a>(
        &'a self,
        source: &'a str,
    ) -> impl Iterator<Item = (&'a CheckId, &'a Definition)> {
        let checks = self.checks.of_source(source);
        checks.filter_map(|check| Some((&check.id, check.definition.as_deref()?)))
    }
}

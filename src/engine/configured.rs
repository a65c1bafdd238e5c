//! Checks that stand in the configuration, and what a start changes for their sake.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::core::Core;
use crate::check::{Check, CheckId, Definition, Schedule};

/// Checks that one configuration may define. Whoever has more of them defines them by HTTP.
pub const CHECKS_MAX: usize = 1_000;

/// What the configuration says otherwise of a check than what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// It is not known, or nobody has defined it.
    New { id: CheckId, schedule: String },
    /// It was in the configuration before, and otherwise.
    Changed { id: CheckId, before: String, after: String },
    /// Somebody has defined it who may not any more.
    TakenOver { id: CheckId, before: String, after: String },
    /// It is in the configuration no longer.
    Gone { id: CheckId },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = |f: &mut fmt::Formatter<'_>, before: &str, after: &str| match before == after
        {
            true => write!(f, "{after}, as before, and other settings"),
            false => write!(f, "{after}; before: {before}"),
        };
        match self {
            Self::New { id, schedule } => write!(f, "{id} is new: {schedule}"),
            Self::Changed { id, before, after } => {
                write!(f, "{id} changes: ")?;
                settings(f, before, after)
            }
            Self::TakenOver { id, before, after } => {
                write!(f, "{id} was defined by somebody else, and the configuration wins: ")?;
                settings(f, before, after)
            }
            Self::Gone { id } => {
                write!(
                    f,
                    "{id} is in the configuration no longer: it is forgotten, and its issue closes"
                )
            }
        }
    }
}

/// What a schedule asks for, also where that is nothing.
fn words(schedule: &Schedule) -> String {
    let words = schedule.words();
    if words.is_empty() { "never due".to_owned() } else { words }
}

/// What the configuration says otherwise than what is known: checks and their definitions.
/// A pause is nothing that it speaks of.
pub fn differences<'a>(
    configured: &[(CheckId, Definition)],
    known: impl Iterator<Item = (&'a CheckId, &'a Definition)>,
) -> Vec<Difference> {
    let known: BTreeMap<_, _> = known.collect();
    let named: BTreeSet<_> = configured.iter().map(|(id, _)| id).collect();
    let gone = known.iter().filter(|(id, it)| it.is_configured && !named.contains(*id));
    let gone = gone.map(|(id, _)| Difference::Gone { id: (*id).clone() });
    let wanted = configured.iter().filter_map(|(id, definition)| {
        let (id, after) = (id.clone(), words(&definition.schedule));
        let Some(before) = known.get(&id) else {
            return Some(Difference::New { id, schedule: after });
        };
        let is_same = **before == Definition { paused_at: before.paused_at, ..definition.clone() };
        let was_configured = before.is_configured;
        let before = words(&before.schedule);
        match (is_same, was_configured) {
            (true, _) => None,
            (false, true) => Some(Difference::Changed { id, before, after }),
            (false, false) => Some(Difference::TakenOver { id, before, after }),
        }
    });
    wanted.chain(gone).collect()
}

impl Core {
    /// Brings the checks in line with the configuration, at start. Pauses of people stay.
    pub(super) fn configure(&mut self, now: Timestamp) {
        let configured = std::mem::take(&mut self.settings.checks);
        let known = self.checks.iter().filter_map(defined);
        for difference in differences(&configured, known) {
            tracing::info!("a check of the configuration: {difference}");
            if let Difference::Gone { id } = difference {
                self.forget(&id, "the configuration no longer defines it", now);
            }
        }
        for (id, definition) in &configured {
            self.define(id, definition.clone(), now);
        }
        self.settings.checks = configured;
    }
}

/// A check with its definition, where it has one.
fn defined(check: &Check) -> Option<(&CheckId, &Definition)> {
    Some((&check.id, check.definition.as_deref()?))
}

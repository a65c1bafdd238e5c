//! What people decide of checks: when they are due, and whether they are paused.

use jiff::Timestamp;

use super::core::Core;
use crate::check::{Check, CheckId, Definition, Input, Uuid, Verdict};

/// What became of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defined {
    /// The check was not known before.
    Made,
    Changed,
    /// It was defined so already.
    Same,
}

/// What became of a wish that a check goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    Done,
    /// It was not paused.
    WasNotPaused,
    /// There is no such check.
    Unknown,
}

impl Core {
    /// Defines a check, or anew; a new one is expected from now on. It stays paused if it is,
    /// whatever the definition says of that. Doing it twice changes nothing.
    ///
    /// [`Self::forget`] is the way back.
    pub fn define(&mut self, id: &CheckId, definition: Definition, now: Timestamp) -> Defined {
        let Some(check) = self.checks.get_mut(id) else {
            let definition = Some(Box::new(Definition { paused_at: None, ..definition }));
            let check = Check {
                verdict: Verdict::NeverSeen,
                labels: definition.as_ref().map(|it| it.labels.clone()).unwrap_or_default(),
                definition,
                ..Check::new(id.clone(), now)
            };
            self.addresses.add(&check);
            self.add_check(check);
            self.dirty.checks.insert(id.clone());
            self.wake_check(id, now);
            return Defined::Made;
        };
        let definition = Definition { paused_at: check.paused_at(), ..definition };
        if check.definition.as_deref() == Some(&definition) {
            return Defined::Same;
        }
        if !definition.labels.is_empty() {
            check.labels = definition.labels.clone();
        }
        self.addresses.remove(check);
        check.definition = Some(Box::new(definition));
        self.addresses.add(check);
        self.dirty.checks.insert(id.clone());
        // What is due by it may be so already.
        self.wake_check(id, now);
        Defined::Changed
    }

    /// Pauses a check: nothing is judged of it, and its issue closes with `why`, once nothing
    /// else keeps it open. It lasts until the next ping, or, where its definition says so or it
    /// has none, until [`Self::resume`]. Returns whether the check is known.
    pub fn pause(&mut self, id: &CheckId, why: &str, now: Timestamp) -> bool {
        let Some(check) = self.checks.get(id) else { return false };
        if check.paused_at().is_none() {
            let labels = check.labels.clone();
            self.step_check(id, Input::Paused, now);
            self.part(id, &labels, why, now);
        }
        true
    }

    /// Lets a check go on that is paused. It has all its time until its next result is due.
    pub fn resume(&mut self, id: &CheckId, now: Timestamp) -> Resumed {
        match self.checks.get(id).map(|check| check.paused_at().is_some()) {
            None => Resumed::Unknown,
            Some(false) => Resumed::WasNotPaused,
            Some(true) => {
                self.step_check(id, Input::Resumed, now);
                Resumed::Done
            }
        }
    }

    /// The UUID by which a check is pinged, where it is defined and its source may ping. It is
    /// a secret: only who may write is to see it.
    pub fn ping_uuid(&self, id: &CheckId) -> Option<Uuid> {
        self.addresses.uuid(self.checks.get(id)?)
    }

    /// How a check is defined, if it is.
    pub fn definition(&self, id: &CheckId) -> Option<Definition> {
        self.checks.get(id)?.definition.as_deref().cloned()
    }
}

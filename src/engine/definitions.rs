//! What people decide of checks: when they are due, and whether they are paused.

use jiff::Timestamp;

use super::amendment::{Amendment, Wrong};
use super::core::Core;
use crate::check::{Check, CheckId, Definition, Input, Labels, Uuid, Verdict};
use crate::observation::{check_name, check_source};

/// Checks of one source that people and programs may define.
pub const DEFINED_MAX: usize = 10_000;

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

/// Why the definition of a check is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unamended {
    #[error("{0}")]
    Wrong(Wrong),
    #[error("it stands in the configuration, which says what it is")]
    Configured,
    #[error("it is defined already")]
    Defined,
    /// There is no such check, or nobody has defined it.
    #[error("nobody has defined it")]
    Undefined,
    #[error("there are {DEFINED_MAX} checks defined for this source, and there may be no more")]
    Full,
}

impl Core {
    /// Defines a check that nobody has defined, as `amendment` says.
    pub fn add_definition(
        &mut self,
        id: &CheckId,
        amendment: Amendment,
        now: Timestamp,
    ) -> Result<(), Unamended> {
        let wrong = |field| move |what| Unamended::Wrong(Wrong { field, what });
        check_source(id.source(), self.settings.source_max).map_err(wrong("source"))?;
        check_name(id.name(), self.settings.name_max).map_err(wrong("name"))?;
        match self.checks.get(id).and_then(|check| check.definition.as_ref()) {
            Some(definition) if definition.is_configured => return Err(Unamended::Configured),
            Some(_) => return Err(Unamended::Defined),
            None => {}
        }
        let definition = amendment.apply(Definition::default()).map_err(Unamended::Wrong)?;
        if self.defined_of(id.source()).count() >= DEFINED_MAX {
            return Err(Unamended::Full);
        }
        self.define(id, definition, now);
        Ok(())
    }

    /// Changes what `amendment` says of a check that is defined.
    pub fn amend_definition(
        &mut self,
        id: &CheckId,
        amendment: Amendment,
        now: Timestamp,
    ) -> Result<(), Unamended> {
        let before = self.definition(id).ok_or(Unamended::Undefined)?;
        if before.is_configured {
            return Err(Unamended::Configured);
        }
        let definition = amendment.apply(before).map_err(Unamended::Wrong)?;
        self.define(id, definition, now);
        Ok(())
    }

    /// Forgets a check, unless the configuration would bring it back. Returns whether it was
    /// known.
    pub fn dismiss(&mut self, id: &CheckId, now: Timestamp) -> Result<bool, Unamended> {
        if self.definition(id).is_some_and(|definition| definition.is_configured) {
            return Err(Unamended::Configured);
        }
        Ok(self.forget(id, "a person removed it", now))
    }

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
        let before = check.definition.as_deref();
        if before == Some(&definition) {
            return Defined::Same;
        }
        // Labels that it has by itself stay where none were given to it.
        if before.map_or(&Labels::default(), |before| &before.labels) != &definition.labels {
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

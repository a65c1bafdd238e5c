//! When a check is to be heard of, and how long its runs may take.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Absences, Calendar, later};

/// When a check is to be heard of, and how long its runs may take. Every duration is more
/// than zero, but the grace may be zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Schedule {
    /// When a result is due; without it silence means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rhythm: Option<Rhythm>,
    /// How long after it was due a result is not missing yet.
    pub grace: SignedDuration,
    /// How long after a result was due at least a start must have come; as long as the grace
    /// where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_grace: Option<SignedDuration>,
    /// How long a run may take from its start on. A run that has begun is then not missing,
    /// however late it is. Where it is not said, a run may take as long as the grace, and
    /// makes no wait longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_limit: Option<SignedDuration>,
    /// A run that succeeds in less time is too short to have done its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_least: Option<SignedDuration>,
    /// Successes that follow each other sooner are too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_least: Option<SignedDuration>,
    /// How long before a slot a result counts for it. Without one it counts for the slot
    /// before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<SignedDuration>,
    /// A success that comes before that, when no slot waits for one, is too early.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_strict: bool,
}

/// When results are due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rhythm {
    /// So long after the one before.
    Every(SignedDuration),
    /// At times of the clock.
    At(Slots),
}

/// Times on the clock of a zone, as they were asked for. They are kept in words: a zone may
/// vanish from a machine, or change, and what was asked for is still there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slots {
    expression: Box<str>,
    zone: Box<str>,
    /// What they mean on this machine, or why they mean nothing.
    #[serde(skip)]
    calendar: Result<Calendar, Box<str>>,
}

impl Slots {
    /// Takes a cron expression of five fields and the name of a zone, as
    /// [`Calendar::new`] does.
    pub fn new(expression: &str, zone: &str) -> Result<Self, String> {
        Calendar::new(expression, zone).map(|calendar| Self {
            expression: expression.into(),
            zone: zone.into(),
            calendar: Ok(calendar),
        })
    }

    /// The expression, as it was given.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone's name, as it was given.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// What they mean on this machine, if they mean anything.
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref().ok()
    }

    /// Why they mean nothing on this machine, as half a sentence.
    pub fn trouble(&self) -> Option<&str> {
        self.calendar.as_ref().err().map(AsRef::as_ref)
    }

    /// The first slot after `from` that is not wholly in an absence together with its
    /// `grace`: nobody could have heard then.
    fn after(
        &self,
        from: Timestamp,
        grace: SignedDuration,
        absences: &Absences,
    ) -> Option<Timestamp> {
        let calendar = self.calendar()?;
        let mut slot = calendar.after(from)?;
        // They are in order, and none overlaps another.
        for absence in absences.since(slot) {
            if absence.from <= slot && later(slot, grace) <= absence.until {
                let last = absence.until.checked_sub(grace).unwrap_or(absence.until);
                slot = calendar.after(last.max(slot))?;
            }
        }
        Some(slot)
    }
}

impl<'de> Deserialize<'de> for Slots {
    /// Fails for what has no words in it, never for what the words say.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Words {
            expression: Box<str>,
            zone: Box<str>,
        }
        let Words { expression, zone } = Words::deserialize(deserializer)?;
        let calendar = Calendar::new(&expression, &zone).map_err(Into::into);
        Ok(Self { expression, zone, calendar })
    }
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.expression, self.zone)
    }
}

impl Schedule {
    /// A result every so often, and how long it may be late.
    pub fn every(interval: SignedDuration, grace: SignedDuration) -> Self {
        Self { rhythm: Some(Rhythm::Every(interval)), grace, ..Self::default() }
    }

    /// A result for each slot, and how long it may be late.
    pub fn at(slots: Slots, grace: SignedDuration) -> Self {
        Self { rhythm: Some(Rhythm::At(slots)), grace, ..Self::default() }
    }

    /// Why it means nothing on this machine, as half a sentence.
    pub fn trouble(&self) -> Option<&str> {
        match &self.rhythm {
            Some(Rhythm::At(slots)) => slots.trouble(),
            Some(Rhythm::Every(_)) | None => None,
        }
    }

    /// When the next result is due after one at `heard`, or after `from` where that is later:
    /// nothing could be heard before. Absences do not count.
    pub(super) fn due_at(
        &self,
        heard: Option<Timestamp>,
        from: Timestamp,
        absences: &Absences,
    ) -> Option<Timestamp> {
        match self.rhythm.as_ref()? {
            Rhythm::Every(interval) => Some(absences.end_of(from, *interval)),
            Rhythm::At(slots) => {
                // What came a little before its slot was heard for it.
                let heard = heard.zip(self.early).map(|(heard, early)| later(heard, early));
                slots.after(heard.map_or(from, |heard| heard.max(from)), self.grace, absences)
            }
        }
    }

    /// How long a run may take, where anything says so.
    pub(super) fn run_limit(&self) -> Option<SignedDuration> {
        self.run_limit.or_else(|| self.rhythm.as_ref().map(|_| self.grace))
    }
}

//! What happened to checks, in the order in which it was written down.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::course::{Turn, What};
use super::{Gaps, Span};
use crate::check::{CheckId, Verdict};

/// Everything that happened since a moment, as far as it says how checks were.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub(super) turns: BTreeMap<CheckId, Vec<Turn>>,
    absences: Vec<Span>,
    /// What happened before is not in it, although it may have.
    whole_since: Option<Timestamp>,
}

impl History {
    /// One of which all is told.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what happened since then is told.
    pub fn begin(&mut self, at: Timestamp) {
        self.whole_since = Some(at);
    }

    /// The verdict on a check changed; and what it was before, and since when, if that is
    /// known.
    pub fn judged(
        &mut self,
        check: CheckId,
        verdict: Verdict,
        before: Option<(Verdict, Timestamp)>,
        at: Timestamp,
    ) {
        self.turn(check, What::Judged { verdict, before }, at);
    }

    /// Nobody could tell any more how a check is.
    pub fn obscured(&mut self, check: CheckId, at: Timestamp) {
        self.turn(check, What::Obscured, at);
    }

    /// Somebody could again.
    pub fn revealed(&mut self, check: CheckId, at: Timestamp) {
        self.turn(check, What::Revealed, at);
    }

    /// A check was no longer watched.
    pub fn forgotten(&mut self, check: CheckId, at: Timestamp) {
        self.turn(check, What::Forgotten, at);
    }

    /// teawatch was not looking.
    pub fn absent(&mut self, absence: Span) {
        self.absences.push(absence);
    }

    /// The clock was set back: whatever was told so far was so much earlier.
    pub fn rewound(&mut self, by: SignedDuration) {
        let move_back = |at: &mut Timestamp| *at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
        self.whole_since.iter_mut().for_each(move_back);
        for turn in self.turns.values_mut().flatten() {
            move_back(&mut turn.at);
            if let What::Judged { before: Some((_, since)), .. } = &mut turn.what {
                move_back(since);
            }
        }
        for absence in &mut self.absences {
            move_back(&mut absence.from);
            move_back(&mut absence.until);
        }
    }

    /// When teawatch was not looking.
    pub(super) fn absences(&self) -> Gaps {
        Gaps::of(self.absences.iter().copied())
    }

    /// The part of a stretch of which all is told.
    pub fn told(&self, span: Span) -> Option<Span> {
        let from = self.whole_since.unwrap_or(Timestamp::MIN);
        span.within(Span { from, until: Timestamp::MAX })
    }

    fn turn(&mut self, check: CheckId, what: What, at: Timestamp) {
        self.turns.entry(check).or_default().push(Turn { at, what });
    }
}

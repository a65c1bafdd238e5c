//! How one check was, as far as anybody knows.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Gaps, Span};
use crate::check::Verdict;

/// Something that changed how a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) at: Timestamp,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Judged {
        verdict: Verdict,
        /// And since when that was so. Old records do not tell.
        before: Option<(Verdict, Timestamp)>,
    },
    Obscured,
    Revealed,
    Forgotten,
}

/// How a check is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    pub verdict: Verdict,
    /// Since when it holds.
    pub since: Timestamp,
    /// Whether it was ever heard of, or missed: what nobody has heard of is not up.
    pub is_known: bool,
    /// Nobody can tell.
    pub is_obscured: bool,
}

/// For how long a check was down, and for how long that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub known: SignedDuration,
    pub down: SignedDuration,
}

impl Measured {
    /// The share of the known time in which it was not down, in hundredths of a percent,
    /// rounded down: it is 10,000 only if it was never down.
    pub fn share(&self) -> i128 {
        let (known, down) = (self.known.as_nanos(), self.down.as_nanos());
        ((known - down) * 10_000).checked_div(known).unwrap_or(0)
    }
}

/// How a check was down within a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outages {
    pub(super) times: usize,
    pub(super) lasted: SignedDuration,
    pub(super) began: Timestamp,
    pub(super) ended: Option<Timestamp>,
}

/// How a check was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Ascending; and whether it was down. Where there is none, nothing is known.
    stretches: Vec<(Span, bool)>,
    /// When nobody could tell.
    obscured: Vec<Span>,
    /// The last stretch goes on.
    goes_on: bool,
}

/// Whether a verdict is that it is down; none where it says nothing.
fn is_down(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Up => Some(false),
        Verdict::Down(_) => Some(true),
        Verdict::NeverSeen => None,
    }
}

impl Course {
    /// Follows a check through what happened to it until `now`. Without a `present` it is no
    /// longer watched.
    pub(super) fn of(turns: &[Turn], present: Option<&Present>, now: Timestamp) -> Self {
        let turns = in_order(turns, now);
        let mut course = Self::default();
        let mut held: Option<(Option<bool>, Timestamp)> = None;
        let mut over = Timestamp::MIN;
        for Turn { at, what } in &turns {
            match *what {
                What::Judged { verdict, before } => {
                    let before = before.map(|(verdict, since)| (is_down(verdict), since.max(over)));
                    course.add(held.or(before), *at);
                    held = Some((is_down(verdict), *at));
                }
                What::Forgotten => {
                    course.add(held.take(), *at);
                    over = *at;
                }
                What::Obscured | What::Revealed => {}
            }
        }
        if let Some(present) = present {
            let now_so = is_down(present.verdict).filter(|_| present.is_known);
            course.add(held.or(Some((now_so, present.since.max(over)))), now);
            course.goes_on = true;
        }
        course.obscured = obscured(&turns, present, now);
        course
    }

    /// It was so from then on until `until`.
    fn add(&mut self, held: Option<(Option<bool>, Timestamp)>, until: Timestamp) {
        let Some((Some(is_down), from)) = held else { return };
        match self.stretches.last_mut() {
            Some((last, was_down)) if *was_down == is_down && last.until == from => {
                last.until = until;
            }
            Some(_) | None if from < until => {
                self.stretches.push((Span { from, until }, is_down));
            }
            Some(_) | None => {}
        }
    }

    /// What counts for nothing: when nobody looked, and when nobody could tell.
    fn gaps(&self, absences: &Gaps) -> Option<Gaps> {
        let is_seen = self.obscured.is_empty();
        (!is_seen).then(|| Gaps::of(absences.spans().chain(self.obscured.iter().copied())))
    }

    /// How long it was down in a window, and how long that is known; none if nothing is.
    pub(super) fn measure(&self, window: Span, absences: &Gaps) -> Option<Measured> {
        let own = self.gaps(absences);
        let gaps = own.as_ref().unwrap_or(absences);
        let mut measured = Measured { known: SignedDuration::ZERO, down: SignedDuration::ZERO };
        for (span, is_down) in &self.stretches {
            let Some(part) = span.within(window) else { continue };
            let length = gaps.rest_of(part);
            measured.known += length;
            if *is_down {
                measured.down += length;
            }
        }
        measured.known.is_positive().then_some(measured)
    }

    /// How it was down within a period, if it was.
    pub(super) fn outages(&self, period: Span, absences: &Gaps) -> Option<Outages> {
        let own = self.gaps(absences);
        let gaps = own.as_ref().unwrap_or(absences);
        let within = |(span, is_down): &(Span, bool)| {
            span.within(period).filter(|_| *is_down).map(|part| (*span, gaps.rest_of(part)))
        };
        let down: Vec<_> = self.stretches.iter().filter_map(within).collect();
        let ((first, _), (last, _)) = (down.first()?, down.last()?);
        let is_last = self.stretches.last().is_some_and(|(span, _)| span == last);
        Some(Outages {
            times: down.len(),
            lasted: down.iter().map(|(_, length)| *length).sum(),
            began: first.from,
            ended: (!is_last || !self.goes_on).then_some(last.until),
        })
    }
}

/// The turns, none later than the one that was written after it, nor than now: clocks were
/// set back before that was written down.
fn in_order(turns: &[Turn], now: Timestamp) -> Vec<Turn> {
    let mut turns = turns.to_vec();
    let mut limit = now;
    for turn in turns.iter_mut().rev() {
        turn.at = turn.at.min(limit);
        limit = turn.at;
    }
    turns
}

/// When nobody could tell how a check was.
fn obscured(turns: &[Turn], present: Option<&Present>, now: Timestamp) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut since = None;
    let mut is_first = true;
    for Turn { at, what } in turns {
        match what {
            What::Obscured => {
                since.get_or_insert(*at);
                is_first = false;
            }
            What::Revealed | What::Forgotten => {
                // What ends has begun, perhaps before anything that is told.
                let unheard = (is_first && *what == What::Revealed).then_some(Timestamp::MIN);
                spans.extend(since.take().or(unheard).map(|from| Span { from, until: *at }));
                is_first = false;
            }
            What::Judged { .. } => {}
        }
    }
    let unheard = present.filter(|it| it.is_obscured && is_first).map(|_| Timestamp::MIN);
    spans.extend(since.or(unheard).map(|from| Span { from, until: now }));
    spans
}

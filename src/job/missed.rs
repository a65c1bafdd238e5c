//! What becomes of slots that nobody ran in time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Job, Schedule};

/// A slot that comes only once is missed when it is later than this: whoever wanted something
/// in half an hour does not want it tomorrow.
pub const ONCE_GRACE: SignedDuration = SignedDuration::from_secs(120);

/// A slot may be late by half the time until the one behind it, within these bounds, before
/// it is missed.
const GRACE_MIN: SignedDuration = SignedDuration::from_secs(120);
const GRACE_MAX: SignedDuration = SignedDuration::from_hours(2);

/// Where slots are put off, so many are looked at to find the newest that is due.
const STEPS_MAX: usize = 1_000;

/// What becomes of slots that are late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The newest is run, for all of them.
    #[default]
    Once,
    /// None is run that is late by more than its grace.
    Skip,
    /// All are run, one after the other: the newest so many.
    All(u32),
}

/// Slots that will not be run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The oldest and the newest of them, and how many: a thousand stands for more, too.
    pub first: Timestamp,
    pub last: Timestamp,
    pub slots: u32,
    /// A later one is run in their place.
    pub is_made_up: bool,
}

impl Job {
    /// Gives up slots that are late, as its definition says. What is then next may be due.
    pub fn pass(&mut self, now: Timestamp) -> Option<Passed> {
        let next = self.next.filter(|next| self.due_at(*next) <= now)?;
        let schedule = &self.definition.schedule;
        let newest = self.newest_due(next, now);
        let is_late = now.duration_since(self.due_at(newest)) > grace(schedule, newest);
        let keep = match (schedule, self.definition.missed) {
            (Schedule::Once { .. }, _) | (_, Missed::Skip) if is_late => None,
            (Schedule::Once { .. }, _) | (_, Missed::Once | Missed::Skip) => Some(newest),
            (_, Missed::All(most)) => {
                let mut oldest = newest;
                for _ in 1..most {
                    match schedule.before(oldest).filter(|slot| *slot >= next) {
                        Some(before) => oldest = before,
                        None => break,
                    }
                }
                Some(oldest)
            }
        };
        if keep == Some(next) {
            return None;
        }
        let (last, slots) = match keep {
            Some(keep) => (schedule.before(keep).unwrap_or(next), schedule.count(next, keep)),
            None => (newest, schedule.count(next, newest).saturating_add(1)),
        };
        self.used = Some(last);
        self.next = keep.or_else(|| self.definition.schedule.after(newest));
        self.complete(now);
        Some(Passed { first: next, last, slots, is_made_up: keep.is_some() })
    }

    /// Gives up all slots that have become due while a run was under way, unless each counts.
    pub(super) fn skip(&mut self, now: Timestamp) -> Option<Passed> {
        let next = self.next.filter(|next| self.due_at(*next) <= now)?;
        if matches!(self.definition.missed, Missed::All(_)) {
            return None;
        }
        let newest = self.newest_due(next, now);
        let slots = self.definition.schedule.count(next, newest).saturating_add(1);
        self.used = Some(newest);
        self.next = self.definition.schedule.after(newest);
        self.complete(now);
        Some(Passed { first: next, last: newest, slots, is_made_up: false })
    }

    /// The newest slot that is due, from `next` on, which is.
    fn newest_due(&self, next: Timestamp, now: Timestamp) -> Timestamp {
        let mut newest = self.definition.schedule.until(now);
        for _ in 0..STEPS_MAX {
            match newest.filter(|slot| *slot > next) {
                Some(slot) if self.due_at(slot) > now => {
                    newest = self.definition.schedule.before(slot);
                }
                Some(slot) => return slot,
                None => break,
            }
        }
        next
    }
}

/// How late a slot may be before it is missed.
fn grace(schedule: &Schedule, slot: Timestamp) -> SignedDuration {
    match schedule {
        Schedule::Once { .. } => ONCE_GRACE,
        Schedule::Cron(_) | Schedule::Every { .. } => {
            let period = schedule.after(slot).map(|next| next.duration_since(slot));
            period.map_or(GRACE_MAX, |period| (period / 2).clamp(GRACE_MIN, GRACE_MAX))
        }
    }
}

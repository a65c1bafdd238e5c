//! What runs on a schedule, and who may run it now: the pure machine of one job.
//!
//! A [`Job`] has a [`Schedule`], whose times are its slots. Whoever wants to run a slot asks
//! for a [`Claim`] first ([`Job::claim`]), which uses the slot up: there is one claim at a
//! time, and each has a token that no other ever had. What has become of each slot is a
//! [`Run`]. Nothing here reads a clock or can fail.

#![deny(clippy::wildcard_enum_match_arm)]

mod claim;
mod draft;
mod id;
mod kind;
mod missed;
mod run;
mod schedule;
mod state;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::claim::{Ask, By, CLAIM_LASTS, Claim, EARLY, Holder, Interrupted, NotFired, RENEWED};
pub use self::draft::{
    BODY_MAX, Draft, JITTER_MAX, JOB_NAME_MAX, KEEP_MAX, LIMIT_DEFAULT, LIMIT_MAX, MISSED_DEFAULT,
    MISSED_MAX, TITLE_MAX, Wrong,
};
pub use self::id::JobId;
pub use self::kind::{Kind, Template};
pub use self::missed::{Missed, ONCE_GRACE, Passed};
pub use self::run::{Outcome, Run, RunState};
pub use self::schedule::{INTERVAL_MIN, Schedule};
pub use self::state::State;

/// What a job is to do, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// One to [`JOB_NAME_MAX`] letters, digits, `.`, `_` and `-`; no two jobs share one.
    pub name: String,
    pub kind: Kind,
    pub schedule: Schedule,
    /// How many slots it runs; for ever without.
    #[serde(default)]
    pub times: Option<u32>,
    /// What becomes of slots that nobody ran in time.
    #[serde(default)]
    pub missed: Missed,
    /// Each slot is due up to this much later, in whole seconds: by how much follows from the
    /// job and the slot, and never changes.
    #[serde(default)]
    pub jitter: SignedDuration,
    /// A run that takes longer has failed.
    #[serde(default = "limit_default")]
    pub limit: SignedDuration,
}

fn limit_default() -> SignedDuration {
    LIMIT_DEFAULT
}

/// Who says that there is such a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The configuration: it alone can change or remove it.
    Configuration,
    /// A person.
    Person,
}

/// Why nothing is run on schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub since: Timestamp,
    pub reason: String,
}

/// How far slots that are used up may be ahead of a clock that was set back, and stay so.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Everything remembered about one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub definition: Definition,
    pub origin: Origin,
    pub made_at: Timestamp,
    /// The oldest slot that is not used up; none when there will never be one.
    pub next: Option<Timestamp>,
    /// The newest slot that is used up: it and all before it never run again.
    #[serde(default)]
    pub used: Option<Timestamp>,
    /// How many slots were claimed. Counted with the claim, so before anything is run.
    #[serde(default)]
    pub fired: u32,
    #[serde(default)]
    pub paused: Option<Pause>,
    /// One that cannot be read is none: the next claim writes over it.
    #[serde(default, deserialize_with = "claim::lenient")]
    pub claim: Option<Claim>,
    /// The newest run that has ended.
    #[serde(default)]
    pub last: Option<Outcome>,
    /// It was told that nobody has run the next slot.
    #[serde(default)]
    pub is_overdue: bool,
    /// Since when there is no slot left.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
}

impl Job {
    /// A job that begins now.
    pub fn new(id: JobId, definition: Definition, origin: Origin, now: Timestamp) -> Self {
        let mut job = Self {
            id,
            definition,
            origin,
            made_at: now,
            next: None,
            used: None,
            fired: 0,
            paused: None,
            claim: None,
            last: None,
            is_overdue: false,
            completed_at: None,
        };
        job.plan(now);
        job
    }

    /// Gives it another definition. An interval that only says the same again is counted on
    /// from when it was, and a schedule that does keeps its slots; those of another begin now.
    pub fn redefine(&mut self, mut definition: Definition, now: Timestamp) {
        let is_same = definition.schedule.says_the_same(&self.definition.schedule);
        if is_same && matches!(definition.schedule, Schedule::Every { .. }) {
            definition.schedule = self.definition.schedule.clone();
        }
        self.definition = definition;
        if is_same && self.next.is_some() {
            self.complete(now);
            return;
        }
        if !is_same && let Some(claim) = &mut self.claim {
            // Its slot is none of this schedule's: nobody gets it back.
            claim.slot = None;
        }
        self.plan(now);
    }

    /// Works out the next slot from now on. A slot that is used up is never one again.
    pub fn plan(&mut self, now: Timestamp) {
        let from = self.used.map_or(now, |used| used.max(now));
        self.next = self.definition.schedule.after(from);
        (self.is_overdue, self.completed_at) = (false, None);
        self.complete(now);
    }

    /// The zone's rules may have changed since a slot ahead was worked out, and a record may
    /// have lost its slot. One that is due stays: it is still to be run.
    pub fn look_again(&mut self, now: Timestamp) {
        let is_of_a_clock = matches!(self.definition.schedule, Schedule::Cron(_));
        let is_ahead = self.next.is_some_and(|next| next > now);
        let has_none = self.next.is_none() && self.completed_at.is_none();
        if has_none || is_ahead && is_of_a_clock {
            self.plan(now);
        }
    }

    /// When a slot of it is due.
    pub fn due_at(&self, slot: Timestamp) -> Timestamp {
        let delay = self.id.jitter(slot, self.definition.jitter);
        slot.checked_add(delay).unwrap_or(slot)
    }

    /// When it is due next, unless it is paused.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.next.filter(|_| self.paused.is_none()).map(|slot| self.due_at(slot))
    }

    /// Begins or ends its being through, by what is left to do. One whose schedule cannot be
    /// worked out is not through: somebody has to mend it.
    pub(super) fn complete(&mut self, now: Timestamp) {
        let has_run = self.definition.times.is_some_and(|times| self.fired >= times);
        if has_run {
            self.next = None;
        }
        if self.next.is_none() && (has_run || self.definition.schedule.trouble().is_none()) {
            self.completed_at.get_or_insert(now);
        }
    }

    /// The clock was set back by so much, and it is `now`: what has passed since then stays as
    /// long ago. Times on a calendar stay what they are, and those that are used up are not used
    /// again. But more than one, further ahead than [`AHEAD_MAX`], were of a clock that was wrong:
    /// to wait until they are past could take years.
    pub fn rewind(&mut self, by: SignedDuration, now: Timestamp) {
        let back = |at: &mut Timestamp| *at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
        back(&mut self.made_at);
        if let Some(claim) = &mut self.claim {
            back(&mut claim.at);
            back(&mut claim.renewed_at);
        }
        if let Some(pause) = &mut self.paused {
            back(&mut pause.since);
        }
        self.completed_at.iter_mut().for_each(back);
        if let Schedule::Every { from, .. } = &mut self.definition.schedule {
            // By whole seconds, as all slots are.
            let by = SignedDuration::from_secs(by.as_secs());
            let back = |at: &mut Timestamp| *at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
            back(from);
            self.next.iter_mut().chain(&mut self.used).for_each(back);
            if let Some(claim) = &mut self.claim {
                claim.slot.iter_mut().chain(&mut claim.used).for_each(back);
            }
        }
        let next = self.definition.schedule.after(now);
        let is_wrong = |used: Timestamp| used.duration_since(now) > AHEAD_MAX;
        if next.zip(self.used).is_some_and(|(next, used)| next < used && is_wrong(used)) {
            self.used = Some(now);
            if let Some(claim) = &mut self.claim {
                claim.slot = None;
            }
        }
        self.look_again(now);
    }
}

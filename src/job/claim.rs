//! The right to run a slot: one at a time, with a token and an expiry.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use super::missed::Passed;
use super::run::{Outcome, RunState};
use super::{Job, Schedule};

/// A claim that was not renewed for this long is nobody's.
pub const CLAIM_LASTS: SignedDuration = SignedDuration::from_secs(300);

/// How often whoever holds a claim renews it.
pub const RENEWED: SignedDuration = SignedDuration::from_secs(60);

/// Who is told that a slot is due may be so much too early.
pub const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// The right to run a job now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The token: the number of its run, which no other claim ever has.
    pub run: u64,
    /// The slot that it has used up; none where a person wanted a run besides.
    pub slot: Option<Timestamp>,
    /// The newest slot that was used up before.
    pub used: Option<Timestamp>,
    /// The start of teawatch in which it was made.
    pub boot: u64,
    pub at: Timestamp,
    pub renewed_at: Timestamp,
    /// The work has begun, or is about to.
    pub has_begun: bool,
}

/// What somebody wants to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The next slot, if it is due.
    Due,
    /// The next slot, which somebody says to be due.
    Next,
    /// The slot that is due at this time, which somebody says to have come.
    At(Timestamp),
    /// No slot: the job, besides its schedule.
    Now,
}

/// Who has fired a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The ticker of teawatch.
    Ticker,
    /// An outside scheduler.
    Outside,
    /// teawatch, in place of an outside scheduler that has not.
    Backstop,
    /// A person.
    Person,
}

/// Whose claim it becomes.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// The token.
    pub run: u64,
    pub boot: u64,
}

/// Why a job is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFired {
    #[error("there is no such job, or it has no such slot any more")]
    Gone,
    #[error("that slot is used up")]
    Duplicate,
    #[error("it is running")]
    Running,
    #[error("it is paused")]
    Paused,
    #[error("all jobs are paused")]
    AllPaused,
    #[error("it is not due before {0}")]
    Early(Timestamp),
    #[error("it is not due, and will never be")]
    Never,
}

/// A run whose owner is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    pub run: u64,
    /// Nobody can tell how far it came. Else it has not begun, and its slot is free again.
    pub has_begun: bool,
}

impl Claim {
    /// Whether somebody holds it. One from the future is nobody's: a clock is wrong.
    pub fn is_held(&self, boot: u64, now: Timestamp) -> bool {
        let age = now.duration_since(self.renewed_at);
        self.boot == boot && (SignedDuration::ZERO..CLAIM_LASTS).contains(&age)
    }
}

impl Job {
    /// Takes back a claim that nobody holds any more. What has not begun is as if it had
    /// never been claimed; what has is never run again.
    pub fn take_back(&mut self, boot: u64, now: Timestamp) -> Option<Interrupted> {
        let claim = self.claim.take_if(|claim| !claim.is_held(boot, now))?;
        self.end(&claim, now);
        Some(Interrupted { run: claim.run, has_begun: claim.has_begun })
    }

    /// Claims what is asked for, unless somebody holds a claim. Late slots were passed over
    /// before, so that the next one is the one to run; `armed` is what was next before that.
    pub fn claim(
        &mut self,
        ask: Ask,
        armed: Option<Timestamp>,
        holder: Holder,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, NotFired> {
        let slot = self.wanted(ask, armed, now)?;
        let Holder { run, boot } = holder;
        let used = self.used;
        let claim = Claim { run, slot, used, boot, at: now, renewed_at: now, has_begun: false };
        self.claim = Some(claim);
        if let Some(slot) = slot {
            self.used = Some(slot);
            self.fired = self.fired.saturating_add(1);
            self.next = self.definition.schedule.after(slot);
            self.is_overdue = false;
            self.complete(now);
        }
        Ok(slot)
    }

    /// The slot that is asked for, if it may run now.
    fn wanted(
        &self,
        ask: Ask,
        armed: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, NotFired> {
        if let Ask::At(at) = ask {
            self.is_meant(at, armed)?;
        }
        if self.claim.is_some() {
            return Err(NotFired::Running);
        }
        let early = match ask {
            Ask::Now => return Ok(None),
            Ask::Due => SignedDuration::ZERO,
            Ask::Next | Ask::At(_) => EARLY,
        };
        if self.paused.is_some() {
            return Err(NotFired::Paused);
        }
        let slot = self.next.ok_or(NotFired::Never)?;
        let due = self.due_at(slot);
        if due.duration_since(now) > early { Err(NotFired::Early(due)) } else { Ok(Some(slot)) }
    }

    /// Whether a time is that of the next slot: its own, or that at which it is due.
    fn is_meant(&self, at: Timestamp, armed: Option<Timestamp>) -> Result<(), NotFired> {
        let second = at.as_second();
        let names =
            |slot: Timestamp| slot.as_second() == second || self.due_at(slot).as_second() == second;
        let is_next = self.next.into_iter().chain(armed).any(names);
        let is_used = |used: Timestamp| second <= used.as_second() || names(used);
        match self.used {
            // What was armed may have been passed over for the one that is next now.
            _ if is_next && self.next.is_some() => Ok(()),
            Some(used) if is_used(used) => Err(NotFired::Duplicate),
            Some(_) | None => Err(NotFired::Gone),
        }
    }

    /// The work begins, once. Refused to whoever has lost the claim.
    pub fn begin(&mut self, run: u64, now: Timestamp) -> bool {
        let claim = self.claim.as_mut().filter(|claim| claim.run == run && !claim.has_begun);
        let Some(claim) = claim else { return false };
        (claim.has_begun, claim.renewed_at) = (true, now);
        true
    }

    /// The work goes on. Refused to whoever has lost the claim.
    pub fn renew(&mut self, run: u64, now: Timestamp) -> bool {
        let Some(claim) = self.claim.as_mut().filter(|claim| claim.run == run) else {
            return false;
        };
        claim.renewed_at = now;
        true
    }

    /// The work has ended. Refused to whoever has lost the claim. Slots that have become due
    /// meanwhile are skipped.
    pub fn finish(
        &mut self,
        run: u64,
        state: RunState,
        why: &str,
        now: Timestamp,
    ) -> Option<Option<Passed>> {
        let claim = self.claim.take_if(|claim| claim.run == run)?;
        self.last = Some(Outcome { run, state, at: now, why: why.to_owned() });
        // A run besides the schedule takes nothing away from it.
        Some(claim.slot.and_then(|_| self.skip(now)))
    }

    /// The work will not begin: its slot is free again. Refused to whoever has lost the claim.
    pub fn give_back(&mut self, run: u64, now: Timestamp) -> bool {
        let claim = self.claim.take_if(|claim| claim.run == run && !claim.has_begun);
        claim.map(|claim| self.end(&claim, now)).is_some()
    }

    /// The end of a claim of which nothing more will be heard.
    fn end(&mut self, claim: &Claim, now: Timestamp) {
        if claim.has_begun {
            let why = "teawatch does not know how it ended".to_owned();
            let state = RunState::Unknown;
            self.last = Some(Outcome { run: claim.run, state, at: now, why });
        } else if let Some(slot) = claim.slot {
            (self.next, self.used) = (Some(slot), claim.used);
            self.fired = self.fired.saturating_sub(1);
            self.completed_at = None;
            // It may be to run fewer times than when this was claimed.
            self.complete(now);
        }
    }

    /// When whoever has an outside scheduler gives up waiting for it.
    pub fn backstop_at(&self, grace: SignedDuration) -> Option<Timestamp> {
        let grace = match self.definition.schedule {
            // Later than that it would be missed.
            Schedule::Once { .. } => grace.min(super::ONCE_GRACE / 2),
            Schedule::Cron(_) | Schedule::Every { .. } => grace,
        };
        self.deadline()?.checked_add(grace).ok()
    }
}

/// Reads a claim, or takes it for none.
pub(super) fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Claim>, D::Error> {
    let raw = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(raw).ok())
}

//! Who runs a slot: claims, and what becomes of them.
//!
//! A claim is on the disk before anybody hears of it. It uses up its slot in the same commit,
//! so that whoever asks for that slot later is turned away, whatever happens in between. That
//! the work begins is on the disk before it does: what was claimed and has not begun can be
//! given back, and what has begun is never run again.

use jiff::{SignedDuration, Timestamp};

use super::core::Core;
use super::ledger::kept;
use super::roster::job_check_name;
use crate::check::{Kind, OWN_SOURCE, Observation};
use crate::job::{Ask, By, CLAIM_LASTS, Holder, Job, JobId, NotFired, RunState};

/// A run to be made, and the job as it is: nobody needs to ask again.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The token of the claim.
    pub run: u64,
    pub slot: Option<Timestamp>,
    pub job: Job,
}

impl Core {
    /// Claims what somebody asks for of one job, by its id or name.
    pub fn fire(
        &mut self,
        which: &str,
        ask: Ask,
        by: By,
        now: Timestamp,
    ) -> Result<Claimed, NotFired> {
        if self.meta.jobs.paused.is_some() && ask != Ask::Now {
            return Err(NotFired::AllPaused);
        }
        let id = self.find_job(which).ok_or(NotFired::Gone)?;
        self.fire_job(&id, ask, by, now)
    }

    /// Claims every slot that is due, the oldest first; `most` of them at most. With a grace
    /// only those that have been due for so long.
    pub fn fire_due(
        &mut self,
        by: By,
        grace: Option<SignedDuration>,
        most: usize,
        now: Timestamp,
    ) -> Vec<Claimed> {
        if self.meta.jobs.paused.is_some() {
            return Vec::new();
        }
        let is_free = |job: &&Job| {
            let waited = grace.map_or_else(|| job.deadline(), |grace| job.backstop_at(grace));
            !self.is_job_claimed(job, now) && waited.is_some_and(|at| at <= now)
        };
        let due = self.jobs.due_by(now).filter_map(|(_, id)| self.jobs.get(id)).filter(is_free);
        let due: Vec<_> = due.take(most).map(|job| job.id.clone()).collect();
        let fired = due.iter().filter_map(|id| self.fire_job(id, Ask::Due, by, now).ok());
        fired.collect()
    }

    fn fire_job(
        &mut self,
        id: &JobId,
        ask: Ask,
        by: By,
        now: Timestamp,
    ) -> Result<Claimed, NotFired> {
        self.take_back_claim(id, now);
        let job = self.jobs.get(id).ok_or(NotFired::Gone)?;
        if ask != Ask::Now && job.paused.is_some() {
            return Err(NotFired::Paused);
        }
        let mut armed = job.next;
        if ask != Ask::Now && job.claim.is_none() && !self.pass_slots(id, now) {
            armed = None;
        }
        let (run, boot) = (self.meta.jobs.runs + 1, self.meta.jobs.boots);
        let claimed = self.change_job(id, |job| {
            let slot = job.claim(ask, armed, Holder { run, boot }, now);
            slot.map(|slot| Claimed { run, slot, job: job.clone() })
        });
        let claimed = claimed.unwrap_or(Err(NotFired::Gone))?;
        self.meta.jobs.runs = run;
        self.dirty.meta = true;
        self.note_claim(run, id, claimed.slot, by, now);
        Ok(claimed)
    }

    /// Gives up slots that are late. Returns whether what was next is still to be run, be it
    /// as a later one.
    fn pass_slots(&mut self, id: &JobId, now: Timestamp) -> bool {
        let Some(Some(passed)) = self.change_job(id, |job| job.pass(now)) else { return true };
        let what = match passed.slots {
            1 => format!("the run of {} was missed", passed.first),
            many => format!("{many} runs from {} to {} were missed", passed.first, passed.last),
        };
        self.note_passed(id, &passed, RunState::Missed, "nobody ran it in time", now);
        if !passed.is_made_up {
            self.tell_job(id, Kind::Failure, what, String::new(), now);
        }
        passed.is_made_up
    }

    /// The work of a run begins. Returns whether it may: its claim may be lost.
    pub fn begin_run(&mut self, run: u64, now: Timestamp) -> bool {
        let may = self.with_claim(run, |job| job.begin(run, now)).unwrap_or(false);
        if may {
            self.change_run(run, |it| (it.state, it.began_at) = (RunState::Running, Some(now)));
            if let Some(id) = self.job_of(run) {
                self.tell_job(&id, Kind::Start, "running".to_owned(), String::new(), now);
            }
        }
        may
    }

    /// The work of a run goes on. Returns whether it may.
    pub fn renew_run(&mut self, run: u64, now: Timestamp) -> bool {
        self.with_claim(run, |job| job.renew(run, now)).unwrap_or(false)
    }

    /// The work of a run has ended: `state` is a final one. Returns whether that was believed:
    /// whoever has lost the claim has no say.
    pub fn finish_run(
        &mut self,
        run: u64,
        state: RunState,
        why: String,
        output: String,
        now: Timestamp,
    ) -> bool {
        let finished = self.with_claim(run, |job| job.finish(run, state, &why, now)).flatten();
        let (Some(skipped), Some(id)) = (finished, self.job_of(run)) else { return false };
        let output = kept(output);
        self.change_run(run, |it| {
            (it.state, it.ended_at) = (state, Some(now));
            (it.why, it.output) = (why.clone(), output.clone());
        });
        if let Some(passed) = skipped {
            let why = "another run was under way";
            self.note_passed(&id, &passed, RunState::Skipped, why, now);
        }
        let kind = match state {
            RunState::Done => Kind::Success,
            RunState::Failed | RunState::Missed => Kind::Failure,
            RunState::Unknown | RunState::Skipped | RunState::Claimed | RunState::Running => {
                Kind::Unknown
            }
        };
        let summary = if why.is_empty() { state.to_string() } else { why };
        self.tell_job(&id, kind, summary, output, now);
        true
    }

    /// The work of a run will not begin: its slot is free again.
    pub fn give_back_run(&mut self, run: u64, now: Timestamp) {
        if self.with_claim(run, |job| job.give_back(run, now)).unwrap_or(false) {
            self.never_began(run, now);
        }
    }

    /// Takes back the claim of a job if nobody holds it any more.
    pub(super) fn take_back_claim(&mut self, id: &JobId, now: Timestamp) {
        let boot = self.meta.jobs.boots;
        if self.jobs.get(id).is_none_or(|job| job.claim.is_none() || self.is_job_claimed(job, now))
        {
            return;
        }
        let taken = self.change_job(id, |job| job.take_back(boot, now)).flatten();
        let Some(interrupted) = taken else { return };
        if !interrupted.has_begun {
            self.never_began(interrupted.run, now);
            return;
        }
        let why = "teawatch ended or hung while it ran: how it ended is not known";
        tracing::warn!(job = %id, run = interrupted.run, "{why}");
        self.change_run(interrupted.run, |run| {
            (run.state, run.ended_at) = (RunState::Unknown, Some(now));
            why.clone_into(&mut run.why);
        });
        self.tell_job(id, Kind::Unknown, why.to_owned(), String::new(), now);
    }

    /// Whether somebody holds the claim of a job. Who was asleep with us could not renew it.
    fn is_job_claimed(&self, job: &Job, now: Timestamp) -> bool {
        let boot = self.meta.jobs.boots;
        job.claim.as_ref().is_some_and(|claim| {
            let at = claim.renewed_at;
            let was_asleep = claim.boot == boot && at <= now;
            claim.is_held(boot, now) || was_asleep && self.absences.end_of(at, CLAIM_LASTS) > now
        })
    }

    fn never_began(&mut self, run: u64, now: Timestamp) {
        self.change_run(run, |run| {
            (run.state, run.ended_at) = (RunState::Skipped, Some(now));
            "it never began, and its slot was free again".clone_into(&mut run.why);
        });
    }

    /// Looks after jobs, in each turn: claims that nobody holds, slots that nobody runs, and
    /// what was through long ago.
    pub(super) fn mind_jobs(&mut self, now: Timestamp) {
        let claimed: Vec<_> = self.jobs.claimed.iter().cloned().collect();
        for id in claimed {
            self.take_back_claim(&id, now);
        }
        self.tell_overdue(now);
        self.mind_chores(now);
        self.forget_jobs(now);
    }

    fn tell_overdue(&mut self, now: Timestamp) {
        if self.meta.jobs.paused.is_some() {
            return;
        }
        let overdue = self.settings.jobs_overdue;
        let Ok(latest) = now.checked_sub(overdue) else { return };
        let is_told = |job: &Job| job.is_overdue || job.claim.is_some();
        let late = self.jobs.due_by(latest).filter(|(at, id)| {
            self.jobs.get(id).is_some_and(|job| !is_told(job))
                && self.absences.end_of(*at, overdue) < now
        });
        let late: Vec<_> = late.map(|(at, id)| (at, id.clone())).collect();
        for (at, id) in late {
            self.change_job(&id, |job| job.is_overdue = true);
            let why = format!("it was due at {at}, and nobody has run it");
            self.tell_job(&id, Kind::Failure, why, String::new(), now);
        }
    }

    /// A schedule that cannot be worked out is a failure of its job.
    pub(super) fn tell_error(&mut self, id: &JobId, now: Timestamp) {
        let trouble = self.jobs.get(id).and_then(|job| job.definition.schedule.trouble());
        if let Some(trouble) = trouble {
            let why = format!("it cannot be worked out when it is due: {trouble}");
            self.tell_job(id, Kind::Failure, why, String::new(), now);
        }
    }

    /// What is to be known of a job, as of any other check.
    fn tell_job(
        &mut self,
        id: &JobId,
        kind: Kind,
        summary: String,
        details: String,
        now: Timestamp,
    ) {
        let Some(job) = self.jobs.get(id) else { return };
        let name = job_check_name(&job.definition.name);
        let observation = Observation { details, ..Observation::new(kind, summary) };
        self.hear_of(OWN_SOURCE, &[(name, observation)], now);
    }

    fn job_of(&self, run: u64) -> Option<JobId> {
        self.jobs.ledger.get(run).map(|run| run.job.clone())
    }

    fn with_claim<T>(&mut self, run: u64, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let id = self.job_of(run)?;
        self.change_job(&id, change)
    }
}

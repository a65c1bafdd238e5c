//! The ledger of runs: what has become of each slot.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::Timestamp;

use super::core::Core;
use super::jobs::Unmade;
use super::view::{Page, page};
use crate::job::{By, JobId, Passed, Run, RunState};

/// Runs that are kept of one job: the newest.
pub const RUNS_KEPT: usize = 50;

/// Runs that are kept of all jobs together, the newest, besides those under way.
pub const RUNS_MAX: usize = 10_000;

/// How much is kept of what a run has written, in bytes.
pub const OUTPUT_MAX: usize = 4_000;

/// The runs of all jobs.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    runs: BTreeMap<u64, Run>,
    of_job: BTreeMap<JobId, BTreeSet<u64>>,
}

impl Ledger {
    pub(super) fn get(&self, number: u64) -> Option<&Run> {
        self.runs.get(&number)
    }

    /// The runs behind this number.
    pub(super) fn behind(&self, number: u64) -> impl Iterator<Item = &Run> {
        self.runs.range((Bound::Excluded(number), Bound::Unbounded)).map(|(_, run)| run)
    }

    /// Adds a run, or what has become of it.
    pub(super) fn add(&mut self, run: Run) {
        self.of_job.entry(run.job.clone()).or_default().insert(run.number);
        self.runs.insert(run.number, run);
    }

    fn remove(&mut self, number: u64) {
        let Some(run) = self.runs.remove(&number) else { return };
        if let Some(numbers) = self.of_job.get_mut(&run.job) {
            numbers.remove(&number);
        }
    }

    /// Forgets all runs of a job, and returns which those were.
    pub(super) fn forget(&mut self, job: &JobId) -> BTreeSet<u64> {
        let numbers = self.of_job.remove(job).unwrap_or_default();
        numbers.iter().for_each(|number| drop(self.runs.remove(number)));
        numbers
    }

    /// A run that is one too many.
    fn surplus(&self, job: &JobId) -> Option<u64> {
        let of_job = self.of_job.get(job)?;
        let is_over = |number: &u64| self.runs.get(number).is_some_and(|run| run.state.is_final());
        let too_many = (of_job.len() > RUNS_KEPT).then_some(of_job);
        too_many.and_then(|numbers| numbers.iter().copied().find(is_over)).or_else(|| {
            let is_full = self.runs.len() > RUNS_MAX;
            is_full.then(|| self.runs.keys().copied().find(is_over)).flatten()
        })
    }
}

impl Core {
    /// Writes down a run, or what has become of it.
    pub(super) fn note_run(&mut self, run: Run) {
        let job = run.job.clone();
        if run.state.is_final() {
            self.figures.count_run(run.state);
        }
        self.dirty.runs.insert(run.number, job.clone());
        self.jobs.ledger.add(run);
        while let Some(number) = self.jobs.ledger.surplus(&job) {
            let Some(run) = self.jobs.ledger.get(number) else { return };
            self.dirty.runs.insert(number, run.job.clone());
            self.jobs.ledger.remove(number);
        }
    }

    /// Changes a run that is not over yet: what is final stays as it is.
    pub(super) fn change_run(&mut self, number: u64, change: impl FnOnce(&mut Run)) {
        let run = self.jobs.ledger.get(number).filter(|run| !run.state.is_final());
        if let Some(mut run) = run.cloned() {
            change(&mut run);
            self.note_run(run);
        }
    }

    /// Writes down slots that will not be run.
    pub(super) fn note_passed(
        &mut self,
        job: &JobId,
        passed: &Passed,
        state: RunState,
        why: &str,
        now: Timestamp,
    ) {
        self.meta.jobs.runs += 1;
        self.dirty.meta = true;
        self.note_run(Run {
            number: self.meta.jobs.runs,
            job: job.clone(),
            slot: Some(passed.first),
            last_slot: Some(passed.last),
            slots: passed.slots,
            by: None,
            state,
            claimed_at: now,
            began_at: None,
            ended_at: Some(now),
            why: why.to_owned(),
            output: String::new(),
        });
    }

    /// A run that is claimed from now on.
    pub(super) fn note_claim(
        &mut self,
        number: u64,
        job: &JobId,
        slot: Option<Timestamp>,
        by: By,
        now: Timestamp,
    ) {
        self.note_run(Run {
            number,
            job: job.clone(),
            slot,
            last_slot: None,
            slots: u32::from(slot.is_some()),
            by: Some(by),
            state: RunState::Claimed,
            claimed_at: now,
            began_at: None,
            ended_at: None,
            why: String::new(),
            output: String::new(),
        });
    }

    /// Ends runs whose jobs do not know them: a record may have been lost or unreadable.
    pub(super) fn end_open_runs(&mut self, now: Timestamp) {
        let open = self.jobs.ledger.runs.values().filter(|run| !run.state.is_final());
        let open: Vec<_> = open.map(|run| run.number).collect();
        for number in open {
            self.change_run(number, |run| {
                (run.state, run.ended_at) = (RunState::Unknown, Some(now));
                "its job does not know of it".clone_into(&mut run.why);
            });
        }
    }

    /// The runs of a job, the newest first, older than the cursor `before` (their number).
    pub fn runs_page(
        &self,
        which: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Run>, Unmade> {
        let id = self.find_job(which).ok_or_else(|| Unmade::Unknown(which.to_owned()))?;
        let none = BTreeSet::new();
        let numbers = self.jobs.ledger.of_job.get(&id).unwrap_or(&none);
        let until = before.map_or(Bound::Unbounded, Bound::Excluded);
        let runs = numbers.range((Bound::Unbounded, until)).rev();
        let runs = runs.filter_map(|number| self.jobs.ledger.get(*number));
        Ok(page(runs, limit, Run::clone, |run| run.number.to_string()))
    }
}

/// What is kept of what a run has written: its end, which says how it went.
pub(super) fn kept(mut output: String) -> String {
    if output.len() > OUTPUT_MAX {
        let mut from = output.len() - OUTPUT_MAX;
        while !output.is_char_boundary(from) {
            from += 1;
        }
        output.drain(..from);
    }
    output
}

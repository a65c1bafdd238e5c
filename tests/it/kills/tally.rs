//! Which phase is next, and what came of all the kills.

use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

use super::phase::PHASES;

/// Counts for all lanes.
#[derive(Debug)]
pub(super) struct Tally {
    wanted: u32,
    /// Of each phase.
    least: u32,
    began: Instant,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    begun: u32,
    phases: [Kills; PHASES.len()],
    figures: Figures,
}

/// The kills for one phase.
#[derive(Debug, Clone, Copy, Default)]
struct Kills {
    aimed: u32,
    hit: u32,
}

/// What the lanes have seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub(super) acknowledged: usize,
    /// Reports without an answer that were there after the restart.
    pub(super) kept: usize,
    /// Reports without an answer that were not.
    pub(super) gone: usize,
    /// Acknowledged reports that were sent once more.
    pub(super) asked: usize,
    pub(super) issues: usize,
    pub(super) comments: usize,
    pub(super) history: usize,
}

impl Tally {
    pub(super) fn new(wanted: u32, least: u32) -> Self {
        Self { wanted, least, began: Instant::now(), counts: Mutex::default() }
    }

    /// The phase for the next kill: the one that was aimed at least often, and after all
    /// kills one that was hit too seldom. `None` when it is enough, or hopeless.
    pub(super) fn next(&self) -> Option<usize> {
        let mut counts = self.counts.lock().unwrap();
        let phases = counts.phases.iter().enumerate();
        let (phase, _) = if counts.begun < self.wanted {
            phases.min_by_key(|(_, kills)| kills.aimed)?
        } else if counts.begun < 2 * self.wanted {
            phases.filter(|(_, kills)| kills.hit < self.least).min_by_key(|(_, it)| it.aimed)?
        } else {
            return None;
        };
        counts.begun += 1;
        counts.phases[phase].aimed += 1;
        Some(phase)
    }

    /// A kill for this phase, and whether it fell into it.
    pub(super) fn note(&self, phase: usize, is_hit: bool) {
        self.counts.lock().unwrap().phases[phase].hit += u32::from(is_hit);
    }

    pub(super) fn add(&self, more: Figures) {
        let mut counts = self.counts.lock().unwrap();
        let sum = &mut counts.figures;
        *sum = Figures {
            acknowledged: sum.acknowledged + more.acknowledged,
            kept: sum.kept + more.kept,
            gone: sum.gone + more.gone,
            asked: sum.asked + more.asked,
            issues: sum.issues + more.issues,
            comments: sum.comments + more.comments,
            history: sum.history + more.history,
        };
    }

    /// Whether every phase was hit as often as it must be.
    pub(super) fn is_complete(&self) -> bool {
        let counts = self.counts.lock().unwrap();
        counts.begun >= self.wanted && counts.phases.iter().all(|kills| kills.hit >= self.least)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.lock().unwrap();
        writeln!(f, "| phase              | kills | aimed at |")?;
        writeln!(f, "|--------------------|------:|---------:|")?;
        for (phase, Kills { aimed, hit }) in PHASES.iter().zip(counts.phases) {
            writeln!(f, "| {:18} | {hit:5} | {aimed:8} |", phase.name)?;
        }
        let hit: u32 = counts.phases.iter().map(|kills| kills.hit).sum();
        let elsewhere = counts.begun - hit;
        writeln!(f, "| {:18} | {elsewhere:5} | {:8} |", "elsewhere", "")?;
        let Figures { acknowledged, kept, gone, asked, issues, comments, history } = counts.figures;
        writeln!(
            f,
            "{} kills in {:.0?}: {acknowledged} reports acknowledged; of those without an answer \
             {kept} were there and {gone} were not; {asked} sent once more; {issues} issues, \
             {comments} comments, {history} lines of history",
            counts.begun,
            self.began.elapsed()
        )
    }
}

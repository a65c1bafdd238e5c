//! What the engine counts as it goes, since this process began.

use std::sync::atomic::AtomicU64;

use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::outcome::Outcome;
use super::remarks::Came;
use crate::alert::EffectKind;
use crate::job::RunState;

/// Up to how many seconds a commit took: a good disk takes one or two milliseconds.
const COMMIT_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Which effect it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    effect: String,
}

/// What came of a message of a webhook, or of a comment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Class {
    outcome: &'static str,
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RunEnd {
    state: String,
}

/// Counters that whoever holds a clone reads at any time, also while the engine hangs.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Commands that wait for their turn.
    pub waiting: Gauge,
    /// Turns of the engine, each to its end.
    pub turns: Counter,
    /// How long the disk took for each commit, in seconds.
    pub commits: Histogram,
    /// Times in which teawatch was not looking.
    pub absences: Counter,
    /// How long they were together, in seconds.
    pub absent: Counter<f64, AtomicU64>,
    /// Effects that Gitea has confirmed.
    pub confirmed: Family<Kind, Counter>,
    /// Messages of webhooks, by what came of them.
    pub outcomes: Family<Class, Counter>,
    /// Comments on our issues, by what came of them.
    pub comments: Family<Class, Counter>,
    /// Runs of jobs, by how they ended.
    pub runs: Family<RunEnd, Counter>,
}

impl Default for Figures {
    fn default() -> Self {
        let confirmed = Family::default();
        // Every series is there from the start, so that a first time is a change.
        for kind in EffectKind::ALL {
            drop(confirmed.get_or_create(&Kind { effect: kind.to_string() }));
        }
        let outcomes = Family::default();
        for outcome in Outcome::CLASSES {
            drop(outcomes.get_or_create(&Class { outcome }));
        }
        let comments = Family::default();
        for came in Came::ALL {
            drop(comments.get_or_create(&Class { outcome: came.class() }));
        }
        let runs = Family::default();
        for state in RunState::ALL.into_iter().filter(|state| state.is_final()) {
            drop(runs.get_or_create(&RunEnd { state: state.to_string() }));
        }
        Self {
            waiting: Gauge::default(),
            turns: Counter::default(),
            commits: Histogram::new(COMMIT_SECONDS),
            absences: Counter::default(),
            absent: Counter::default(),
            confirmed,
            outcomes,
            comments,
            runs,
        }
    }
}

impl Figures {
    /// Counts an absence, and for how long nobody was looking.
    pub(super) fn count_absence(&self, length: SignedDuration) {
        self.absences.inc();
        self.absent.inc_by(length.as_secs_f64().max(0.0));
    }

    /// Counts a message of which something has come.
    pub(super) fn count_outcome(&self, class: Option<&'static str>) {
        if let Some(outcome) = class {
            self.outcomes.get_or_create(&Class { outcome }).inc();
        }
    }

    /// Counts a comment that was read.
    pub(super) fn count_comment(&self, came: Came) {
        self.comments.get_or_create(&Class { outcome: came.class() }).inc();
    }

    /// Counts a run that has ended, or that will never be made.
    pub(super) fn count_run(&self, state: RunState) {
        self.runs.get_or_create(&RunEnd { state: state.to_string() }).inc();
    }

    /// Counts an effect that Gitea has confirmed.
    pub(super) fn count_confirmed(&self, kind: EffectKind) {
        self.confirmed.get_or_create(&Kind { effect: kind.to_string() }).inc();
    }
}

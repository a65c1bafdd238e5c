//! One look at everything.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::probe::Watch;
use crate::check::{Kind, Observation};
use crate::clock::Clock;
use crate::observation::{Limits, Report, ReportId, cut, fit};

/// What a server takes of one report, in bytes, if nobody has set it otherwise.
const BODY_MAX: usize = 1024 * 1024;
/// What is kept of details and summaries, in bytes, and whether numbers are, so that a
/// report becomes short enough: the first that does. The last one always does.
const CUTS: [(usize, usize, bool); 6] = [
    (1_000, 500, true),
    (300, 500, true),
    (0, 500, true),
    (0, 500, false),
    (0, 200, false),
    (0, 50, false),
];

/// What all probes saw. There is one of it for each cycle, and all that is printed or sent
/// is made of it.
#[derive(Debug, Clone)]
pub struct Cycle {
    pub source: String,
    pub started_at: Timestamp,
    pub took: Duration,
    /// When the next cycle is due, counted from this one.
    pub every: SignedDuration,
    /// By the name of the check, in the order of the settings.
    pub results: Vec<(String, Observation)>,
    /// What the names of checks begin with that could not be looked at.
    pub unseen: Vec<String>,
}

/// How a cycle went, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Healthy,
    Failing,
    /// Nothing failed, and of something nobody can tell.
    CannotTell,
}

impl Cycle {
    /// Looks at everything, none waiting for another.
    pub async fn run(
        source: String,
        every: SignedDuration,
        watches: &[Watch],
        clock: &Clock,
    ) -> Self {
        let (started_at, began) = (clock.now(), Instant::now());
        let looks = watches.iter().map(|watch| async move {
            let now = clock.now();
            (now, watch.look(now).await)
        });
        let mut seen = join_all(looks).await;
        // Each has room for one result, whatever comes before it.
        let mut room = Limits::default().observations.saturating_sub(watches.len());
        for ((_, seen), watch) in seen.iter_mut().zip(watches) {
            match room.checked_sub(seen.len().saturating_sub(1)) {
                Some(left) => room = left,
                None => *seen = vec![too_many(watch, seen.len())],
            }
        }
        let unseen = seen
            .iter()
            .zip(watches)
            .filter(|((_, seen), _)| seen.len() == 1)
            .filter_map(|(_, watch)| watch.prefix())
            .collect();
        let results = seen.into_iter().flat_map(|(now, seen)| {
            seen.into_iter().map(move |(name, mut observation)| {
                observation.observed_at = Some(now);
                (name, fit(observation))
            })
        });
        let results = results.collect();
        Self { source, started_at, took: began.elapsed(), every, results, unseen }
    }

    /// A cycle in which nothing was looked at, because somebody wants it so. What is paused
    /// for long is told by the server, as everything is of which nobody can tell.
    pub fn paused(
        source: String,
        every: SignedDuration,
        watches: &[Watch],
        why: &str,
        clock: &Clock,
    ) -> Self {
        let now = clock.now();
        let results = watches.iter().map(|watch| {
            let (name, mut observation) = watch.unknown(format!("paused: {why}"));
            observation.observed_at = Some(now);
            (name, fit(observation))
        });
        let (results, took) = (results.collect(), Duration::ZERO);
        let unseen = watches.iter().filter_map(Watch::prefix).collect();
        Self { source, started_at: now, took, every, results, unseen }
    }

    /// The checks with this result.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let of_kind = move |result: &&(String, Observation)| result.1.kind == kind;
        self.results.iter().filter(of_kind).map(|(name, _)| name.as_str())
    }

    /// Failing if anything failed; else, if anything is unknown, nobody can tell.
    pub fn verdict(&self) -> Verdict {
        if self.names(Kind::Failure).next().is_some() {
            Verdict::Failing
        } else if self.names(Kind::Unknown).next().is_some() {
            Verdict::CannotTell
        } else {
            Verdict::Healthy
        }
    }

    /// The cycle as a report, which holds no more than a server takes: what is too long is
    /// cut, and no check is left out.
    pub fn report(&self, id: ReportId) -> Report {
        let mut report = Report {
            source: self.source.clone(),
            id,
            interval: Some(self.every),
            observations: self.results.clone(),
            unseen: self.unseen.clone(),
        };
        for (details, summary, has_numbers) in CUTS {
            if report.to_json().len() <= BODY_MAX {
                break;
            }
            for (_, seen) in &mut report.observations {
                cut(seen, summary, details);
                if !has_numbers {
                    seen.numbers.clear();
                }
            }
        }
        report
    }
}

/// What is said of a watch whose results do not fit in the report beside the others.
fn too_many(watch: &Watch, count: usize) -> (String, Observation) {
    let max = Limits::default().observations;
    let said = format!(
        "{count} results are too many beside the others, a report holds {max}: leave out `per_job`"
    );
    watch.unknown(said)
}

//! One look at everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::probe::Watch;
use crate::check::{Kind, Observation};
use crate::clock::Clock;
use crate::observation::{Limits, Report, ReportId, check_name, cut, fit};

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
        if seen.iter().map(|(_, seen)| seen.len()).sum::<usize>() > Limits::default().observations {
            for ((_, seen), watch) in seen.iter_mut().zip(watches) {
                *seen = vec![as_one(watch, std::mem::take(seen))];
            }
        }
        let mut names = BTreeSet::new();
        let results = seen.into_iter().flat_map(|(now, seen)| {
            seen.into_iter().map(move |(name, mut observation)| {
                observation.observed_at = Some(now);
                (valid(name), fit(observation))
            })
        });
        let results = results.filter(|(name, _)| names.insert(name.clone())).collect();
        Self { source, started_at, took: began.elapsed(), every, results }
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
            let mut observation = Observation::new(Kind::Unknown, format!("paused: {why}"));
            observation.observed_at = Some(now);
            (watch.name.clone(), fit(observation))
        });
        let (results, took) = (results.collect(), Duration::ZERO);
        Self { source, started_at: now, took, every, results }
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

/// What a watch saw, in one observation: so many do not fit in a report.
fn as_one(watch: &Watch, mut seen: Vec<(String, Observation)>) -> (String, Observation) {
    match seen.pop() {
        Some(one) if seen.is_empty() => one,
        _ => {
            let (count, max) = (seen.len() + 1, Limits::default().observations);
            let said = format!(
                "{count} jobs are too many for a check each, a report holds {max}: leave out `per_job`"
            );
            (watch.name.clone(), Observation::new(Kind::Unknown, said))
        }
    }
}

/// The name as a report may hold it: parts of it may be the name of any file, and a server
/// refuses all that comes with one that it does not like.
fn valid(name: String) -> String {
    let max = Limits::default().name_bytes;
    if check_name(&name, max).is_ok() {
        return name;
    }
    let clean: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    // The mark at the end tells it from the name that it would be without.
    format!("{}?", clean[..clean.floor_char_boundary(max - 1)].trim())
}

//! One look at everything.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::probe::Watch;
use crate::check::{Kind, Observation};
use crate::clock::Clock;
use crate::observation::{Limits, Report, ReportId, brief, fit};

/// What a server takes, in bytes.
const REPORT_MAX: usize = 1024 * 1024;

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
        let mut results = Vec::new();
        for (watch, (now, mut seen)) in watches.iter().zip(join_all(looks).await) {
            // A report that holds too many is refused, and all of it lost.
            if seen.len() > 1 && results.len() + seen.len() > Limits::default().observations {
                let said = format!("its {} results do not fit into a report", seen.len());
                seen = vec![(watch.name.clone(), Observation::new(Kind::Unknown, said))];
            }
            results.extend(seen.into_iter().map(|(name, mut observation)| {
                observation.observed_at = Some(now);
                (name, fit(observation))
            }));
        }
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

    /// The cycle as a report. Where it would be longer than a server takes, what is least
    /// missed is left out, so that the rest arrives.
    pub fn report(&self, id: ReportId) -> Report {
        let mut report = Report {
            source: self.source.clone(),
            id,
            interval: Some(self.every),
            observations: self.results.clone(),
        };
        let savings: [fn(&mut Observation); 3] = [
            |seen| seen.details = brief(&seen.details, 300),
            |seen| {
                seen.details.clear();
                seen.numbers.clear();
            },
            |seen| seen.summary = brief(&seen.summary, 100),
        ];
        for save in savings {
            if report.to_json().len() <= REPORT_MAX {
                break;
            }
            report.observations.iter_mut().for_each(|(_, seen)| save(seen));
        }
        report
    }
}

//! What the engine is told once, at its start.
//!
//! Plain values, already validated: the engine knows neither files nor environment, and
//! whoever starts it, the server or a test, fills these in.

use jiff::SignedDuration;

use super::windows::Window;
use crate::alert::Rule;
use crate::alert::admit::Limits;
use crate::alert::route::{Matcher, Wears};
use crate::check::{CheckId, Definition, Labels, Policy};
use crate::job::Draft;
use crate::night::Hours;

/// Everything that the engine is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub routes: Routes,
    /// How many issues may open, for each repository.
    pub limits: Limits,
    /// Checks that must report.
    pub expect: Vec<Expect>,
    /// Checks that the configuration defines; each once, and none that is expected.
    pub checks: Vec<(CheckId, Definition)>,
    /// Times in which nothing is written about some checks.
    pub maintenance: Vec<Window>,
    /// Which hours are the night of the report.
    pub night: Hours,
    /// Jobs of the configuration, each with a name and all that it needs.
    pub jobs: Vec<Draft>,
    /// A slot that nobody has run so long after it was due is told: whoever should have is not
    /// at work.
    pub jobs_overdue: SignedDuration,
    /// How often it is noted that teawatch is looking.
    pub absence_mark: SignedDuration,
    /// Not having looked for longer than this is an absence.
    pub absence_gap: SignedDuration,
    /// How long the history is kept.
    pub history_kept: SignedDuration,
    /// How long what is settled and no longer heard of is kept.
    pub episodes_kept: SignedDuration,
    /// How many messages of webhooks are kept, and for how long.
    pub deliveries_kept: usize,
    pub deliveries_kept_for: SignedDuration,
    /// Commands that may wait.
    pub queue_commands: usize,
    /// What the waiting commands may hold together.
    pub queue_bytes: usize,
    /// Commands that one round takes at most.
    pub round_commands: usize,
    /// Observations that one round takes at most.
    pub round_observations: usize,
    /// The longest name of a check, in bytes.
    pub name_max: usize,
    /// The longest name of a source, in bytes.
    pub source_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            routes: Routes::default(),
            limits: Limits::default(),
            expect: Vec::new(),
            checks: Vec::new(),
            maintenance: Vec::new(),
            night: Hours::default(),
            jobs: Vec::new(),
            jobs_overdue: SignedDuration::from_mins(15),
            absence_mark: SignedDuration::from_secs(5),
            absence_gap: SignedDuration::from_secs(10),
            history_kept: SignedDuration::from_hours(90 * 24),
            episodes_kept: SignedDuration::from_hours(365 * 24),
            deliveries_kept: 1_000,
            deliveries_kept_for: SignedDuration::from_hours(7 * 24),
            queue_commands: 8_192,
            queue_bytes: 64 * 1024 * 1024,
            round_commands: 256,
            round_observations: 4_096,
            name_max: 200,
            source_max: 100,
        }
    }
}

/// A check that must report, or else be down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    pub id: CheckId,
    /// How often; more than zero.
    pub interval: SignedDuration,
}

/// How a check is judged, and who must know.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    pub policy: Policy,
    pub rule: Rule,
}

/// Which settings apply to which check: the first route that matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Routes {
    pub routes: Vec<(Matcher, Resolved)>,
    /// For what no route matches.
    pub otherwise: Resolved,
}

impl Wears for Labels {
    fn label(&self, name: &str) -> Option<&str> {
        self.get(name)
    }
}

impl Routes {
    /// The settings that apply to a check.
    pub fn resolve(&self, source: &str, name: &str, labels: &dyn Wears) -> &Resolved {
        self.routes
            .iter()
            .find(|(matcher, _)| matcher.matches(source, name, labels))
            .map_or(&self.otherwise, |(_, resolved)| resolved)
    }

    /// Every repository that issues may go to, each once.
    pub fn repositories(&self) -> Vec<&str> {
        let mut repositories: Vec<_> = self
            .routes
            .iter()
            .map(|(_, resolved)| resolved)
            .chain([&self.otherwise])
            .map(|resolved| resolved.rule.target.repository.as_str())
            .collect();
        repositories.sort_unstable();
        repositories.dedup();
        repositories
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn to(repository: &str) -> Resolved {
        let mut resolved = Resolved::default();
        resolved.rule.target.repository = repository.to_owned();
        resolved
    }

    #[test]
    fn the_first_route_that_matches_wins() {
        let source = |pattern: &str| Matcher { source: Some(pattern.to_owned()), ..<_>::default() };
        let routes = Routes {
            routes: vec![(source("db*"), to("ops/db")), (source("db1"), to("ops/one"))],
            otherwise: to("ops/rest"),
        };
        let repository =
            |name| routes.resolve(name, "disk", &BTreeMap::new()).rule.target.repository.as_str();
        assert_eq!(repository("db1"), "ops/db");
        assert_eq!(repository("web1"), "ops/rest");
        assert_eq!(routes.repositories(), ["ops/db", "ops/one", "ops/rest"]);
    }
}

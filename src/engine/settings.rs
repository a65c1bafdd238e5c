//! temporary
use crate::alert::{Rule, admit::Limits, route::Matcher};
use crate::check::{CheckId, Policy};
use jiff::SignedDuration;
use std::collections::BTreeMap;
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    pub policy: Policy,
    pub rule: Rule,
}
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub routes: Vec<(Matcher, Resolved)>,
    pub otherwise: Resolved,
}
impl Routes {
    pub fn resolve(
        &self,
        source: &str,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> &Resolved {
        self.routes
            .iter()
            .find(|(m, _)| m.matches(source, name, labels))
            .map_or(&self.otherwise, |(_, r)| r)
    }
}
#[derive(Debug, Clone)]
pub struct Expect {
    pub id: CheckId,
    pub interval: SignedDuration,
}
#[derive(Debug, Clone)]
pub struct Settings {
    pub routes: Routes,
    pub limits: Limits,
    pub expect: Vec<Expect>,
    pub absence_mark: SignedDuration,
    pub absence_gap: SignedDuration,
    pub queue_commands: usize,
    pub queue_bytes: usize,
    pub round_commands: usize,
    pub round_observations: usize,
}

//! The repositories that a configuration sends issues to, and what these wear.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;

/// A repository, and the labels of the issues there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Target {
    pub(in crate::cli) owner: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) labels: BTreeSet<String>,
}

impl Target {
    /// As the configuration calls it.
    pub(in crate::cli) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Owner and name.
    pub(in crate::cli) fn path(&self) -> (&str, &str) {
        (&self.owner, &self.name)
    }
}

/// All of them, by name.
pub(in crate::cli) fn targets(config: &Config) -> Vec<Target> {
    let routes = &config.engine.routes;
    let all = routes.routes.iter().map(|(_, resolved)| resolved).chain([&routes.otherwise]);
    let mut labels: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for target in all.map(|resolved| &resolved.rule.target) {
        labels.entry(&target.repository).or_default().extend(target.labels.iter().cloned());
    }
    let target = |(name, labels): (&str, BTreeSet<String>)| {
        let (owner, name) = name.split_once('/')?;
        Some(Target { owner: owner.to_owned(), name: name.to_owned(), labels })
    };
    labels.into_iter().filter_map(target).collect()
}

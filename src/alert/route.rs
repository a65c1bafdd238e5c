//! Which rule applies: by source, name and labels.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::markdown::{shorten, title};
use super::{Group, GroupBy, Rule};

/// What a check must look like for a rule to apply. What is left out matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matcher {
    /// A pattern with `*` and `?`.
    pub source: Option<String>,
    /// A pattern with `*` and `?`.
    pub name: Option<String>,
    /// Patterns by label; a label that is not there matches nothing but a missing entry.
    pub labels: BTreeMap<String, String>,
}

/// What a check wears, however that is kept.
pub trait Wears {
    /// The value of a label.
    fn label(&self, name: &str) -> Option<&str>;
}

impl Wears for BTreeMap<String, String> {
    fn label(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |pattern: &Option<String>| pattern.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}/{}", any(&self.source), any(&self.name))?;
        self.labels.iter().try_for_each(|(label, pattern)| write!(f, " {label}={pattern}"))
    }
}

impl Matcher {
    /// Whether it matches a check.
    pub fn matches(&self, source: &str, name: &str, labels: &dyn Wears) -> bool {
        let fits = |pattern: &Option<String>, text| {
            pattern.as_ref().is_none_or(|pattern| WildMatch::new(pattern).matches(text))
        };
        fits(&self.source, source)
            && fits(&self.name, name)
            && self.labels.iter().all(|(label, pattern)| {
                labels.label(label).is_some_and(|value| WildMatch::new(pattern).matches(value))
            })
    }
}

/// The label by which a check chooses what the titles of its issues begin with.
pub const TITLE_PREFIX: &str = "title_prefix";

/// The longest prefix that a label may give, in bytes: the title must still say what is wrong.
const TITLE_PREFIX_MAX: usize = 64;

impl Rule {
    /// The rule as it is for a check with these labels.
    #[must_use]
    pub fn wearing(mut self, labels: &dyn Wears) -> Self {
        if let Some(prefix) = labels.label(TITLE_PREFIX) {
            self.target.title_prefix = shorten(title(prefix).trim(), TITLE_PREFIX_MAX);
        }
        self
    }
}

impl GroupBy {
    /// The group that the trouble of a check belongs to.
    pub fn group(&self, source: &str, name: &str) -> Group {
        let source = source.to_owned();
        match self {
            Self::Check => Group::Check { source, name: name.to_owned() },
            Self::Source => Group::Source { source },
            Self::Named(group) => Group::Named { name: group.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_is_given_must_match() {
        let labels = BTreeMap::from([("team".to_owned(), "db".to_owned())]);
        let matcher = |source: Option<&str>, name: Option<&str>, team: Option<&str>| Matcher {
            source: source.map(str::to_owned),
            name: name.map(str::to_owned),
            labels: team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect(),
        };
        for (matcher, matches) in [
            (matcher(None, None, None), true),
            (matcher(Some("db*"), None, None), true),
            (matcher(Some("db"), None, None), false),
            (matcher(Some("db?"), Some("disk/*"), Some("d*")), true),
            (matcher(Some("db?"), Some("disk/*"), Some("web")), false),
        ] {
            assert_eq!(matcher.matches("db1", "disk/root", &labels), matches, "{matcher:?}");
        }
        assert!(!matcher(None, None, Some("*")).matches("db1", "disk", &BTreeMap::new()));
    }
}

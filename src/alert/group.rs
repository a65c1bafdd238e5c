//! What an alert is about.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an alert is about: the checks that share its issue.
///
/// Identity, not configuration: titles, targets and delays may change without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Group {
    /// The trouble of one check.
    Check { source: String, name: String },
    /// The trouble of all checks of a source.
    Source { source: String },
    /// The trouble of all checks that routes put into a named group.
    Named { name: String },
    /// Nobody can tell how a check is.
    Blind { source: String, name: String },
    /// What found no place of its own in a repository during a storm. Its members are
    /// alerts.
    Overflow { repository: String },
    /// No trouble, but what was in the night: each night's report is an episode, and its issue
    /// is open until that of the next.
    Night { repository: String },
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check { source, name } => write!(f, "{source}/{name}"),
            Self::Source { source } => f.write_str(source),
            Self::Named { name } => f.write_str(name),
            Self::Blind { source, name } => write!(f, "cannot tell: {source}/{name}"),
            Self::Overflow { repository } => write!(f, "overflow of {repository}"),
            Self::Night { repository } => write!(f, "night report in {repository}"),
        }
    }
}

impl Group {
    /// Whether it is the report of a night, and no trouble.
    pub fn is_night(&self) -> bool {
        matches!(self, Self::Night { .. })
    }

    /// The name of this alert's row in an overflow issue; no two alerts share one.
    pub fn row(&self) -> String {
        match self {
            Self::Check { .. }
            | Self::Blind { .. }
            | Self::Overflow { .. }
            | Self::Night { .. } => self.to_string(),
            Self::Source { source } => format!("source {source}"),
            Self::Named { name } => format!("group {name}"),
        }
    }
}

/// How checks are put together into alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// An issue for each check.
    #[default]
    Check,
    /// One issue for all checks of a source.
    Source,
    /// One issue for all checks under this name.
    Named(String),
}

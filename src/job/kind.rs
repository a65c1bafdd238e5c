//! What a job does.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a job does. How, knows whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Kind {
    /// Looks at every check anew, and counts them.
    Sweep,
    /// Compares every repository with our state, now.
    Reconcile,
    /// Asks Gitea whether it still takes our token.
    TokenProbe,
    /// Asks for the outside dead man's switch.
    DeadMan,
    /// Writes a backup into the data directory, and removes all but the newest `keep`.
    Backup { keep: u32 },
    /// Forgets what was kept for long enough.
    Retention,
    /// Makes the report of the last night an issue.
    Report,
    /// Opens an issue for something that people are to do.
    OpenIssue(Template),
}

/// What people are to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub title: String,
    /// What stands on top of the issue, in Markdown; may be empty.
    pub body: String,
    /// While an issue of it is open, no other is opened.
    pub one_at_a_time: bool,
}

impl Kind {
    /// The words for all kinds. The README lists these.
    pub const ALL: [&str; 8] = [
        "sweep",
        "reconcile",
        "token-probe",
        "dead-man",
        "backup",
        "retention",
        "report",
        "open-issue",
    ];

    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Reconcile => "reconcile",
            Self::TokenProbe => "token-probe",
            Self::DeadMan => "dead-man",
            Self::Backup { .. } => "backup",
            Self::Retention => "retention",
            Self::Report => "report",
            Self::OpenIssue(_) => "open-issue",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backup { keep } => write!(f, "backup, the newest {keep} kept"),
            Self::OpenIssue(template) => write!(f, "open-issue, {}", template.title),
            Self::Sweep
            | Self::Reconcile
            | Self::TokenProbe
            | Self::DeadMan
            | Self::Retention
            | Self::Report => f.write_str(self.word()),
        }
    }
}

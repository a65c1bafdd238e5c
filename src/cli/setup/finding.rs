//! What was looked at, how it is, and what mends it.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::cli::call::plain;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum State {
    Well,
    /// It works, and may be meant otherwise.
    Warning,
    /// It could not be found out.
    Unknown,
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    says: String,
    fix: Option<String>,
}

/// All of them, in the order in which they were looked at.
#[derive(Debug, Default)]
pub(in crate::cli) struct Findings(Vec<Finding>);

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Well => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Fault => "FAULT",
        })
    }
}

impl Findings {
    pub(in crate::cli) fn well(&mut self, check: &'static str, says: impl Into<String>) {
        self.0.push(Finding { check, state: State::Well, says: says.into(), fix: None });
    }

    /// Something that is not well, and what mends it.
    pub(in crate::cli) fn add(
        &mut self,
        state: State,
        check: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.0.push(Finding { check, state, says: says.into(), fix: Some(fix.into()) });
    }

    pub(in crate::cli) fn fault(
        &mut self,
        check: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(State::Fault, check, says, fix);
    }

    pub(in crate::cli) fn faults(&self) -> usize {
        self.0.iter().filter(|finding| finding.state == State::Fault).count()
    }

    /// One line each, and one below each that is not well.
    pub(in crate::cli) fn text(&self) -> String {
        let width = self.0.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        let mut text = String::new();
        for Finding { check, state, says, fix } in &self.0 {
            let _infallible = writeln!(text, "{state:7}  {check:width$}  {}", plain(says));
            if let Some(fix) = fix {
                let _infallible = writeln!(text, "{:7}  {:width$}  -> {}", "", "", plain(fix));
            }
        }
        text
    }

    /// The same for programs.
    pub(in crate::cli) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "well": self.faults() == 0, "checks": self.0 })
    }
}

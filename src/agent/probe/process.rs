//! Does a process run?

use procfs::process::all_processes;
use regex_lite::Regex;
use serde::Deserialize;

use super::{failure, success, unknown, with};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// Pids in a summary; the rest is counted.
const SHOWN_MAX: usize = 10;

/// A process, known by its command line. Command lines may hold secrets, so that none is
/// ever shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: jiff::SignedDuration,
    /// A regular expression that is looked for anywhere in the command line, whose
    /// arguments are separated by blanks.
    #[serde(deserialize_with = "expression")]
    pub(crate) pattern: Regex,
    /// How many there must be at least.
    #[serde(default = "one")]
    pub(crate) at_least: usize,
}

fn one() -> usize {
    1
}

fn expression<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    let text = String::deserialize(deserializer)?;
    Regex::new(&text).map_err(serde::de::Error::custom)
}

impl Process {
    pub(super) fn look(&self) -> Observation {
        let processes = match all_processes() {
            Ok(processes) => processes,
            Err(error) => return unknown(format!("the list of processes cannot be read: {error}")),
        };
        let own = std::process::id();
        let mut pids: Vec<_> = processes
            .filter_map(Result::ok)
            .filter(|process| u32::try_from(process.pid()).ok() != Some(own))
            // One that ends meanwhile is one that does not run.
            .filter_map(|process| Some((process.pid(), process.cmdline().ok()?)))
            .filter(|(_, line)| self.pattern.is_match(&line.join(" ")))
            .map(|(pid, _)| pid)
            .collect();
        pids.sort_unstable();
        let pattern = self.pattern.as_str();
        let count = pids.len();
        let observation = match count {
            0 => failure(format!("no process matches `{pattern}`")),
            few if few < self.at_least => failure(format!(
                "{few} of {} processes match `{pattern}`: {}",
                self.at_least,
                listed(&pids)
            )),
            _ => success(format!("`{pattern}` runs: {}", listed(&pids))),
        };
        with(observation, "processes", f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
    }
}

fn listed(pids: &[i32]) -> String {
    let shown: Vec<_> = pids.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let word = if pids.len() == 1 { "pid" } else { "pids" };
    match pids.len().saturating_sub(SHOWN_MAX) {
        0 => format!("{word} {}", shown.join(", ")),
        more => format!("{word} {} and {more} more", shown.join(", ")),
    }
}

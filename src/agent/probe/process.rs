//! Does a process run?

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use procfs::ProcError;
use procfs::process::all_processes_with_root;
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

/// What there is of the processes that are looked for.
#[derive(Debug)]
struct Found {
    pids: Vec<i32>,
    /// Whether there are processes of which nothing can be learned.
    is_partial: bool,
}

impl Process {
    pub(super) fn look(&self) -> Observation {
        match self.find(Path::new("/proc")) {
            Ok(found) => self.judge(&found),
            Err(error) => unknown(format!("the list of processes cannot be read: {error}")),
        }
    }

    fn find(&self, root: &Path) -> Result<Found, ProcError> {
        let own = std::process::id();
        let mut found = Found { pids: Vec::new(), is_partial: false };
        let mut is_first_there = false;
        for process in all_processes_with_root(root)? {
            match process.map(|process| (process.pid(), command_line(&process))) {
                Ok((pid, Ok(line))) => {
                    is_first_there |= pid == 1;
                    let is_own = u32::try_from(pid).ok() == Some(own);
                    if !is_own && self.pattern.is_match(&line) {
                        found.pids.push(pid);
                    }
                }
                Ok((pid, Err(ErrorKind::PermissionDenied))) => {
                    is_first_there |= pid == 1;
                    found.is_partial = true;
                }
                Err(ProcError::PermissionDenied(_)) => found.is_partial = true,
                // One that ends meanwhile is one that does not run.
                Ok((_, Err(_))) | Err(_) => {}
            }
        }
        // There always is one: who does not see it sees nobody else's.
        found.is_partial |= !is_first_there;
        found.pids.sort_unstable();
        Ok(found)
    }

    fn judge(&self, found: &Found) -> Observation {
        let pattern = self.pattern.as_str();
        let Found { pids, is_partial } = found;
        let count = pids.len();
        let said = match count {
            0 => format!("no process matches `{pattern}`"),
            few if few < self.at_least => {
                format!("{few} of {} processes match `{pattern}`: {}", self.at_least, listed(pids))
            }
            _ => format!("`{pattern}` runs: {}", listed(pids)),
        };
        let observation = if count >= self.at_least.max(1) {
            success(said)
        } else if *is_partial {
            unknown(format!("{said}; this user is not shown the processes of others"))
        } else {
            failure(said)
        };
        with(observation, "processes", f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
    }
}

/// The arguments of a process, separated by blanks. They may hold bytes of any kind.
fn command_line(process: &procfs::process::Process) -> Result<String, ErrorKind> {
    let file = process.open_relative("cmdline").map_err(|error| match error {
        ProcError::PermissionDenied(_) => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    });
    let mut bytes = Vec::new();
    file?.read_to_end(&mut bytes).map_err(|error| error.kind())?;
    let arguments = bytes.split(|byte| *byte == 0).filter(|argument| !argument.is_empty());
    let arguments: Vec<_> = arguments.map(String::from_utf8_lossy).collect();
    Ok(arguments.join(" "))
}

fn listed(pids: &[i32]) -> String {
    let shown: Vec<_> = pids.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let word = if pids.len() == 1 { "pid" } else { "pids" };
    match pids.len().saturating_sub(SHOWN_MAX) {
        0 => format!("{word} {}", shown.join(", ")),
        more => format!("{word} {} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(at_least: usize) -> Process {
        let pattern = Regex::new("worker").unwrap();
        let timeout = jiff::SignedDuration::from_secs(1);
        Process { name: "p".to_owned(), timeout, pattern, at_least }
    }

    /// What is found among these processes: pids and command lines.
    fn look(at_least: usize, processes: &[(&str, &[u8])]) -> String {
        let root = tempfile::tempdir().unwrap();
        for (pid, line) in processes {
            std::fs::create_dir(root.path().join(pid)).unwrap();
            std::fs::write(root.path().join(pid).join("cmdline"), line).unwrap();
        }
        // This one has ended since.
        std::fs::create_dir(root.path().join("999999")).unwrap();
        let process = process(at_least);
        let observation = process.judge(&process.find(root.path()).unwrap());
        format!("{:?}: {}", observation.kind, observation.summary)
    }

    #[test]
    fn r6_a_process_is_found_by_its_command_line_whatever_bytes_are_in_it() {
        let init: (&str, &[u8]) = ("1", b"init\0");
        assert_eq!(look(1, &[init]), "Failure: no process matches `worker`");
        let odd: (&str, &[u8]) = ("71", b"/bin/\xff\xfe\0worker\0\0");
        assert_eq!(look(1, &[init, odd]), "Success: `worker` runs: pid 71");
        let said = "Failure: 1 of 2 processes match `worker`: pid 71";
        assert_eq!(look(2, &[init, odd]), said);
    }

    #[test]
    fn r7_where_processes_are_hidden_nobody_can_tell_that_one_is_gone() {
        let hidden = "; this user is not shown the processes of others";
        let own: (&str, &[u8]) = ("71", b"worker\0");
        assert_eq!(look(1, &[]), format!("Unknown: no process matches `worker`{hidden}"));
        assert_eq!(look(1, &[own]), "Success: `worker` runs: pid 71");
        let said = "Unknown: 1 of 2 processes match `worker`: pid 71";
        assert_eq!(look(2, &[own]), format!("{said}{hidden}"));
    }

    #[test]
    fn r7_without_a_list_of_processes_nobody_can_tell() {
        let root = tempfile::tempdir().unwrap();
        assert!(process(1).find(&root.path().join("none")).is_err());
    }
}

//! What is wrong with the configuration, where, and what was probably meant.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the configuration file `{}` (named by {named_by}) cannot be read", path.display())]
    Unreadable { path: PathBuf, named_by: &'static str, source: io::Error },
    /// Everything that is wrong, each on a line of its own; never empty.
    #[error("the configuration is wrong{}", lines(.0))]
    Wrong(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// None where it is about several settings, or about one that is missing.
    pub origin: Option<Origin>,
    pub message: String,
}

/// Where a value comes from. What is greater wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    /// Line and column count from 1, columns in characters.
    File {
        file: String,
        line: usize,
        column: usize,
    },
    /// The name of the variable.
    Environment(String),
    /// The flag as it is written.
    Flag(String),
}

impl Origin {
    /// Which of the four it is.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File { .. } => "file",
            Self::Environment(_) => "environment",
            Self::Flag(_) => "flag",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n{problem}")).collect()
}

/// The known name that was probably meant, as the end of a sentence; or nothing.
///
/// `near` are names that could stand in the same place; `far` are dotted names from
/// elsewhere, of which the last part counts.
pub(super) fn did_you_mean<'a>(
    word: &str,
    near: impl Iterator<Item = &'a str>,
    far: impl Iterator<Item = &'a str>,
) -> String {
    let last = |name: &'a str| name.rsplit('.').next().unwrap_or(name);
    nearest(word, near.map(|name| (name, name)))
        .or_else(|| nearest(word, far.map(|name| (last(name), name))))
        .map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// Of pairs of what is compared and what is meant by it, the nearest within reason.
fn nearest<'a>(word: &str, names: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
    // A third of the letters may be wrong, as in clap's own suggestions.
    let limit = (word.chars().count() / 3).clamp(1, 4);
    names
        .map(|(compared, meant)| (strsim::damerau_levenshtein(word, compared), meant))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, meant)| meant)
}

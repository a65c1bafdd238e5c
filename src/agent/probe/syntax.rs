//! Can a program's source be read by its interpreter?

use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Turn, failure, success, unknown};
use crate::agent::child::{self, Ended};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// Compiles and throws away: `py_compile` would write a file.
const PYTHON: &str =
    "import sys; f = sys.argv[1]; compile(open(f, 'rb').read(), f, 'exec', dont_inherit=True)";

/// Extensions, and the program with its arguments that reads such a source without running
/// it. The path of the source follows.
const INTERPRETERS: &[(&[&str], &str, &[&str])] = &[
    (&["py"], "python3", &["-I", "-S", "-c", PYTHON]),
    (&["sh", "bash"], "bash", &["-n"]),
    (&["js", "mjs", "cjs"], "node", &["--check"]),
    (&["rb"], "ruby", &["-c"]),
    (&["php"], "php", &["-l"]),
];

/// A source file, which is read and never run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Syntax {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: jiff::SignedDuration,
    pub(crate) path: PathBuf,
    /// A program and its arguments for another language; the path of the source follows.
    #[serde(default)]
    pub(crate) command: Option<Vec<String>>,
}

impl Syntax {
    pub(super) async fn look(&self, limit: Duration, turn: &Turn) -> Observation {
        let path = self.path.display();
        let file = self.path.clone();
        match turn.in_thread(move || unfit(&file)).await {
            Some(None) => {}
            Some(Some(observation)) => return observation,
            None => return unknown(format!("{path} cannot be read")),
        }
        let extension = self.path.extension().and_then(|text| text.to_str()).unwrap_or_default();
        let (program, mut arguments) = match &self.command {
            Some(command) => match command.split_first() {
                Some((program, rest)) => (program.clone(), rest.to_vec()),
                None => return unknown("its `command` is empty".to_owned()),
            },
            None if extension == "json" => {
                let it = self.clone();
                let judged = turn.in_thread(move || it.json()).await;
                return judged.unwrap_or_else(|| unknown(format!("{path} cannot be read")));
            }
            None => match interpreter(extension) {
                Some((program, arguments)) => {
                    (program.to_owned(), arguments.iter().map(|&text| text.to_owned()).collect())
                }
                None => {
                    return unknown(format!(
                        "{path}: no interpreter is known for `.{extension}`; name one as `command`"
                    ));
                }
            },
        };
        arguments.push(absolute(&self.path));
        match child::run(&program, &arguments, limit, turn).await {
            Ended::Exited { code: Some(0), .. } => success(format!("{path} is well formed")),
            Ended::Exited { code, stdout, stderr } => {
                let said = if stderr.trim().is_empty() { stdout } else { stderr };
                let mut observation = match code {
                    // So say shells and launchers of what they do not find.
                    Some(126 | 127) => unknown(format!("{program} cannot be run")),
                    Some(_) => failure(format!("{path} has a syntax error")),
                    None => unknown(format!("{program} was killed while it read {path}")),
                };
                observation.details = said;
                observation
            }
            Ended::TimedOut => unknown(format!("{program} did not end within {limit:?}")),
            Ended::NotStarted(error) => unknown(format!("{program} cannot be started: {error}")),
        }
    }

    fn json(&self) -> Observation {
        let path = self.path.display();
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => BufReader::new(file),
            Err(error) => return unknown(format!("{path} cannot be read: {error}")),
        };
        match serde_json::from_reader::<_, IgnoredAny>(file) {
            Ok(IgnoredAny) => success(format!("{path} is well formed")),
            Err(error) if error.is_io() => unknown(format!("{path} cannot be read: {error}")),
            Err(error) => failure(format!("{path} is not JSON: {error}")),
        }
    }
}

/// Why a file is no source that can be read. Interpreters call a file that is not there a
/// syntax error, each in its own words, and opening a pipe would wait for its other end.
fn unfit(file: &Path) -> Option<Observation> {
    let path = file.display();
    let opened = std::fs::metadata(file).and_then(|found| {
        if found.is_file() { std::fs::File::open(file).map(Some) } else { Ok(None) }
    });
    match opened {
        Ok(Some(_)) => None,
        Ok(None) => Some(unknown(format!("{path} is no file"))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Some(failure(format!("{path} does not exist")))
        }
        Err(error) => Some(unknown(format!("{path} cannot be read: {error}"))),
    }
}

fn interpreter(extension: &str) -> Option<(&'static str, &'static [&'static str])> {
    let known = INTERPRETERS.iter().find(|(extensions, ..)| extensions.contains(&extension))?;
    Some((known.1, known.2))
}

/// A path that no interpreter takes for one of its options.
fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

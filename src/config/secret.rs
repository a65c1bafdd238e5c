//! Reads secrets: from the environment, or from files that settings name.
//!
//! No message here contains a secret, nor a path: somebody may have put the secret
//! where its file's path belongs.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use secrecy::SecretString;

use super::kind::Kind;
use super::layers::Layers;
use super::problem::{Origin, Problem};
use super::table::{SETTINGS, Setting};

/// Longer than any secret, and short enough to read a wrong file by mistake.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// A secret, and where it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) secret: SecretString,
    pub(super) from: From,
}

/// Where a secret was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    Variable(&'static str),
    File(PathBuf),
}

/// Reads the secret whose file the setting `key` names.
///
/// The variable that holds the secret itself counts as part of the environment: it wins
/// over a file that the environment or the configuration file names, and a flag that
/// names a file wins over it. None if there is no secret, or a wrong one, which is then
/// a problem.
pub(super) fn read(layers: &Layers, key: &str, problems: &mut Vec<Problem>) -> Option<Found> {
    find(layers, key, |_| true, problems)
}

/// The same for an address that nothing depends on: a variable that is empty, as where it is
/// filled from another that is not set, holds none.
pub(super) fn address(layers: &Layers, key: &str, problems: &mut Vec<Problem>) -> Option<Found> {
    find(layers, key, |held| !held.is_empty(), problems)
}

/// Reads a secret; `counts` says whether what the variable holds is one at all.
fn find(
    layers: &Layers,
    key: &str,
    counts: impl Fn(&OsStr) -> bool,
    problems: &mut Vec<Problem>,
) -> Option<Found> {
    let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
    let Kind::SecretFile { variable, least } = setting.kind else { return None };
    let file = layers.get(key).map(|given| given.origin.clone());
    let is_flag = matches!(file, Some(Origin::Flag(_)));
    let held = layers.secrets.get(variable).filter(|held| !is_flag && counts(held));
    let (found, from, origin, what) = if let Some(held) = held {
        let origin = Origin::Environment(variable.to_owned());
        (judge(held, least), From::Variable(variable), origin, "the secret".to_owned())
    } else {
        let path = layers.path(key)?;
        let found = read_file(&path).and_then(|text| judge(OsStr::new(&text), least));
        (found, From::File(path), file?, format!("the file that `{key}` names"))
    };
    match found {
        Ok(secret) => Some(Found { secret, from }),
        Err(why) => {
            problems.push(Problem { origin: Some(origin), message: format!("{what} {why}") });
            None
        }
    }
}

/// Reads a secret that teawatch cannot do without; `what` begins the sentence that asks
/// for it.
pub(super) fn need(
    layers: &Layers,
    key: &'static str,
    what: &str,
    problems: &mut Vec<Problem>,
) -> Option<Found> {
    let before = problems.len();
    let found = read(layers, key, problems);
    let is_told = problems.len() > before || layers.broken.contains(key);
    if found.is_none() && !is_told {
        let variable = SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .and_then(Setting::secret_variable)
            .expect("only settings that name a secret's file are asked for");
        let message = format!("{what}: set {variable}, or name a file with `{key}`");
        problems.push(Problem { origin: None, message });
    }
    found
}

fn read_file(path: &PathBuf) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    file.take(FILE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > FILE_MAX_BYTES {
        return Err(format!("is longer than {FILE_MAX_BYTES} bytes, so it holds no secret"));
    }
    Ok(text)
}

/// Takes a secret without the white space around it, or ends a sentence about it.
fn judge(value: &OsStr, least: usize) -> Result<SecretString, String> {
    let text = value.to_str().ok_or("is not UTF-8 text")?.trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    // What is copied from a page brings along characters that nobody sees.
    let hidden = text.chars().position(|c| !c.is_ascii() || c.is_ascii_control());
    if let Some(position) = hidden {
        return Err(format!(
            "has a control character or one outside of ASCII at position {}",
            position + 1
        ));
    }
    if text.len() < least {
        return Err(format!("is shorter than {least} characters"));
    }
    Ok(text.into())
}

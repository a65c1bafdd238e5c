//! A file with every setting, what it is for, and its default.
//!
//! Written from the list of settings, so that it cannot drift from it.

use std::fmt::Write as _;

use super::checks::{self, CHECK};
use super::jobs::{self, JOB};
use super::maintenance::{self, MAINTENANCE};
use super::sections::{EXPECT_DOC, ROUTE_DOC, SECTIONS};
use super::table::{EXPECT, Preset, ROUTE, SETTINGS, Setting};

/// How wide a line of prose is.
const WIDTH: usize = 88;

const HEAD: &[&str] = &[
    "The configuration of teawatch. Every setting is here: what is commented out stands \
     there with its default, or, where it has none, with an example.",
    "A flag wins over the environment, the environment over this file, this file over the \
     defaults. The variable of a setting is TEAWATCH_, its section and its name, as in \
     TEAWATCH_GITEA_TIMEOUT; there, and behind `--set gitea.timeout=30s`, numbers stand \
     bare, lists are separated by commas, and tables are written name=value.",
    "Durations have a unit: \"250ms\", \"20s\", \"10m\", \"1h 30m\", \"7d\". Sizes are in bytes.",
    "Secrets stand neither here nor in flags: a setting names their file, or a variable \
     holds them, which wins over a file named here. `teawatch config check` judges this \
     file; `teawatch config show` tells what is in effect and where it comes from.",
];

/// What a file says above its settings that has only some of them.
const BEGINNING: &str = "The configuration of teawatch. `teawatch config example` prints every \
    setting with its default; `teawatch config check` judges this file.";

/// Settings of `[alerts]`, and the repository, that the example of a route replaces.
const REPLACED: &[(&str, &str)] =
    &[("repository", "\"ops/databases\""), ("comment_interval", "\"1h\"")];

/// The example of a check that is due so long after its last result.
const OFTEN: &[(&str, &str)] =
    &[("source", "\"web1\""), ("name", "\"fetch\""), ("interval", "\"10m\"")];

/// The example file.
pub fn example() -> String {
    let mut text = String::new();
    for (number, paragraph) in HEAD.iter().enumerate() {
        if number > 0 {
            text.push_str("#\n");
        }
        prose(&mut text, paragraph);
    }
    for (section, doc) in SECTIONS {
        text.push('\n');
        prose(&mut text, doc);
        if !section.is_empty() {
            line(&mut text, &format!("[{section}]"));
        }
        for setting in SETTINGS.iter().filter(|setting| setting.section() == *section) {
            text.push('\n');
            one(&mut text, setting, setting.name());
        }
    }
    text.push('\n');
    prose(&mut text, ROUTE_DOC);
    line(&mut text, "#[[route]]");
    for setting in ROUTE {
        one(&mut text, setting, setting.key);
    }
    for (name, value) in REPLACED {
        line(&mut text, &format!("#{name} = {value}"));
    }
    text.push('\n');
    prose(&mut text, EXPECT_DOC);
    line(&mut text, "#[[expect]]");
    for setting in EXPECT {
        prose(&mut text, setting.doc);
        line(&mut text, &format!("#{} = {}", setting.key, value(setting)));
    }
    text.push('\n');
    prose(&mut text, checks::DOC);
    line(&mut text, "#[[check]]");
    for setting in CHECK.iter().filter(|setting| setting.key != "interval") {
        prose(&mut text, setting.doc);
        line(&mut text, &format!("#{} = {}", setting.key, value(setting)));
    }
    prose(&mut text, checks::OFTEN_DOC);
    line(&mut text, "#[[check]]");
    for (name, value) in OFTEN {
        line(&mut text, &format!("#{name} = {value}"));
    }
    text.push('\n');
    prose(&mut text, maintenance::DOC);
    line(&mut text, "#[[maintenance]]");
    for setting in MAINTENANCE.iter().filter(|setting| setting.key != "start") {
        prose(&mut text, setting.doc);
        line(&mut text, &format!("#{} = {}", setting.key, value(setting)));
    }
    prose(&mut text, maintenance::ONCE_DOC);
    line(&mut text, "#[[maintenance]]");
    for setting in MAINTENANCE.iter().filter(|setting| is_in_once(setting.key)) {
        line(&mut text, &format!("#{} = {}", setting.key, value(setting)));
    }
    text.push('\n');
    prose(&mut text, jobs::DOC);
    line(&mut text, "#[[job]]");
    for setting in JOB.iter().filter(|setting| !jobs::is_of_issues(setting.key)) {
        prose(&mut text, setting.doc);
        line(&mut text, &format!("#{} = {}", setting.key, value(setting)));
    }
    prose(&mut text, jobs::CHORE_DOC);
    line(&mut text, "#[[job]]");
    for (name, value) in jobs::CHORE {
        line(&mut text, &format!("#{name} = {value}"));
    }
    for setting in JOB.iter().filter(|setting| jobs::is_of_issues(setting.key)) {
        prose(&mut text, setting.doc);
        line(&mut text, &format!("#{} = {}", setting.key, value(setting)));
    }
    text
}

/// Whether the example of a window that comes once has this.
fn is_in_once(key: &str) -> bool {
    ["match.source", "start", "zone", "duration", "reason"].contains(&key)
}

/// A file that holds these settings, each explained, and nothing else. The values are
/// written as in the environment.
pub fn beginning(values: &[(&str, String)]) -> String {
    let mut text = String::new();
    prose(&mut text, BEGINNING);
    for (section, _) in SECTIONS {
        let mut given = SETTINGS
            .iter()
            .filter(|setting| setting.section() == *section)
            .filter_map(|setting| Some((setting, value_of(setting.key, values)?)))
            .peekable();
        if given.peek().is_some() && !section.is_empty() {
            line(&mut text, &format!("\n[{section}]"));
        }
        for (setting, value) in given {
            text.push('\n');
            prose(&mut text, setting.doc);
            line(&mut text, &format!("{} = {}", setting.name(), setting.kind.raw(value)));
        }
    }
    text
}

fn value_of<'a>(key: &str, values: &'a [(&str, String)]) -> Option<&'a str> {
    values.iter().find(|(of, _)| *of == key).map(|(_, value)| value.as_str())
}

/// One setting: live if it must be given, commented out otherwise.
fn one(text: &mut String, setting: &Setting, name: &str) {
    prose(text, setting.doc);
    let mark = if matches!(setting.preset, Preset::Needed(_)) { "" } else { "#" };
    line(text, &format!("{mark}{name} = {}", value(setting)));
}

fn value(setting: &Setting) -> toml::Value {
    let (Preset::Is(value) | Preset::Unset(value) | Preset::Needed(value)) = setting.preset;
    setting.kind.raw(value)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

/// A comment, broken between words.
fn prose(text: &mut String, words: &str) {
    let mut row = String::from("#");
    for word in words.split(' ') {
        if row.len() + 1 + word.len() > WIDTH {
            line(text, &row);
            row = String::from("#");
        }
        row.push(' ');
        row.push_str(word);
    }
    line(text, &row);
}

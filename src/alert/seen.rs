//! What was seen last of the members of an alert, and what was expected of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Alert;
use super::markdown::{block, line, shorten};
use super::text::{Facts, SUMMARY_MAX, put, troubled};
use super::words::second;

/// Members whose details are shown in one text; the rest is counted.
pub const DETAILS_MAX: usize = 5;

/// What there is to tell of one member.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics {
    pub seen: Option<Seen>,
    /// What it has to keep to and how it stands with that, in sentences. May be empty.
    pub account: String,
}

/// What was seen last of one member.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub summary: String,
    pub details: String,
    pub numbers: BTreeMap<String, f64>,
    pub at: Timestamp,
}

/// The members of which a text tells what was seen last: those in trouble, or else all. Only
/// those that are `known`.
pub fn spoken_of(alert: &Alert, known: impl Fn(&String) -> bool) -> Vec<&String> {
    let in_trouble: Vec<_> = troubled(alert).map(|(name, _)| name).filter(|it| known(it)).collect();
    match in_trouble.is_empty() {
        true => alert.members.keys().filter(|it| known(it)).collect(),
        false => in_trouble,
    }
}

pub(super) fn put_diagnostics(text: &mut String, facts: &Facts<'_>) {
    for (name, Diagnostics { seen, account }) in &facts.diagnostics {
        let name = line(name);
        if let Some(seen) = seen {
            put_seen(text, &name, seen);
        }
        if !account.is_empty() {
            put(text, format_args!("About {name}: {}\n\n", line(account)));
        }
    }
    if facts.more > 0 {
        put(text, format_args!("… and {} more.\n\n", facts.more));
    }
}

fn put_seen(text: &mut String, name: &str, seen: &Seen) {
    let summary = match line(&shorten(&seen.summary, SUMMARY_MAX)) {
        summary if summary.is_empty() => "no word".to_owned(),
        summary => summary,
    };
    put(text, format_args!("**{name}**, {}: {summary}\n\n", second(seen.at)));
    if !seen.numbers.is_empty() {
        let numbers: Vec<_> =
            seen.numbers.iter().map(|(name, value)| format!("{} = {value}", line(name))).collect();
        put(text, format_args!("{}\n\n", numbers.join(", ")));
    }
    if !seen.details.trim().is_empty() {
        put(text, format_args!("{}\n\n", block(&seen.details)));
    }
}

//! A cycle for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Cycle, Verdict};
use crate::check::Kind;

/// The version of what [`json`] gives. Keys may be added to it; a change of what is there
/// is another version.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Shown<'a> {
    version: u32,
    source: &'a str,
    started_at: jiff::Timestamp,
    took_seconds: f64,
    interval_seconds: f64,
    healthy: bool,
    failed: Vec<&'a str>,
    unknown: Vec<&'a str>,
    checks: Vec<ShownCheck<'a>>,
}

#[derive(Serialize)]
struct ShownCheck<'a> {
    name: &'a str,
    result: Kind,
    summary: &'a str,
    details: &'a str,
    numbers: &'a std::collections::BTreeMap<String, f64>,
}

/// One object; its schema is `fixtures/agent/cycle.schema.json`.
pub fn json(cycle: &Cycle) -> String {
    let shown = Shown {
        version: SCHEMA_VERSION,
        source: &cycle.source,
        started_at: cycle.started_at,
        took_seconds: cycle.took.as_secs_f64(),
        interval_seconds: cycle.every.as_secs_f64(),
        healthy: cycle.verdict() == Verdict::Healthy,
        failed: cycle.names(Kind::Failure).collect(),
        unknown: cycle.names(Kind::Unknown).collect(),
        checks: cycle
            .results
            .iter()
            .map(|(name, seen)| ShownCheck {
                name,
                result: seen.kind,
                summary: &seen.summary,
                details: &seen.details,
                numbers: &seen.numbers,
            })
            .collect(),
    };
    serde_json::to_string_pretty(&shown).expect("a cycle holds only texts and numbers")
}

/// A table, and behind it the details of what is not well.
pub fn markdown(cycle: &Cycle) -> String {
    let mut text = format!("## {}\n\n{}\n\n", cell(&cycle.source), headline(cycle));
    text.push_str("| check | result | summary |\n|---|---|---|\n");
    for (name, seen) in &cycle.results {
        let result = match seen.kind {
            Kind::Success => "well",
            Kind::Failure => "**failing**",
            Kind::Unknown | Kind::Start | Kind::Log => "**unknown**",
        };
        put(&mut text, format_args!("| {} | {result} | {} |\n", cell(name), cell(&seen.summary)));
    }
    for (name, seen) in &cycle.results {
        let details = seen.details.trim_end();
        if seen.kind != Kind::Success && !details.is_empty() {
            let fence = fence(details);
            put(
                &mut text,
                format_args!("\n**{}**\n\n{fence}text\n{details}\n{fence}\n", cell(name)),
            );
        }
    }
    text
}

/// One line for each check, for a terminal.
pub fn text(cycle: &Cycle) -> String {
    let wide = cycle.results.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, seen) in &cycle.results {
        let result = match seen.kind {
            Kind::Success => "ok",
            Kind::Failure => "FAILED",
            Kind::Unknown | Kind::Start | Kind::Log => "unknown",
        };
        put(
            &mut text,
            format_args!("{result:<8} {:<wide$}  {}\n", plain(name), plain(&seen.summary)),
        );
        if seen.kind != Kind::Success {
            for line in seen.details.trim_end().lines() {
                put(&mut text, format_args!("         {:<wide$}  {}\n", "", plain(line)));
            }
        }
    }
    put(&mut text, format_args!("{}\n", headline(cycle)));
    text
}

/// The whole in one sentence.
fn headline(cycle: &Cycle) -> String {
    let count = cycle.results.len();
    let checks = if count == 1 { "1 check".to_owned() } else { format!("{count} checks") };
    let failed = cycle.names(Kind::Failure).count();
    let unknown = cycle.names(Kind::Unknown).count();
    let how = match (failed, unknown) {
        (0, 0) => "all is well".to_owned(),
        (failed, 0) => format!("{failed} failing"),
        (0, unknown) => format!("{unknown} unknown"),
        (failed, unknown) => format!("{failed} failing, {unknown} unknown"),
    };
    format!("{checks} at {}: {how}.", cycle.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"))
}

/// Text in a cell of a table, shown as it is.
pub(super) fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in plain(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '<' | '#') {
            shown.push('\\');
        }
        shown.push(c);
    }
    shown
}

/// A fence that no line of `text` can close.
fn fence(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

/// One line without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}

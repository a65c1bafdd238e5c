//! The report of a night: what it says, to whom, and its issue.

mod clock;
mod doors;
mod issue;
mod many;
mod pages;
mod told;

use serde_json::Value;

use crate::support::{Gitea, Teawatch};

/// Runs `teawatch report`, which must go well, and returns what it prints.
#[track_caller]
fn report(teawatch: &Teawatch, arguments: &[&str]) -> String {
    let arguments: Vec<_> = ["report"].iter().chain(arguments).copied().collect();
    let output = teawatch.cli(&arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The report of the last hour.
#[track_caller]
fn last_hour(teawatch: &Teawatch) -> Value {
    serde_json::from_str(&report(teawatch, &["--since", "1h", "--json"])).unwrap()
}

/// The rows of a table of a report.
#[track_caller]
fn rows(report: &Value, table: &str) -> Vec<Value> {
    report[table]["rows"].as_array().unwrap_or_else(|| panic!("no {table}: {report:#}")).clone()
}

/// The row of a table about this check.
#[track_caller]
fn row(report: &Value, table: &str, check: &str) -> Value {
    let rows = rows(report, table);
    let row = rows
        .iter()
        .find(|row| [&row["check"], &row["job"], &row["alert"]].contains(&&check.into()));
    row.unwrap_or_else(|| panic!("{check} is not in {table}: {rows:#?}")).clone()
}

/// The numbers of issues, and whether each is open.
fn issues(gitea: &Gitea) -> Vec<(u64, bool)> {
    gitea.issues().iter().map(|issue| (issue.number, issue.is_open)).collect()
}

//! What `teawatch status` says.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::InTime as _;

/// What only a teawatch that is well may say.
pub const ALL_IS_WELL: &str = "All is well: reports are taken, and Gitea takes what follows.";

/// The exit code of `teawatch status`, and what it prints.
#[track_caller]
pub fn status(data: &Path) -> (i32, String) {
    let (code, said) = run(data, &[]);
    assert_eq!(code == 0, said.contains(ALL_IS_WELL), "{said}");
    (code, said)
}

/// The same as JSON.
#[track_caller]
pub fn status_json(data: &Path) -> (i32, Value) {
    let (code, said) = run(data, &["--json"]);
    (code, serde_json::from_str(&said).unwrap())
}

#[track_caller]
fn run(data: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().current_dir(data).args(["status", "--data-dir"]).arg(data);
    let output = command.args(arguments).output_in_time();
    assert!(output.stderr.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The state of each task in an answer of `/readyz` or `status --json`.
#[track_caller]
pub fn task_state(answer: &Value, name: &str) -> String {
    let tasks = answer["tasks"].as_array().unwrap();
    let task = tasks.iter().find(|task| task["name"] == name);
    let task = task.unwrap_or_else(|| panic!("there is no task {name}: {answer:#}"));
    task["state"].as_str().unwrap().to_owned()
}

//! The demo, as a newcomer runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use teawatch::sandbox::ALICE_TOKEN;

use crate::support::client;

fn demo(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command
        .env_clear()
        .env("TMPDIR", directory)
        // A newcomer's surroundings do not matter.
        .env("TEAWATCH_LISTEN", "nonsense")
        .current_dir(directory)
        .args(["demo", "--once"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the demo, and `then` once it has told `words`, with the line that has them.
/// Returns its exit code and everything that it told.
fn interrupted(directory: &Path, words: &str, then: impl FnOnce(&str, Pid)) -> (i32, String) {
    let mut child = demo(directory).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    loop {
        let begin = told.len();
        assert_ne!(output.read_line(&mut told).unwrap(), 0, "no `{words}` in\n{told}");
        if told[begin..].contains(words) {
            then(&told[begin..], pid);
            break;
        }
    }
    output.read_to_string(&mut told).unwrap();
    (child.wait().unwrap().code().unwrap(), told)
}

#[test]
fn the_demo_shows_an_issue_open_commented_and_closed_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("teawatch.toml"), "nonsense = true\n").unwrap();
    let output = demo(directory.path()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}\n{log}");
    let at = |words: &str| told.find(words).unwrap_or_else(|| panic!("no `{words}` in\n{told}"));
    let story = [
        at("Both are well."),
        at("issue #1 is open: http://127.0.0.1:"),
        at("teawatch comments: "),
        at("issue #1 is closed: http://127.0.0.1:"),
        at("One trouble, one issue: #1 open, commented, closed"),
    ];
    assert!(story.is_sorted(), "{told}");
    assert!(told.contains("Recovered"), "{told}");
    let left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [directory.path().join("teawatch.toml")]);
}

#[test]
fn a_demo_that_sees_something_else_fails_and_says_what() {
    let directory = tempfile::tempdir().unwrap();
    let (code, told) = interrupted(directory.path(), "issue #1 is open", |line, _| {
        let (_, url) = line.trim().split_once("open: ").unwrap();
        let (gitea, _) = url.split_once("ops/").unwrap();
        let opened = client()
            .post(format!("{gitea}api/v1/repos/ops/alerts/issues"))
            .header("authorization", format!("token {ALICE_TOKEN}"))
            .json(&serde_json::json!({ "title": "a person's own issue" }))
            .send()
            .unwrap();
        assert_eq!(opened.status(), 201);
    });
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("there are 2 issues, and there should be one"), "{told}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_demo_that_is_cut_short_has_not_shown_anything() {
    let directory = tempfile::tempdir().unwrap();
    let (code, told) = interrupted(directory.path(), "Both are well", |_, pid| {
        kill_process(pid, Signal::INT).unwrap();
    });
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("cut short by SIGINT"), "{told}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_demo_that_cannot_begin_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    let output = demo(directory.path()).env("TMPDIR", &nowhere).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("teawatch: cannot make ") && said.contains("nowhere"), "{said}");
}

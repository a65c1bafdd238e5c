//! The demo, as a newcomer runs it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use teawatch::sandbox::ALICE_TOKEN;

use crate::support::{InTime as _, Told, ask, client};

/// The demo, in a directory that would lead it astray if it looked around.
fn demo(directory: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command
        .env_clear()
        .env("TMPDIR", directory)
        // A newcomer's surroundings do not matter, not even a proxy that nobody reaches.
        .env("TEAWATCH_LISTEN", "nonsense")
        .env("http_proxy", "http://127.0.0.1:1")
        .current_dir(directory)
        .arg("demo")
        .args(flags);
    command
}

/// Starts the demo that is told once.
fn started(directory: &Path) -> Told {
    Told::start(&mut demo(directory, &["--once"]))
}

/// The base address of the demo's Gitea.
fn gitea_of(demo: &Told) -> String {
    let line = demo.line("Gitea (a stand-in)");
    let url = line.split_whitespace().last().unwrap();
    url.split_once("ops/").unwrap().0.to_owned()
}

/// Orders, at the demo's Gitea, what is to happen to all such requests.
fn order(demo: &Told, action: &Value, method: &str, route: &str) {
    let fault = json!({
        "action": action,
        "matcher": { "method": method, "route": route },
        "times": null,
    });
    let order = client().post(format!("{}-/admin/faults", gitea_of(demo))).json(&fault);
    assert_eq!(ask(order).status, 201);
}

/// The demo ends within a minute, with this exit code, and leaves nothing. Returns what it
/// told.
#[track_caller]
fn ends(demo: Told, directory: &Path, code: i32) -> String {
    let (ended, told, log) = demo.end(Duration::from_secs(60));
    assert_eq!(ended, Some(code), "{told}\n{log}");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
    told
}

#[test]
fn the_demo_shows_an_issue_open_commented_and_closed_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("teawatch.toml"), "nonsense = true\n").unwrap();
    let output = demo(directory.path(), &["--once"]).output_in_time();
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
    let demo = started(directory.path());
    demo.line("issue #1 is open");
    let open = client()
        .post(format!("{}api/v1/repos/ops/alerts/issues", gitea_of(&demo)))
        .header("authorization", format!("token {ALICE_TOKEN}"))
        .json(&json!({ "title": "a person's own issue" }));
    assert_eq!(ask(open).status, 201);
    let told = ends(demo, directory.path(), 1);
    assert!(told.contains("there are 2 issues, and there should be one"), "{told}");
}

#[test]
fn a_demo_whose_comment_is_refused_for_ever_fails_and_says_what_it_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let demo = started(directory.path());
    order(&demo, &json!({ "do": "refuse", "status": 403 }), "POST", "comments");
    let told = ends(demo, directory.path(), 1);
    assert!(told.contains("issue #1 is open"), "{told}");
    assert!(told.contains("waited 12 s for comment 1 of issue #1 in vain"), "{told}");
}

#[test]
fn a_demo_whose_closing_is_refused_for_ever_fails_and_says_what_it_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let demo = started(directory.path());
    order(&demo, &json!({ "do": "refuse", "status": 412 }), "PATCH", "issue");
    let told = ends(demo, directory.path(), 1);
    assert!(told.contains("Both are mended."), "{told}");
    assert!(told.contains("waited 12 s for the issue to be closed in vain"), "{told}");
}

#[test]
fn a_demo_whose_gitea_no_longer_answers_ends_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let demo = started(directory.path());
    for method in ["GET", "POST"] {
        order(&demo, &json!({ "do": "do-and-stall" }), method, "issues");
    }
    let told = ends(demo, directory.path(), 1);
    assert!(told.contains("waited 12 s for an open issue in vain"), "{told}");
}

#[test]
fn a_demo_that_is_cut_short_has_not_shown_anything() {
    let directory = tempfile::tempdir().unwrap();
    let demo = started(directory.path());
    demo.line("Both are well");
    demo.signal(Signal::INT);
    let told = ends(demo, directory.path(), 1);
    assert!(told.contains("cut short by SIGINT"), "{told}");
}

#[test]
fn a_demo_for_looking_around_stays_up_until_ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = Told::start(&mut demo(directory.path(), &[]));
    demo.line("It all stays up for looking around");
    let issue = demo.line("issue #1 is open: ");
    let (_, issue) = issue.split_once("open: ").unwrap();
    let page = client().get(issue).send().unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().unwrap().contains("demo-host"));
    let ready = demo.line("/readyz");
    let ready = ask(client().get(ready.split_whitespace().last().unwrap()));
    assert_eq!(ready.status, 200, "{ready:?}");
    let pressed = client().post(format!("{issue}/reopen")).send().unwrap();
    assert!(pressed.status().is_success(), "{pressed:?}");
    let shown = client().get(issue).send().unwrap().text().unwrap();
    assert!(shown.contains("reopened this"), "{shown}");

    assert!(demo.runs());
    demo.signal(Signal::INT);
    ends(demo, directory.path(), 0);
}

#[test]
fn a_demo_that_cannot_begin_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    let output = demo(directory.path(), &["--once"]).env("TMPDIR", &nowhere).output_in_time();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("teawatch: cannot make ") && said.contains("nowhere"), "{said}");
}

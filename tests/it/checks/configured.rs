//! Checks that stand in the configuration.

use std::path::Path;
use std::process::{Command, Output};

use http::Method;
use serde_json::Value;
use teawatch::signature::{Master, manage_key};

use super::{complaint, ping, told};
use crate::support::{Gitea, InTime as _, MASTER, SALT, Teawatch, client, eventually, turns};

fn check(name: &str, settings: &str) -> String {
    format!("[[check]]\nsource = \"web1\"\nname = \"{name}\"\n{settings}\n")
}

fn start(data: &Path, gitea: &Gitea, file: &str) -> Teawatch {
    Teawatch::start_with_file(data, gitea, &[], file)
}

fn show(teawatch: &Teawatch, check: &str) -> String {
    told(&teawatch.cli(&["checks", "show", check]))
}

#[test]
fn a_check_of_the_configuration_is_there_from_the_start_and_its_silence_is_told() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let file = check("job", "interval = '1s'\ngrace = '500ms'\nslug = 'nightly'");
    let teawatch = start(data.path(), &gitea, &file);
    assert_eq!([ping(&teawatch, "job"), ping(&teawatch, "nightly")], [200, 200]);
    assert_eq!(ping(&teawatch, "other"), 404);
    eventually("its silence opens an issue", || gitea.open() == 1);
    assert_eq!(ping(&teawatch, "job"), 200);
    eventually("it is closed", || turns(&gitea.issue(1)).first() == Some(&"closed"));
}

#[test]
fn a_start_changes_what_the_configuration_says_otherwise_and_leaves_pauses() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let job = |every: &str| check("job", &format!("interval = '{every}'\ngrace = '1m'"));
    let teawatch = start(data.path(), &gitea, &(job("1h") + &check("other", "")));
    assert!(teawatch.log().contains("web1/job is new: due every 1h, at most 1m late"));
    assert!(teawatch.log().contains("web1/other is new: never due"));
    told(&teawatch.cli(&["checks", "pause", "web1/job"]));
    assert!(teawatch.stop().success());

    let teawatch = start(data.path(), &gitea, &(job("2h") + &check("other", "")));
    let words = "web1/job changes: due every 2h, at most 1m late; before: due every 1h, at most 1m";
    assert!(teawatch.log().contains(words), "{}", teawatch.log());
    assert!(!teawatch.log().contains("web1/other"), "{}", teawatch.log());
    let shown = show(&teawatch, "web1/job");
    assert!(shown.starts_with("web1/job is paused since "), "{shown}");
    assert!(shown.contains("It is due every 2h"), "{shown}");
    assert!(shown.contains("It is defined in the configuration."), "{shown}");
    assert!(teawatch.stop().success());
    // The same once more changes nothing.
    let teawatch = start(data.path(), &gitea, &(job("2h") + &check("other", "")));
    assert!(!teawatch.log().contains("web1/"), "{}", teawatch.log());
}

#[test]
fn a_check_that_is_gone_from_the_configuration_closes_its_issue_with_a_word() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, &check("job", ""));
    assert_eq!(ping(&teawatch, "job/fail"), 200);
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    let teawatch = start(data.path(), &gitea, "");
    eventually("it is closed", || gitea.open() == 0);
    let words = "the configuration no longer defines it";
    eventually("it says why", || gitea.comments(1).concat().contains(words));
    assert_eq!(ping(&teawatch, "job"), 404);
}

#[test]
fn what_people_have_defined_yields_to_the_configuration_and_cannot_change_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, "");
    told(&teawatch.cli(&["checks", "add", "web1/job", "--every", "1h"]));
    told(&teawatch.cli(&["checks", "add", "web1/own", "--every", "1h"]));
    assert!(teawatch.stop().success());
    let teawatch = start(data.path(), &gitea, &check("job", "interval = '2h'"));
    let words = "web1/job was defined by somebody else, and the configuration wins: due every 2h, \
                 at most 1h late; before: due every 1h, at most 1h late";
    assert!(teawatch.log().contains(words), "{}", teawatch.log());
    for call in [
        ["checks", "edit", "web1/job", "--every=3h"].as_slice(),
        &["checks", "add", "web1/job", "--every=3h"],
        &["checks", "remove", "web1/job"],
    ] {
        let output = teawatch.cli(call);
        assert_eq!(output.status.code(), Some(1), "{call:?}");
        let said = complaint(&output);
        assert!(said.contains("web1/job`: it stands in the configuration"), "{said}");
        assert!(said.contains("change its [[check]] there"), "{said}");
    }
    assert!(show(&teawatch, "web1/job").contains("It is due every 2h"));
    // What people define stays theirs.
    assert!(show(&teawatch, "web1/own").contains("It is due every 1h"));
    told(&teawatch.cli(&["checks", "remove", "web1/own"]));
}

#[test]
fn a_check_that_was_only_expected_may_be_defined_and_keeps_its_issue() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let expect = "[[expect]]\nsource = 'web1'\nname = 'job'\ninterval = '500ms'\n";
    let teawatch = start(data.path(), &gitea, expect);
    assert_eq!(ping(&teawatch, "job"), 200);
    eventually("its silence opens an issue", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    let teawatch = start(data.path(), &gitea, &check("job", "interval = '1h'"));
    assert!(show(&teawatch, "web1/job").contains("It is due every 1h"));
    assert_eq!((gitea.open(), gitea.comments(1).len()), (1, 0));
    assert_eq!(ping(&teawatch, "job"), 200);
    eventually("it is closed", || gitea.open() == 0);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn the_api_manages_no_check_of_the_configuration_and_says_so_but_may_pause_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, &check("job", "interval = '2h'"));
    let key = manage_key(&Master::parse(MASTER).unwrap(), "web1", 1);
    let send = |method: Method, path: &str, body: &str| {
        let url = format!("{}/api/v3/checks/{path}", teawatch.url);
        let answer = client().request(method, url).header("x-api-key", key.expose());
        let answer = answer.body(body.to_owned()).send().unwrap();
        (answer.status().as_u16(), answer.json::<Value>().unwrap())
    };
    let (_, list) = send(Method::GET, "", "");
    let job = &list["checks"][0];
    let uuid = job["uuid"].as_str().unwrap();
    assert_eq!(job["timeout"], 7_200);
    for (method, path, body) in [
        (Method::POST, "", r#"{"name": "job", "timeout": 60, "unique": ["name"]}"#),
        (Method::POST, "", r#"{"name": "job", "timeout": 60}"#),
        (Method::POST, uuid, r#"{"timeout": 60}"#),
        (Method::DELETE, uuid, ""),
    ] {
        let (status, answer) = send(method, path, body);
        assert_eq!(status, 409, "{answer}");
        let words = "this check stands in the configuration of teawatch, which wins";
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
    }
    assert_eq!(send(Method::POST, &format!("{uuid}/pause"), "").1["status"], "paused");
    assert_eq!(send(Method::POST, &format!("{uuid}/resume"), "").1["timeout"], 7_200);
    assert!(!teawatch.log().contains(key.expose()));
}

/// `config check` with this file, against the server at this address.
fn judge(data: &Path, gitea: &Gitea, file: &str, address: &str) -> Output {
    let path = data.join("next.toml");
    std::fs::write(&path, file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().env("TEAWATCH_GITEA_TOKEN", gitea.token()).env("TEAWATCH_SALT", SALT);
    command.env("TEAWATCH_MASTER_SECRET", MASTER).current_dir(data);
    command.args(["config", "check", "--gitea-url", &gitea.url, "--repository", "ops/alerts"]);
    command.args(["--listen", address, "--config"]).arg("next.toml").output_in_time()
}

#[test]
fn config_check_tells_what_a_start_would_change_where_the_server_can_be_asked() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let job = |every: &str| check("job", &format!("interval = '{every}'"));
    let file = job("1h") + &check("gone", "") + &check("same", "cron = '0 2 * * *'");
    let teawatch = start(data.path(), &gitea, &file);
    told(&teawatch.cli(&["checks", "add", "web1/own", "--every", "1h"]));
    told(&teawatch.cli(&["checks", "pause", "web1/same"]));
    let address = teawatch.url.trim_start_matches("http://").to_owned();
    let judged = |file: &str| told(&judge(data.path(), &gitea, file, &address));
    assert_eq!(judged(&file), "configuration is fine: next.toml\n");
    let next = job("2h") + &check("same", "cron = '0 2 * * *'") + &check("new", "run_limit = '1m'");
    assert_eq!(
        judged(&next),
        "configuration is fine: next.toml\n\
         a start changes: web1/job changes: due every 2h, at most 1h late; before: due every 1h, \
         at most 1h late\n\
         a start changes: web1/new is new: each run at most 1m\n\
         a start changes: web1/gone is in the configuration no longer: it is forgotten, and its \
         issue closes\n"
    );
    // Nothing has changed by asking.
    assert!(show(&teawatch, "web1/job").contains("It is due every 1h"));
    assert!(teawatch.stop().success());
    let alone = judged(&next);
    let words = "not compared with what the server has, of [[check]] 3: cannot reach teawatch at";
    assert!(alone.contains(words), "{alone}");
    assert_eq!(judged(""), "configuration is fine: next.toml\n");
}

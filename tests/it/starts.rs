//! Starts: a check that runs is seen to run, and says nothing about how it is.

use serde_json::Value;

use crate::support::{Gitea, Report, Teawatch, all_is_told, eventually, failing, passing};

fn starting(check: &str) -> Report {
    let (source, name) = check.split_once('/').unwrap();
    Report::new(source).check(name, "start", "running")
}

fn check(teawatch: &Teawatch, name: &str) -> Value {
    let checks = teawatch.get("/api/v1/checks").1["items"].as_array().unwrap().clone();
    checks.into_iter().find(|check| check["name"] == name).unwrap_or_default()
}

#[test]
fn a_check_that_was_only_started_runs_on_over_a_restart_until_its_result() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&starting("db1/backup"));
    let before = check(&teawatch, "backup");
    assert!(before["running_since"].is_string(), "{before:#}");
    assert_eq!((&before["results"], &before["last_seen"]), (&0.into(), &Value::Null));
    assert!(before["latest"].is_null(), "{before:#}");
    assert!(teawatch.stop().success());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(check(&teawatch, "backup")["running_since"], before["running_since"]);
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(check(&teawatch, "backup")["running_since"], before["running_since"]);
    teawatch.report(&passing("db1/backup"));
    let after = check(&teawatch, "backup");
    assert_eq!((&after["running_since"], &after["results"]), (&Value::Null, &1.into()));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 0);
}

#[test]
fn a_start_mends_nothing_and_is_told_to_nobody() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/backup"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.report(&starting("db1/backup"));
    let started = check(&teawatch, "backup");
    assert!(started["running_since"].is_string(), "{started:#}");
    assert_eq!((&started["status"], &started["results"]), (&"down".into(), &1.into()));
    assert_eq!(started["latest"]["summary"], "it is broken");
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.open(), gitea.comments(1).len()), (1, 0));
    teawatch.report(&passing("db1/backup"));
    eventually("the issue is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_run_that_never_ends_is_silent_once_its_time_is_over() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let start = serde_json::json!({
        "name": "backup", "kind": "start", "summary": "running", "interval_seconds": 0.5,
    });
    teawatch.report(&Report::new("db1").observation(start));
    eventually("an issue is open", || gitea.open() == 1);
    assert!(gitea.issue(1).title.contains("db1/backup"), "{:?}", gitea.issue(1));
    teawatch.report(&passing("db1/backup"));
    eventually("the issue is closed, or open again", || {
        teawatch.report(&passing("db1/backup"));
        gitea.open() == 0
    });
}

#[test]
fn a_route_by_label_judges_a_check_from_its_first_report_on() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let route = "[[route]]\nmatch.labels = { calm = \"yes\" }\nfail_after = 2\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], route);
    let labels = serde_json::json!({ "calm": "yes" });
    let failing = |name: &str| {
        Report::new("db1").observation(serde_json::json!({
            "name": name, "kind": "failure", "summary": "it is broken", "labels": labels,
        }))
    };
    teawatch.report(&failing("disk"));
    assert_eq!(check(&teawatch, "disk")["status"], "up");
    teawatch.report(&starting("db1/disk"));
    teawatch.report(&failing("disk"));
    assert_eq!(check(&teawatch, "disk")["status"], "down");
    eventually("an issue is open", || gitea.open() == 1);
}

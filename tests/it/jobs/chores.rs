//! Jobs that open issues for people.

use serde_json::json;
use teawatch::sandbox::ALICE_TOKEN;

use super::Work;
use crate::support::{OFTEN, REPOSITORY, ask, client, eventually};

/// Closes an issue, as a person does.
fn close(work: &Work, number: u64) {
    let path = format!("{}api/v1/repos/{REPOSITORY}/issues/{number}", work.gitea.url);
    let closing = client().patch(path).header("authorization", format!("token {ALICE_TOKEN}"));
    let closed = ask(closing.json(&json!({ "state": "closed" })));
    assert!((200..300).contains(&closed.status), "{closed:?}");
}

/// Waits until a chore is let go.
fn is_done(work: &Work, name: &str) {
    eventually("it is seen that it is done", || {
        let checks = work.teawatch.get("/api/v1/checks?limit=500").1["items"].clone();
        checks.as_array().unwrap().iter().all(|check| check["name"] != name)
    });
}

#[test]
fn a_chore_is_one_issue_until_somebody_closes_it_and_then_another() {
    let work = Work::with(&[OFTEN]);
    work.adds(&json!({
        "name": "restore", "do": "open-issue", "schedule": "0 9 1 * *",
        "title": "Try a restore", "body": "See the **runbook**.",
    }));
    work.run("restore");
    eventually("an issue is open", || work.gitea.open() == 1);
    let issue = &work.gitea.issues()[0];
    assert_eq!(issue.title, "[watchdog] teawatch/chore-restore: Try a restore");
    assert!(issue.body.contains("See the **runbook**.\n"), "{}", issue.body);
    // While it is open there is no other, also after a kill.
    work.run("restore");
    let still = "the issue of an earlier run is still open";
    eventually("it is done", || work.runs("restore")[0]["why"] == still);
    let work = work.killed(&[OFTEN]);
    work.run("restore");
    eventually("it is done", || work.states("restore") == ["done", "done", "done"]);
    assert_eq!(work.runs("restore")[0]["why"], still);
    work.teawatch.settles(&work.gitea);
    assert_eq!(work.gitea.issues().len(), 1);
    // Whoever closes it has done it: it is not opened again, and the next run opens another.
    close(&work, 1);
    is_done(&work, "chore-restore");
    work.teawatch.settles(&work.gitea);
    assert_eq!(work.gitea.open(), 0);
    work.run("restore");
    eventually("another is open", || work.gitea.open() == 1);
    assert!(work.gitea.issue(2).is_open);
    // It goes with its job.
    assert!(work.teawatch.cli(&["jobs", "remove", "restore"]).status.success());
    eventually("it is closed", || work.gitea.open() == 0);
    work.teawatch.settles(&work.gitea);
}

#[test]
fn chores_that_may_be_several_are_several() {
    let work = Work::with(&[OFTEN]);
    work.adds(&json!({
        "name": "restore", "do": "open-issue", "schedule": "0 9 1 * *",
        "title": "Try a restore", "one_at_a_time": false,
    }));
    for count in 1..=2 {
        work.run("restore");
        eventually("another issue is open", || work.gitea.open() == count);
    }
    close(&work, 1);
    is_done(&work, "chore-restore@1");
    work.teawatch.settles(&work.gitea);
    assert!(work.gitea.issue(2).is_open);
}

#[test]
fn what_an_issue_may_not_say_is_refused() {
    let work = Work::with(&[]);
    let sound = json!({
        "name": "restore", "do": "open-issue", "schedule": "0 9 1 * *", "title": "Try",
    });
    for (field, value, why) in [
        ("title", json!(null), "title: is needed"),
        ("title", json!(""), "title: must be one line of 1 to 200 bytes"),
        ("title", json!("x".repeat(201)), "title: must be one line"),
        ("title", json!("two\nlines"), "title: must be one line"),
        ("title", json!("Try -->"), "title: must not hold comments of HTML"),
        ("body", json!("x".repeat(4_001)), "body: must be at most 4000 bytes"),
        ("body", json!("<!-- teawatch -->"), "body: must not hold comments of HTML"),
        ("keep", json!(3), "keep: is for backups alone"),
        ("do", json!("sweep"), "title: is for open-issue alone"),
    ] {
        let mut draft = sound.clone();
        draft[field] = value;
        let answer = work.post("", &draft);
        assert_eq!(answer.error(), (422, "bad_body"), "{draft}");
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    let mut edge = sound;
    edge["title"] = json!("x".repeat(200));
    edge["body"] = json!("x".repeat(4_000));
    work.adds(&edge);
}

//! What people do to issues and repositories with Gitea's own buttons.

use serde_json::json;
use teawatch::sandbox::Route;

use super::*;
use crate::support::{OTHER, turns};

/// One row of the table.
struct Row {
    does: &'static str,
    settings: &'static [(&'static str, &'static str)],
    plays: fn(&Stage),
}

const fn row(does: &'static str, plays: fn(&Stage)) -> Row {
    Row { does, settings: &[], plays }
}

#[rustfmt::skip] // A table is read by its rows.
const ROWS: &[Row] = &[
    row("closes it", closes),
    Row { settings: &[("alerts.mute_max", "1s")], ..row("closes it, and the trouble lasts", is_reopened) },
    Row { settings: &[("alerts.on_manual_close", "reopen")], ..row("closes it in vain", is_reopened) },
    row("deletes it", deletes),
    Row { settings: &[("alerts.mute_max", "1s")], ..row("deletes it, and the trouble lasts", is_replaced) },
    row("reopens what fails", reopens_what_fails),
    row("reopens what is well", reopens_what_is_well),
    row("removes our label", removes_our_label),
    row("adds a mute label", adds_a_mute_label),
    row("edits title, text, assignees and milestone", edits),
    row("locks it", locks),
    row("renames the repository", |stage| moves(stage, "rename-repository", "name", "alarms", "ops/alarms")),
    row("transfers the repository", |stage| moves(stage, "transfer-repository", "to", "alice", "alice/alerts")),
    row("archives the repository", archives),
    row("switches issues off", |stage| {
        let units = |on: bool| of_repository("set-units", &json!({ "issues": on, "pulls": true }));
        is_refused(stage, &units(false), &units(true), "issues are switched off");
    }),
    row("takes our rights", |stage| {
        let right = |right| of_repository("set-rights", &json!({ "user": "teawatch", "right": right }));
        is_refused(stage, &right(None), &right(Some("write")), "404");
    }),
];

#[test]
fn all_of_it_is_respected_when_a_webhook_tells() {
    all(Way::Told);
}

#[test]
fn all_of_it_is_respected_when_nobody_tells() {
    all(Way::Asked);
}

fn all(way: Way) {
    act(
        ROWS,
        |row| row.does,
        |row| {
            let stage = Stage::new(way, row.settings);
            (row.plays)(&stage);
            stage.settles();
            stage.is_explained();
        },
    );
}

fn closes(stage: &Stage) {
    stage.press("close", &[]);
    stage.says(&["somebody had closed its issue by ", ", and it is reopened after "]);
    stage.reports(&smoke());
    stage.is_noticed();
    assert_eq!((stage.written().len(), stage.gitea().open()), (0, 0));
    stage.reports(&passing(CHECK));
    stage.says(&[
        "All is well; somebody had closed its issue by ",
        "further trouble has a new one.",
    ]);
    stage.settles();
    assert_eq!((stage.written().len(), turns(&stage.issue())), (1, vec!["closed"]));
    assert!(stage.written()[0].starts_with("**Recovered**"), "{:?}", stage.written());
    stage.reports(&relapse());
    eventually("it has an issue of its own", || stage.gitea().open() == 1);
    stage.is_plain();
    stage.settles();
    let [_, last] = stage.written().try_into().unwrap();
    assert!(
        last.ends_with("It is in trouble again since, and that has an issue of its own."),
        "{last}"
    );
    assert_eq!(turns(&stage.issue()), ["closed"]);
}

/// After `mute_max`, or at once: once, and it is said why.
fn is_reopened(stage: &Stage) {
    stage.press("close", &[]);
    eventually("it is reopened", || turns(&stage.issue()) == ["closed", "reopened"]);
    stage.settles();
    stage.is_noticed();
    stage.is_plain();
    let [why] = stage.written().try_into().unwrap();
    assert!(why.starts_with("**Reopened**: somebody had closed this"), "{why}");
    stage.ends();
    assert_eq!(turns(&stage.issue()), ["closed", "reopened", "closed"]);
}

fn deletes(stage: &Stage) {
    stage.api(Method::DELETE, "issues/1", &json!(null));
    stage.says(&["somebody had deleted its issue by ", ", and a new one follows after "]);
    stage.reports(&smoke());
    stage.reports(&passing(CHECK));
    stage.says(&[
        "All is well; somebody had deleted its issue by ",
        "further trouble has a new one.",
    ]);
    stage.settles();
    assert_eq!(stage.gitea().issues().len(), 0);
}

fn is_replaced(stage: &Stage) {
    stage.api(Method::DELETE, "issues/1", &json!(null));
    eventually("there is a new one", || stage.gitea().open() == 1);
    stage.is_plain();
    assert!(stage.gitea().issue(2).is_open);
    stage.ends();
    assert_eq!(stage.gitea().count(&Method::POST, Route::Issues), 2);
}

fn reopens_what_fails(stage: &Stage) {
    stage.press("close", &[]);
    stage.says(&["somebody had closed its issue by "]);
    stage.press("reopen", &[]);
    stage.is_plain();
    stage.ends();
    assert_eq!(turns(&stage.issue()), ["closed", "reopened", "closed"]);
}

fn reopens_what_is_well(stage: &Stage) {
    stage.ends();
    let before = stage.written().len();
    stage.press("reopen", &[]);
    eventually("it is closed again", || turns(&stage.issue()) == ["closed", "reopened", "closed"]);
    stage.settles();
    stage.is_noticed();
    assert_eq!((stage.written().len(), turns(&stage.issue()).len()), (before + 1, 3));
    assert!(stage.written()[before].starts_with("**All is well**"), "{:?}", stage.written());
    assert_eq!(stage.scene.explanation(), "All is well.");
}

fn removes_our_label(stage: &Stage) {
    let path = format!("issues/1/labels/{}", label(stage.gitea(), "watchdog"));
    stage.api(Method::DELETE, &path, &json!(null));
    stage.is_noticed();
    stage.is_plain();
    stage.ends();
    assert!(stage.gitea().world().labels_of(REPOSITORY, 1).is_empty());
    assert_eq!(turns(&stage.issue()), ["closed"]);
}

fn adds_a_mute_label(stage: &Stage) {
    let label =
        stage.api(Method::POST, "labels", &json!({ "name": "wontfix", "color": "#cccccc" }));
    stage.api(Method::POST, "issues/1/labels", &json!({ "labels": [label["id"]] }));
    stage.says(&["its issue wears a label that keeps it quiet until recovery."]);
    let body = stage.issue().body;
    stage.reports(&smoke());
    stage.is_noticed();
    assert_eq!((stage.written().len(), stage.issue().body), (0, body));
    stage.ends();
    assert!(stage.written()[0].starts_with("**Recovered**") && stage.written().len() == 1);
}

fn edits(stage: &Stage) {
    let body = format!("We are on it.\n\n{}", stage.issue().body);
    let made = of_repository("add-milestone", &json!({ "title": "the new rack" }));
    let milestone = stage.deed(&made)["made"].as_u64().unwrap();
    let edit = json!({
        "title": "the new disk is late", "body": body, "assignees": ["alice"],
        "milestone": milestone,
    });
    stage.api(Method::PATCH, "issues/1", &edit);
    stage.is_noticed();
    stage.is_plain();
    stage.reports(&smoke());
    eventually("the table is up to date", || stage.issue().body.contains("it smokes"));
    stage.ends();
    let issue = stage.issue();
    assert!(issue.body.starts_with("We are on it.\n\n"), "{}", issue.body);
    assert_eq!(issue.title, "the new disk is late");
    assert_eq!(stage.gitea().world().login(issue.assignees[0]), "alice");
    assert_eq!(issue.milestone, Some(milestone));
    assert_eq!((issue.assignees.len(), turns(&issue)), (1, vec!["closed"]));
}

fn locks(stage: &Stage) {
    stage.deed(&of_repository("lock", &json!({ "user": "alice", "issue": 1, "locked": true })));
    stage.is_plain();
    stage.ends();
    // Whoever may write may do so here too.
    assert!(stage.written()[0].starts_with("**Recovered**"), "{:?}", stage.written());
}

/// It goes on under its new name.
fn moves(stage: &Stage, deed: &str, key: &str, to: &str, name: &str) {
    stage.deed(&of_repository(deed, &json!({ key: to })));
    stage.reports(&passing(CHECK));
    let issue = || stage.gitea().world().issue(name, 1).unwrap().clone();
    eventually("it is closed", || !issue().is_open);
    stage.settles();
    assert_eq!((turns(&issue()), issue().comments().count()), (vec!["closed"], 1));
    assert_eq!(stage.scene.explanation(), "All is well.");
}

/// Nothing new can be told there.
fn archives(stage: &Stage) {
    stage.deed(&of_repository("archive", &json!({ "archived": true })));
    stage.reports(&failing(OTHER));
    let waits = "what there is to tell waits: the repository is archived.";
    eventually("what is new waits", || {
        stage.scene.alert_of(OTHER)["explanation"].as_str().unwrap().contains(waits)
    });
    stage.deed(&of_repository("archive", &json!({ "archived": false })));
    eventually("it is told", || stage.gitea().open() == 2);
    stage.reports(&Report::new("db1").check("other", "success", "fine"));
    stage.ends();
}

/// What there is to tell waits, and its sentence says why, until it is mended.
fn is_refused(stage: &Stage, breaks: &Value, mends: &Value, why: &str) {
    stage.deed(breaks);
    stage.reports(&passing(CHECK));
    stage.says(&["All is well; what there is to tell waits: ", why]);
    stage.deed(mends);
    eventually("it is closed", || stage.gitea().open() == 0);
    stage.settles();
    assert_eq!((turns(&stage.issue()), stage.written().len()), (vec!["closed"], 1));
    assert_eq!(stage.scene.explanation(), "All is well.");
}

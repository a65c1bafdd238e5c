//! When something is trouble and who hears of it: silence, lateness, not knowing, delays,
//! relapses.

use http::Method;
use serde_json::{Value, json};
use teawatch::sandbox::{EventKind, Route};

use crate::support::{
    Gitea, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing,
};

/// The status of a check, in the words of the README.
pub fn status(teawatch: &Teawatch, check: &str) -> String {
    let (_, page) = teawatch.get("/api/v1/checks?limit=500");
    let (source, name) = check.split_once('/').unwrap();
    let checks = page["items"].as_array().unwrap();
    let found = checks.iter().find(|check| check["source"] == source && check["name"] == name);
    found.map_or_else(String::new, |check| check["status"].as_str().unwrap().to_owned())
}

fn phases(teawatch: &Teawatch) -> Vec<Value> {
    let (_, page) = teawatch.get("/api/v1/alerts?limit=500");
    page["items"].as_array().unwrap().iter().map(|alert| alert["phase"].clone()).collect()
}

/// How often the first issue was closed.
fn closings(gitea: &Gitea) -> usize {
    let issue = gitea.issue(1);
    issue.timeline.iter().filter(|event| event.kind == EventKind::Close).count()
}

fn titles(gitea: &Gitea) -> Vec<String> {
    gitea.issues().into_iter().map(|issue| issue.title).collect()
}

#[test]
fn one_dead_host_is_one_issue_that_closes_when_it_reports_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let report = |kind: &str| {
        (0..5).fold(Report::new("db1").every(0.4), |report, n| {
            report.check(&format!("check-{n}"), kind, "seen")
        })
    };
    teawatch.report(&report("success"));
    eventually("the host's silence is told", || gitea.open() == 1);
    assert_eq!(titles(&gitea), ["[watchdog] db1/agent: silent"]);
    let body = gitea.issue(1).body;
    assert!(body.contains("**db1/agent is silent** since "), "{body}");
    eventually("nobody knows how its checks are", || status(&teawatch, "db1/check-4") == "unknown");
    assert_eq!(status(&teawatch, "db1/agent"), "down");
    // They would be down by now if they told anybody.
    all_is_told(&teawatch, &gitea);
    assert_eq!(phases(&teawatch), ["firing"]);
    teawatch.report(&report("success").every(3_600.0));
    eventually("it is closed", || gitea.open() == 0);
    eventually("the checks are up", || status(&teawatch, "db1/check-4") == "up");
    eventually("the return is told", || gitea.comments(1).len() == 1);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn a_check_that_fell_silent_while_its_agent_reports_has_an_issue_of_its_own() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let disk = json!({ "name": "disk", "kind": "success", "summary": "", "interval_seconds": 0.2 });
    teawatch.report(&Report::new("db1").every(3_600.0).observation(disk));
    eventually("its silence is told", || gitea.open() == 1);
    assert_eq!(titles(&gitea), ["[watchdog] db1/disk: silent"]);
    teawatch.report(&Report::new("db1").every(3_600.0).check("disk", "success", "back"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn late_is_shown_and_told_to_nobody() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.stale_factor", "10000")]);
    teawatch.report(&passing("db1/disk").every(0.1));
    eventually("it is late", || status(&teawatch, "db1/disk") == "late");
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.world().writes(), 0);
    assert_eq!(phases(&teawatch), Vec::<Value>::new());
    teawatch.report(&passing("db1/disk").every(3_600.0));
    eventually("it is up", || status(&teawatch, "db1/disk") == "up");
    assert_eq!(gitea.world().writes(), 0);
}

#[test]
fn unknown_for_too_long_is_an_issue_of_its_own_kind_that_a_result_closes() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.unknown_after", "300ms")]);
    teawatch.report(&passing("db1/disk"));
    let unknown = |why: &str| Report::new("db1").check("disk", "unknown", why);
    teawatch.report(&unknown("no such file: smartctl"));
    assert_eq!(status(&teawatch, "db1/disk"), "unknown");
    assert_eq!(gitea.open(), 0);
    eventually("it is told", || gitea.open() == 1);
    let issue = gitea.issue(1);
    assert_eq!(issue.title, "[watchdog] cannot tell: db1/disk: no such file: smartctl");
    assert!(issue.body.contains("**Nobody can tell how db1/disk is**"), "{}", issue.body);
    assert!(issue.body.contains("This is not a failure of what is watched"), "{}", issue.body);
    teawatch.report(&unknown("still no such file"));
    // A failure is an answer, too: one issue closes and the other opens.
    teawatch.report(&failing("db1/disk"));
    eventually("the failure has its issue", || gitea.issues().len() == 2 && gitea.open() == 1);
    assert_eq!(titles(&gitea)[1], "[watchdog] db1/disk: it is broken");
    assert!(!gitea.issue(1).is_open);
    teawatch.report(&unknown("no such file"));
    teawatch.report(&passing("db1/disk"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn unknown_for_a_moment_is_told_to_nobody_and_changes_no_verdict() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.fail_after", "2")]);
    let report = |kind: &str| Report::new("db1").check("disk", kind, kind);
    for kind in ["failure", "unknown", "success", "unknown"] {
        teawatch.report(&report(kind));
    }
    teawatch.report(&report("failure"));
    teawatch.report(&report("unknown"));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.world().writes(), 0);
    // The second failure in a row, although nobody could tell in between.
    teawatch.report(&report("failure"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.report(&report("unknown"));
    assert_eq!(phases(&teawatch), ["firing"]);
    teawatch.report(&report("success"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

const EXPECT: &str = r#"
[[expect]]
source = "backup1"
name = "nightly"
interval = "200ms"
"#;

#[test]
fn a_check_that_must_report_and_never_does_has_an_issue() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], EXPECT);
    eventually("its absence is told", || gitea.open() == 1);
    let issue = gitea.issue(1);
    assert_eq!(issue.title, "[watchdog] backup1/nightly: never heard of");
    assert!(issue.body.contains("**backup1/nightly was never heard of**"), "{}", issue.body);
    assert_eq!(status(&teawatch, "backup1/nightly"), "down");
    teawatch.report(&passing("backup1/nightly").every(3_600.0));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_check_that_is_no_longer_expected_closes_its_issue_with_a_word() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], EXPECT);
    eventually("its absence is told", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], "");
    eventually("it is closed", || gitea.open() == 0);
    eventually("the reason is told", || {
        let comments = gitea.comments(1);
        comments.iter().any(|comment| comment.contains("the configuration no longer expects it"))
    });
    all_is_told(&teawatch, &gitea);
}

#[test]
fn an_expected_check_that_a_new_store_has_not_heard_of_keeps_its_issue() {
    let gitea = Gitea::start();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("backup1/nightly"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.kill();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], EXPECT);
    eventually("its absence is trouble", || phases(&teawatch) == ["firing"]);
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (1, 1));
    assert_eq!(closings(&gitea), 0);
    teawatch.report(&passing("backup1/nightly").every(3_600.0));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn what_is_expected_of_a_check_that_is_known_counts_from_the_next_start_on() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("backup1/nightly"));
    assert!(teawatch.stop().success());
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], EXPECT);
    eventually("its silence is told", || gitea.open() == 1);
    assert_eq!(titles(&gitea), ["[watchdog] backup1/nightly: silent"]);
    teawatch.report(&passing("backup1/nightly").every(3_600.0));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_host_that_is_back_is_heard_before_it_is_believed_to_be_well() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.recover_after", "3")]);
    teawatch.report(&passing("db1/disk").every(0.2));
    eventually("its silence is told", || gitea.open() == 1);
    eventually("its check is unknown", || status(&teawatch, "db1/disk") == "unknown");
    teawatch.report(&failing("db1/disk").every(3_600.0));
    assert_eq!(status(&teawatch, "db1/agent"), "down");
    eventually("the failure is told", || titles(&gitea).len() == 2);
    assert_eq!(titles(&gitea)[1], "[watchdog] db1/disk: it is broken");
}

#[test]
fn the_checks_of_a_host_that_was_forgotten_are_believed_when_it_is_back() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("db1/disk").every(0.2));
    eventually("its check is unknown", || status(&teawatch, "db1/disk") == "unknown");
    assert!(teawatch.cli(&["checks", "forget", "db1/agent"]).status.success());
    // Nobody looks at it any more, so it is forgotten as well.
    assert_eq!(teawatch.get("/api/v1/checks").1["items"].as_array().unwrap().len(), 0);
    eventually("nothing is open", || gitea.open() == 0 && teawatch.outbox().is_empty());
    teawatch.report(&passing("db1/disk").every(3_600.0));
    assert_eq!(status(&teawatch, "db1/disk"), "up");
}

#[test]
fn a_job_that_reports_says_nothing_of_an_agent_that_has_died_and_is_heard_itself() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("db1/disk").every(0.3));
    eventually("the agent is silent", || gitea.open() == 1);
    teawatch.settles(&gitea);
    for _ in 0..3 {
        teawatch.report(&passing("db1/backup"));
    }
    assert_eq!(status(&teawatch, "db1/agent"), "down");
    assert_eq!(status(&teawatch, "db1/disk"), "unknown");
    teawatch.report(&failing("db1/backup"));
    eventually("the job's failure is told", || gitea.open() == 2);
    assert_eq!(titles(&gitea)[1], "[watchdog] db1/backup: it is broken");
    teawatch.report(&passing("db1/backup"));
    teawatch.report(&passing("db1/disk").every(3_600.0));
    eventually("all is well", || gitea.open() == 0);
    teawatch.settles(&gitea);
    // The agent's was closed once.
    assert_eq!((gitea.issues().len(), closings(&gitea)), (2, 1));
}

#[test]
fn what_is_expected_of_a_check_can_be_changed_and_withdrawn() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let start = |file: &str| Teawatch::start_with_file(data.path(), &gitea, &[], file);
    let teawatch = start(EXPECT);
    teawatch.report(&passing("backup1/nightly"));
    eventually("its silence is told", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());

    let teawatch = start(&EXPECT.replace("200ms", "1h"));
    teawatch.report(&passing("backup1/nightly"));
    eventually("it is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    let interval = teawatch.get("/api/v1/checks").1["items"].to_string();
    assert!(interval.contains("\"interval\":\"PT1H\""), "{interval}");
    assert!(teawatch.stop().success());

    let teawatch = start(EXPECT);
    eventually("its silence is told", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    let teawatch = start("");
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    let comments = gitea.comments(1).concat();
    assert!(comments.contains("the configuration no longer expects it"), "{comments}");
}

#[test]
fn a_trouble_shorter_than_open_after_is_told_to_nobody() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.open_after", "1h")]);
    teawatch.report(&failing("db1/disk"));
    assert_eq!(phases(&teawatch), ["pending"]);
    teawatch.report(&passing("db1/disk"));
    assert_eq!(phases(&teawatch), Vec::<Value>::new());
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.world().writes(), 0);
}

#[test]
fn a_trouble_longer_than_open_after_is_told_without_another_result() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.open_after", "500ms")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(phases(&teawatch), ["firing"]);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn an_issue_closes_once_all_was_well_for_close_after_and_a_relapse_before_changes_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.close_after", "700ms")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.report(&passing("db1/disk"));
    assert_eq!(phases(&teawatch), ["recovering"]);
    teawatch.report(&failing("db1/disk"));
    assert_eq!(phases(&teawatch), ["firing"]);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(closings(&gitea), 1);
}

#[test]
fn a_relapse_within_the_window_reopens_the_issue_with_a_comment() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for relapse in 0..3 {
        teawatch.report(&failing("db1/disk"));
        eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        teawatch.report(&passing("db1/disk"));
        eventually("the issue is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
        eventually("all is told", || gitea.comments(1).len() == 1 + 2 * relapse);
    }
    let comments = gitea.comments(1);
    assert!(comments[1].contains("**In trouble again** at 20"), "{}", comments[1]);
    assert!(comments[1].contains(": the first relapse in this issue."), "{}", comments[1]);
    assert!(comments[3].contains(": relapse number 2 in this issue."), "{}", comments[3]);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 1);
}

#[test]
fn a_relapse_after_the_window_is_a_new_issue_that_names_the_one_before() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.reopen_window", "0s")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    teawatch.report(&failing("db1/disk"));
    eventually("another is open", || gitea.issues().len() == 2);
    let body = gitea.issue(2).body;
    assert!(body.contains("The last time was #1."), "{body}");
    assert!(!gitea.issue(1).is_open && gitea.world().issue(REPOSITORY, 3).is_none());
    teawatch.report(&passing("db1/disk"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

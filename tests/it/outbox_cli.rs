//! What Gitea refuses for what it is, and the commands that show and change what waits.

use http::Method;
use serde_json::{Value, json};
use teawatch::engine::Progress;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    Gitea, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing, readiness,
};

fn refuse(status: u16) -> Fault {
    Fault::new(Action::Refuse { status, retry_after: None, body: Default::default() })
}

/// Runs a command that must go well, and returns what it printed.
#[track_caller]
fn run(teawatch: &Teawatch, arguments: &[&str]) -> String {
    let output = teawatch.cli(arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail, and returns why it did.
#[track_caller]
fn fail(teawatch: &Teawatch, arguments: &[&str]) -> String {
    let output = teawatch.cli(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn is_parked(teawatch: &Teawatch) -> bool {
    teawatch.outbox().iter().any(|entry| entry["parked"].is_object())
}

/// An opening that Gitea refuses although it is bare by now: labels and all are left out.
fn a_parked_opening() -> (tempfile::TempDir, Gitea, Teawatch) {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    gitea.order(refuse(422).on(&Method::POST, Route::Issues).until_cleared());
    teawatch.report(&failing("db1/disk"));
    eventually("it is parked", || is_parked(&teawatch));
    (data, gitea, teawatch)
}

#[test]
fn what_gitea_refuses_for_what_it_is_is_parked_shown_and_retried_by_a_person() {
    let (_data, gitea, teawatch) = a_parked_opening();
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 2);
    // The work goes on, so teawatch is ready, and says what there is to look at.
    let (ready, body) = readiness(&teawatch);
    assert!(ready);
    assert_eq!(body["notes"], json!(["1 effect is parked; see `teawatch outbox list`"]));
    let other = failing("db1/cpu");
    teawatch.report(&other);
    eventually("the other one is parked as well", || {
        teawatch.outbox().len() == 2 && {
            teawatch.outbox().iter().all(|entry| entry["parked"].is_object())
        }
    });
    let (_, body) = readiness(&teawatch);
    assert_eq!(body["notes"], json!(["2 effects are parked; see `teawatch outbox list`"]));

    let list = run(&teawatch, &["outbox", "list"]);
    let lines: Vec<_> = list.lines().collect();
    let head = ["NUMBER", "STATE", "EFFECT", "REPOSITORY", "ORDERED", "AT", "LAST", "ERROR"];
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), head);
    assert_eq!(lines.len(), 3);
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(words[1..4], ["parked", "open", REPOSITORY]);
    assert!(lines[1].contains("cannot create an issue") && lines[1].contains("422"), "{list}");
    let seq = words[0];

    let entries: Value =
        serde_json::from_str(&run(&teawatch, &["outbox", "list", "--json"])).unwrap();
    assert_eq!(entries.as_array().unwrap().len(), 2);
    let shown: Value = serde_json::from_str(&run(&teawatch, &["outbox", "show", seq])).unwrap();
    assert_eq!(shown["text"]["title"], "[watchdog] db1/disk: it is broken");
    assert_eq!(shown["left_out"], json!(["labels"]));
    assert!(shown["parked"]["reason"].as_str().unwrap().contains("422"), "{shown}");

    // Still refused: it is tried once and parked again.
    let before = gitea.world().count(&Method::POST, Route::Issues);
    assert_eq!(run(&teawatch, &["outbox", "retry", seq]), format!("effect {seq} is tried again\n"));
    eventually("it was tried", || gitea.world().count(&Method::POST, Route::Issues) > before);
    eventually("it is parked again", || {
        teawatch.outbox().iter().filter(|entry| entry["parked"].is_object()).count() == 2
    });
    gitea.world().clear_faults();
    for entry in entries.as_array().unwrap() {
        run(&teawatch, &["outbox", "retry", &entry["seq"].to_string()]);
    }
    eventually("both are open", || gitea.open() == 2);
    all_is_told(&teawatch, &gitea);
    assert_eq!(run(&teawatch, &["outbox", "list"]).lines().count(), 1);
    teawatch.report(&passing("db1/disk"));
    teawatch.report(&passing("db1/cpu"));
    eventually("both are closed", || gitea.open() == 0);
    eventually("what was left out is told", || {
        gitea.comments(1).iter().any(|comment| comment.contains("> labels could not be set: "))
    });
    // Nobody was to be assigned, so nobody is missed.
    assert!(!gitea.comments(1).iter().any(|comment| comment.contains("could not be assigned")));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn r150_the_list_tells_every_state_of_the_readme_apart() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("gitea.settle_wait", "1h")]);
    let opening = |fault: Fault| fault.on(&Method::POST, Route::Issues);
    gitea.order(opening(refuse(422).until_cleared()));
    teawatch.report(&failing("db1/parked"));
    eventually("it is parked", || is_parked(&teawatch));
    gitea.world().clear_faults();
    gitea.order(opening(Fault::new(Action::HangUp)));
    teawatch.report(&failing("db1/doubtful"));
    eventually("it was looked for in vain", || {
        teawatch.outbox().iter().any(|entry| entry["doubt"]["looks"] == 1)
    });
    // It cannot be closed before it is known whether it is open.
    teawatch.report(&passing("db1/doubtful"));
    let later = Action::Refuse { status: 429, retry_after: Some(3_600), body: Default::default() };
    gitea.order(opening(Fault::new(later)));
    teawatch.report(&failing("db1/waiting"));
    eventually("it is told to wait", || {
        run(&teawatch, &["outbox", "list"]).contains("  waiting  ")
    });

    let list = run(&teawatch, &["outbox", "list"]);
    let mut states: Vec<_> = list
        .lines()
        .skip(1)
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).nth(1).unwrap().trim())
        .collect();
    states.dedup();
    assert_eq!(states, ["parked", "in doubt", "queued", "waiting"], "{list}");
    let mut known = Progress::ALL.map(|progress| progress.to_string());
    known.sort();
    states.sort_unstable();
    assert_eq!(states, known);
}

#[test]
fn what_is_parked_is_tried_again_by_itself_and_at_each_start() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("gitea.park_retry", "200ms")]);
    gitea.order(refuse(422).on(&Method::POST, Route::Issues).times(6));
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open in the end", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    // Three at first, since something could be left out; then one at a time.
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 7);
    assert!(teawatch.stop().success());

    let (data, gitea, teawatch) = a_parked_opening();
    gitea.world().clear_faults();
    assert!(teawatch.stop().success());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("an issue is open after the start", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn a_parked_opening_is_struck_when_its_alert_recovers() {
    let (_data, gitea, teawatch) = a_parked_opening();
    teawatch.report(&passing("db1/disk"));
    gitea.world().clear_faults();
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 0);
    teawatch.report(&failing("db1/disk"));
    eventually("the next one opens", || gitea.open() == 1);
    assert!(gitea.issue(1).body.contains("It was in trouble once before, "));
    all_is_told(&teawatch, &gitea);
}

#[test]
fn what_a_person_drops_is_never_told_and_the_next_trouble_is() {
    let (_data, gitea, teawatch) = a_parked_opening();
    let seq = teawatch.outbox()[0]["seq"].to_string();
    // Without `--yes` a person is asked, and here nobody answers.
    fail(&teawatch, &["outbox", "drop", &seq]);
    assert!(is_parked(&teawatch));
    let said = run(&teawatch, &["outbox", "drop", "--yes", &seq]);
    assert_eq!(said, format!("effect {seq} is dropped\n"));
    let (_, alerts) = teawatch.get("/api/v1/alerts");
    assert_eq!(alerts["items"][0]["undelivered"], json!([]));
    gitea.world().clear_faults();
    all_is_told(&teawatch, &gitea);
    teawatch.report(&failing("db1/disk"));
    teawatch.report(&passing("db1/disk"));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 0);
    teawatch.report(&failing("db1/disk"));
    eventually("the next trouble has an issue", || gitea.open() == 1);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    for command in [
        &["outbox", "show", &seq][..],
        &["outbox", "retry", &seq],
        &["outbox", "drop", "--yes", &seq],
    ] {
        let error = fail(&teawatch, command);
        assert!(error.contains(&format!("there is no effect {seq} in the outbox")), "{error}");
    }
}

#[test]
fn a_closing_that_an_open_dependency_forbids_is_parked_and_holds_up_no_comment() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.comment_interval", "0s")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    // The closing comes before the edit of the table.
    gitea.order(refuse(412).on(&Method::PATCH, Route::Issue));
    teawatch.report(&passing("db1/disk"));
    eventually("the closing is parked, and nothing else waits", || {
        let outbox = teawatch.outbox();
        outbox.len() == 1 && outbox[0]["parked"].is_object()
    });
    assert_eq!(teawatch.outbox()[0]["effect"]["kind"], "close");
    assert_eq!(gitea.comments(1).len(), 1);
    assert!(gitea.issue(1).is_open);
    assert_eq!(readiness(&teawatch).1["notes"].as_array().unwrap().len(), 1);
    // A relapse makes it pointless, and the next recovery closes.
    teawatch.report(&failing("db1/disk"));
    assert!(teawatch.outbox().iter().all(|entry| entry["effect"]["kind"] != "close"));
    eventually("all is told", || teawatch.outbox().is_empty());
    gitea.order(refuse(412).on(&Method::PATCH, Route::Issue));
    teawatch.report(&passing("db1/disk"));
    eventually("the closing is parked again", || is_parked(&teawatch));
    let seq = teawatch.outbox()[0]["seq"].to_string();
    run(&teawatch, &["outbox", "retry", &seq]);
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn alerts_and_checks_are_shown_to_people_and_to_programs() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(run(&teawatch, &["alerts"]).lines().count(), 1);
    assert_eq!(run(&teawatch, &["checks", "--json"]), "[]\n");
    let report = Report::new("db1").check("disk", "failure", "97 %\u{1b}[31m \u{202e}\u{2067}full");
    teawatch.report(&report.check("cpu", "success", "cool"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());

    let alerts = run(&teawatch, &["alerts"]);
    let words: Vec<_> = alerts.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..4], ["firing", "ops/alerts#1", "db1/disk", "1"]);
    let alerts: Value = serde_json::from_str(&run(&teawatch, &["alerts", "--json"])).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 1);
    assert_eq!(alerts[0]["in_trouble"], json!(["db1/disk"]));
    assert_eq!((&alerts[0]["issue"], &alerts[0]["episode"]), (&json!(1), &json!(1)));

    let checks = run(&teawatch, &["checks"]);
    // The terminal is not at the mercy of whoever reports.
    assert!(!checks.contains(['\u{1b}', '\u{202e}', '\u{2067}']), "{checks}");
    assert!(checks.contains("97 % [31m   full"), "{checks}");
    let rows: Vec<Vec<_>> =
        checks.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let states: Vec<_> = rows.iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(states, [("up", "db1/agent"), ("up", "db1/cpu"), ("down", "db1/disk")]);
    let checks: Value = serde_json::from_str(&run(&teawatch, &["checks", "--json"])).unwrap();
    assert_eq!(checks[2]["latest"]["summary"], "97 %\u{1b}[31m \u{202e}\u{2067}full");
    assert_eq!(checks[2]["status"], "down");
}

#[test]
fn lists_longer_than_a_page_are_shown_whole() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for source in ["db1", "db2"] {
        let report = (0..600).fold(Report::new(source), |report, n| {
            report.check(&format!("check {n:03}/é"), "success", "")
        });
        teawatch.report(&report);
    }
    let checks: Value = serde_json::from_str(&run(&teawatch, &["checks", "--json"])).unwrap();
    assert_eq!(checks.as_array().unwrap().len(), 1_202);
}

#[test]
fn a_check_that_is_forgotten_closes_its_issue_with_a_word_and_may_come_back() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk/root é"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    run(&teawatch, &["checks", "forget", "db1/disk/root é"]);
    eventually("it is closed", || gitea.open() == 0);
    eventually("the reason is told", || {
        gitea
            .comments(1)
            .iter()
            .any(|comment| comment.contains("No longer watched: db1/disk/root é"))
    });
    all_is_told(&teawatch, &gitea);
    assert!(!run(&teawatch, &["checks"]).contains("db1/disk"));
    let error = fail(&teawatch, &["checks", "forget", "db1/disk/root é"]);
    assert!(error.contains("there is no check"), "{error}");
    let error = fail(&teawatch, &["checks", "forget", "db1"]);
    assert!(error.contains("a check is called SOURCE/NAME"), "{error}");
    teawatch.report(&failing("db1/disk/root é"));
    eventually("it is in trouble again", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
}

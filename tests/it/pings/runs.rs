//! Runs by their ids, through the door: what hangs is told, and what is sent twice is not.

use jiff::SignedDuration;
use serde_json::{Value, json};
use teawatch::check::{Definition, Schedule};
use teawatch::engine::settings::Settings;
use teawatch::store::Memory;

use super::{Turned, key};

const ONE: &str = "?rid=11111111-1111-4111-8111-111111111111";
const TWO: &str = "?rid=22222222-2222-4222-8222-222222222222";

fn limited() -> Definition {
    let run_limit = Some(SignedDuration::from_mins(10));
    let run_least = Some(SignedDuration::from_secs(5));
    let schedule = Schedule { run_limit, run_least, ..Schedule::default() };
    Definition { schedule, ..Definition::default() }
}

fn started() -> (Turned, String) {
    let turned = Turned::start("2026-01-01T00:00:00Z");
    turned.define("job", limited());
    let uuid = turned.uuid("job");
    (turned, uuid)
}

/// Those that go on, by the beginnings of their ids, and how long the last took.
fn runs(turned: &Turned) -> (Vec<String>, Value) {
    let check = turned.check("job");
    let runs = check["runs"].as_array().unwrap().iter();
    let names = runs.map(|run| run["rid"].as_str().unwrap_or("-")[..1].to_owned());
    (names.collect(), check["last_run"]["took"].clone())
}

#[test]
fn a_success_that_comes_twice_keeps_how_long_its_run_took() {
    let (turned, uuid) = started();
    turned.ping(&format!("{uuid}/start{ONE}"));
    turned.pass(30);
    turned.ping(&format!("{uuid}{ONE}"));
    turned.pass(1);
    turned.ping(&format!("{uuid}{ONE}"));
    assert_eq!(runs(&turned), (vec![], json!("PT30S")));
    assert_eq!(turned.check("job")["results"], 1);
}

#[test]
fn a_start_that_comes_late_or_twice_makes_no_run_that_has_ended_go_on() {
    let (turned, uuid) = started();
    turned.ping(&format!("{uuid}/start{ONE}"));
    turned.ping(&format!("{uuid}/start{ONE}"));
    assert_eq!(runs(&turned).0, ["1"]);
    turned.pass(30);
    turned.ping(&format!("{uuid}{ONE}"));
    turned.ping(&format!("{uuid}/start{ONE}"));
    turned.pass(3_600);
    assert_eq!((runs(&turned).0.len(), turned.status("job").as_str()), (0, "up"));
    assert_eq!(turned.firing(), Vec::<String>::new());
}

#[test]
fn every_run_is_watched_and_one_that_hangs_is_told_though_others_succeed() {
    let (turned, uuid) = started();
    turned.ping(&format!("{uuid}/start{ONE}"));
    turned.pass(60);
    turned.ping(&format!("{uuid}/start{TWO}"));
    turned.pass(60);
    turned.ping(&format!("{uuid}{TWO}"));
    assert_eq!(runs(&turned), (vec!["1".to_owned()], json!("PT1M")));
    turned.pass(480);
    assert_eq!(turned.status("job"), "up");
    turned.pass(1);
    assert_eq!(
        (turned.status("job").as_str(), turned.firing()),
        ("down", vec!["web1/job".to_owned()])
    );
    let account = turned.check("job")["account"].as_str().unwrap().to_owned();
    assert!(
        account.contains(
            "The run 11111111-1111-4111-8111-111111111111 began at 2026-01-01 00:00:00 UTC and \
             has not ended, which it must within 10m."
        ),
        "{account}"
    );
    turned.ping(&format!("{uuid}{ONE}"));
    assert_eq!((turned.status("job").as_str(), turned.firing().len()), ("up", 0));
    assert_eq!(runs(&turned), (vec![], json!("PT10M1S")));
}

#[test]
fn a_failure_ends_a_run_and_what_is_too_short_is_one() {
    let (turned, uuid) = started();
    turned.ping(&format!("{uuid}/start{ONE}"));
    turned.pass(60);
    turned.ping(&format!("{uuid}/fail"));
    assert_eq!(runs(&turned), (vec![], json!("PT1M")));
    assert_eq!(turned.status("job"), "down");
    turned.ping(&format!("{uuid}/start{TWO}"));
    turned.pass(4);
    turned.ping(&format!("{uuid}{TWO}"));
    assert_eq!(turned.status("job"), "down");
    let said = turned.check("job")["latest"]["summary"].clone();
    let words = "it ended after 4s: too short, it must take 5s at least (it says that all is well)";
    assert_eq!(said, words);
}

#[test]
fn a_log_says_nothing_of_runs_and_results() {
    let (turned, uuid) = started();
    turned.ping(&format!("{uuid}/start{ONE}"));
    let before = turned.check("job");
    turned.pass(30);
    let path = format!("{uuid}/log{ONE}");
    assert_eq!(turned.send(http::Method::POST, &path, "copying\ntable 7 of 9\n").0, 200);
    let mut after = turned.check("job");
    let logged = after["logged"].take();
    assert_eq!(logged["summary"], "table 7 of 9");
    assert_eq!(logged["details"], "copying\ntable 7 of 9\n");
    let account = after["account"].take();
    let words = "It logged last at 2026-01-01 00:00:30 UTC: table 7 of 9";
    assert!(account.as_str().unwrap().ends_with(words), "{account}");
    let mut rest = before.clone();
    rest["account"] = Value::Null;
    assert_eq!(after, rest);
}

#[test]
fn runs_outlive_a_restart_and_are_judged_to_the_second() {
    let memory = Memory::new();
    let gap = SignedDuration::from_hours(24 * 365);
    let settings = || Settings { absence_gap: gap, ..Settings::default() };
    let turned = Turned::over(&memory, "2026-01-01T00:00:00Z", settings());
    turned.define("job", limited());
    let uuid = turned.uuid("job");
    turned.ping(&format!("{uuid}/start{ONE}"));
    turned.ping(&format!("{uuid}{TWO}"));
    turned.inside.engine.stop();
    let turned = Turned::over(&memory, "2026-01-01T00:09:59Z", settings());
    // The address follows from the secret, and is kept nowhere.
    assert_eq!(turned.uuid("job"), uuid);
    assert_eq!(runs(&turned).0, ["1"]);
    turned.ping(&format!("{uuid}/start{TWO}"));
    assert_eq!(runs(&turned).0, ["1"]);
    turned.pass(1);
    assert_eq!(turned.status("job"), "up");
    turned.pass(1);
    assert_eq!(turned.status("job"), "down");
}

#[test]
fn a_check_without_a_definition_has_runs_too() {
    let turned = Turned::start("2026-01-01T00:00:00Z");
    let base = format!("{}/job", key("web1"));
    let first = turned.send(http::Method::POST, &format!("{base}/start{ONE}&create=1"), "");
    assert_eq!(first, (201, "Created".to_owned()));
    turned.pass(90);
    turned.ping(&format!("{base}/0{ONE}"));
    assert_eq!(runs(&turned), (vec![], json!("PT1M30S")));
}

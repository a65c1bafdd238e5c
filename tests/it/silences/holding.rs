//! What a silence holds up, and until when.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Scene, of_source, with};
use crate::support::{CHECK, OTHER, Report, eventually, failing, passing};

#[test]
fn no_issue_opens_under_a_silence_and_one_does_at_its_end() {
    let scene = Scene::with(&[]);
    scene.silences(&of_source("db*", 2.0));
    scene.teawatch.report(&failing(CHECK));
    scene.teawatch.report(&failing("web1/disk"));
    eventually("the other one has an issue", || scene.gitea.open() == 1);
    scene.goes_on();
    assert_eq!((scene.gitea.open(), scene.gitea.issues_about(CHECK).len()), (1, 0));
    let alert = scene.alert(CHECK);
    assert_eq!(
        (&alert["phase"], &alert["silenced"]["why"]),
        (&json!("pending"), &json!("a new disk"))
    );
    let explanation = alert["explanation"].as_str().unwrap();
    assert!(explanation.contains("alice (silence 1) has silenced it until"), "{explanation}");
    assert!(explanation.ends_with("(a new disk)."), "{explanation}");
    eventually("it is told at the end", || scene.gitea.issues_about(CHECK).len() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.alert(CHECK)["silenced"], json!(null));
}

#[test]
fn an_open_issue_hears_nothing_until_a_silence_is_ended_and_then_whose_it_was() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&failing(CHECK));
    eventually("an issue is open", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    let silence =
        scene.silences(&with(of_source("db1", 600.0), "match", json!({ "name": "d?sk" })));
    let writes = scene.gitea.world().writes();
    for summary in ["one", "two"] {
        scene.teawatch.report(&passing(CHECK));
        scene.teawatch.report(&Report::new("db1").check("disk", "failure", summary));
    }
    scene.goes_on();
    assert_eq!(scene.gitea.world().writes(), writes);
    scene.expires(&silence);
    eventually("it is told", || scene.gitea.comments(1).len() == 1);
    scene.teawatch.settles(&scene.gitea);
    let comment = scene.gitea.comments(1).remove(0);
    assert!(comment.contains("**The silence is over**"), "{comment}");
    let whose = "Nothing was written meanwhile: alice (silence 1) had silenced it (a new disk).";
    assert!(comment.contains(whose), "{comment}");
}

#[test]
fn what_is_well_at_the_end_of_a_silence_is_closed_then() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&failing(CHECK));
    eventually("an issue is open", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    scene.silences(&of_source("db1", 2.0));
    scene.teawatch.report(&passing(CHECK));
    scene.goes_on();
    assert_eq!((scene.gitea.open(), scene.alert(CHECK)["phase"].as_str()), (1, Some("recovering")));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    let comment = scene.gitea.comments(1).remove(0);
    assert!(comment.contains("**Recovered**"), "{comment}");
    assert!(comment.contains("alice (silence 1) had silenced it"), "{comment}");
}

#[test]
fn a_silence_that_begins_later_holds_from_then_on() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&failing(CHECK));
    eventually("an issue is open", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    let start = Timestamp::now() + SignedDuration::from_secs(1);
    let silence = scene.silences(&with(of_source("db1", 600.0), "start", json!(start)));
    assert_eq!((&silence["state"], &silence["start"]), (&json!("pending"), &json!(start)));
    assert_eq!(scene.alert(CHECK)["silenced"], json!(null));
    // Nothing happens to it meanwhile.
    eventually("it holds", || scene.alert(CHECK)["silenced"]["by"] == "alice (silence 1)");
    assert_eq!(scene.list()[0]["state"], "active");
    scene.teawatch.report(&passing(CHECK));
    scene.goes_on();
    assert_eq!(scene.gitea.open(), 1);
}

#[test]
fn an_alert_of_several_checks_is_silent_only_while_each_in_trouble_is_silenced() {
    let scene = Scene::with(&[("alerts.group_by", "source")]);
    scene.silences(&with(of_source("*", 600.0), "match", json!({ "name": "disk" })));
    scene.teawatch.report(&failing(CHECK));
    scene.goes_on();
    assert_eq!(scene.gitea.open(), 0);
    scene.teawatch.report(&failing(OTHER));
    eventually("the other one is told", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    scene.teawatch.report(&passing(OTHER));
    scene.goes_on();
    assert_eq!(scene.alert("db1")["silenced"]["by"], "alice (silence 1)");
}

#[test]
fn labels_choose_checks_as_they_do_in_routes() {
    let scene = Scene::with(&[]);
    let labels = json!({ "labels": { "team": "stor*" } });
    scene.silences(&with(of_source("*", 600.0), "match", labels));
    for (source, team) in [("db1", "storage"), ("db2", "network")] {
        let seen = json!({ "name": "disk", "kind": "failure", "labels": { "team": team } });
        scene.teawatch.report(&Report::new(source).observation(seen));
    }
    scene.teawatch.report(&failing("db3/disk"));
    eventually("two are told", || scene.gitea.open() == 2);
    scene.goes_on();
    assert_eq!(scene.gitea.issues_about("db1/disk").len(), 0);
    assert_eq!(scene.alert("db1/disk")["phase"], "pending");
}

#[test]
fn a_silence_outlives_kills_and_holds_to_its_end_also_while_nobody_runs() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&failing(OTHER));
    eventually("an issue is open", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    let silence = scene.silences(&of_source("db1", 6.0));
    scene.teawatch.report(&failing(CHECK));
    scene.teawatch.report(&passing(OTHER));
    let scene = scene.restarted(&[], || ());
    assert_eq!(scene.list(), std::slice::from_ref(&silence));
    scene.goes_on();
    assert_eq!(scene.alert(CHECK)["silenced"]["by"], "alice (silence 1)");
    assert_eq!((scene.gitea.open(), scene.gitea.issues_about(CHECK).len()), (1, 0));
    let end: Timestamp = silence["end"].as_str().unwrap().parse().unwrap();
    let scene = scene.restarted(&[], || {
        let left = end.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
        std::thread::sleep(left.unsigned_abs() + Duration::from_millis(200));
    });
    // What fails is told, and what is well is closed.
    eventually("the one is open", || scene.gitea.issues_about(CHECK).len() == 1);
    eventually("the other is closed", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.list()[0]["state"], "over");
}

#[test]
fn what_is_silenced_gets_no_row_in_the_overflow_issue_and_keeps_the_one_it_has() {
    let scene = Scene::with(&[("storm.max_new_issues", "1")]);
    for check in ["db1/disk", "db2/disk"] {
        scene.teawatch.report(&failing(check));
    }
    let overflow = || scene.gitea.issues_about("overflow of ops/alerts").pop();
    let has = |row: &str| overflow().is_some_and(|issue| issue.body.contains(row));
    eventually("the second has a row", || has("| db2/disk | **down** |"));
    scene.teawatch.settles(&scene.gitea);
    let silences = ["db2", "db3"].map(|source| scene.silences(&of_source(source, 600.0)));
    scene.teawatch.report(&passing("db2/disk"));
    scene.teawatch.report(&failing("db3/disk"));
    // The row of another one comes after both.
    scene.teawatch.report(&failing("db4/disk"));
    eventually("the fourth has a row", || has("| db4/disk |"));
    scene.goes_on();
    assert!(has("| db2/disk | **down** |") && !has("| db3/disk |"), "{:?}", overflow());
    silences.iter().for_each(|silence| scene.expires(silence));
    eventually("the third has a row", || has("| db3/disk | **down** |"));
    eventually("the second is well", || has("| db2/disk | well |"));
    scene.teawatch.settles(&scene.gitea);
}

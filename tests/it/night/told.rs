//! What is said of a night.

use std::time::{Duration, Instant};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use teawatch::sandbox::{Action, Fault, Route};

use super::{last_hour, report, row, rows};
use crate::support::{
    CHECK, Gitea, OFTEN, REPOSITORY, Report, Teawatch, eventually, failing, passing,
};

/// Gitea is asked all the time, and a short gap is an absence.
const SETTINGS: &[(&str, &str)] =
    &[OFTEN, ("absence.mark", "50ms"), ("absence.gap", "300ms"), ("reconcile.look_every", "50ms")];

fn duration(value: &Value) -> SignedDuration {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// One check is well, one was down, one is down, one is silenced, one was closed by hand, one
/// has an issue that Gitea does not take; and teawatch was away.
fn a_night() -> (tempfile::TempDir, Gitea, Teawatch) {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, SETTINGS);
    let silence = "silence add --source web2 --for 1h --author alice --reason";
    let silence: Vec<_> = silence.split(' ').chain(["a new disk"]).collect();
    assert!(teawatch.cli(&silence).status.success());
    teawatch.report(&passing("web1/http").every(3_600.0));
    teawatch.report(&failing("db1/backup"));
    teawatch.report(&passing("db1/backup"));
    teawatch.report(&Report::new("db1").check("disk", "failure", "97 % used | <@all>"));
    teawatch.report(&failing("web2/disk"));
    teawatch.report(&failing("db2/net"));
    eventually("both issues are open", || gitea.open() == 2);
    teawatch.settles(&gitea);
    let of_net = gitea.issues_about("db2/net").remove(0).number;
    gitea.world().close_as("alice", REPOSITORY, of_net, gitea.now()).unwrap();
    eventually("that is seen", || {
        let alerts = teawatch.get("/api/v1/alerts").1["items"].clone();
        alerts.as_array().unwrap().iter().any(|alert| alert["closed_by_hand_at"].is_string())
    });
    teawatch.kill();
    let began = Instant::now();
    eventually("it was away for long enough", || began.elapsed() > Duration::from_secs(2));

    let teawatch = Teawatch::start(data.path(), &gitea, SETTINGS);
    let refusal = Action::Refuse { status: 422, retry_after: None, body: Default::default() };
    gitea.order(Fault::new(refusal).on(&Method::POST, Route::Issues).until_cleared());
    teawatch.report(&failing("db3/cpu"));
    eventually("it is parked", || {
        teawatch.outbox().iter().any(|entry| entry["parked"].is_object())
    });
    (data, gitea, teawatch)
}

#[test]
fn r71_a_night_is_told_to_programs_and_to_people() {
    let (_data, gitea, teawatch) = a_night();
    let told = last_hour(&teawatch);
    let checks = &told["checks"];
    // Each host that reports has an agent as well, whose word it takes.
    assert_eq!((&checks["down"], &checks["unknown"]), (&json!(4), &json!(0)), "{told:#}");

    let disk = row(&told, "down", CHECK);
    assert_eq!((&disk["state"], &disk["summary"]), (&json!("down"), &json!("97 % used | <@all>")));
    let number = gitea.issues_about(CHECK)[0].number;
    assert_eq!(disk["issue"], json!(format!("{REPOSITORY}#{number}")));
    assert_eq!(row(&told, "down", "db3/cpu")["issue"], Value::Null);

    let backup = row(&told, "outages", "db1/backup");
    assert_eq!((&backup["times"], &backup["is_gone"]), (&json!(1), &json!(false)));
    let ended: Timestamp = backup["ended"].as_str().unwrap().parse().unwrap();
    assert!(ended <= told["at"].as_str().unwrap().parse().unwrap(), "{backup}");
    assert_eq!(row(&told, "outages", CHECK)["ended"], Value::Null);

    let quiet = |alert| row(&told, "quiet", alert)["why"].as_str().unwrap().to_owned();
    assert_eq!(quiet("db2/net"), "its issue was closed by hand");
    assert!(quiet("web2/disk").starts_with("alice (silence 1) has silenced it until"));
    assert_eq!(rows(&told, "quiet").len(), 2);

    let parked = row(&told, "parked", "db3/cpu");
    assert_eq!((&parked["effect"], &parked["repository"]), (&json!("open"), &json!(REPOSITORY)));
    assert!(parked["reason"].as_str().unwrap().contains("422"), "{parked}");
    assert_eq!(told["faults"], json!(["1 effect is parked; see `teawatch outbox list`"]));

    // It was away for two seconds, for which nobody is blamed.
    let absent = duration(&told["absent"]);
    assert!(absent >= SignedDuration::from_secs(1), "{absent}");
    let disk = row(&told, "availability", CHECK);
    let (known, down) = (duration(&disk["day"]["known"]), duration(&disk["day"]["down"]));
    assert_eq!(known, down, "it was never up");
    // The last mark of a killed process may be older than what it heard last.
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let (began, at) = (time(&row(&told, "outages", CHECK)["began"]), time(&told["at"]));
    let absence = &rows(&told, "absences")[0];
    let before = time(&absence["from"]).duration_since(began).max(SignedDuration::ZERO);
    assert_eq!(known, before + at.duration_since(time(&absence["until"])));
    assert_eq!(
        duration(&row(&told, "availability", "web1/http")["day"]["down"]),
        SignedDuration::ZERO
    );

    let agent = row(&told, "heartbeats", "web1/agent");
    assert_eq!(duration(&agent["interval"]), SignedDuration::from_hours(1));
    assert!(agent["ratio"].as_f64().unwrap() < 1.0, "{agent}");

    let text = report(&teawatch, &["--since", "1h"]);
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("Not well: 4 down, "), "{text}");
    assert!(first.contains("1 effect parked; 5 were down in the last 1 h, 2 alerts kept quiet"));
    for words in [
        "TEAWATCH ITSELF\n- 1 effect is parked",
        "NOT WELL (4)",
        "down: db1/disk  ",
        "97 % used | <@all>",
        "DOWN IN THE PERIOD (5)",
        "KEPT QUIET (2)",
        "PARKED (1)",
        "NOT LOOKING FROM (1)",
        "HEARTBEAT (1)",
        "AVAILABILITY (",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let markdown = report(&teawatch, &["--since", "1h", "--markdown"]);
    assert!(markdown.starts_with("**Not well: 4 down, "), "{markdown}");
    assert!(markdown.contains("| db1/disk | **down** | "), "{markdown}");
    assert!(!markdown.contains("@all") && !markdown.contains("<@"), "{markdown}");
}

#[test]
fn r74_the_panel_stands_alone_and_tells_a_workers_file_by_its_age() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(report(&teawatch, &["--panel"]), "Nothing says how often it is to be heard of.\n");
    let job = json!({
        "name": "jobs/db_backup", "kind": "failure", "summary": "stale",
        "numbers": { "age_seconds": 7_200.0, "interval_seconds": 1_800.0 },
    });
    // The other one is heard of with its agent.
    let report_of_all = Report::new("db1").observation(job).check("disk", "success", "");
    teawatch.report(&report_of_all.every(60.0));
    let panel = report(&teawatch, &["--panel"]);
    let lines: Vec<Vec<_>> = panel.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["HEARTBEAT", "(2)", "STATUS", "AGE", "INTERVAL", "RATIO"]);
    assert_eq!(lines[1], ["db1/jobs/db_backup", "down", "2", "h", "30", "min", "4.0"]);
    assert_eq!((lines[2][..2].to_vec(), lines.len()), (vec!["db1/agent", "up"], 3));
    let markdown = report(&teawatch, &["--panel", "--markdown"]);
    assert!(
        markdown.starts_with("### Heartbeats: 2\n\n| job | status | age | interval | ratio |\n")
    );
    assert!(
        markdown.contains("\n| db1/jobs/db\\_backup | down | 2 h | 30 min | 4.0 |\n"),
        "{markdown}"
    );
}

#[test]
fn what_nobody_can_tell_or_has_heard_of_is_never_all_well() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let expect = "[[expect]]\nsource = \"db1\"\nname = \"backup\"\ninterval = \"1h\"\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], expect);
    let unheard = last_hour(&teawatch);
    let summary = "It cannot be told whether all is well: 1 never seen of 1 check; none was down \
                   in the last 1 h.";
    assert_eq!(unheard["summary"], json!(summary));
    let backup = row(&unheard, "availability", "db1/backup");
    assert_eq!([&backup["day"], &backup["week"], &backup["month"]], [&Value::Null; 3]);
    let text = report(&teawatch, &[]);
    let last: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["db1/backup", "unknown", "unknown", "unknown"]);

    teawatch.report(&Report::new("db1").check("backup", "unknown", "no rights"));
    teawatch.report(&Report::new("db1").check("new", "unknown", "no rights"));
    let untold = last_hour(&teawatch);
    assert!(untold["summary"].as_str().unwrap().starts_with("It cannot be told whether"));
    for check in ["db1/backup", "db1/new"] {
        assert_eq!(row(&untold, "availability", check)["month"], Value::Null, "{check}");
    }
    teawatch.report(&passing("db1/backup"));
    teawatch.report(&passing("db1/new"));
    // What has only begun so far has not said how it is.
    teawatch.report(&Report::new("db1").check("begun", "start", ""));
    let well = last_hour(&teawatch);
    assert_eq!(row(&well, "availability", "db1/begun")["day"], Value::Null);
    assert_eq!(
        well["summary"],
        json!("All is well now: 4 checks up; none was down in the last 1 h.")
    );
    let new = row(&well, "availability", "db1/new");
    assert_eq!(duration(&new["day"]["down"]), SignedDuration::ZERO);
    // What came before the first word is not known.
    assert!(duration(&new["day"]["known"]) < SignedDuration::from_secs(600), "{new}");
}

#[test]
fn a_check_that_is_forgotten_is_told_with_the_night_and_measured_no_more() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    assert!(teawatch.cli(&["checks", "forget", CHECK]).status.success());
    let told = last_hour(&teawatch);
    let gone = row(&told, "outages", CHECK);
    assert_eq!((&gone["is_gone"], &gone["ended"].is_string()), (&json!(true), &true));
    assert!(!told["availability"].to_string().contains(CHECK), "{told:#}");
    assert_eq!(rows(&told, "down"), Vec::<Value>::new());
}

#[test]
fn a_host_that_is_silent_is_down_once_and_its_checks_are_unknown() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing(CHECK).every(0.5));
    eventually("it is silent", || last_hour(&teawatch)["checks"]["down"] == 1);
    let told = last_hour(&teawatch);
    assert_eq!(rows(&told, "down").len(), 1);
    assert_eq!(row(&told, "down", "db1/agent")["state"], "silent");
    assert_eq!(told["checks"]["unknown"], 1);
    let known = |told: &Value| duration(&row(told, "availability", CHECK)["day"]["known"]);
    let before = known(&told);
    eventually("time passes", || {
        let agent = row(&last_hour(&teawatch), "availability", "db1/agent");
        duration(&agent["day"]["down"]) > SignedDuration::from_millis(500)
    });
    assert_eq!(known(&last_hour(&teawatch)), before, "nobody knows more of it");
    teawatch.report(&passing(CHECK).every(3_600.0));
    let told = last_hour(&teawatch);
    let disk = row(&told, "availability", CHECK);
    assert_eq!(duration(&disk["day"]["down"]), SignedDuration::ZERO);
    let agent = row(&told, "outages", "db1/agent");
    assert!(known(&told) <= before + SignedDuration::from_secs(60) && agent["ended"].is_string());
}

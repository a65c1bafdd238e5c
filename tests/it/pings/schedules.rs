//! Schedules, through the door: what is missed is told, with what was expected.

use jiff::SignedDuration;
use teawatch::check::{Definition, Rhythm, Schedule, Slots};
use teawatch::engine::settings::Settings;
use teawatch::store::Memory;

use super::turned::{Turned, define_in};
use super::{get, key};
use crate::support::{Gitea, InTime as _, Teawatch, eventually};

/// At two o'clock by the clock of Berlin, with half an hour of grace.
fn nightly() -> Definition {
    let slots = Slots::new("0 2 * * *", "Europe/Berlin").unwrap();
    let schedule = Schedule::at(slots, SignedDuration::from_mins(30));
    Definition { schedule, ..Definition::default() }
}

#[test]
fn a_slot_that_is_missed_is_told_after_its_grace_also_when_the_clock_goes_forward() {
    // Two o'clock does not come that night: it is due at three, which is 01:00 UTC.
    let turned = Turned::start("2026-03-28T01:02:00Z");
    turned.define("job", nightly());
    let uuid = turned.uuid("job");
    turned.ping(&uuid);
    assert_eq!(turned.check("job")["due_at"], "2026-03-29T01:00:00Z");
    turned.pass(23 * 3_600 + 58 * 60);
    assert_eq!(turned.status("job"), "up");
    turned.pass(1);
    assert_eq!(turned.status("job"), "late");
    turned.pass(1_799);
    assert_eq!((turned.status("job").as_str(), turned.firing().len()), ("late", 0));
    turned.pass(1);
    assert_eq!((turned.status("job").as_str(), turned.firing().len()), ("down", 1));
    turned.ping(&uuid);
    assert_eq!((turned.status("job").as_str(), turned.firing().len()), ("up", 0));
}

#[test]
fn a_check_that_was_never_pinged_is_missed_unless_it_waits_for_its_first_ping() {
    let turned = Turned::start("2026-01-01T00:00:00Z");
    turned.define("job", nightly());
    turned.define("other", Definition { awaits_first: true, ..nightly() });
    turned.pass(24 * 3_600);
    assert_eq!([turned.status("job"), turned.status("other")], ["down", "never_seen"]);
    turned.ping(&turned.uuid("other"));
    turned.pass(2 * 24 * 3_600);
    assert_eq!(turned.status("other"), "down");
}

#[test]
fn a_slot_that_lay_wholly_in_an_absence_is_told_to_nobody() {
    let memory = Memory::new();
    let turned = Turned::over(&memory, "2026-01-01T01:02:00Z", Settings::default());
    turned.define("job", nightly());
    turned.ping(&turned.uuid("job"));
    turned.inside.engine.stop();
    // The night of the second, from before two until after half past.
    let turned = Turned::over(&memory, "2026-01-02T03:00:00Z", Settings::default());
    assert_eq!((turned.status("job").as_str(), turned.firing().len()), ("up", 0));
    assert_eq!(turned.check("job")["due_at"], "2026-01-03T01:00:00Z");
}

#[test]
fn defining_a_check_twice_changes_nothing_and_anew_judges_it_at_once() {
    let turned = Turned::start("2026-01-01T00:00:00Z");
    let every = |minutes| {
        let schedule = Schedule {
            rhythm: Some(Rhythm::Every(SignedDuration::from_mins(minutes))),
            ..Schedule::default()
        };
        Definition { schedule, ..Definition::default() }
    };
    assert_eq!(format!("{:?}", turned.define("job", every(60))), "Made");
    assert_eq!(format!("{:?}", turned.define("job", every(60))), "Same");
    turned.ping(&turned.uuid("job"));
    turned.pass(1_800);
    assert_eq!(turned.status("job"), "up");
    assert_eq!(format!("{:?}", turned.define("job", every(10))), "Changed");
    assert_eq!((turned.status("job").as_str(), turned.firing().len()), ("down", 1));
}

#[test]
fn another_zone_counts_from_the_next_slot_on_and_a_clock_that_goes_back_misses_nothing() {
    let turned = Turned::start("2026-01-01T12:00:00Z");
    turned.define("job", nightly());
    turned.ping(&turned.uuid("job"));
    assert_eq!(turned.check("job")["due_at"], "2026-01-02T01:00:00Z");
    let slots = Slots::new("0 2 * * *", "America/New_York").unwrap();
    let schedule = Schedule::at(slots, SignedDuration::from_mins(30));
    turned.define("job", Definition { schedule, ..Definition::default() });
    assert_eq!(turned.check("job")["due_at"], "2026-01-02T07:00:00Z");
    // By three hours: what was heard at noon was heard as long ago as before.
    turned.pass(3_600);
    turned.pass(-3 * 3_600);
    let check = turned.check("job");
    assert_eq!(check["last_seen"], "2026-01-01T09:00:00Z");
    assert_eq!(
        (&check["status"], &check["due_at"]),
        (&"up".into(), &"2026-01-02T07:00:00Z".into())
    );
    turned.pass(21 * 3_600 + 1_800);
    assert_eq!(turned.status("job"), "late");
    turned.pass(1);
    assert_eq!(turned.status("job"), "down");
}

#[test]
fn what_is_defined_is_kept_however_long_nobody_hears_of_it() {
    let settings = Settings {
        episodes_kept: SignedDuration::from_hours(1),
        absence_gap: SignedDuration::from_hours(24 * 365),
        ..Settings::default()
    };
    let turned = Turned::over(&Memory::new(), "2026-01-01T00:00:00Z", settings);
    turned.define("job", Definition::default());
    let other = format!("{}/other?create=1", key("web1"));
    assert_eq!(turned.send(http::Method::GET, &other, "").0, 201);
    turned.ping(&turned.uuid("job"));
    // Each turn looks at some.
    (0..5).for_each(|_| turned.pass(3_600));
    assert_eq!(turned.check("other")["error"]["code"], "missing");
    assert_eq!(turned.status("job"), "up");
}

#[test]
fn the_issue_says_what_was_expected_and_what_runs() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let schedule = Schedule {
        run_limit: Some(SignedDuration::from_millis(500)),
        ..Schedule::every(SignedDuration::from_secs(1), SignedDuration::from_secs(1))
    };
    define_in(data.path(), &[("job", Definition { schedule, ..Definition::default() })]);
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut print = std::process::Command::new(env!("CARGO_BIN_EXE_teawatch"));
    print.env_clear().env("TEAWATCH_MASTER_SECRET", crate::support::MASTER);
    print.args(["secret", "ping", "web1", "--check", "job"]);
    let uuid = String::from_utf8(print.output_in_time().stdout).unwrap();
    let path = format!("/ping/{}", uuid.trim());
    let rid = "11111111-1111-4111-8111-111111111111";
    assert_eq!(get(&teawatch, &format!("{path}/start?rid={rid}")), (200, "OK".to_owned()));
    eventually("an issue is open", || gitea.open() == 1);
    let issue = gitea.issue(1);
    assert_eq!(issue.title, "[watchdog] web1/job: runs for too long");
    let body = issue.body.replace(['\\', '\u{200b}'], "");
    for words in [
        "**web1/job runs for too long**: a run of it has begun, and had not ended by ",
        "It may hang, or have died without a word.",
        "It is due every 1s, at most 1s late, each run at most 500ms.",
        &format!("The run {rid} began at "),
        "has not ended, which it must within 500ms.",
    ] {
        assert!(body.contains(words), "no {words:?} in {body}");
    }
    let shown = teawatch.cli(&["checks", "show", "web1/job"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.starts_with("web1/job is down since "), "{shown}");
    assert!(shown.contains("each run at most 500ms") && shown.contains(rid), "{shown}");
    let json = teawatch.cli(&["checks", "show", "web1/job", "--json"]);
    assert!(String::from_utf8(json.stdout).unwrap().contains("\"is_over\": true"));
    let alert = teawatch.cli(&["alerts", "show", "web1/job"]);
    let alert = String::from_utf8(alert.stdout).unwrap();
    assert!(alert.contains("About web1/job: It is due every 1s, at most 1s late"), "{alert}");
    let unknown = teawatch.cli(&["checks", "show", "web1/none"]);
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("web1/none"));
    // The silence that follows is the same trouble.
    assert_eq!(get(&teawatch, &format!("{path}?rid={rid}")).0, 200);
    eventually("it is closed", || gitea.open() == 0);
    eventually("its silence opens it again", || gitea.open() == 1);
    assert_eq!(gitea.issues().len(), 1);
    // The address is a secret.
    for text in [
        teawatch.log(),
        teawatch.get("/api/v1/checks").1.to_string(),
        teawatch.get("/api/v1/alerts").1.to_string(),
        get(&teawatch, "/").1,
        get(&teawatch, "/metrics").1,
        shown,
        body,
    ] {
        assert!(!text.contains(uuid.trim()), "{text}");
    }
}

#[test]
fn a_uuid_goes_with_the_generation_of_its_source_and_with_its_rights() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    define_in(data.path(), &[("job", Definition::default())]);
    let uuid = |more: &[&str]| {
        let mut print = std::process::Command::new(env!("CARGO_BIN_EXE_teawatch"));
        print.env_clear().env("TEAWATCH_MASTER_SECRET", crate::support::MASTER);
        print.args(["secret", "ping", "web1", "--check", "job"]).args(more);
        String::from_utf8(print.output_in_time().stdout).unwrap().trim().to_owned()
    };
    let first = uuid(&[]);
    let second = uuid(&["--set", "agents.generation=web1=2"]);
    let third = uuid(&["--generation", "1"]);
    for (settings, taken) in [
        (&[][..], [200, 404, 404]),
        (&[("agents.generation", "web1=2")], [404, 200, 404]),
        (&[("agents.deny", "web1")], [404, 404, 404]),
        (&[("agents.auto", "false")], [404, 404, 404]),
    ] {
        let teawatch = Teawatch::start(data.path(), &gitea, settings);
        let answers =
            [&first, &second, &third].map(|uuid| get(&teawatch, &format!("/ping/{uuid}")).0);
        assert_eq!(answers, taken, "{settings:?}");
        assert!(teawatch.stop().success());
    }
}

#[test]
fn a_zone_that_has_vanished_from_the_machine_stops_no_start_and_is_told() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    define_in(data.path(), &[("job", nightly())]);
    // Another zone is still there.
    let zones = tempfile::tempdir().unwrap();
    std::fs::copy("/usr/share/zoneinfo/Asia/Tokyo", zones.path().join("Tokyo")).unwrap();
    let mut command = Teawatch::command(data.path(), &gitea, &[("alerts.unknown_after", "100ms")]);
    command.env("TZDIR", zones.path());
    let teawatch = Teawatch::launch(command);
    let job = || teawatch.get("/api/v1/check?source=web1&name=job").1;
    assert_eq!(job()["status"], "unknown", "{:#}", job());
    eventually("an issue says so", || gitea.open() == 1);
    let body = gitea.issue(1).body.replace(['\\', '\u{200b}'], "");
    assert!(body.contains("there is no time zone \"Europe/Berlin\""), "{body}");
    // Pings go on being taken, and tell nothing of when the next is due.
    assert_eq!(get(&teawatch, &format!("/ping/{}/job", key("web1"))).0, 200);
    assert_eq!(job()["status"], "unknown");
    assert!(teawatch.stop().success());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(get(&teawatch, &format!("/ping/{}/job", key("web1"))).0, 200);
    assert_eq!(teawatch.get("/api/v1/check?source=web1&name=job").1["status"], "up");
    eventually("it is closed", || gitea.open() == 0);
}

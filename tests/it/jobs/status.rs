//! Whether it is told honestly that jobs come by themselves.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use teawatch::clock::Clock;
use teawatch::tasks::{Folder, Marks, Pace};

use super::Work;
use super::chronos::Outside;
use crate::support::{Gitea, Teawatch, eventually, status, status_json, task_state};

const FIRES: &str = "Jobs will fire automatically";

#[test]
fn d6_status_says_that_jobs_fire_only_while_they_do() {
    let work = Work::with(&[]);
    work.add("switch", "dead-man", "0 3 * * *");
    let said = || status(work.data.path()).1;
    eventually("jobs are told of", || said().contains("the built-in scheduler has 1 active of 1"));
    let next = work.job("switch")["next"].as_str().unwrap().to_owned();
    let line = format!(
        "{FIRES}: the built-in scheduler has 1 active of 1 jobs, the next is `switch` at {next}."
    );
    assert!(said().contains(&line), "{}", said());
    // R122: with the pid.
    assert!(said().contains(&format!("pid {}", work.teawatch.pid().as_raw_nonzero())));
    let pause = ["jobs", "pause", "--all", "--reason", "we move"];
    assert!(work.teawatch.cli(&pause).status.success());
    eventually("the pause is told", || {
        said().contains("Jobs do NOT fire: all jobs are paused: we move.")
    });
    assert!(!said().contains(FIRES));
    let (_, readiness) = work.teawatch.get("/readyz");
    assert_eq!(task_state(&readiness, "scheduler"), "paused");
    let note = format!("{}", readiness["notes"]);
    assert!(note.contains("all jobs are paused since"), "{note}");
    assert!(work.teawatch.cli(&["jobs", "resume", "--all"]).status.success());
    eventually("they go on", || said().contains(FIRES));
    kill_process(work.teawatch.pid(), Signal::KILL).unwrap();
    eventually("it is gone", || said().contains("is gone without a word"));
    assert!(said().contains("Jobs will NOT be run before it is."), "{}", said());
    assert!(!said().contains(FIRES));
}

/// Waits until status has this exit code and these words, each time after `plant`, and holds
/// that it says that jobs fire if they do and not otherwise.
#[track_caller]
fn says(data: &Path, plant: impl Fn(), code: i32, words: &[&str], fire: bool) {
    let mut last = (0, String::new());
    eventually(&format!("status ends with {code} and says {words:?}"), || {
        plant();
        last = status(data);
        last.0 == code && words.iter().all(|words| last.1.contains(words))
    });
    assert_eq!(last.1.contains(FIRES), fire, "{}", last.1);
}

/// Makes the mark of a task as old as that, as if it had hung since.
fn age(data: &Path, mark: &str, hours: i64) {
    let path = data.join("marks").join(mark);
    let mut content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    content["at"] = json!(Timestamp::now() - SignedDuration::from_hours(hours));
    fs::write(path, content.to_string()).unwrap();
}

#[test]
fn r119_to_r123_each_state_of_a_real_server_has_its_own_words_and_exit_code() {
    // It never ran.
    let empty = tempfile::tempdir().unwrap();
    says(empty.path(), || (), 2, &["It cannot be told", "no teawatch ever ran in"], false);
    assert_eq!(status_json(empty.path()).1["verdict"], "unknown");

    // It is healthy.
    let work = Work::with(&[("scheduler.every", "1h")]);
    work.add("switch", "dead-man", "0 3 * * *");
    let pid = format!("teawatch runs: pid {},", work.teawatch.pid().as_raw_nonzero());
    let healthy = [&*pid, "the built-in scheduler has "];
    let data = work.data.path();
    says(data, || (), 0, &healthy, true);
    assert_eq!(status_json(data).1["verdict"], "well");

    // Its loop has stalled, while everything else is at work.
    let stalled = ["Jobs do NOT fire: the scheduler has STALLED.", "Restart teawatch", &pid];
    says(data, || age(data, "scheduler.alive", 100), 1, &stalled, false);
    // It is alive, and no tick has succeeded for long.
    let planted = |hours| {
        age(data, "scheduler.alive", 0);
        age(data, "scheduler.success", hours);
    };
    let failing = ["Jobs may not fire in time: no tick has succeeded since 20", &pid];
    says(data, || planted(100), 1, &failing, false);
    says(data, || planted(0), 0, &healthy, true);

    // It is paused.
    let pause = ["jobs", "pause", "--all", "--reason", "we move"];
    assert!(work.teawatch.cli(&pause).status.success());
    let work = work.killed(&[]);
    let data = work.data.path();
    says(data, || (), 0, &["Jobs do NOT fire: all jobs are paused: we move."], false);
    assert!(work.teawatch.cli(&["jobs", "resume", "--all"]).status.success());
    says(data, || (), 0, &["the built-in scheduler has 1 active of 1 jobs"], true);

    // It is stopped.
    let Work { teawatch, data, .. } = work;
    assert!(teawatch.stop().success());
    let stopped = ["teawatch is stopped since", "Jobs will NOT be run before it is."];
    says(data.path(), || (), 1, &stopped, false);
    assert_eq!(status_json(data.path()).1["verdict"], "trouble");
}

#[test]
fn r121_u26_ticks_that_fail_and_a_provider_that_was_replaced_are_told_as_what_they_are() {
    // Nobody listens where this scheduler is to be told of times.
    let settings = [
        ("scheduler.provider", "webhook"),
        ("scheduler.arming_url", "http://127.0.0.1:9/"),
        ("public_url", "https://tea.test/"),
    ];
    let work = Work::with(&settings);
    work.add("switch", "dead-man", "0 3 * * *");
    let failing = [
        "Jobs may not fire in time: no tick has succeeded",
        "1 of its times could not be told: it cannot be reached",
        "the scheduler outside, which is told of each time, has 1 active of 1 jobs",
    ];
    says(work.data.path(), || (), 1, &failing, false);
    // R111: loudly.
    let log = work.teawatch.log();
    let line = log.lines().find(|line| line.contains(failing[1]));
    assert!(line.is_some_and(|line| line.contains("ERROR")), "{log}");
    assert_eq!(work.teawatch.get("/readyz").0, 503);

    // One that is not there is replaced, which is told, and jobs fire.
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("scheduler.provider", "chronos"), ("scheduler.every", "50ms")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let replaced = ["`scheduler.provider` is \"chronos\"", "the built-in scheduler is at work"];
    says(data.path(), || (), 0, &replaced, true);
    assert!(teawatch.stop().success());
}

/// U20: how long a scheduler may be silent follows from how often it is to look.
#[test]
fn u20_a_scheduler_that_looks_seldom_is_waited_for_as_long() {
    let paces = ["1s", "1h"].map(|every| {
        let work = Work::with(&[("scheduler.every", every)]);
        let path = work.data.path().join("marks/process");
        let mut pace = Value::Null;
        eventually("its pace is noted", || {
            let Ok(text) = fs::read(&path) else { return false };
            let owner: Value = serde_json::from_slice(&text).unwrap();
            pace = owner["tasks"]["scheduler"].clone();
            !pace.is_null()
        });
        pace
    });
    for (pace, every) in paces.iter().zip(["PT1S", "PT1H"]) {
        assert_eq!(*pace, json!({ "beats": every, "succeeds": every }));
    }
}

#[test]
fn r95_a_scheduler_that_is_not_there_is_told_of_and_jobs_come_all_the_same() {
    let work = Work::with(&[("scheduler.provider", "chronos")]);
    let before = work.pings();
    work.adds(&json!({ "name": "switch", "do": "dead-man", "schedule": "every 1s" }));
    eventually("it comes", || work.pings() > before + 1);
    let warning = "`scheduler.provider` is \"chronos\", and there is none called so";
    assert!(work.teawatch.log().contains(warning), "{}", work.teawatch.log());
    let notes = work.teawatch.get("/readyz").1["notes"].to_string();
    assert!(notes.contains("and there is none called so"), "{notes}");
    eventually("status says so, too", || status(work.data.path()).1.contains(warning));
}

/// What is said of marks that are so many seconds old: of the start, of the last success and
/// of the last sign of life.
fn said_of(started: i64, success: Option<i64>, alive: i64) -> String {
    let data = tempfile::tempdir().unwrap();
    let age = Arc::new(AtomicI64::new(started));
    let shown = Arc::clone(&age);
    let clock = Clock::from_fn(move || {
        Timestamp::now() - SignedDuration::from_secs(shown.load(Ordering::Relaxed))
    });
    let marks = Marks::new(clock);
    let mark = marks.task("scheduler", Pace::of_turns(SignedDuration::from_mins(1)));
    mark.note("the built-in scheduler has 3 active of 4 jobs".to_owned());
    if let Some(success) = success {
        age.store(success, Ordering::Relaxed);
        mark.succeeded();
    }
    age.store(alive, Ordering::Relaxed);
    mark.alive();
    drop(Folder::start(&marks, data.path()).unwrap());
    status(data.path()).1
}

#[test]
fn r119_to_r123_a_stale_scheduler_is_told_as_what_it_is() {
    // R122: both are fresh.
    let fresh = said_of(10_000, Some(5), 5);
    assert!(fresh.contains(&format!("{FIRES}: the built-in scheduler has 3 active of 4 jobs.")));
    // R120: nothing was heard of it for long.
    let stalled = said_of(10_000, Some(9_999), 9_999);
    assert!(stalled.contains("Jobs do NOT fire: the scheduler has STALLED."), "{stalled}");
    assert!(stalled.contains("Restart teawatch."), "{stalled}");
    // R121: it is alive, and nothing comes of it.
    for success in [Some(9_999), None] {
        let failing = said_of(10_000, success, 5);
        assert!(failing.contains("Jobs may not fire in time: no tick has succeeded"), "{failing}");
    }
    // U23, R123: it has just begun, or was never heard of: nobody can tell.
    let begun = said_of(6, None, 5);
    assert!(begun.contains("It cannot be told whether jobs fire."), "{begun}");
    for said in [&stalled, &begun, &said_of(10_000, Some(9_999), 5), &said_of(10_000, None, 5)] {
        assert!(!said.contains(FIRES), "{said}");
    }
    for said in [&fresh, &stalled, &begun, &said_of(10_000, None, 5)] {
        assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    }
}

/// The scheduler itself does not look for an hour.
#[test]
fn a_pause_of_all_jobs_and_its_end_are_told_at_once() {
    let work = Work::with(&[("scheduler.every", "1h")]);
    work.add("switch", "dead-man", "0 3 * * *");
    let data = work.data.path();
    says(data, || (), 0, &["the built-in scheduler has 1 active of 1 jobs"], true);
    let pause = ["jobs", "pause", "--all", "--reason", "we move"];
    assert!(work.teawatch.cli(&pause).status.success());
    says(data, || (), 0, &["Jobs do NOT fire: all jobs are paused: we move."], false);
    assert!(work.teawatch.cli(&["jobs", "resume", "--all"]).status.success());
    says(data, || (), 0, &["the built-in scheduler has 1 active of 1 jobs"], true);
    let pause = ["jobs", "pause", "switch", "--reason", "it moves"];
    assert!(work.teawatch.cli(&pause).status.success());
    says(data, || (), 0, &["the built-in scheduler has 0 active of 1 jobs"], true);
}

/// It was at work before, and does not look for an hour.
#[test]
fn u26_a_time_that_cannot_be_told_outside_is_in_status_at_once() {
    let outside = Outside::start();
    let settings = [
        ("scheduler.provider", "webhook"),
        ("scheduler.arming_url", &outside.server.url),
        ("public_url", "https://tea.test/"),
        ("scheduler.every", "1h"),
    ];
    let work = Work::with(&settings);
    let data = work.data.path();
    let who = "the scheduler outside, which is told of each time, has ";
    says(data, || (), 0, &[who], true);
    outside.be_away(true);
    work.add("switch", "dead-man", "0 3 * * *");
    let failing = ["1 of its times could not be told: it answered 503 Service Unavailable", who];
    says(data, || (), 1, &failing, false);
}

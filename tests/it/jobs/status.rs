//! Whether it is told honestly that jobs come by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Signal, kill_process};
use serde_json::json;
use teawatch::clock::Clock;
use teawatch::tasks::{Folder, Marks, Pace};

use super::Work;
use crate::support::{eventually, status, task_state};

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
    for said in [stalled, begun, said_of(10_000, None, 5)] {
        assert!(!said.contains(FIRES), "{said}");
        assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    }
}

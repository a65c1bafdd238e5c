//! Whether it is told honestly that jobs come by themselves.

use rustix::process::{Signal, kill_process};
use serde_json::json;

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

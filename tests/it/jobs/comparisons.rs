//! Comparing the repositories, now.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use serde_json::json;
use teawatch::job::RunState;
use teawatch::jobs::{Builtin, Choice};

use super::within::{Within, turned};
use crate::support::{StandIn, answer_of, ask, client, eventually};

#[test]
fn a_comparison_is_done_when_all_were_compared_though_the_clock_is_set_back_meanwhile() {
    let (data, switch) = (tempfile::tempdir().unwrap(), StandIn::start(|_, _| answer_of(200, "")));
    let (clock, passed) = turned();
    let scheduler = Arc::new(Builtin::new(SignedDuration::from_secs(60)));
    let within =
        Within::start(data.path(), &clock, Choice { scheduler, warning: None }, &switch.url);
    // As the task does that compares.
    let compares = || within.inside.ask(|core, now| core.polled("", None, 1, now));
    within.inside.ask(|core, now| core.adopt("", None, &[], now));
    compares();
    within.add(json!({ "name": "compare", "do": "reconcile", "schedule": "0 0 1 1 *" }));
    let run = client().post(format!("{}/api/v1/jobs/compare/run", within.inside.url));
    assert_eq!(ask(run.json(&json!({}))).status, 200);
    let state = || {
        let runs = within.inside.ask(|core, _| core.runs_page("compare", None, 9)).unwrap().items;
        runs[0].state
    };
    eventually("it runs", || state() == RunState::Running);
    passed.fetch_sub(3_600, Ordering::Relaxed);
    eventually("it is done", || {
        compares();
        state() == RunState::Done
    });
    within.kill();
}

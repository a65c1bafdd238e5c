//! Kills at any moment: no slot runs twice.

use std::collections::BTreeMap;

use serde_json::json;

use super::Work;
use crate::support::eventually;

#[test]
fn whenever_the_kill_comes_no_slot_begins_twice() {
    let mut work = Work::with(&[]);
    work.adds(&json!({
        "name": "switch", "do": "dead-man", "schedule": "every 1s", "missed": "all",
        "missed_max": 100,
    }));
    // A kill at each of these moments after a run was seen to have begun, in milliseconds.
    for pause in [0, 1, 2, 3, 5, 8, 13, 40, 300, 700] {
        let before = work.pings();
        eventually("it runs", || work.pings() > before + 1);
        std::thread::sleep(std::time::Duration::from_millis(pause));
        work = work.killed(&[]);
    }
    work.post("/switch/pause", &json!({ "reason": "enough" }));
    eventually("nothing is under way", || work.job("switch")["running"].is_null());
    let mut slots = BTreeMap::new();
    let runs = work.runs("switch");
    for run in &runs {
        if run["state"] == "done" || run["state"] == "unknown" {
            *slots.entry(run["slot"].as_str().unwrap()).or_insert(0) += 1;
        }
    }
    let begun: i32 = slots.values().sum();
    assert!(slots.values().all(|count| *count == 1), "{slots:#?}");
    // Each start pings once by itself, and each run that began at most once.
    let starts = 11;
    assert!(i32::try_from(work.pings()).unwrap() <= begun + starts, "{runs:#?}");
}

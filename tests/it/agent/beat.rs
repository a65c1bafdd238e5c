//! `teawatch beat`: heartbeats that are there as a whole, and a writer that never gets in
//! the way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use teawatch::agent::heartbeat;

use super::{Host, text};

fn read(host: &Host, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(host.path(name)).unwrap()).unwrap()
}

#[test]
fn r60_one_call_says_when_the_job_was_done_and_how_often_it_runs() {
    let host = Host::new("");
    let output = host.run(&["beat", "nightly", "--interval", "300s", "--dir", "deep/down"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let written = read(&host, "deep/down/nightly.last");
    assert_eq!((&written["job"], &written["interval_seconds"]), (&"nightly".into(), &300.0.into()));
    let beat = heartbeat::read(&host.path("deep/down/nightly.last"), false).unwrap();
    assert!(jiff::Timestamp::now().duration_since(beat.at).as_secs() < 20);
}

#[test]
fn r30_a_worker_says_its_cycle_and_model_over_the_heartbeat_before() {
    let host = Host::new("");
    for cycle in ["7", "8"] {
        let arguments = ["beat", "worker", "--interval", "1m", "--format", "heartbeat"];
        let mut command = host.command(&arguments);
        command.args(["--cycle", cycle, "--model", "m1"]);
        assert!(command.status().unwrap().success());
    }
    let written = read(&host, ".nexus/heartbeat.json");
    assert_eq!((&written["cycle"], &written["model"]), (&8.into(), &"m1".into()));
}

#[test]
fn r62_where_the_first_folder_cannot_be_written_to_the_home_is_used() {
    let host = Host::new("");
    let output = host.run(&["beat", "job", "--interval", "1m"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let first = std::path::Path::new("/var/run/bezalel/heartbeats/job.last");
    let is_in_home = host.path(".bezalel/heartbeats/job.last").exists();
    // Root can write to the first one.
    assert!(is_in_home || first.exists());
    drop(std::fs::remove_file(first));
}

#[test]
fn u13_what_goes_wrong_is_one_line_and_no_failure_but_a_wrong_call_is() {
    let host = Host::new("");
    host.write("file", "");
    let output = host.run(&["beat", "job", "--interval", "1m", "--dir", "file/below"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    for wrong in [
        &["beat", "job"][..],
        &["beat", "job", "--interval", "0s"],
        &["beat", "../job", "--interval", "1m"],
        &["beat", "", "--interval", "1m"],
    ] {
        assert_eq!(host.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn r31_readers_never_see_half_of_a_heartbeat() {
    let host = Host::new("");
    let path = host.path("beats/job.last");
    let written = |cycle| heartbeat::Written {
        job: Some("job".to_owned()),
        pid: 1,
        timestamp: 1_700_000_000.0,
        interval_seconds: Some(60.0),
        cycle: Some(cycle),
        model: Some("m".repeat(5_000)),
        status: "alive".to_owned(),
    };
    heartbeat::write(&path, &written(0)).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for cycle in 0..250 {
                        heartbeat::write(&path, &written(cycle)).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let beat = heartbeat::read(&path, false).unwrap();
                    assert_eq!(beat.rest["model"].as_str().unwrap().len(), 5_000);
                }
            });
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        is_over.store(true, Ordering::Relaxed);
    });
    let left = std::fs::read_dir(host.path("beats")).unwrap().count();
    assert_eq!(left, 1, "temporary files were left");
}

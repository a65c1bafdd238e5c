//! `teawatch beat`: heartbeats that are there as a whole, and a writer that never gets in
//! the way.

use std::path::Path;

use serde_json::Value;
use teawatch::agent::{folder, heartbeat};

use super::{Host, text};
use crate::support::{Gitea, InTime as _, Teawatch};

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
        assert!(command.wait_in_time().success());
    }
    let written = read(&host, ".nexus/heartbeat.json");
    assert_eq!((&written["cycle"], &written["model"]), (&8.into(), &"m1".into()));
}

#[test]
fn r62_where_the_first_folder_cannot_be_written_to_the_home_is_used() {
    let host = Host::new("");
    // The first one is shared by everybody on this machine.
    let job = format!("teawatch-test-{}", std::process::id());
    let first = Path::new("/var/run/bezalel/heartbeats");
    let is_writable =
        std::fs::create_dir_all(first).is_ok() && tempfile::tempfile_in(first).is_ok();
    let output = host.run(&["beat", &job, "--interval", "1m"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (first, second) =
        (first.join(format!("{job}.last")), host.path(&format!(".bezalel/heartbeats/{job}.last")));
    let (in_first, in_second) = (first.exists(), second.exists());
    drop(std::fs::remove_file(first));
    assert_eq!((in_first, in_second), (is_writable, !is_writable));
}

#[test]
fn a_user_without_a_home_is_told_so_and_nothing_is_written_elsewhere() {
    let host = Host::new("");
    let before = std::fs::read_dir(host.home.path()).unwrap().count();
    let mut command = host.command(&["beat", "job", "--interval", "1m", "--dir", "~/beats"]);
    let output = command.env("HOME", "no/where").output_in_time();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("no home") && said.lines().count() == 1, "{said}");
    assert_eq!(std::fs::read_dir(host.home.path()).unwrap().count(), before);
}

#[test]
fn a_folder_may_be_a_link_and_what_a_killed_writer_leaves_there_is_no_job() {
    let host = Host::new("");
    std::fs::create_dir(host.path("real")).unwrap();
    std::os::unix::fs::symlink(host.path("real"), host.path("link")).unwrap();
    host.write("real/.hb_a1b2c3.tmp", "{\"timest");
    host.run(&["beat", "job", "--interval", "1m", "--dir", "link"]);
    assert_eq!(read(&host, "real/job.last")["job"], "job");
    let jobs = folder::scan(&host.path("link"), &[], jiff::Timestamp::now()).unwrap();
    assert_eq!(jobs.iter().map(|job| job.job.as_str()).collect::<Vec<_>>(), ["job"]);
}

#[test]
fn a_beat_can_be_posted_and_waits_when_it_cannot() {
    let beat = ["beat", "job", "--interval", "1h", "--dir", "beats", "--cycle", "7", "--post"];
    let host = Host::new("");
    std::fs::remove_file(host.path("teawatch-agent.toml")).unwrap();
    let is_told = |why: &str| {
        let output = host.run(&beat);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
        std::fs::remove_file(host.path("beats/job.last")).unwrap();
    };
    is_told("name the file with --config");
    host.configure("server = \"http://127.0.0.1:9/\"\n");
    is_told("waits");
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    host.configure(&format!("server = \"{}\"\n", teawatch.url));
    let output = host.run(&beat);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let checks = teawatch.get("/api/v1/checks").1["items"].as_array().unwrap().clone();
    let check = checks.iter().find(|check| check["name"] == "job").unwrap();
    assert_eq!((&check["status"], &check["latest"]["kind"]), (&"up".into(), &"success".into()));
}

/// What the README shows for a place, in its table of one-liners.
fn shown_in_readme(place: &str) -> String {
    let readme = include_str!("../../../README.md");
    let row = readme.lines().find_map(|line| line.strip_prefix(&format!("| {place} | `")));
    row.unwrap_or_else(|| panic!("no {place} in the README")).trim_end_matches("` |").to_owned()
}

#[test]
fn r60_the_one_liners_of_the_readme_write_what_is_read() {
    let host = Host::new("");
    host.script("bin/backup.sh", "exit ${FAILS:-0}");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_teawatch"), host.path("bin/teawatch")).unwrap();
    let bin = host.path("bin").display().to_string();
    let beats = host.path("beats").display().to_string();
    let pod: Vec<String> =
        serde_json::from_str(shown_in_readme("Kubernetes").strip_prefix("command: ").unwrap())
            .unwrap();
    assert_eq!(pod[..2], ["sh", "-c"]);
    let unit = shown_in_readme("systemd");
    let unit = unit.strip_prefix("ExecStartPost=/usr/local/bin/").unwrap();
    for line in [
        &shown_in_readme("shell, cron"),
        &shown_in_readme("shell, without teawatch"),
        &pod[2],
        unit,
    ] {
        let run = |fails: &str| {
            std::fs::create_dir(host.path("beats")).unwrap();
            let line = line.replace("/beats", &beats);
            let status = std::process::Command::new("sh")
                .args(["-c", &line])
                .env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()))
                .env("TEAWATCH_AGENT_HEARTBEATS", &beats)
                .env("FAILS", fails)
                .current_dir(host.home.path())
                .wait_in_time();
            let beat = heartbeat::read(&host.path("beats/backup.last"), false);
            std::fs::remove_dir_all(host.path("beats")).unwrap();
            (status.success(), beat)
        };
        let (succeeds, beat) = run("0");
        let beat = beat.unwrap();
        assert!(succeeds, "{line}");
        assert_eq!(beat.interval, Some(jiff::SignedDuration::from_hours(24)), "{line}");
        assert!(jiff::Timestamp::now().duration_since(beat.at).as_secs() < 60, "{line}");
        if line.contains("backup.sh") {
            let (succeeds, beat) = run("1");
            assert!(!succeeds && beat.is_err(), "{line}");
        }
    }
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

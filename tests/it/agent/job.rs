//! `teawatch run`: the command must not notice, and how it went must arrive.

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Host, SOURCE, text};
use crate::support::{Gitea, InTime as _, Teawatch, eventually};

fn run(host: &Host, arguments: &[&str]) -> std::process::Output {
    host.command(&[&["run"], arguments].concat()).output_in_time()
}

#[test]
fn the_commands_own_end_and_output_are_handed_on() {
    let host = Host::new("");
    let output = run(&host, &["--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(text(&output.stdout), "out\n");
    assert!(text(&output.stderr).starts_with("err\n"), "{output:?}");
    assert_eq!(run(&host, &["--", "true"]).status.code(), Some(0));
    assert_eq!(run(&host, &["--", "./no-such-program"]).status.code(), Some(127));
    host.write("plain", "text");
    assert_eq!(run(&host, &["--", "./plain"]).status.code(), Some(126));
    assert_eq!(run(&host, &["--", "sh", "-c", "kill -9 $$"]).status.code(), Some(137));
}

#[test]
fn a_run_is_a_check_with_its_status_duration_and_the_end_of_its_output() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let host = Host::new(&format!("server = \"{}\"\n", teawatch.url));
    let script = "echo beginning; yes | head -c 9000; echo the end; exit 3";
    let output = run(&host, &["--name", "backup", "--every", "1h", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(3));
    eventually("an issue is open", || gitea.open() == 1);
    let issue = gitea.issue(1);
    assert!(issue.title.contains(&format!("{SOURCE}/backup: exited with 3 after")), "{issue:?}");
    assert!(issue.body.contains("the end") && !issue.body.contains("beginning"));
    let check = &teawatch.get("/api/v1/checks").1["items"];
    let check = check.as_array().unwrap().iter().find(|check| check["name"] == "backup").unwrap();
    assert_eq!(check["latest"]["numbers"]["exit_code"], 3.0);
    assert_eq!(run(&host, &["--name", "backup", "--", "true"]).status.code(), Some(0));
    eventually("the issue is closed", || gitea.open() == 0);
}

#[test]
fn a_server_that_is_away_fails_no_command_and_loses_no_report() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let host = Host::new("server = \"http://127.0.0.1:9/\"\n");
    let output = run(&host, &["--name", "backup", "--", "sh", "-c", "exit 4"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("waits"), "{output:?}");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    host.configure(&format!("server = \"{}\"\n", teawatch.url));
    assert_eq!(run(&host, &["--name", "other", "--", "true"]).status.code(), Some(0));
    let checks = teawatch.get("/api/v1/checks").1;
    assert!(checks.to_string().contains("\"other\""), "{checks:#}");
    // The newest report arrives first, and yet the failure of the other job is told.
    assert!(checks.to_string().contains("\"backup\""), "{checks:#}");
    eventually("an issue is open", || gitea.open() == 1);
    assert!(gitea.issue(1).title.contains("backup"));
    assert!(
        std::fs::read_dir(host.path("data/spool")).unwrap().all(|entry| {
            !entry.unwrap().file_name().to_string_lossy().ends_with(".report.json")
        })
    );
}

#[test]
fn a_command_that_runs_is_seen_to_run_and_its_start_is_no_result() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let host = Host::new(&format!("server = \"{}\"\n", teawatch.url));
    let check = || {
        let checks = teawatch.get("/api/v1/checks").1["items"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "backup").unwrap_or_default()
    };
    let mut running = host
        .command(&["run", "--name", "backup", "--every", "1h", "--", "sh", "-c", "read x; exit 3"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it is seen to run", || check()["running_since"].is_string());
    assert_eq!((check()["results"].clone(), check()["last_seen"].is_null()), (0.into(), true));
    drop(running.stdin.take());
    assert_eq!(running.wait_in_time().code(), Some(3));
    assert!(check()["running_since"].is_null());
    assert_eq!(check()["results"], 1);
    eventually("an issue is open", || gitea.open() == 1);
}

#[test]
fn at_its_limit_a_command_is_killed_with_all_that_it_started() {
    let host = Host::new("");
    let script = "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000";
    let began = Instant::now();
    let output = run(&host, &["--limit", "3s", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(137), "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(60));
    let child = std::fs::read_to_string(host.path("child")).unwrap();
    eventually("the child is gone", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.trim()));
        status.map_or(true, |status| status.contains("State:\tZ"))
    });
}

#[test]
fn a_command_that_still_runs_is_not_run_again_where_that_is_not_wanted() {
    let host = Host::new("");
    let mut first = host
        .command(&["run", "--no-overlap", "--name", "j", "--", "sh", "-c", "echo ready; read x"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    first.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    let second = run(&host, &["--no-overlap", "--name", "j", "--", "true"]);
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    drop(first.stdin.take());
    first.wait_in_time();
    assert_eq!(run(&host, &["--no-overlap", "--name", "j", "--", "true"]).status.code(), Some(0));
}

#[test]
fn what_signs_the_reports_is_not_handed_to_the_command() {
    let host = Host::new("");
    let output = run(&host, &["--", "sh", "-c", "env"]);
    assert!(text(&output.stdout).contains("HOME="), "{output:?}");
    assert!(!text(&output.stdout).contains("TEAWATCH_AGENT_SECRET"), "{output:?}");
}

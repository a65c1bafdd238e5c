//! The agent with a server: what it sees becomes issues, and nothing of it is lost.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;
use teawatch::store::{CACHE_BYTES, Sled, Store as _, Tree};

use super::{Host, SOURCE, signal, text, waiting};
use crate::support::{Gitea, InTime as _, StandIn, Teawatch, eventually};

/// A server, its Gitea, and a host that reports to it.
struct Whole {
    _data: tempfile::TempDir,
    gitea: Gitea,
    teawatch: Teawatch,
    host: Host,
}

impl Whole {
    fn new(settings: &str) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        let host = Host::new(&format!("server = \"{}\"\n{settings}", teawatch.url));
        Self { _data: data, gitea, teawatch, host }
    }

    fn checks(&self) -> Vec<Value> {
        self.teawatch.get("/api/v1/checks?limit=500").1["items"].as_array().unwrap().clone()
    }

    fn check(&self, name: &str) -> Value {
        self.checks().into_iter().find(|check| check["name"] == name).unwrap_or_default()
    }
}

#[test]
fn r17_a_failing_check_of_a_host_is_an_issue_that_closes_when_all_is_well() {
    let whole = Whole::new("[[file]]\nname = \"backup\"\npath = \"f\"\n");
    let output = whole.host.run(&["agent", "--every", "1h"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("FAILED   backup  f does not exist"), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    eventually("an issue is open", || whole.gitea.open() == 1);
    assert_eq!(whole.gitea.issue(1).title, format!("[watchdog] {SOURCE}/backup: f does not exist"));
    assert_eq!(whole.check("agent")["interval"], "PT1H");
    whole.host.write("f", "");
    let output = whole.host.run(&["agent", "--quiet"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{output:?}");
    eventually("the issue is closed", || whole.gitea.open() == 0);
    assert_eq!(waiting(&whole.host), 0);
}

#[test]
fn r65_after_each_cycle_the_agent_writes_a_heartbeat_of_its_own() {
    let whole = Whole::new("[[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n");
    whole.host.run(&["agent", "--every", "10m"]);
    let written = teawatch::agent::heartbeat::read(&whole.host.path("data/heartbeat.json"), false);
    assert_eq!(written.unwrap().interval.unwrap().as_secs(), 600);
}

#[test]
fn r36_in_json_mode_there_is_one_cycle_and_one_report() {
    let whole =
        Whole::new("[[command]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"echo x >> ran\"]\n");
    let output = whole.host.run(&["agent", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["healthy"], true);
    assert_eq!(std::fs::read_to_string(whole.host.path("ran")).unwrap(), "x\n");
    assert_eq!(whole.check("c")["results"], 1);
}

#[test]
fn r68_a_host_whose_cron_has_stopped_is_one_issue_and_not_one_for_each_check() {
    let mut settings = String::new();
    for number in 0..50 {
        settings += &format!("[[disk]]\nname = \"d{number}\"\npath = \"/\"\nmax_percent = 100\n");
    }
    let whole = Whole::new(&settings);
    let output = whole.host.run(&["agent", "--quiet", "--every", "1s"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    eventually("an issue is open", || whole.gitea.open() == 1);
    let issue = whole.gitea.issue(1);
    assert!(issue.title.contains(&format!("{SOURCE}/agent: silent")));
    // By the times of server and Gitea, which are whole seconds: not before twice the interval.
    let last_seen = whole.check("agent")["last_seen"].as_str().unwrap().parse().unwrap();
    let passed = issue.created.duration_since(last_seen).as_secs_f64();
    assert!(passed >= 1.0, "{passed}");
    let statuses: Vec<_> = whole.checks().iter().map(|check| check["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "unknown").count(), 50);
    eventually("nothing waits", || whole.teawatch.outbox().is_empty());
    assert_eq!(whole.gitea.issues().len(), 1);
    whole.host.run(&["agent", "--quiet", "--every", "1h"]);
    eventually("the issue is closed", || whole.gitea.open() == 0);
    assert_eq!(whole.gitea.issues().len(), 1);
}

#[test]
fn what_waited_while_the_server_was_away_arrives_newest_first_and_none_of_it_twice() {
    let host =
        Host::new("server = \"http://127.0.0.1:9/\"\n[[file]]\nname = \"f\"\npath = \"f\"\n");
    for number in 0..50 {
        let output = host.run(&["agent", "--quiet", "--every", "1h"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = text(&output.stderr);
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains("waits"), "{told}");
        assert_eq!(waiting(&host), number + 1);
    }
    host.write("f", "");
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let between = StandIn::before(&teawatch.url);
    let settings = format!("server = \"{}\"\n[[file]]\nname = \"f\"\npath = \"f\"\n", between.url);
    host.configure(&settings);
    let output = host.run(&["agent", "--quiet", "--every", "1h"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(waiting(&host), 0);
    assert_eq!(between.seqs(), (1..=51).rev().collect::<Vec<_>>());
    // The newest said that all is well, and what is older changes no alert.
    let checks = teawatch.get("/api/v1/checks").1;
    let check = checks["items"].as_array().unwrap().iter().find(|check| check["name"] == "f");
    assert_eq!(check.unwrap()["results"], 1, "{checks:#}");
    assert_eq!(gitea.issues().len(), 0);
    assert!(teawatch.stop().success());
    assert_eq!(late_reports(data.path()), (1..=50).rev().collect::<Vec<_>>());
}

/// The numbers of the reports that came late, as the history of a stopped server has them.
fn late_reports(data: &Path) -> Vec<u64> {
    let mut late = Vec::new();
    let mut note = |tree, _: &[u8], record: &[u8]| {
        let text = String::from_utf8_lossy(record);
        if tree == Tree::History && text.contains("late_report") {
            let (_, seq) = text.split_once("\"seq\":").unwrap();
            late.push(seq[..seq.find(|c: char| !c.is_ascii_digit()).unwrap()].parse().unwrap());
        }
        Ok(())
    };
    Sled::open(data, CACHE_BYTES).unwrap().load(&mut note).unwrap();
    late
}

#[test]
fn a_host_whose_clock_is_wrong_still_reports_and_is_told_so() {
    let whole = Whole::new("[[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n");
    // The binary cannot be given another clock; a report signed a day ago is one of a host
    // whose clock is a day behind.
    use teawatch::agent::{Limits, Sender, Spool, install_crypto, post};
    use teawatch::check::{Kind, Observation};
    use teawatch::clock::Clock;
    install_crypto();
    let day = jiff::SignedDuration::from_hours(24);
    let clock = Clock::from_fn(move || Timestamp::now() - day);
    let limits = Limits { bytes: 1 << 20, age: day * 7 };
    let spool = Spool::new(&whole.host.path("data/spool"), limits);
    let spool = Arc::new(spool);
    let server = whole.teawatch.url.parse().unwrap();
    let mut sender = Sender::new(&server, Teawatch::secret(SOURCE), None, clock.clone()).unwrap();
    let mut told = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut tell = |line| told.push(line);
    let seen = Observation::new(Kind::Success, "fine");
    let failures = runtime.block_on(async {
        let unkept = post::keep(&spool, SOURCE.to_owned(), "d", seen).await.unwrap();
        post::send(unkept, &spool, &mut sender, &clock, &mut tell).await.unwrap()
    });
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(whole.check("d")["results"], 1);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("behind the server's"), "{told:?}");
}

#[test]
fn two_hosts_with_one_name_are_told_so() {
    let whole = Whole::new("[[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n");
    let server = format!("server = \"{}\"\n", whole.teawatch.url);
    let other = Host::new(&(server + "[[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n"));
    for _ in 0..4 {
        for host in [&whole.host, &other] {
            host.run(&["agent", "--quiet", "--every", "1h"]);
        }
    }
    eventually("an issue is open", || whole.gitea.open() == 1);
    let title = whole.gitea.issue(1).title;
    assert!(title.contains("two agents report under this name"), "{title}");
}

#[test]
fn u2_a_paused_agent_looks_at_nothing_and_says_so() {
    let whole = Whole::new(
        "pause_file = \"pause\"\n[[command]]\nname = \"c\"\ncommand = [\"touch\", \"ran\"]\n",
    );
    whole.host.write("pause", "");
    let output = whole.host.run(&["agent", "--every", "1h"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!whole.host.path("ran").exists());
    assert_eq!(whole.check("c")["status"], "unknown");
    assert_eq!(whole.gitea.issues().len(), 0);
}

#[test]
fn r27_a_watching_agent_goes_on_and_stops_cleanly_in_the_middle_of_a_cycle() {
    let script = "[ ! -e slow ] || { touch begun; sleep 1000; }";
    let whole = Whole::new(&format!(
        "[[command]]\nname = \"c\"\ntimeout = \"60s\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n"
    ));
    let mut child = whole
        .host
        .command(&["agent", "--watch", "--interval", "50ms", "--quiet"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("three cycles have arrived", || {
        whole.check("c")["results"].as_u64().is_some_and(|results| results >= 3)
    });
    whole.host.write("slow", "");
    eventually("a cycle is under way", || whole.host.path("begun").exists());
    signal(&child, Signal::TERM);
    assert_eq!(child.wait_in_time().code(), Some(0));
}

#[test]
fn cycles_that_overrun_do_not_pile_up_and_go_by_the_settings_of_their_start() {
    let command = |words: &str| {
        format!("[[command]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"{words}\"]\n")
    };
    let whole = Whole::new(&command("echo begin >> log; sleep 0.2; echo end >> log"));
    let mut child = whole
        .host
        .command(&["agent", "--watch", "--interval", "20ms", "--quiet"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let results = || whole.check("c")["results"].as_u64().unwrap_or(0);
    eventually("a cycle has arrived", || results() > 0);
    let server = format!("server = \"{}\"\n", whole.teawatch.url);
    whole.host.configure(&(server + &command("touch changed")));
    let before = results();
    eventually("three more have arrived", || results() >= before + 3);
    signal(&child, Signal::INT);
    assert_eq!(child.wait_in_time().code(), Some(0));
    assert!(!whole.host.path("changed").exists());
    let log = std::fs::read_to_string(whole.host.path("log")).unwrap();
    let lines: Vec<_> = log.lines().collect();
    assert!(lines.chunks_exact(2).all(|pair| pair == ["begin", "end"]), "{lines:?}");
}

#[test]
fn a_cycle_that_is_ended_or_killed_leaves_nothing_half_done() {
    let whole = Whole::new(
        "[[command]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"touch begun; sleep 5\"]\n",
    );
    for how in [Signal::TERM, Signal::KILL] {
        drop(std::fs::remove_file(whole.host.path("begun")));
        let mut child = whole.host.command(&["agent", "--quiet", "--every", "1h"]).spawn().unwrap();
        eventually("the cycle is under way", || whole.host.path("begun").exists());
        signal(&child, how);
        let status = child.wait_in_time();
        assert_eq!(status.success(), how == Signal::TERM, "{status:?}");
    }
    assert_eq!(whole.checks(), Vec::<Value>::new());
    let output = whole.host.run(&["agent", "--quiet", "--every", "1h"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(whole.check("c")["results"], 1);
}

#[test]
fn the_ping_of_a_dead_mans_switch_follows_each_cycle_and_its_failure_is_one_line() {
    let whole = Whole::new("[[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n");
    let url = format!("{}/healthz", whole.teawatch.url);
    let settings = |ping: &str| {
        format!(
            "server = \"{}\"\nping_url = \"{ping}\"\n[[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n",
            whole.teawatch.url
        )
    };
    whole.host.configure(&settings(&url));
    let output = whole.host.run(&["agent", "--quiet"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    whole.host.configure(&settings("http://127.0.0.1:9/s3cret"));
    let output = whole.host.run(&["agent", "--quiet"]);
    assert!(output.status.success(), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.lines().count() == 1 && told.contains("ping") && !told.contains("s3cret"),
        "{told}"
    );
}

#[test]
fn a_server_and_an_address_of_this_machine_are_reached_without_a_proxy() {
    let whole = Whole::new("");
    let more = format!(
        "server = \"{0}\"\n[[http]]\nname = \"web\"\nurl = \"{0}/healthz\"\n",
        whole.teawatch.url
    );
    whole.host.configure(&more);
    let mut command = whole.host.command(&["agent", "--quiet"]);
    let output = command.env("http_proxy", "http://127.0.0.1:1").output_in_time();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(whole.check("web")["status"], "up");
}

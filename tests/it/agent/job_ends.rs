//! `teawatch run`: signals, limits, names, and the codes with which it ends.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::Signal;

use super::{Host, SOURCE, is_ignored, signal, text};
use crate::support::{Gitea, InTime as _, StandIn, Teawatch, eventually, taken};

/// Starts a command that says "ready" before anything else.
fn start(host: &Host, arguments: &[&str]) -> (Child, ChildStdout) {
    let mut child = host
        .command(&[&["run"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    expect(&mut stdout, "ready\n");
    (child, stdout)
}

fn expect(stdout: &mut ChildStdout, words: &str) {
    let mut read = vec![0; words.len()];
    stdout.read_exact(&mut read).unwrap();
    assert_eq!(text(&read), words);
}

const SIGNALS: [(Signal, &str); 6] = [
    (Signal::TERM, "TERM"),
    (Signal::INT, "INT"),
    (Signal::HUP, "HUP"),
    (Signal::QUIT, "QUIT"),
    (Signal::USR1, "USR1"),
    (Signal::USR2, "USR2"),
];

/// Those that whoever runs the tests lets through.
fn heeded() -> impl Iterator<Item = (Signal, &'static str)> {
    SIGNALS.into_iter().filter(|(signal, _)| !is_ignored(*signal))
}

#[test]
fn every_signal_that_is_meant_for_the_command_reaches_it_and_tells_in_its_code() {
    let host = Host::new("");
    for (number, name) in heeded() {
        let script =
            format!("trap 'echo got it; exit 5' {name}; echo ready; while :; do sleep 0.05; done");
        let (mut child, mut stdout) = start(&host, &["--", "sh", "-c", &script]);
        signal(&child, number);
        expect(&mut stdout, "got it\n");
        assert_eq!(child.wait_in_time().code(), Some(5), "{name}");
        let (mut child, _stdout) = start(&host, &["--", "sh", "-c", "echo ready; exec sleep 1000"]);
        signal(&child, number);
        assert_eq!(child.wait_in_time().code(), Some(128 + number.as_raw()), "{name}");
    }
}

#[test]
fn a_second_signal_is_handed_on_like_the_first() {
    let host = Host::new("");
    let script = "trap 'trap \"exit 9\" TERM; echo one' TERM; echo ready; \
                  while :; do sleep 0.05; done";
    let (mut child, mut stdout) = start(&host, &["--", "sh", "-c", script]);
    signal(&child, Signal::TERM);
    expect(&mut stdout, "one\n");
    signal(&child, Signal::TERM);
    assert_eq!(child.wait_in_time().code(), Some(9));
}

#[test]
fn what_was_to_be_ignored_is_ignored_by_the_command_as_well() {
    let host = Host::new("");
    for (_, name) in SIGNALS {
        // As `nohup` does it, and a shell for what it puts into the background.
        let script = format!("trap '' {name}; exec \"$0\" run -- sh -c 'kill -{name} $$; exit 6'");
        let output = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_teawatch")])
            .current_dir(host.home.path())
            .stdin(Stdio::null())
            .output_in_time();
        assert_eq!(output.status.code(), Some(6), "{name}: {output:?}");
    }
}

#[test]
fn at_its_limit_a_command_is_asked_first_and_its_good_end_is_no_success() {
    let host = Host::new("");
    let script = "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut child, mut stdout) = start(&host, &["--limit", "3s", "--", "sh", "-c", script]);
    expect(&mut stdout, "asked\n");
    assert_eq!(child.wait_in_time().code(), Some(124));
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut child, _stdout) = start(&host, &["--limit", "3s", "--", "sh", "-c", script]);
    assert_eq!(child.wait_in_time().code(), Some(3));
}

#[test]
fn a_command_outlives_the_death_of_its_watcher_and_its_lock_does_not() {
    let host = Host::new("");
    let script = "echo ready; read x; echo on > after";
    let (mut child, _stdout) =
        start(&host, &["--no-overlap", "--name", "j", "--", "sh", "-c", script]);
    let stdin = child.stdin.take();
    signal(&child, Signal::KILL);
    child.wait_in_time();
    let second = host.run(&["run", "--no-overlap", "--name", "j", "--", "true"]);
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    drop(stdin);
    eventually("it has gone on", || host.path("after").exists());
}

#[test]
fn each_name_has_a_lock_of_its_own_whatever_it_is_made_of() {
    let host = Host::new("");
    let long = "x/".repeat(99);
    for (name, other) in [("a/b", "a_b"), ("..", "."), (&long, "x"), ("two\nlines", "two lines")] {
        let arguments = ["--no-overlap", "--name", name, "--", "sh", "-c", "echo ready; read x"];
        let (mut child, _stdout) = start(&host, &arguments);
        let run = |name: &str| {
            host.run(&["run", "--no-overlap", "--name", name, "--", "true"]).status.code()
        };
        assert_eq!((run(name), run(other)), (Some(75), Some(0)), "{name:?}");
        drop(child.stdin.take());
        child.wait_in_time();
    }
}

#[test]
fn a_name_that_no_check_can_have_stops_no_command_and_is_told() {
    let host = Host::new("server = \"http://127.0.0.1:9/\"\n");
    let agent = host.script("agent", "exit 3");
    let named = |name| vec!["run", "--name", name, "--", "sh", "-c", "exit 3"];
    for arguments in
        [named("two\nlines"), named("agent"), named(""), vec!["run", "--", agent.to_str().unwrap()]]
    {
        let output = host.run(&arguments);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("is not reported") && said.lines().count() == 1, "{said}");
    }
    assert!(!host.path("data/spool").exists(), "it was kept all the same");
}

#[test]
fn nothing_between_run_and_its_command_is_needed_and_a_wrong_flag_is_no_command() {
    let host = Host::new("");
    assert_eq!(host.run(&["run", "sh", "-c", "exit 3"]).status.code(), Some(3));
    assert_eq!(host.run(&["run", "--limit", "1h", "sh", "-c", "exit 4"]).status.code(), Some(4));
    assert_eq!(host.run(&["run", "--limt", "1h", "--", "true"]).status.code(), Some(2));
    assert_eq!(host.run(&["run"]).status.code(), Some(2));
}

#[test]
fn without_a_configuration_a_command_runs_but_not_without_the_lock_that_it_wants() {
    let host = Host::new("");
    std::fs::remove_file(host.path("teawatch-agent.toml")).unwrap();
    let output = host.run(&["run", "--", "sh", "-c", "exit 3"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    let output = host.run(&["run", "--no-overlap", "--", "sh", "-c", "touch ran"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(!host.path("ran").exists());
}

#[test]
fn a_signal_ends_the_wait_for_a_server_that_says_nothing() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = Host::new(&format!("server = \"http://{}/\"\n", mute.local_addr().unwrap()));
    let mut child = host
        .command(&["run", "--", "sh", "-c", "trap '' TERM; echo ready"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    expect(child.stdout.as_mut().unwrap(), "ready\n");
    eventually("it has ended", || {
        signal(&child, Signal::TERM);
        child.try_wait().unwrap().is_some()
    });
    let output = child.output_in_time();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains("SIGTERM"), "{output:?}");
}

#[test]
fn a_report_names_the_program_and_never_its_arguments() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let host = Host::new(&format!("server = \"{}\"\n", teawatch.url));
    let script = host.script("deep/backup.sh", "exit 3");
    let output = host.run(&["run", "--", script.to_str().unwrap(), "--password=hunter2"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    host.run(&["run", "--", "./no-such-program", "--password=hunter2"]);
    eventually("both are told", || gitea.open() == 2 && teawatch.outbox().is_empty());
    assert!(gitea.issue(1).title.contains(&format!("{SOURCE}/backup.sh: exited with 3 after")));
    let checks = teawatch.get("/api/v1/checks").1.to_string();
    let issues = format!("{:?}{:?}", gitea.issue(1), gitea.issue(2));
    let all = [checks, issues, text(&output.stderr), teawatch.log()].concat();
    assert!(!all.contains("hunter2") && !all.contains("deep"), "{all}");
}

/// A pipe that nobody writes to stands for a disk that does not answer.
#[test]
fn a_disk_that_hangs_holds_up_neither_the_command_nor_its_limit_and_costs_no_report() {
    let server = StandIn::start(|_, _| taken());
    let host = Host::new(&format!("server = \"{}\"\n", server.url));
    host.write("data/spool/.keep", "");
    rustix::fs::mkfifoat(rustix::fs::CWD, host.path("data/spool/epoch.json"), 0o600.into())
        .unwrap();
    let script = "echo begun; sleep 1000";
    let mut child = host
        .command(&["run", "--name", "job", "--limit", "1s", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begun = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"begun\n");
    let output = child.output_in_time();
    assert_eq!(output.status.code(), Some(143), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains("the disk did not answer within 5 s"), "{told}");
    let asked = server.asked();
    let report = asked.last().unwrap().json();
    assert_eq!(report["observations"][0]["name"], "job", "{report:#}");
    let summary = &report["observations"][0]["summary"];
    assert_eq!(summary, "was killed at its limit of 1s", "{report:#}");
}

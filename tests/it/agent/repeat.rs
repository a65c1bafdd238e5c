//! `teawatch run --repeat`: a command that is run again and again.

use rustix::process::Signal;

use super::ping::{paths, taking};
use super::{Host, is_ignored};
use crate::support::{PATIENCE, Told, eventually};

fn start(host: &Host, arguments: &[&str]) -> Told {
    Told::start(&mut host.command(&[&["run"], arguments].concat()))
}

/// A run that no signal ends.
const RUN: &str = "trap '' HUP INT QUIT USR1; echo x >> runs";

/// How often the command has begun.
fn runs(host: &Host) -> usize {
    std::fs::read_to_string(host.path("runs")).unwrap_or_default().lines().count()
}

#[test]
fn a_command_is_run_again_until_a_signal_and_each_run_is_one_of_its_own() {
    let (host, server) = (Host::new(""), taking());
    let api_url = format!("{}ping", server.url);
    let child = start(
        &host,
        // As runitor has it.
        &[
            "-api-url",
            &api_url,
            "-uuid",
            "u",
            "-every",
            "300ms",
            "sh",
            "-c",
            "echo x >> runs; exit 3",
        ],
    );
    eventually("it has run three times", || runs(&host) >= 3 && server.asked().len() >= 6);
    child.signal(Signal::TERM);
    assert_eq!(child.end(PATIENCE).0, Some(3));
    let paths = paths(&server);
    assert_eq!(paths[..4], ["/ping/u/start?", "/ping/u/3?", "/ping/u/start?", "/ping/u/3?"]);
    let asked = server.asked();
    let rid = |index: usize| asked[index].path().split_once("rid=").unwrap().1.to_owned();
    assert_eq!(rid(0), rid(1));
    assert_ne!(rid(0), rid(2));
}

#[test]
fn an_alarm_runs_it_at_once() {
    let host = Host::new("");
    let child = start(&host, &["--repeat", "1h", "sh", "-c", RUN]);
    for count in 1..=3 {
        eventually("it has run", || runs(&host) == count);
        // One that comes during a run, or in its last moment, is heard after it.
        child.signal(Signal::ALARM);
    }
    eventually("it has run once more", || runs(&host) == 4);
    child.signal(Signal::TERM);
    assert_eq!(child.end(PATIENCE).0, Some(0));
}

#[test]
fn a_signal_to_end_ends_it_also_during_a_run_with_the_code_of_the_command() {
    let script = "trap 'exit 5' TERM; echo x >> runs; while :; do sleep 0.05; done";
    let host = Host::new("");
    let child = start(&host, &["--repeat", "1ms", "sh", "-c", script]);
    eventually("it runs", || runs(&host) == 1);
    child.signal(Signal::TERM);
    assert_eq!((child.end(PATIENCE).0, runs(&host)), (Some(5), 1));
}

#[test]
fn between_two_runs_only_what_asks_to_end_ends_it() {
    // Whoever runs the tests may have some of these ignored, which every child inherits.
    let ends = [Signal::HUP, Signal::INT, Signal::QUIT].into_iter().filter(|end| !is_ignored(*end));
    for end in ends.chain([Signal::TERM]) {
        let host = Host::new("");
        let child = start(&host, &["--repeat", "1h", "sh", "-c", RUN]);
        eventually("it has run", || runs(&host) == 1);
        child.signal(Signal::USR1);
        child.signal(Signal::ALARM);
        eventually("it has run again", || runs(&host) == 2);
        child.signal(end);
        assert_eq!(child.end(PATIENCE).0, Some(0), "{end:?}");
    }
}

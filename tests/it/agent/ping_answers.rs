//! Pings that get an answer that is not the best, or none: what is tried again, for how long,
//! and what is told.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use super::ping::{UUID, paths, run, taking};
use super::{Host, text};
use crate::support::{InTime as _, Say, StandIn, answer_of, eventually};

/// One ping, with these flags besides.
fn beat(host: &Host, server: &str, flags: &[&str]) -> Output {
    let api_url = format!("{server}ping");
    let mut command = host.command(&["beat", "job", "--interval", "1h", "--dir", "beats"]);
    command.args(["--api-url", &api_url, "--uuid", UUID]).args(flags).output_in_time()
}

fn say(status: u16, headers: &str) -> Say {
    Say::Answer { status, headers: headers.to_owned(), body: format!("about {UUID}") }
}

/// The one line that says that a ping is lost, without a secret in it; or nothing.
#[track_caller]
fn told(output: &Output) -> String {
    let told = text(&output.stderr);
    assert!(told.lines().count() <= 1 && told.len() < 1_000, "{told}");
    assert!(!told.contains(UUID) && !told.contains("/ping/") && !told.contains("hunter"), "{told}");
    told
}

#[test]
fn only_200_and_201_are_a_success_and_what_may_pass_is_tried_again() {
    let host = Host::new("");
    let (again, refused) = ("in the last of 3 tries", "--api-url");
    for (status, tries, words) in [
        (200, 1, ""),
        (201, 1, ""),
        (202, 1, "does --api-url end where the key or the UUID begins"),
        (204, 1, "does --api-url end where the key or the UUID begins"),
        (302, 1, "does --api-url end where the key or the UUID begins"),
        (400, 1, "the slug may hold a-z, 0-9, - and _"),
        (401, 1, refused),
        (404, 1, "the check is not known"),
        (405, 1, refused),
        (409, 1, refused),
        (408, 3, again),
        (429, 3, again),
        (500, 3, again),
        (501, 3, again),
        (502, 3, again),
        (503, 3, again),
        (504, 3, again),
    ] {
        let server = StandIn::start(move |_, _| {
            say(status, "retry-after: 0\r\nlocation: https://hunter2.example.org/\r\n")
        });
        let output = beat(&host, &server.url, &[]);
        assert_eq!(output.status.code(), Some(0), "{status}: {output:?}");
        let told = told(&output);
        assert!(told.contains(words), "{status}: {told}");
        assert_eq!(told.is_empty(), words.is_empty(), "{status}: {told}");
        assert!(words.is_empty() || told.contains(&status.to_string()), "{status}: {told}");
        assert_eq!(server.asked().len(), tries, "{status}");
    }
}

#[test]
fn a_ping_that_gets_through_in_the_end_is_not_lost() {
    let server = StandIn::start(|_, before| match before {
        0 => Say::HangUp,
        1 => say(503, "retry-after: 0\r\n"),
        _ => answer_of(200, "OK"),
    });
    let began = Instant::now();
    let output = beat(&Host::new(""), &server.url, &[]);
    assert_eq!((told(&output), server.asked().len()), (String::new(), 3));
    // After no answer it is a second until the next try.
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn pauses_grow_by_a_second_and_those_that_the_server_asks_for_win() {
    let host = Host::new("");
    let took = |headers: &'static str| {
        let server = StandIn::start(move |_, before| match before {
            0 | 1 => say(503, headers),
            _ => answer_of(200, "OK"),
        });
        let began = Instant::now();
        assert_eq!(told(&beat(&host, &server.url, &[])), "");
        began.elapsed()
    };
    assert!(took("") >= Duration::from_secs(3));
    assert!(took("retry-after: 2\r\n") >= Duration::from_secs(4));
    let at =
        "date: Sun, 22 Nov 2026 02:40:00 GMT\r\nretry-after: Sun, 22 Nov 2026 02:40:02 GMT\r\n";
    assert!(took(at) >= Duration::from_secs(4));
}

#[test]
fn a_pause_of_30_s_is_waited_for_and_one_that_is_longer_is_not() {
    let host = Host::new("");
    let server = StandIn::start(|_, _| say(429, "retry-after: 31\r\n"));
    let output = beat(&host, &server.url, &[]);
    let told = told(&output);
    assert!(told.contains("asked for a pause of 31 s; 30 s are waited for at the most"), "{told}");
    assert_eq!(server.asked().len(), 1);

    let server = StandIn::start(|_, _| say(429, "retry-after: 30\r\n"));
    let api_url = format!("{}ping", server.url);
    let mut child = host
        .command(&["run", "--api-url", &api_url, "--uuid", UUID, "--no-start-ping", "true"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it has pinged", || server.asked().len() == 1);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it gave up");
    super::signal(&child, rustix::process::Signal::TERM);
    // Whoever wants it to end does not wait for pings.
    let output = child.output_in_time();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains("SIGTERM while pings were sent"), "{output:?}");
}

#[test]
fn nobody_at_the_address_is_tried_again_as_well_and_told_without_the_address() {
    let host = Host::new("");
    let began = Instant::now();
    let output = beat(&host, "http://me:hunter2@127.0.0.1:9/hunter3/", &["--retries", "1"]);
    assert!(began.elapsed() >= Duration::from_secs(1), "it was not tried again");
    let told = told(&output);
    assert!(told.contains("http://127.0.0.1:9 was not reached in 2 tries"), "{told}");
    assert!(told.contains("refused"), "{told}");
}

#[test]
fn a_server_that_says_nothing_holds_up_a_command_no_longer_than_the_flags_say() {
    let (host, server) = (Host::new(""), StandIn::start(|_, _| Say::Hang));
    let began = Instant::now();
    let flags = ["--timeout", "400ms", "--retries", "1", "--", "sh", "-c", "exit 5"];
    let output = run(&host, &server, &flags);
    let took = began.elapsed();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let told = text(&output.stderr);
    for what in ["the ping of its start is lost: ", "the ping of its end is lost: "] {
        assert!(told.contains(what) && told.contains("timed out"), "{told}");
    }
    assert!(!told.contains(UUID), "{told}");
    // Once the command has ended its start is not tried again; its end is, after a second.
    assert_eq!(paths(&server).len(), 3, "{:?}", paths(&server));
    assert!(took >= Duration::from_millis(400 * 3 + 1_000), "{took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_start_that_is_lost_is_tried_again_while_the_command_runs() {
    let (host, server) = (
        Host::new(""),
        StandIn::start(|_, before| match before {
            0 => Say::HangUp,
            _ => answer_of(200, "OK"),
        }),
    );
    let api_url = format!("{}ping", server.url);
    let mut child = host
        .command(&[
            "run",
            "--api-url",
            &api_url,
            "--uuid",
            UUID,
            "--",
            "sh",
            "-c",
            "read x; exit 6",
        ])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("its start has arrived", || server.asked().len() == 2);
    let output = child.output_in_time();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(6), String::new()));
    let (start, end) = (format!("/ping/{UUID}/start?"), format!("/ping/{UUID}/6?"));
    assert_eq!(paths(&server), [start.clone(), start, end]);
}

/// The body of the ping at the end of a command that says so many bytes, the last of which
/// are `the end`.
fn body(server: &StandIn, flags: &[&str], bytes: usize) -> String {
    let before = server.asked().len();
    let say = format!("yes 0123456789 | head -c {}; printf 'the end'", bytes - 7);
    let output = run(&Host::new(""), server, &[flags, &["--", "sh", "-c", &say]].concat());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), bytes));
    assert!(output.stderr.is_empty(), "{output:?}");
    let asked = server.asked();
    assert!(asked.len() > before);
    asked.last().unwrap().body.clone()
}

#[test]
fn of_what_a_command_says_the_last_bytes_are_sent_as_many_as_the_server_takes() {
    let open = taking();
    let modest = StandIn::start(|_, _| say(200, "ping-body-limit: 1000\r\n"));
    let greedy = StandIn::start(|_, _| say(200, "ping-body-limit: 60000\r\n"));
    let odd = StandIn::start(|_, _| say(200, "ping-body-limit: -1\r\n"));
    for (server, flags, limit) in [
        (&open, &[][..], 10_000),
        (&odd, &[], 10_000),
        (&modest, &[], 1_000),
        (&greedy, &[], 60_000),
        // Who is not asked beforehand has not told.
        (&greedy, &["--no-start-ping"], 10_000),
        (&open, &["--ping-body-limit", "500"], 500),
        (&modest, &["--ping-body-limit", "500"], 500),
        (&modest, &["--ping-body-limit", "2000"], 1_000),
        (&open, &["--ping-body-limit", "20000"], 20_000),
        (&greedy, &["--ping-body-limit", "0"], 60_000),
        (&open, &["--ping-body-limit", "0", "--no-start-ping"], 10_000_000),
    ] {
        let whole = body(server, flags, limit.min(100_000));
        assert_eq!(whole.len(), limit.min(100_000), "{limit}");
        assert!(whole.starts_with("0123") && whole.ends_with("the end"), "{limit}");
        if limit < 100_000 {
            let cut = body(server, flags, limit + 1);
            assert!((limit * 9 / 10..=limit).contains(&cut.len()), "{limit}: {}", cut.len());
            assert!(cut.starts_with("[... ") && cut.ends_with("the end"), "{limit}: {cut}");
        }
    }
}

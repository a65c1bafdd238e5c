//! Whom teawatch tells that it lives, and when it does not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use teawatch::check::{Kind, Observation};
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::notify::DeadMan;
use teawatch::observation::{Report, ReportId};
use teawatch::store::{Fault, Memory};
use teawatch::tasks::Pace;

use crate::support::{
    Gitea, InTime as _, Inside, Say, StandIn, Teawatch, answer_of, eventually, status,
};

/// An outside switch: its address, and how often it was asked for rightly.
pub fn switch(status: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/s3cret", listener.local_addr().unwrap());
    let pings = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pings);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let count = stream.read(&mut request).unwrap_or(0);
            if request[..count].starts_with(b"GET /ping/s3cret HTTP/1.1\r\n") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (url, pings)
}

fn start(data: &std::path::Path, gitea: &Gitea, url: &str, every: &str) -> Teawatch {
    let mut command = Teawatch::command(data, gitea, &[("deadman.every", every)]);
    command.env("TEAWATCH_DEADMAN_URL", url);
    Teawatch::launch(command)
}

#[test]
fn r130_the_switch_is_pinged_at_once_and_then_every_so_often() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (url, pings) = switch("200 OK");
    let teawatch = start(data.path(), &gitea, &url, "1h");
    eventually("the first ping is there", || pings.load(Ordering::Relaxed) == 1);
    assert!(teawatch.stop().success());
    let teawatch = start(data.path(), &gitea, &url, "30ms");
    eventually("others follow", || pings.load(Ordering::Relaxed) >= 5);
    assert!(!teawatch.log().contains("s3cret"), "{}", teawatch.log());
}

#[test]
fn r135_a_switch_that_is_away_or_refuses_is_told_once_and_does_no_harm() {
    let (refuses, pings) = switch("500 No");
    for url in [&*refuses, "http://127.0.0.1:9/s3cret"] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = start(data.path(), &gitea, url, "10ms");
        let told = || teawatch.log().matches("the dead man's switch is not pinged").count();
        eventually("it is told", || told() == 1);
        // Several attempts later it is still told once, and all else goes on.
        eventually("others follow", || pings.load(Ordering::Relaxed) >= 5);
        teawatch.report(&crate::support::failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1);
        assert_eq!(told(), 1, "{}", teawatch.log());
        assert!(!teawatch.log().contains("s3cret"), "{}", teawatch.log());
    }
}

#[test]
fn d18_u30_a_ping_is_a_get_and_only_a_success_is_one() {
    let inside = Inside::start(&Memory::new(), &Clock::system(), Settings::default());
    teawatch::gitea::install_crypto();
    let ping = |switch: &StandIn, timeout| {
        let url = format!("{}ping/s3cret?rid=1", switch.url).parse().unwrap();
        let dead_man = DeadMan::new(url, Duration::from_secs(60), timeout, false).unwrap();
        inside.runtime().block_on(dead_man.ping_once(&inside.engine, &inside.marks))
    };
    let elsewhere = StandIn::start(|_, _| answer_of(200, "sign in, please"));
    let headers = format!("location: {}\r\n", elsewhere.url);
    for (status, why) in [
        (200, None),
        (204, None),
        (301, Some("the switch answered 301 Moved Permanently")),
        (302, Some("the switch answered 302 Found")),
        (304, Some("the switch answered 304 Not Modified")),
        (307, Some("the switch answered 307 Temporary Redirect")),
        (400, Some("the switch answered 400 Bad Request")),
        (404, Some("the switch answered 404 Not Found")),
        (429, Some("the switch answered 429 Too Many Requests")),
        (500, Some("the switch answered 500 Internal Server Error")),
        (503, Some("the switch answered 503 Service Unavailable")),
    ] {
        let headers = headers.clone();
        let switch = StandIn::start(move |_, _| Say::Answer {
            status,
            headers: headers.clone(),
            body: String::new(),
        });
        let told = ping(&switch, DeadMan::TIMEOUT);
        assert_eq!(told.err().as_deref(), why, "{status}");
        let asked = switch.asked();
        assert_eq!(asked.len(), 1, "{status}");
        let asked = &asked[0];
        let what = (asked.method(), asked.path(), &*asked.body);
        assert_eq!(what, ("GET", "/ping/s3cret?rid=1", ""), "{status}");
    }
    assert_eq!(elsewhere.asked().len(), 0);
    // One that takes the ping and never answers is not waited for.
    assert_eq!(DeadMan::TIMEOUT, Duration::from_secs(10));
    let hangs = StandIn::start(|_, _| Say::Hang);
    let began = Instant::now();
    let why = ping(&hangs, Duration::from_millis(200)).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(why.starts_with("the switch cannot be reached: "), "{why}");
    assert!(why.contains("timed out") && !why.contains("s3cret"), "{why}");
    assert_eq!(hangs.asked().len(), 1);
}

#[test]
fn d18_r131_an_empty_address_is_none_and_nobody_is_called() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    // Whatever goes to somebody else than this machine goes through here.
    let proxy = StandIn::start(|_, _| answer_of(200, "OK"));
    let mut command = Teawatch::command(data.path(), &gitea, &[("deadman.every", "10ms")]);
    command.env("TEAWATCH_DEADMAN_URL", "").env("http_proxy", &proxy.url);
    let teawatch = Teawatch::launch(command);
    eventually("it is well", || status(data.path()).0 == 0);
    let (_, body) = teawatch.get("/readyz");
    assert!(!body["tasks"].to_string().contains("deadman"), "{body:#}");
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
    assert!(!teawatch.log().contains("switch"), "{}", teawatch.log());
}

#[test]
fn u31_an_address_that_is_none_is_a_start_up_error_that_does_not_repeat_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    for url in ["s3cret", "ftp://s3cret/"] {
        let mut command = Teawatch::command(data.path(), &gitea, &[]);
        let output = command.env("TEAWATCH_DEADMAN_URL", url).output_in_time();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("deadman.url_file") && !said.contains("s3cret"), "{said}");
    }
}

/// A switch that is pinged every 20 ms about `inside`.
fn pinged(inside: &Inside) -> (tokio::runtime::Runtime, Arc<AtomicUsize>) {
    teawatch::gitea::install_crypto();
    let (url, pings) = switch("200 OK");
    let (url, every) = (url.parse().unwrap(), Duration::from_millis(20));
    let dead_man = DeadMan::new(url, every, DeadMan::TIMEOUT, false).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (engine, marks) = (inside.engine.clone(), inside.marks.clone());
    let mark = marks.task("deadman", dead_man.pace());
    runtime.spawn(async move { dead_man.run(&engine, &marks, &mark).await });
    (runtime, pings)
}

#[test]
fn the_pings_stop_while_the_engine_hangs_and_go_on_when_it_does() {
    let (memory, clock) = (Memory::new(), Clock::system());
    let inside = Inside::start(&memory, &clock, Settings::default());
    let (runtime, pings) = pinged(&inside);
    eventually("it is pinged", || pings.load(Ordering::Relaxed) >= 3);
    let commits = memory.commits();
    memory.order(commits + 1, Fault::Hang);
    let report = Report {
        unseen: Vec::new(),
        source: "db1".to_owned(),
        id: ReportId { epoch: "a".to_owned(), seq: 1 },
        interval: None,
        observations: vec![("disk".to_owned(), Observation::new(Kind::Success, ""))],
    };
    let engine = inside.engine.clone();
    runtime.spawn(async move { engine.ask(move |core, now| core.accept(&report, now)).await });
    eventually("the engine hangs", || memory.commits() > commits);
    // One that was under way may still arrive.
    let mut before = pings.load(Ordering::Relaxed);
    eventually("the last one is there", || {
        thread::sleep(Duration::from_millis(200));
        std::mem::replace(&mut before, pings.load(Ordering::Relaxed)) == before
    });
    memory.release();
    eventually("it is pinged again", || pings.load(Ordering::Relaxed) > before);
}

#[test]
fn no_ping_says_that_all_is_at_work_while_a_task_has_stalled() {
    let passed = Arc::new(AtomicI64::new(0));
    let clock = {
        let passed = Arc::clone(&passed);
        Clock::from_fn(move || {
            Timestamp::now() + SignedDuration::from_secs(passed.load(Ordering::Relaxed))
        })
    };
    let inside = Inside::start(&Memory::new(), &clock, Settings::default());
    let outbox = inside.marks.task("outbox", Pace::of_turns(SignedDuration::from_secs(30)));
    let (_runtime, pings) = pinged(&inside);
    eventually("it is pinged", || pings.load(Ordering::Relaxed) >= 3);
    // Everything else says in the meantime that it is alive.
    passed.store(111, Ordering::Relaxed);
    let held_back_at = || {
        let tasks = inside.marks.report();
        let switch = tasks.iter().find(|task| task.name == "deadman").unwrap();
        let error = switch.error.clone().filter(|error| !error.is_over)?;
        error.text.contains("`outbox` has STALLED").then_some(error.at)
    };
    eventually("it is held back", || held_back_at().is_some());
    let before = pings.load(Ordering::Relaxed);
    for _ in 0..5 {
        let last = held_back_at();
        eventually("it is held back again", || held_back_at() > last);
    }
    assert_eq!(pings.load(Ordering::Relaxed), before);
    outbox.succeeded();
    eventually("it is pinged again", || pings.load(Ordering::Relaxed) > before);
}

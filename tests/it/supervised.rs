//! What a supervisor such as systemd is told by the server that it started.

use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::notify::watchdog;
use teawatch::observation::{Report, ReportId};
use teawatch::store::{Fault, Memory};

use crate::support::{Gitea, Inside, PATIENCE, Teawatch, eventually, failing, passing};

/// The socket of a supervisor, and what it was told so far.
struct Supervisor {
    socket: UnixDatagram,
    said: Vec<String>,
}

impl Supervisor {
    fn new(data: &Path) -> Self {
        Self::at(UnixDatagram::bind(data.join("notify")).unwrap())
    }

    fn at(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, said: Vec::new() }
    }

    fn starts(data: &Path, gitea: &Gitea, watchdog: Option<Duration>) -> Command {
        let mut command = Teawatch::command(data, gitea, &[]);
        command.env("NOTIFY_SOCKET", data.join("notify"));
        if let Some(within) = watchdog {
            command.env("WATCHDOG_USEC", within.as_micros().to_string());
        }
        command
    }

    /// Waits until it is told something that begins like this, and returns that.
    #[track_caller]
    fn hears(&mut self, beginning: &str) -> String {
        let mut said = [0; 4096];
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "{beginning}: {:?}", self.said);
            let count = self.socket.recv(&mut said).expect(beginning);
            let text = String::from_utf8(said[..count].to_vec()).unwrap();
            self.said.extend(text.lines().map(str::to_owned));
            if let Some(line) = text.lines().find(|line| line.starts_with(beginning)) {
                return line.to_owned();
            }
        }
    }
}

#[test]
fn a_supervisor_hears_that_the_door_is_open_how_things_are_and_that_it_ends() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut supervisor = Supervisor::new(data.path());
    let within = Some(Duration::from_millis(150));
    let teawatch = Teawatch::launch(Supervisor::starts(data.path(), &gitea, within));
    supervisor.hears("READY=1");
    assert_eq!(teawatch.get("/healthz").0, 200);
    supervisor.hears("STATUS=at work; Gitea was told everything");
    gitea.go_away();
    teawatch.report(&failing("db1/disk"));
    let why = supervisor.hears("STATUS=ops/alerts refuses since ");
    assert!(why.contains("cannot be reached") || why.contains("connect"), "{why}");
    assert!(teawatch.stop().success());
    supervisor.hears("STOPPING=1");
    let pings = supervisor.said.iter().filter(|line| *line == "WATCHDOG=1").count();
    assert!(pings >= 2, "{:?}", supervisor.said);
}

#[test]
fn without_a_watchdog_nothing_is_fed_and_one_of_another_process_is_left_alone() {
    let gitea = Gitea::start();
    for environment in [
        BTreeMap::new(),
        BTreeMap::from([("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")]),
        BTreeMap::from([("WATCHDOG_USEC", "0")]),
    ] {
        let data = tempfile::tempdir().unwrap();
        let mut supervisor = Supervisor::new(data.path());
        let mut command = Supervisor::starts(data.path(), &gitea, None);
        let teawatch = Teawatch::launch({
            command.envs(environment);
            command
        });
        supervisor.hears("READY=1");
        supervisor.hears("STATUS=at work");
        assert!(teawatch.stop().success());
        supervisor.hears("STOPPING=1");
        let is_ping = |line: &String| line.starts_with("WATCHDOG");
        assert!(!supervisor.said.iter().any(is_ping), "{:?}", supervisor.said);
    }
}

#[test]
fn a_supervisor_whose_socket_is_no_file_is_told_and_one_that_hangs_holds_up_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let name = format!("teawatch-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let mut supervisor = Supervisor::at(UnixDatagram::bind_addr(&address).unwrap());
    // A feed every millisecond fills the queue of a supervisor that reads nothing at once.
    let mut command = Supervisor::starts(data.path(), &gitea, Some(Duration::from_millis(3)));
    let teawatch = Teawatch::launch({
        command.env("NOTIFY_SOCKET", format!("@{name}"));
        command
    });
    supervisor.hears("READY=1");
    eventually("it is told", || teawatch.log().contains("the supervisor is not told"));
    teawatch.report(&failing("db1/disk"));
    eventually("its issue is open", || gitea.open() == 1);
    assert!(teawatch.stop().success());
}

#[test]
fn a_supervisor_that_is_gone_is_told_of_in_the_log_and_does_no_harm() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut supervisor = Supervisor::new(data.path());
    let within = Some(Duration::from_millis(60));
    let teawatch = Teawatch::launch(Supervisor::starts(data.path(), &gitea, within));
    supervisor.hears("READY=1");
    drop(supervisor);
    fs::remove_file(data.path().join("notify")).unwrap();
    eventually("it is told", || teawatch.log().contains("the supervisor is not told"));
    teawatch.report(&passing("db1/disk"));
    assert!(teawatch.stop().success());
}

/// How often a watchdog is fed, every 20 ms, for the engine of `inside`: by those turns that
/// `counts`, which gets how many effects wait, if the engine could say so.
fn fed(
    inside: &Inside,
    counts: fn(Option<usize>) -> bool,
) -> (tokio::runtime::Runtime, Arc<AtomicUsize>) {
    let feeds = Arc::new(AtomicUsize::new(0));
    let (counted, engine) = (Arc::clone(&feeds), inside.engine.clone());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(async move {
        let count = |waiting| {
            counted.fetch_add(usize::from(counts(waiting)), Ordering::Relaxed);
        };
        watchdog(&engine, Duration::from_millis(20), count).await;
    });
    (runtime, feeds)
}

#[test]
fn an_engine_that_hangs_on_the_disk_feeds_no_watchdog_until_the_disk_is_back() {
    let (memory, clock) = (Memory::new(), Clock::system());
    let inside = Inside::start(&memory, &clock, Settings::default());
    let (runtime, feeds) = fed(&inside, |_| true);
    eventually("it is fed while nothing happens", || feeds.load(Ordering::Relaxed) >= 5);
    let commits = memory.commits();
    memory.order(commits + 1, Fault::Hang);
    let report = Report {
        source: "db1".to_owned(),
        id: ReportId { epoch: "a".to_owned(), seq: 1 },
        interval: None,
        observations: Vec::new(),
        unseen: Vec::new(),
    };
    let engine = inside.engine.clone();
    runtime.spawn(async move { engine.ask(move |core, now| core.accept(&report, now)).await });
    eventually("the engine hangs", || memory.commits() > commits);
    // What was answered before may still be fed, and nothing after it.
    let mut before = feeds.load(Ordering::Relaxed);
    eventually("the last one was fed", || {
        std::thread::sleep(Duration::from_millis(200));
        std::mem::replace(&mut before, feeds.load(Ordering::Relaxed)) == before
    });
    memory.release();
    eventually("it is fed again", || feeds.load(Ordering::Relaxed) > before);
}

#[test]
fn an_engine_with_a_full_queue_is_busy_and_feeds_its_watchdog() {
    let (memory, clock) = (Memory::new(), Clock::system());
    let settings = Settings { queue_commands: 1, ..Settings::default() };
    let inside = Inside::start(&memory, &clock, settings);
    // Somebody is always before us.
    let crowd = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..4 {
        let engine = inside.engine.clone();
        crowd.spawn(async move {
            loop {
                drop(engine.ask(|_, _| ()).await);
            }
        });
    }
    // Those count for which there was no room to ask.
    let (_runtime, feeds) = fed(&inside, |waiting| waiting.is_none());
    eventually("it is fed", || feeds.load(Ordering::Relaxed) >= 5);
}

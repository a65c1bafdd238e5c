//! `status`, `/readyz` and the dead man's switch tell the truth in every state that teawatch
//! can be in.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use rustix::process::{Resource, Rlimit, Signal, kill_process, prlimit};
use teawatch::check::{Kind, Observation};
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::http::Watch;
use teawatch::notify::DeadMan;
use teawatch::observation::{Report, ReportId};
use teawatch::sandbox::{Action, BodyKind, Fault, Route};
use teawatch::store::{Fault as StoreFault, Memory};
use teawatch::tasks::Folder;

use crate::notify::switch;
use crate::support::{
    Gitea, InTime as _, Inside, Letter, Teawatch, ask, client, eventually, failing, readiness,
    status, status_json, task_state,
};

/// Every task of a server that has all of them.
const TASKS: [&str; 13] = [
    "absence-mark",
    "deadman",
    "disk",
    "engine",
    "fallback",
    "gate",
    "outbox",
    "readiness",
    "reconcile",
    "retention",
    "scheduler",
    "systemd",
    "token",
];

/// A server that tells an outside switch that it lives, and how often it did.
fn start(
    data: &Path,
    gitea: &Gitea,
    answer: &'static str,
    settings: &[(&str, &str)],
) -> (Teawatch, Arc<AtomicUsize>) {
    let (url, pings) = switch(answer);
    let settings: Vec<_> = [("deadman.every", "50ms"), ("token_probe.every", "1h")]
        .into_iter()
        .chain(settings.iter().copied())
        .collect();
    let mut command = Teawatch::command(data, gitea, &settings);
    command.env("TEAWATCH_DEADMAN_URL", url);
    (Teawatch::launch(command), pings)
}

fn count(pings: &AtomicUsize) -> usize {
    pings.load(Ordering::Relaxed)
}

#[track_caller]
fn goes_on(pings: &AtomicUsize) {
    let before = count(pings);
    eventually("it is pinged", || count(pings) > before + 2);
}

fn refuse(status: u16, retry_after: Option<u32>) -> Fault {
    Fault::new(Action::Refuse { status, retry_after, body: BodyKind::Json })
}

#[test]
fn r122_healthy() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let ((url, pings), (channel, _)) = (switch("200 OK"), switch("200 OK"));
    let socket = data.path().join("notify");
    let _supervisor = UnixDatagram::bind(&socket).unwrap();
    let settings =
        [("deadman.every", "50ms"), ("token_probe.every", "1h"), ("fallback.after", "1s")];
    let mut command = Teawatch::command(data.path(), &gitea, &settings);
    command.env("TEAWATCH_DEADMAN_URL", url).env("TEAWATCH_FALLBACK_URL", channel);
    command.env("NOTIFY_SOCKET", socket);
    let teawatch = Teawatch::launch(command);
    eventually("it is well", || status(data.path()).0 == 0);
    // The fallback channel begins a little later.
    eventually("every task is", || {
        let (_, answer) = status_json(data.path());
        TASKS.iter().all(|name| task_state(&answer, name) == "well")
    });
    let (_, said) = status(data.path());
    assert!(said.contains(&format!("teawatch runs: pid {}", teawatch.pid())), "{said}");
    let (code, answer) = status_json(data.path());
    assert_eq!((code, answer["verdict"].as_str()), (0, Some("well")));
    let (ready, body) = readiness(&teawatch);
    assert!(ready, "{body}");
    for answer in [answer, body] {
        let names = answer["tasks"].as_array().unwrap().iter().map(|task| &task["name"]);
        assert_eq!(names.collect::<Vec<_>>(), TASKS);
        for name in TASKS {
            assert_eq!(task_state(&answer, name), "well", "{answer:#}");
        }
    }
    goes_on(&pings);
}

#[test]
fn r123_never_ran_is_unknown() {
    let data = tempfile::tempdir().unwrap();
    let (code, said) = status(data.path());
    assert_eq!(code, 2);
    assert!(said.contains("no teawatch ever ran in"), "{said}");
    // Nor can anything be told where something else is called the data directory.
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    let output = command.env_clear().args(["status", "--data-dir"]).arg(&file).output_in_time();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    let output = command.env_clear().args(["status", "--set", "no.such=1"]).output_in_time();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn r120_a_process_that_is_held_has_stalled_and_is_not_told_of_within_one_interval() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (teawatch, pings) = start(data.path(), &gitea, "200 OK", &[]);
    eventually("it is well", || status(data.path()).0 == 0);
    teawatch.freeze();
    let (code, said) = status(data.path());
    assert_eq!(code, 1);
    let pid = teawatch.pid();
    assert!(said.contains(&format!("teawatch has STALLED: its process, pid {pid},")), "{said}");
    assert!(said.contains("restart it"), "{said}");
    // A ping that was on its way when it was held may still be read; ten intervals are
    // enough for ten more.
    let before = count(&pings);
    std::thread::sleep(Duration::from_millis(500));
    assert!(count(&pings) <= before + 1);
    kill_process(teawatch.pid(), Signal::CONT).unwrap();
    goes_on(&pings);
    eventually("it is well again", || status(data.path()).0 == 0);
    assert!(readiness(&teawatch).0);
}

#[test]
fn an_engine_that_hangs_on_its_disk() {
    let (memory, clock) = (Memory::new(), Clock::system());
    let data = tempfile::tempdir().unwrap();
    let inside = Inside::start(&memory, &clock, Settings::default());
    let marks = &inside.marks;
    let _folder = Folder::start(marks, data.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(Watch::run(inside.app.clone(), marks.task(Watch::NAME, Watch::PACE)));
    let (url, pings) = switch("200 OK");
    let (url, every) = (url.parse().unwrap(), Duration::from_millis(20));
    let dead_man = DeadMan::new(url, every, DeadMan::TIMEOUT, false).unwrap();
    let (engine, board) = (inside.engine.clone(), marks.clone());
    runtime.spawn(async move {
        let mark = board.task("deadman", dead_man.pace());
        dead_man.run(&engine, &board, &mark).await;
    });
    let ready = || ask(client().get(format!("{}/readyz", inside.url))).status;
    eventually("it is well", || status(data.path()).0 == 0 && ready() == 200);
    goes_on(&pings);

    let commits = memory.commits();
    memory.order(commits + 1, StoreFault::Hang);
    let report = Report {
        source: "db1".to_owned(),
        id: ReportId { epoch: "a".to_owned(), seq: 1 },
        interval: None,
        unseen: Vec::new(),
        observations: vec![("disk".to_owned(), Observation::new(Kind::Success, ""))],
    };
    let engine = inside.engine.clone();
    runtime.spawn(async move { engine.ask(move |core, now| core.accept(&report, now)).await });
    eventually("the engine hangs", || memory.commits() > commits);
    // One that was under way may still arrive.
    let before = count(&pings);
    assert_eq!(ready(), 503);
    assert!(count(&pings) <= before + 1);
    eventually("its mark says so", || status(data.path()).0 == 1);
    let (_, said) = status(data.path());
    assert!(said.contains("NOT WELL"), "{said}");
    assert!(said.contains("the engine has not answered for 5 s"), "{said}");

    memory.release();
    eventually("it is well again", || status(data.path()).0 == 0 && ready() == 200);
    goes_on(&pings);
}

#[test]
fn u22_a_task_that_fails_is_shown_with_its_last_error() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (teawatch, pings) = start(data.path(), &gitea, "500 No", &[]);
    let why = "the switch answered 500 Internal Server Error";
    eventually("it is told", || {
        let (code, said) = status(data.path());
        code == 1 && said.contains("the task `deadman` is failing") && said.contains(why)
    });
    // It may be the switch's own fault: the work goes on.
    eventually("all else is well", || readiness(&teawatch).0);
    let (_, body) = readiness(&teawatch);
    let note = body["notes"][0].as_str().unwrap();
    assert!(note.starts_with("the task `deadman` is failing, last at 20"), "{note}");
    assert!(note.ends_with(why), "{note}");
    assert_eq!(task_state(&body, "deadman"), "failing");
    assert_eq!(task_state(&status_json(data.path()).1, "deadman"), "failing");
    let page = client().get(&teawatch.url).send().unwrap().text().unwrap();
    assert!(page.contains("deadman: <strong class=\"firing\">failing</strong>"), "{page}");
    assert!(page.contains("<h2>Ready</h2>") && page.contains(why), "{page}");
    // It goes on trying, and the rest goes on as well.
    goes_on(&pings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
}

#[test]
fn a_target_that_refuses_is_told_and_teawatch_lives() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (teawatch, pings) = start(data.path(), &gitea, "200 OK", &[("token_probe.every", "0s")]);
    eventually("it is well", || status(data.path()).0 == 0);
    gitea.order(refuse(401, None).until_cleared());
    teawatch.report(&failing("db1/disk"));
    eventually("readyz tells", || !readiness(&teawatch).0);
    let why = "ops/alerts refuses since";
    assert!(readiness(&teawatch).1["reasons"].to_string().contains(why));
    eventually("status tells", || {
        let (code, said) = status(data.path());
        code == 1 && said.contains(why)
    });
    goes_on(&pings);
    gitea.world().clear_faults();
    eventually("it is well again", || status(data.path()).0 == 0);
    assert!(readiness(&teawatch).0);
}

#[test]
fn a_store_that_refuses_a_commit_ends_the_process_and_status_says_why() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let serve = Teawatch::command(data.path(), &gitea, &[]);
    let mut command = Command::new("sh");
    // A write beyond the limit is to fail, not to kill.
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(serve.get_program());
    command.args(serve.get_args()).env_clear().current_dir(data.path());
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut teawatch = Teawatch::launch(command);
    eventually("it is well", || status(data.path()).0 == 0);
    // Marks are shorter than this; what the store writes is not.
    let limit = Rlimit { current: Some(4096), maximum: Some(4096) };
    prlimit(Some(teawatch.pid()), Resource::Fsize, limit).unwrap();
    eventually("a report is not answered", || {
        Letter::of(&failing("db1/disk")).try_send_to(&teawatch.url).is_none()
    });
    assert_eq!(teawatch.wait().code(), Some(74), "{}", teawatch.log());
    let (code, said) = status(data.path());
    assert_eq!(code, 1);
    assert!(said.contains("teawatch is stopped since"), "{said}");
    assert!(said.contains("the disk did not take a commit"), "{said}");
    assert_eq!(task_state(&status_json(data.path()).1, "engine"), "unknown");
}

#[test]
fn a_disk_without_room_is_told_by_both() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("limits.free_bytes", "1152921504606846976")];
    let (teawatch, pings) = start(data.path(), &gitea, "200 OK", &settings);
    let why = "no reports are taken below";
    eventually("status tells", || {
        let (code, said) = status(data.path());
        code == 1 && said.contains(why)
    });
    assert!(readiness(&teawatch).1["reasons"].to_string().contains(why));
    goes_on(&pings);
}

#[test]
fn u21_one_that_was_stopped_says_so_and_one_that_was_killed_did_not() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (teawatch, pings) = start(data.path(), &gitea, "200 OK", &[]);
    eventually("it is well", || status(data.path()).0 == 0);
    assert!(teawatch.stop().success());
    let after = count(&pings);
    let (code, said) = status(data.path());
    assert_eq!(code, 1);
    assert!(said.contains("teawatch is stopped since"), "{said}");
    assert!(said.contains("it was asked to (SIGTERM)"), "{said}");
    assert!(said.contains("trouble is NOT told: start it with `teawatch serve`"), "{said}");
    assert_eq!(count(&pings), after);

    let (teawatch, _) = start(data.path(), &gitea, "200 OK", &[]);
    // Marks of the process before say nothing about this one.
    eventually("it is well", || status(data.path()).0 == 0);
    let pid = teawatch.pid();
    teawatch.kill();
    let (code, said) = status(data.path());
    assert_eq!(code, 1);
    let gone = format!("its process, pid {pid}, is gone without a word");
    assert!(said.contains(&gone), "{said}");
}

#[test]
fn a_start_that_fails_on_its_configuration_is_not_told_as_a_crash() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    assert!(Teawatch::start(data.path(), &gitea, &[]).stop().success());
    let before = status(data.path());
    assert!(before.1.contains("it was asked to"), "{before:?}");
    let empty = data.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let no_roots = format!("gitea.ca_file={}", empty.display());
    let wrong: [&dyn Fn(&mut Command) -> &mut Command; 3] = [
        &|serve| serve.env("TEAWATCH_DEADMAN_URL", "switch.test/s3cret"),
        &|serve| serve.env("TEAWATCH_FALLBACK_URL", "ftp://channel.test/s3cret"),
        &|serve| serve.args(["--set", &no_roots]),
    ];
    for change in wrong {
        let mut command = Teawatch::command(data.path(), &gitea, &[]);
        let output = change(&mut command).output_in_time();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let now = status(data.path());
        assert_eq!(now.0, 1);
        assert!(now.1.contains("it was asked to"), "{output:?}\n{}", now.1);
    }
}

#[test]
fn r134_an_outbox_that_was_asked_for_a_pause_is_paused_and_teawatch_lives() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (teawatch, pings) = start(data.path(), &gitea, "200 OK", &[]);
    eventually("it is well", || status(data.path()).0 == 0);
    gitea.order(refuse(429, Some(600)).on(&Method::POST, Route::Issues));
    teawatch.report(&failing("db1/disk"));
    eventually("status tells", || {
        let (_, answer) = status_json(data.path());
        task_state(&answer, "outbox") == "paused"
    });
    let (code, said) = status(data.path());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Gitea asked for a pause until 20"), "{said}");
    let (ready, body) = readiness(&teawatch);
    assert!(ready, "{body}");
    assert_eq!(task_state(&body, "outbox"), "paused");
    assert!(body["notes"][0].as_str().unwrap().starts_with("Gitea asked for a pause"), "{body}");
    goes_on(&pings);
}

/// A limit under which a process can open so many files more.
fn room_for(more: usize, pid: i32) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open = open.map(|it| it.unwrap().file_name().into_string().unwrap().parse().unwrap());
    let open: BTreeSet<u64> = open.collect();
    // The least number that is free is the next one.
    (0..).filter(|number| !open.contains(number)).nth(more).unwrap()
}

/// The processor time that a process has used so far, in hundredths of a second.
fn processor_time(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn u28_a_server_without_a_file_left_waits_and_says_so_and_takes_callers_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("it is well", || status(data.path()).0 == 0);
    teawatch.report(&failing("db1/before"));
    eventually("an issue is open", || gitea.open() == 1);
    let pid = teawatch.pid().as_raw_nonzero().get();
    let limit = Some(room_for(8, pid));
    prlimit(Some(teawatch.pid()), Resource::Nofile, Rlimit { current: limit, maximum: limit })
        .unwrap();
    let address = teawatch.url.trim_start_matches("http://");
    let callers: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    let short = "no connection can be taken";
    eventually("it is told", || teawatch.log().contains(short));
    assert!(teawatch.log().contains("Too many open files"), "{}", teawatch.log());
    // It is tried now and then, and not all the time.
    let before = processor_time(pid);
    std::thread::sleep(Duration::from_secs(1));
    let used = processor_time(pid) - before;
    assert!(used < 20, "{used} hundredths of a second");
    // Whoever is connected is heard, and what is sent then is kept.
    teawatch.report(&failing("db1/meanwhile"));
    let told = teawatch.log().matches(short).count();
    assert_eq!(told, 1, "{}", teawatch.log());
    drop(callers);
    assert_eq!(ask(client().get(format!("{}/healthz", teawatch.url))).status, 200);
    eventually("it is told", || teawatch.log().contains("connections are taken again"));
    eventually("another issue is open", || gitea.open() == 2);
    eventually("it is well again", || status(data.path()).0 == 0);
}

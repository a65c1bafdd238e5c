//! Durability as the kernel sees it: no report is answered, and nothing is sent to Gitea,
//! before the `fdatasync` after the write of its round has returned; and sled is not let at
//! its file before the copy of it has been synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Gitea, InTime as _, Letter, Report, Teawatch, eventually, failing};

/// Agents that report at the same time, and how often each does.
const SOURCES: usize = 16;
const REPORTS: usize = 8;

/// What is traced of reports: requests as they come, what becomes durable, and whatever is
/// sent.
const REPORTS_CALLS: &str = "read,recvfrom,pwrite64,fdatasync,write,writev,sendto,sendmsg";

/// What is traced of a start: which files are opened, named and synced.
const START_CALLS: &str = "openat,/^rename,fsync,fdatasync";

/// A server under `strace`. `strace` alone would be killed when a test fails.
struct Traced {
    strace: Teawatch,
    server: Pid,
}

impl Traced {
    fn start(data: &Path, gitea: &Gitea, calls: &str, trace: &Path) -> Self {
        let plain = Teawatch::command(data, gitea, &[]);
        let mut command = Command::new("strace");
        // Strings as a whole, and files and sockets by name.
        command.args(["-f", "-yy", "-s", "1000000", "-e", &format!("trace={calls}"), "-o"]);
        command.arg(trace).arg(plain.get_program()).args(plain.get_args());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let strace = Teawatch::launch(command);
        let pid = std::fs::read_to_string(data.join("teawatch.pid")).unwrap();
        let server = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        Self { strace, server }
    }

    fn stop(&mut self) {
        kill_process(self.server, Signal::TERM).unwrap();
        assert_eq!(self.strace.wait().code(), Some(0), "{}", self.strace.log());
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // It may have ended by itself.
        if thread::panicking() && kill_process(self.server, Signal::KILL).is_ok() {
            println!("the server was killed");
        }
    }
}

/// A system call, and on which lines of the trace it began and returned.
#[derive(Debug)]
struct Call {
    text: String,
    began: usize,
    returned: usize,
}

impl Call {
    fn is(&self, name: &str) -> bool {
        self.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('('))
    }

    fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    /// Whether it is about sled's data file.
    fn is_on_the_store(&self) -> bool {
        self.text.contains("/store/db>")
    }

    /// The socket that it is about.
    fn socket(&self) -> Option<&str> {
        let from = self.text.find("<TCP:[")?;
        let to = self.text[from..].find("]>")?;
        Some(&self.text[from..from + to])
    }
}

/// The calls of all threads, in the order in which they began.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: BTreeMap<&str, Call> = BTreeMap::new();
    for (line, text) in trace.lines().enumerate() {
        let (thread, text) = text.split_once(' ').unwrap();
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            let call = Call { text: begun.to_owned(), began: line, returned: usize::MAX };
            unfinished.insert(thread, call);
        } else if let Some(rest) = text.strip_prefix("<... ") {
            // A thread may have been attached in the middle of a call.
            if let Some(mut call) = unfinished.remove(thread) {
                let (_, rest) = rest.split_once(" resumed>").unwrap();
                call.text.push_str(rest);
                call.returned = line;
                calls.push(call);
            }
        } else {
            calls.push(Call { text: text.to_owned(), began: line, returned: line });
        }
    }
    calls.sort_by_key(|call| call.began);
    calls
}

/// When what has `words` in it was durable after each write of it: the lines on which the
/// next `fdatasync` has returned.
fn durable<'a>(calls: &'a [Call], words: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_write = |call: &&Call| call.is("pwrite64") && call.is_on_the_store();
    let writes = calls.iter().filter(is_write).filter(move |call| call.text.contains(words));
    writes.filter_map(|write| {
        let is_sync = |call: &&Call| call.is("fdatasync") && call.is_on_the_store();
        let mut syncs = calls.iter().filter(is_sync).filter(|call| call.text.ends_with("= 0"));
        Some(syncs.find(|sync| sync.began > write.returned)?.returned)
    })
}

/// The only thing that a report is about, which occurs in nothing else.
fn name(source: usize, report: usize) -> String {
    format!("check-{source:02}-{report:02}-of-many")
}

#[test]
fn no_report_is_answered_and_nothing_is_sent_before_the_disk_has_its_round() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let trace = data.path().join("trace");
    let mut teawatch = Traced::start(data.path(), &gitea, REPORTS_CALLS, &trace);
    let url = &teawatch.strace.url;
    thread::scope(|scope| {
        for source in 0..SOURCES {
            scope.spawn(move || {
                for report in 0..REPORTS {
                    // The first of each opens an issue.
                    let kind = if report == 0 { "failure" } else { "success" };
                    let of = Report::new(&format!("host{source}"));
                    let report = of.check(&name(source, report), kind, "as always");
                    assert_eq!(Letter::of(&report).send_to(url).status, 200);
                }
            });
        }
    });
    eventually("all issues are open", || gitea.open() == SOURCES);
    teawatch.strace.settles(&gitea);
    teawatch.stop();

    let trace = std::fs::read_to_string(trace).unwrap();
    let calls = calls(&trace);
    let sends = ["write", "writev", "sendto", "sendmsg"];
    let mut rounds = BTreeSet::new();
    for (source, report) in (0..SOURCES).flat_map(|it| (0..REPORTS).map(move |n| (it, n))) {
        let name = name(source, report);
        let is_asked = |it: &&Call| it.is_any(&["read", "recvfrom"]) && it.text.contains(&name);
        let asked = calls.iter().find(is_asked).unwrap();
        let is_answer = |it: &&Call| {
            it.began > asked.returned && it.is_any(&sends) && it.socket() == asked.socket()
        };
        let answer = calls.iter().find(is_answer).unwrap();
        assert!(answer.text.contains("HTTP/1.1 200"), "{answer:?}");
        let durable_at = durable(&calls, &name).next().unwrap_or(usize::MAX);
        assert!(durable_at < answer.began, "{name}: durable {durable_at}, {answer:?}");
        rounds.insert(durable_at);
    }
    // Otherwise nothing was shown about rounds of several reports.
    assert!(rounds.len() < SOURCES * REPORTS, "{} rounds", rounds.len());
    println!("{} reports in {} rounds", SOURCES * REPORTS, rounds.len());

    let mut seen = 0;
    for call in calls.iter().filter(|it| it.is_any(&sends)) {
        if !call.text.contains("POST /api/v1/repos/ops/alerts/issues HTTP/1.1") {
            continue;
        }
        seen += 1;
        // Its body may be sent by itself.
        let is_body = |it: &&Call| {
            it.began >= call.began
                && it.is_any(&sends)
                && it.socket() == call.socket()
                && it.text.contains("<!-- teawatch:")
        };
        let body = calls.iter().find(is_body).unwrap();
        // The signature of its marker stands in the stored text that is about to be sent,
        // and nowhere before. It may be cut in two by the end of a page.
        let end = body.text.find(" -->").unwrap();
        let (first, second) = body.text[end - 32..end].split_at(16);
        let durable_at = durable(&calls, first).chain(durable(&calls, second)).min();
        assert!(durable_at.is_some_and(|at| at < call.began), "{durable_at:?} {call:?}");
    }
    assert_eq!(seen, SOURCES);
}

/// The writes are taken, and the sync fails: what of them reaches the disk nobody knows.
#[test]
fn a_sync_that_fails_is_acknowledged_to_nobody_and_ends_the_process_with_74() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = Letter::of(&failing("db1/before"));
    assert_eq!(before.send(&teawatch).status, 200);
    teawatch.settles(&gitea);
    let mut strace = Command::new("strace")
        .args(["-f", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"])
        .args(["-p", &teawatch.pid().as_raw_nonzero().to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(strace.stderr.take().unwrap()).lines();
    assert!(told.next().unwrap().unwrap().contains("attached"));
    // What it tells from now on is read, lest it waits.
    let told = thread::spawn(move || told.map_while(Result::ok).count());
    let after = Letter::of(&failing("db1/after"));
    let answer = after.try_send_to(&teawatch.url);
    assert!(answer.is_none_or(|answer| answer.error() == (503, "busy")));
    assert_eq!(teawatch.wait().code(), Some(74), "{}", teawatch.log());
    assert!(!teawatch.log().contains("panicked"), "{}", teawatch.log());
    strace.wait_in_time();
    assert!(told.join().unwrap() > 0);

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(before.send(&teawatch).body["duplicate"], true);
    assert_eq!(after.send(&teawatch).status, 200);
    teawatch.settles(&gitea);
    assert_eq!(gitea.open(), 2);
}

/// sled wipes what it takes for the end of its log, so the copy must outlive a power cut.
#[test]
fn d16_the_copy_of_the_data_file_is_on_the_disk_before_sled_may_change_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let trace = data.path().join("trace");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    teawatch.settles(&gitea);
    assert!(teawatch.stop().success());
    Traced::start(data.path(), &gitea, START_CALLS, &trace).stop();

    let trace = std::fs::read_to_string(trace).unwrap();
    let calls = calls(&trace);
    let mut done = 0;
    // One after the other, each begun once the one before has returned.
    let mut next = |what: &str, is: &dyn Fn(&Call) -> bool| {
        let mut later = calls.iter().filter(|call| call.began >= done);
        let call = later.find(|call| is(call)).unwrap_or_else(|| panic!("it never {what}"));
        done = call.returned + 1;
        call.returned
    };
    let is_done = |call: &Call| !call.text.contains("= -1");
    next("syncs the copy", &|it| {
        it.is("fsync") && it.text.contains("/db.unfinished>") && is_done(it)
    });
    next("names it", &|it| {
        it.text.starts_with("rename") && it.text.contains("/db.original\"") && is_done(it)
    });
    let named =
        next("syncs the name", &|it| it.is("fsync") && it.text.contains("/store>") && is_done(it));
    let opened = calls.iter().find(|it| {
        it.is("openat") && it.text.contains("/store/db\"") && it.text.contains("O_RDWR")
    });
    let opened = opened.expect("sled opens its file");
    assert!(named < opened.began, "line {named}, {opened:?}");
}

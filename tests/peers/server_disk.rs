//! The server on a disk that runs full: it says so in time, stops at the first commit that
//! fails, starts again when there is room, and loses nothing that it acknowledged.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::fs::statvfs;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Gitea, Letter, Teawatch, ask, client, eventually, failing, passing};

/// A file system in memory that only the processes see which are started on it.
struct SmallDisk {
    /// Its namespace lives for as long as this process; its input is never closed before.
    holder: Child,
    home: TempDir,
}

impl SmallDisk {
    fn new(mebibytes: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o size=\"$0\" tmpfs . && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args(["-Urm", "sh", "-c", script, &format!("{mebibytes}m")])
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self { holder, home }
    }

    /// Where the server has its data, as it sees it itself.
    fn data(&self) -> &Path {
        self.home.path()
    }

    /// The same directory as everybody else sees it.
    fn outside(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(self.data().strip_prefix("/").unwrap()).join(name)
    }

    /// What starts a server on this disk.
    fn command(&self, gitea: &Gitea, settings: &[(&str, &str)]) -> Command {
        let plain = Teawatch::command(self.data(), gitea, settings);
        let mut command = Command::new("nsenter");
        command.args(["--preserve-credentials", "-U", "-m", "-t", &self.holder.id().to_string()]);
        command.arg(plain.get_program()).args(plain.get_args());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Leaves so much room and no more.
    fn fill(&self, kibibytes_left: u64) {
        let disk = statvfs(self.outside("")).unwrap();
        let free = disk.f_bavail * disk.f_frsize;
        let mut filler = File::create(self.outside("filler")).unwrap();
        let block = vec![0; usize::try_from(disk.f_frsize).unwrap()];
        for _ in 0..free.saturating_sub(kibibytes_left << 10) / disk.f_frsize {
            // Whoever else writes may be faster.
            if filler.write_all(&block).is_err() {
                break;
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.outside("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

#[track_caller]
fn is_put_off(answer: &Answer) {
    assert_eq!(answer.error(), (503, "no_room"));
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&seconds), "{answer:?}");
}

#[test]
fn below_the_mark_reports_are_put_off_while_reading_and_telling_go_on() {
    let (disk, gitea) = (SmallDisk::new(48), Gitea::start());
    let mark = (16 << 20).to_string();
    let teawatch = Teawatch::launch(disk.command(&gitea, &[("limits.free_bytes", &mark)]));
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.settles(&gitea);

    disk.fill(8 << 10);
    eventually("it is told", || teawatch.get("/readyz").0 == 503);
    let reasons = teawatch.get("/readyz").1["reasons"].to_string();
    assert!(reasons.contains("no reports are taken below 16 MiB: free some"), "{reasons}");
    let letter = Letter::of(&passing("db1/disk"));
    is_put_off(&letter.send(&teawatch));
    assert_eq!(teawatch.get("/healthz").0, 200);
    assert_eq!(ask(client().get(format!("{}/", teawatch.url))).status, 200);
    let checks = teawatch.get("/api/v1/checks");
    assert_eq!((checks.0, &checks.1["items"][1]["status"]), (200, &Value::from("down")));
    assert_eq!(teawatch.get("/api/v1/alerts").0, 200);
    // A person takes the check away, and that is still told.
    let forget = format!("{}/api/v1/checks?source=db1&name=disk", teawatch.url);
    assert_eq!(ask(client().delete(forget)).status, 200);
    eventually("the issue is closed", || gitea.open() == 0);

    disk.make_room();
    eventually("it is ready again", || teawatch.get("/readyz").0 == 200);
    let answer = letter.send(&teawatch);
    assert_eq!((answer.status, &answer.body["duplicate"]), (200, &Value::from(false)));
}

/// Says the same check over and over until nobody answers any more. Returns what was
/// acknowledged, and what was not.
fn report_until_it_ends(url: &str, source: &str) -> (Vec<Letter>, Letter) {
    let mut acknowledged = Vec::new();
    loop {
        let mut report = failing(&format!("{source}/disk"));
        // Numbered by itself: the server tells repeats by how far they are from the newest.
        report.body["id"] = json!({ "epoch": "loop", "seq": acknowledged.len() + 1 });
        let letter = Letter::of(&report);
        match letter.try_send_to(url) {
            Some(answer) if answer.status == 200 => acknowledged.push(letter),
            Some(answer) => {
                assert_eq!(answer.error(), (503, "busy"));
                return (acknowledged, letter);
            }
            None => return (acknowledged, letter),
        }
    }
}

/// Starts a server and waits until it ends or is ready, and then kills it. Returns its exit
/// code, if it ended, and what it said.
fn starts(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said += &(line.unwrap() + "\n");
        if said.contains("is ready") {
            child.kill().unwrap();
        }
    }
    (child.wait().unwrap().code(), said)
}

#[test]
fn a_full_disk_stops_the_server_and_no_start_succeeds_until_there_is_room() {
    let (disk, gitea) = (SmallDisk::new(24), Gitea::start());
    let settings = [("limits.free_bytes", "0")];
    let mut teawatch = Teawatch::launch(disk.command(&gitea, &settings));
    teawatch.report(&failing("db1/disk"));
    teawatch.settles(&gitea);
    let url = teawatch.url.clone();
    let reports = thread::scope(|scope| {
        let sources = ["host1", "host2", "host3", "host4", "host5", "host6"];
        let agents = sources.map(|source| {
            let url = &url;
            scope.spawn(move || report_until_it_ends(url, source))
        });
        disk.fill(0);
        agents.map(|agent| agent.join().unwrap())
    });
    assert_eq!(teawatch.wait().code(), Some(74), "{}", teawatch.log());
    let log = teawatch.log();
    assert!(log.contains("the disk did not take a commit") && log.contains("No space"), "{log}");
    assert!(!log.contains("panicked"), "{log}");

    // What a supervisor sees, again and again; with a little room it may come further.
    for kibibytes in [0, 0, 4, 16, 64, 256] {
        disk.make_room();
        disk.fill(kibibytes);
        let (code, said) = starts(&mut disk.command(&gitea, &settings));
        assert!(!said.contains("panicked"), "{said}");
        if code.is_some() || kibibytes == 0 {
            assert_eq!(code, Some(74), "{kibibytes} KiB: {said}");
            assert!(said.contains("cannot start: ") && said.contains("No space"), "{said}");
            assert!(said.contains("make room on the disk"), "{said}");
        }
    }

    disk.make_room();
    let teawatch = Teawatch::launch(disk.command(&gitea, &settings));
    for (acknowledged, unanswered) in reports {
        assert!(!acknowledged.is_empty());
        // The server tells the newest from repeats.
        for letter in acknowledged.iter().rev().take(100) {
            let answer = letter.send(&teawatch);
            assert_eq!(answer.body["duplicate"], true, "{answer:?}");
        }
        assert_eq!(unanswered.send(&teawatch).status, 200);
    }
    teawatch.settles(&gitea);
    assert_eq!(gitea.open(), 7);
}

//! Reports that wait: their limits, their order, and what harms a disk.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use teawatch::agent::{Limits, Sender, Spool, Unsent, Waiting, install_crypto};
use teawatch::clock::Clock;
use teawatch::observation::Report;
use tempfile::TempDir;

use super::{Host, SOURCE, text, waiting};
use crate::support::{Gitea, InTime as _, StandIn, Teawatch, all_is_told, taken};

/// What a small file takes.
const BLOCK: u64 = 4096;
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A spool in a folder of its own.
struct Kept {
    folder: TempDir,
    spool: Spool,
}

impl Kept {
    fn new(bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), Limits { bytes, age: WEEK });
        Self { folder, spool }
    }

    fn keep(&self, count: usize) {
        for _ in 0..count {
            let make = |id| Report {
                source: SOURCE.to_owned(),
                id,
                interval: None,
                unseen: Vec::new(),
                observations: Vec::new(),
            };
            self.spool.keep(make).unwrap();
        }
    }

    /// The numbers of what waits, the first to be sent first.
    fn seqs(&self) -> Vec<u64> {
        self.spool.waiting(Timestamp::now()).unwrap().0.iter().map(|one| one.seq).collect()
    }

    fn file(&self, seq: u64) -> PathBuf {
        let waiting = self.spool.waiting(Timestamp::now()).unwrap().0;
        waiting.into_iter().find(|one| one.seq == seq).unwrap().path
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("epoch.json")).unwrap()).unwrap()
    }

    /// Changes one field of what the spool remembers.
    fn pretend(&self, field: &str, value: &str) {
        let mut state = self.state();
        state[field] = value.into();
        fs::write(self.folder.path().join("epoch.json"), state.to_string()).unwrap();
    }
}

fn sender(server: &StandIn) -> Sender {
    install_crypto();
    let url = server.url.parse().unwrap();
    Sender::new(&url, Teawatch::secret(SOURCE), None, Clock::system()).unwrap()
}

/// Sends these reports. Returns what was told, and how it went.
fn send(mut sender: Sender, spool: &Spool, list: &[Waiting]) -> (Vec<String>, Result<(), Unsent>) {
    let mut told = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sent = runtime.block_on(sender.send(spool, list, &mut |line| told.push(line)));
    (told, sent)
}

/// Makes a file older.
fn age(path: &Path, by: SignedDuration) {
    let at = Timestamp::now() - by;
    File::options().append(true).open(path).unwrap().set_modified(at.into()).unwrap();
}

#[test]
fn a_spool_that_is_full_loses_its_oldest_reports_first() {
    let kept = Kept::new(3 * BLOCK);
    kept.keep(3);
    assert_eq!(kept.seqs(), [3, 2, 1]);
    kept.keep(1);
    assert_eq!(kept.seqs(), [4, 3, 2]);
    let kept = Kept::new(3 * BLOCK - 1);
    kept.keep(3);
    assert_eq!(kept.seqs(), [3, 2]);
    // They are gone from the disk as well.
    assert_eq!(fs::read_dir(kept.folder.path()).unwrap().count(), 4);
}

#[test]
fn the_newest_report_is_kept_also_where_it_alone_is_too_long_or_too_old() {
    let kept = Kept::new(1);
    kept.keep(2);
    assert_eq!(kept.seqs(), [2]);
    age(&kept.file(2), WEEK * 2);
    assert_eq!(kept.seqs(), [2]);
}

#[test]
fn a_report_waits_for_as_long_as_it_may_and_not_longer() {
    let kept = Kept::new(1 << 20);
    kept.keep(4);
    let minute = SignedDuration::from_mins(1);
    age(&kept.file(1), WEEK + minute);
    assert_eq!(kept.seqs(), [4, 3, 2]);
    age(&kept.file(2), WEEK - minute);
    assert_eq!(kept.seqs(), [4, 3, 2]);
    // One from the future, since a clock was set back, waits as well.
    age(&kept.file(3), -WEEK);
    assert_eq!(kept.seqs(), [4, 3, 2]);
}

#[test]
fn what_is_newer_is_told_by_numbers_whatever_the_clock_did() {
    let kept = Kept::new(1 << 20);
    kept.keep(3);
    age(&kept.file(3), SignedDuration::from_hours(2));
    age(&kept.file(2), SignedDuration::from_hours(1));
    assert_eq!(kept.seqs(), [3, 2, 1]);
    // The current epoch is newer than all others.
    kept.pretend("machine", "another");
    kept.keep(1);
    age(&kept.file(3), SignedDuration::from_hours(-2));
    let order: Vec<_> = kept.spool.waiting(Timestamp::now()).unwrap().0;
    assert_eq!(order.iter().map(|one| one.seq).collect::<Vec<_>>(), [1, 3, 2, 1]);
    assert_ne!(order[0].epoch, order[1].epoch);
}

#[test]
fn a_boot_leaves_the_epoch_and_jumps_over_the_numbers_that_it_may_have_lost() {
    let kept = Kept::new(1 << 20);
    kept.keep(2);
    let epoch = kept.state()["epoch"].clone();
    kept.pretend("boot", "the one before");
    kept.keep(2);
    assert_eq!(kept.state()["epoch"], epoch);
    let jump = 1 << 20;
    assert_eq!(kept.seqs(), [jump + 4, jump + 3, 2, 1]);
}

#[test]
fn a_state_that_is_lost_damaged_or_of_another_machine_begins_an_epoch() {
    let kept = Kept::new(1 << 20);
    kept.keep(1);
    let mut epochs = BTreeSet::from([kept.state()["epoch"].to_string()]);
    let path = kept.folder.path().join("epoch.json");
    let ends_soon =
        kept.state().to_string().replace("\"last\":1", &format!("\"last\":{}", u64::MAX));
    for damage in ["", "{\"epoch\":\"a", "\0\0\0", &ends_soon] {
        fs::write(&path, damage).unwrap();
        kept.keep(1);
        assert!(epochs.insert(kept.state()["epoch"].to_string()), "{damage}");
    }
    fs::remove_file(&path).unwrap();
    kept.keep(1);
    assert!(epochs.insert(kept.state()["epoch"].to_string()));
    kept.pretend("machine", "another");
    kept.keep(1);
    assert!(epochs.insert(kept.state()["epoch"].to_string()));
    assert_eq!(kept.seqs(), [1; 7]);
}

#[test]
fn what_is_not_a_report_is_left_alone_and_what_nobody_finished_is_removed() {
    let kept = Kept::new(1 << 20);
    kept.keep(1);
    let path = |name: &str| kept.folder.path().join(name);
    for name in ["notes.txt", "x.report.json", "1-a.report.json.bak", ".new-old", ".new-young"] {
        fs::write(path(name), "{}").unwrap();
    }
    age(&path(".new-old"), SignedDuration::from_hours(2));
    fs::create_dir(path("00000000000000000009-a.report.json")).unwrap();
    assert_eq!(kept.seqs(), [1]);
    let left = ["notes.txt", "x.report.json", "1-a.report.json.bak", ".new-young"];
    assert!(left.iter().all(|name| path(name).exists()));
    assert!(!path(".new-old").exists());
}

#[test]
fn the_spool_and_what_is_in_it_are_its_owners_alone() {
    let host =
        Host::new("server = \"http://127.0.0.1:9/\"\n[[disk]]\nname = \"d\"\npath = \"/\"\n");
    let mut command = std::process::Command::new("sh");
    let agent = host.command(&["agent", "--quiet"]);
    command.args(["-c", "umask 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_teawatch")]);
    command.args(agent.get_args()).current_dir(host.home.path());
    command.env("TEAWATCH_AGENT_SECRET", Teawatch::secret(SOURCE).expose());
    drop(command.output_in_time());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let spool = host.path("data/spool");
    assert_eq!((mode(&host.path("data")), mode(&spool)), (0o700, 0o700));
    let files: Vec<_> = fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[test]
fn damaged_reports_are_thrown_away_with_a_word_and_the_others_are_sent() {
    let server = StandIn::start(|_, _| taken());
    let host = Host::new(&format!(
        "server = \"{}\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
        server.url
    ));
    let whole = |source: &str| format!(r#"{{"source":"{source}","id":{{"epoch":"e","seq":1}}}}"#);
    let damages = ["", "{\"source\":\"web1\",\"id\":{", "\0\0\0\0", &whole("a\\nb"), &whole("")];
    for (index, damage) in damages.iter().enumerate() {
        host.write(&format!("data/spool/{index:020}-e.report.json"), damage);
    }
    let output = host.run(&["agent", "--quiet"]);
    let told = text(&output.stderr);
    assert_eq!(told.lines().filter(|line| line.contains("is damaged")).count(), 5, "{told}");
    assert_eq!((server.asked().len(), waiting(&host)), (1, 0));
}

#[test]
fn a_report_that_cannot_be_read_waits_with_a_word_and_one_that_is_gone_is_no_error() {
    let kept = Kept::new(1 << 20);
    kept.keep(3);
    let mut list = kept.spool.waiting(Timestamp::now()).unwrap().0;
    list[0].path = kept.folder.path().to_owned();
    fs::remove_file(&list[1].path).unwrap();
    let server = StandIn::start(|_, _| taken());
    let (told, sent) = send(sender(&server), &kept.spool, &list);
    sent.unwrap();
    assert_eq!(server.seqs(), [1]);
    assert!(told.len() == 1 && told[0].contains("cannot be read and waits"), "{told:?}");
}

#[test]
fn what_the_spool_has_no_room_for_is_thrown_away_with_a_word() {
    let host = Host::new(
        "server = \"http://127.0.0.1:9/\"\nspool_bytes = 8192\n\
         [[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
    );
    let told = |_| text(&host.run(&["agent", "--quiet"]).stderr);
    let told: Vec<_> = (0..3).map(told).collect();
    assert_eq!(waiting(&host), 2);
    let is_told = |told: &String| told.contains("or they are old: 1 reports");
    assert_eq!(told.iter().map(is_told).collect::<Vec<_>>(), [false, false, true], "{told:?}");
}

#[test]
fn a_state_that_cannot_be_read_begins_no_epoch_and_its_report_counts_once_and_in_no_order() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let server = StandIn::before(&teawatch.url);
    let host = Host::new(&format!(
        "server = \"{}\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
        server.url
    ));
    let state = host.path("data/spool/epoch.json");
    host.run(&["agent", "--quiet", "--every", "1h"]);
    let kept = fs::read(&state).unwrap();
    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    host.run(&["agent", "--quiet", "--every", "1h"]);
    fs::remove_dir(&state).unwrap();
    fs::write(&state, kept).unwrap();
    host.run(&["agent", "--quiet", "--every", "1h"]);
    let ids: Vec<_> = server.asked().iter().map(|asked| asked.json()["id"].clone()).collect();
    assert!(ids[1]["epoch"].as_str().unwrap().starts_with("once-"), "{ids:?}");
    assert_eq!((&ids[0]["epoch"], &ids[2]["seq"]), (&ids[2]["epoch"], &2.into()), "{ids:?}");
    let checks = teawatch.get("/api/v1/checks").1;
    let check = checks["items"].as_array().unwrap().iter().find(|check| check["name"] == "c");
    assert_eq!(check.unwrap()["results"], 3, "{checks:#}");
    assert_eq!(gitea.open(), 0);
}

#[test]
fn with_a_slow_server_older_reports_wait_for_the_next_time_and_the_newest_does_not() {
    let kept = Kept::new(1 << 20);
    kept.keep(3);
    let server = StandIn::start(|_, _| taken());
    let list = kept.spool.waiting(Timestamp::now()).unwrap().0;
    let (told, sent) = send(sender(&server).with_patience(Duration::ZERO), &kept.spool, &list);
    let said = sent.unwrap_err().to_string();
    assert!(said.ends_with("is slow: 2 older reports were not tried"), "{said}");
    assert_eq!((server.seqs(), kept.seqs(), told.len()), (vec![3], vec![2, 1], 0));
}

#[test]
fn many_agents_of_a_host_at_once_give_no_number_twice_and_lose_nothing() {
    let check = "[[command]]\nname = \"c\"\ncommand = [\"true\"]\n";
    let host = Host::new(&format!("server = \"http://127.0.0.1:9/\"\n{check}"));
    let at_once = |count: usize| {
        let spawn = |_| {
            let mut command = host.command(&["agent", "--quiet"]);
            command.stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..count).map(spawn).collect();
        let outputs = children.into_iter().map(|mut child| child.output_in_time());
        outputs.collect::<Vec<_>>()
    };
    for output in at_once(12) {
        assert!(output.status.success() && text(&output.stderr).contains("waits"), "{output:?}");
    }
    assert_eq!(waiting(&host), 12);
    let server = StandIn::start(|_, _| taken());
    host.configure(&format!("server = \"{}\"\n{check}", server.url));
    for output in at_once(4) {
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    assert_eq!(waiting(&host), 0);
    let seqs: BTreeSet<_> = server.seqs().into_iter().collect();
    assert_eq!(seqs, (1..=16).collect());
    let epochs: BTreeSet<_> =
        server.asked().iter().map(|asked| asked.json()["id"]["epoch"].to_string()).collect();
    assert_eq!(epochs.len(), 1);
}

#[test]
fn where_nothing_can_be_written_at_all_the_report_is_sent_all_the_same() {
    let server = StandIn::start(|_, _| taken());
    let host = Host::new(&format!(
        "server = \"{}\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
        server.url
    ));
    // The owner of a folder that is in the way: nothing can be made in a file.
    host.write("data/spool/lock/in/the/way", "");
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!((output.status.code(), server.asked().len()), (Some(0), 1), "{output:?}");
    assert!(text(&output.stderr).contains("spool cannot be used"), "{output:?}");
    // Neither kept nor sent is said in so many words.
    host.configure(
        "server = \"http://127.0.0.1:9/\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
    );
    let output = host.run(&["agent", "--quiet"]);
    assert!(text(&output.stderr).contains("neither kept nor sent, and is lost"), "{output:?}");
}

#[test]
fn a_process_that_holds_the_lock_and_does_not_go_on_keeps_no_report_from_the_server() {
    let server = StandIn::start(|_, _| taken());
    let host = Host::new(&format!(
        "server = \"{}\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
        server.url
    ));
    let lock = File::create(host.write("data/spool/lock", "")).unwrap();
    lock.lock().unwrap();
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!((output.status.code(), server.asked().len()), (Some(0), 1), "{output:?}");
    assert!(text(&output.stderr).contains("another process holds its lock"), "{output:?}");
}

#[test]
fn what_waited_from_before_a_boot_changes_no_alert() {
    let check = "[[file]]\nname = \"f\"\npath = \"f\"\n";
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let there = format!("server = \"{}\"\n{check}", teawatch.url);
    let host = Host::new(&there);
    let run = || host.run(&["agent", "--quiet", "--every", "1h"]).status.code();
    let boot = || {
        let path = host.path("data/spool/epoch.json");
        let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        state["boot"] = "the one before".into();
        fs::write(&path, state.to_string()).unwrap();
    };
    let file = host.write("f", "");
    assert_eq!(run(), Some(0));
    host.configure(&format!("server = \"http://127.0.0.1:9/\"\n{check}"));
    fs::remove_file(&file).unwrap();
    // What fails between two boots, all of it without the server, is over when it is heard of.
    boot();
    assert_eq!((run(), run()), (Some(1), Some(1)));
    boot();
    host.write("f", "");
    host.configure(&there);
    assert_eq!((run(), waiting(&host)), (Some(0), 0));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 0);
}

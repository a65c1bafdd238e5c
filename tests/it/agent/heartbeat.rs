//! Heartbeat files as they are found: fresh, stale, broken in every way.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process_group};
use teawatch::agent::folder::{Status, scan};
use teawatch::agent::heartbeat;

use super::Host;
use crate::support::InTime as _;

fn host(more: &str) -> Host {
    Host::new(&format!("[[heartbeat]]\nname = \"worker\"\npath = \"hb\"\n{more}"))
}

fn epoch(seconds_ago: i64) -> f64 {
    let at = Timestamp::now() - SignedDuration::from_secs(seconds_ago);
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

#[test]
fn r9_a_heartbeat_is_stale_after_five_minutes_unless_its_file_or_the_settings_say_otherwise() {
    let host = host("");
    for (text, result) in [
        (format!("{}", epoch(280)), "success"),
        (format!("{}", epoch(301)), "failure"),
        (format!("{{\"timestamp\": {}, \"interval_seconds\": 600}}", epoch(1_190)), "success"),
        (format!("{{\"timestamp\": {}, \"interval_seconds\": 600}}", epoch(1_201)), "failure"),
        (format!("{{\"timestamp\": {}, \"cycle\": 7}}", epoch(10)), "success"),
    ] {
        host.write("hb", &text);
        assert_eq!(host.look_at_one().0, result, "{text}");
    }
    host.configure("[[heartbeat]]\nname = \"worker\"\npath = \"hb\"\nmax_age = \"1m\"\n");
    host.write("hb", &format!("{}", epoch(61)));
    assert_eq!(host.look_at_one().0, "failure");
}

#[test]
fn r10_every_way_in_which_a_file_is_no_heartbeat_is_told_apart() {
    let host = host("");
    let mut said = Vec::new();
    let mut look = |what: &str| {
        let (result, summary) = host.look_at_one();
        assert_eq!(result, "failure", "{what}: {summary}");
        said.push(summary);
    };
    look("missing");
    host.write("hb", "");
    look("empty");
    host.write("hb", "{\"timestamp\": 17000");
    look("truncated");
    std::fs::write(host.path("hb"), [0xff, 0xfe, 0x00]).unwrap();
    look("binary");
    std::fs::File::create(host.path("hb")).unwrap().set_len(1 << 30).unwrap();
    look("a GiB");
    host.write("hb", &format!("{}", epoch(-120)));
    look("in the future");
    host.write("hb", &format!("{{\"timestamp\": {}, \"interval\": 0}}", epoch(1)));
    look("no interval");
    std::fs::remove_file(host.path("hb")).unwrap();
    std::fs::create_dir(host.path("hb")).unwrap();
    look("a directory");
    let mut different = said.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), said.len(), "{said:#?}");
}

#[test]
fn what_could_not_be_looked_at_is_unknown_and_not_a_failure_and_why_is_said() {
    let host = host("");
    symlink("hb", host.path("hb")).unwrap();
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "unknown", "{summary}");
    assert!(summary.contains("cannot be read: Too many levels of symbolic links"), "{summary}");
    // A file that nobody may read like that, not even root.
    host.configure("[[heartbeat]]\nname = \"worker\"\npath = \"/proc/self/mem\"\n");
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "unknown", "{summary}");
}

#[test]
fn a_heartbeat_that_must_not_be_read_is_unknown_but_for_root_who_may() {
    let host = host("");
    let path = host.write("hb", &format!("{}", epoch(1)));
    std::fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let is_allowed = std::fs::File::open(&path).is_ok();
    let (result, summary) = host.look_at_one();
    assert_eq!(result, if is_allowed { "success" } else { "unknown" }, "{summary}");
}

#[test]
fn r10_a_directory_or_a_file_below_a_file_is_no_heartbeat() {
    let host = Host::new("[[heartbeat]]\nname = \"worker\"\npath = \"hb/below\"\n");
    host.write("hb", "");
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "failure");
    assert!(summary.contains("there is no such file"), "{summary}");
}

fn beat(cycle: u64) -> heartbeat::Written {
    heartbeat::Written {
        job: Some("job".to_owned()),
        pid: 1,
        timestamp: epoch(0),
        interval_seconds: Some(3_600.0),
        cycle: Some(cycle),
        model: Some("m".repeat(5_000)),
        status: "alive".to_owned(),
    }
}

#[test]
fn r31_among_ten_thousand_writes_nobody_sees_half_of_a_heartbeat() {
    let host = Host::new("");
    let (folder, path) = (host.path("beats"), host.path("beats/job.last"));
    heartbeat::write(&path, &beat(0)).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    (0..1_000).for_each(|cycle| heartbeat::write(&path, &beat(cycle)).unwrap());
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let beat = heartbeat::read(&path, false).unwrap();
                assert_eq!(beat.rest["model"].as_str().unwrap().len(), 5_000);
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let jobs = scan(&folder, &[], Timestamp::now()).unwrap();
                let seen: Vec<_> = jobs.iter().map(|job| (&*job.job, job.status)).collect();
                assert_eq!(seen, [("job", Status::Fresh)]);
            }
        });
        let ended: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    let left: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["job.last"]);
}

#[test]
fn r31_what_a_writer_that_was_killed_leaves_is_read_by_nobody() {
    let host = Host::new("");
    let folder = host.path("beats");
    heartbeat::write(&folder.join("job.last"), &beat(0)).unwrap();
    let model = "m".repeat(5_000);
    for _ in 0..10 {
        let mut shell = host.command(&[]);
        let program = shell.get_program().to_owned();
        shell = std::process::Command::new("sh");
        let writes =
            "while :; do \"$0\" beat job --interval 1h --dir beats --model \"$1\"; echo; done";
        shell.args(["-c", writes]).arg(program).arg(&model).current_dir(host.home.path());
        shell.process_group(0).stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        // It is in the middle of the next one when it has said that the first is written.
        let mut said = shell.stdout.take().unwrap();
        std::io::Read::read_exact(&mut said, &mut [0; 3]).unwrap();
        let group = Pid::from_raw(i32::try_from(shell.id()).unwrap()).unwrap();
        kill_process_group(group, Signal::KILL).unwrap();
        shell.wait_in_time();
        // The pipe ends with the last of them.
        std::io::Read::read_to_end(&mut said, &mut Vec::new()).unwrap();
        let read = heartbeat::read(&folder.join("job.last"), false).unwrap();
        assert_eq!(read.rest["model"].as_str().unwrap().len(), 5_000);
        let jobs = scan(&folder, &[], Timestamp::now()).unwrap();
        let seen: Vec<_> = jobs.iter().map(|job| (&*job.job, job.status)).collect();
        assert_eq!(seen, [("job", Status::Fresh)]);
    }
}

#[test]
fn r31_a_temporary_file_that_was_left_is_neither_a_heartbeat_nor_in_the_way() {
    let host = Host::new("");
    host.write("beats/.hb_AbCdEf.tmp", "{\"job\":\"job\",\"timest");
    host.write("beats/.hb_AbCdEf.last", "{\"job\":\"job\",\"timest");
    let folder = host.path("beats");
    assert_eq!(scan(&folder, &[], Timestamp::now()).unwrap(), []);
    heartbeat::write(&folder.join("job.last"), &beat(1)).unwrap();
    assert_eq!(scan(&folder, &[], Timestamp::now()).unwrap().len(), 1);
}

#[test]
fn r115_a_write_that_fails_leaves_no_file_behind_and_the_heartbeat_before_as_it_was() {
    let host = Host::new("");
    let folder = host.path("beats");
    std::fs::create_dir_all(folder.join("job.last/taken")).unwrap();
    heartbeat::write(&folder.join("job.last"), &beat(1)).unwrap_err();
    let left: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["job.last"]);
    host.write("file", "");
    heartbeat::write(&host.path("file/job.last"), &beat(1)).unwrap_err();
    assert_eq!(std::fs::read_to_string(host.path("file")).unwrap(), "");
}

#[test]
fn r45_the_path_comes_by_setting_flag_and_variable() {
    let host = Host::new("");
    host.write("elsewhere", &format!("{}", epoch(1)));
    let flag = host.run(&["agent", "--dry-run", "--heartbeat", "elsewhere"]);
    assert_eq!(flag.status.code(), Some(0), "{flag:?}");
    let mut command = host.command(&["agent", "--dry-run"]);
    let variable = command.env("TEAWATCH_AGENT_HEARTBEAT", "missing").output_in_time();
    assert_eq!(variable.status.code(), Some(1), "{variable:?}");
}

#[test]
fn r8_without_a_path_the_heartbeat_of_the_home_is_looked_at() {
    let host = Host::new("[[heartbeat]]\nname = \"worker\"\n");
    host.write(".nexus/heartbeat.json", &format!("{{\"timestamp\": {}}}", epoch(3)));
    assert_eq!(host.look_at_one().0, "success");
}

#[test]
fn the_time_of_the_last_change_counts_only_where_the_settings_say_so() {
    let host = host("");
    host.write("hb", "done\n");
    assert_eq!(host.look_at_one().0, "failure");
    host.configure("[[heartbeat]]\nname = \"worker\"\npath = \"hb\"\nuse_mtime = true\n");
    assert_eq!(host.look_at_one().0, "success");
}

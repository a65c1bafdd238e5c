//! Heartbeat files as they are found: fresh, stale, broken in every way.

use std::os::unix::fs::symlink;

use jiff::{SignedDuration, Timestamp};

use super::Host;

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
fn what_could_not_be_looked_at_is_unknown_and_not_a_failure() {
    let host = host("");
    symlink("hb", host.path("hb")).unwrap();
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "unknown", "{summary}");
}

#[test]
fn r45_the_path_comes_by_setting_flag_and_variable() {
    let host = Host::new("");
    host.write("elsewhere", &format!("{}", epoch(1)));
    let flag = host.run(&["agent", "--dry-run", "--heartbeat", "elsewhere"]);
    assert_eq!(flag.status.code(), Some(0), "{flag:?}");
    let mut command = host.command(&["agent", "--dry-run"]);
    let variable = command.env("TEAWATCH_AGENT_HEARTBEAT", "missing").output().unwrap();
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

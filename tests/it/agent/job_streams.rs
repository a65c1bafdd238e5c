//! `teawatch run`: what goes into the command and comes out of it.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Host, text};
use crate::support::{InTime as _, eventually};

#[test]
fn input_and_outputs_are_handed_on_byte_for_byte() {
    let host = Host::new("");
    let bytes: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let mut child = host
        .command(&["run", "--", "sh", "-c", "cat; printf '\\377\\000\\n' >&2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = bytes.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.output_in_time();
    writer.join().unwrap();
    assert!(output.stdout == bytes, "{} bytes came out", output.stdout.len());
    assert!(output.stderr.starts_with(b"\xff\0\n"), "{:?}", text(&output.stderr));
}

#[test]
fn arguments_and_programs_need_not_be_text() {
    let host = Host::new("");
    let odd = OsStr::from_bytes(b"odd-\xff\xfe");
    let output = host
        .command(&["run", "--", "printf", "%s|"])
        .arg(odd)
        .args(["-x", "--name"])
        .output_in_time();
    assert_eq!(output.stdout, b"odd-\xff\xfe|-x|--name|");
    std::fs::rename(host.script("script", "exit 6"), host.home.path().join(odd)).unwrap();
    let program = [OsStr::from_bytes(b"./"), odd].join(OsStr::new(""));
    assert_eq!(host.command(&["run", "--"]).arg(program).wait_in_time().code(), Some(6));
}

#[test]
fn a_script_that_does_not_say_who_runs_it_is_run_as_a_shell_runs_it() {
    let host = Host::new("");
    let path = host.script("bin/plain", "");
    std::fs::write(&path, "echo \"$2\"; exit 6\n").unwrap();
    for program in ["bin/plain", "plain"] {
        let mut command = host.command(&["run", "--", program, "-x", "two  words"]);
        let output = command
            .env("PATH", format!("{}:/usr/bin:/bin", host.path("bin").display()))
            .output_in_time();
        assert_eq!(output.status.code(), Some(6), "{program}: {output:?}");
        assert_eq!(text(&output.stdout), "two  words\n");
    }
}

#[test]
fn environment_and_folder_are_what_they_were() {
    let host = Host::new("");
    let command = "env | sort; pwd; umask; ls /proc/self/fd | wc -l";
    let bare = std::process::Command::new("sh")
        .args(["-c", command])
        .env_clear()
        .envs(host.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env_remove("TEAWATCH_AGENT_SECRET")
        .current_dir(host.home.path())
        .stdin(Stdio::null())
        .output_in_time();
    let output = host.run(&["run", "--", "sh", "-c", command]);
    assert_eq!(text(&output.stdout), text(&bare.stdout));
}

#[test]
fn a_command_may_close_its_outputs_and_go_on() {
    let host = Host::new("");
    let output =
        host.run(&["run", "--", "sh", "-c", "exec >&- 2>&-; sleep 0.3; echo on > after; exit 6"]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert_eq!(std::fs::read_to_string(host.path("after")).unwrap(), "on\n");
}

#[test]
fn whoever_is_left_behind_with_the_outputs_is_not_waited_for() {
    let host = Host::new("");
    let script = "sleep 1000 & echo $! > child; echo done";
    let output = host.run(&["run", "--", "sh", "-c", script]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "done\n".to_owned()));
    // It is left alone as well: only a limit ends what a command has started.
    let child = std::fs::read_to_string(host.path("child")).unwrap();
    let pid = Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn a_slow_reader_gets_everything_although_the_command_has_ended_long_ago() {
    let host = Host::new("");
    let mut child = host
        .command(&["run", "--", "sh", "-c", "head -c 100000 /dev/zero; touch ended"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the command has ended", || host.path("ended").exists());
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(50));
        assert!(child.try_wait().unwrap().is_none(), "what the command wrote is lost");
    }
    let output = child.output_in_time();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 100_000));
}

#[test]
fn a_command_whose_reader_has_gone_meets_what_it_would_have_met_without_us() {
    let host = Host::new("");
    let mut child = host
        .command(&["run", "--", "yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut some = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    // 128 and SIGPIPE.
    assert_eq!((child.wait_in_time().code(), &some), (Some(141), b"y\ny\n"));
}

#[test]
fn an_output_of_100_mb_passes_through_little_memory() {
    let host = Host::new("");
    let mut child = host
        .command(&["run", "--", "sh", "-c", "head -c 100000000 /dev/zero; read x"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut left: usize = 100_000_000;
    while left > 0 {
        let count = stdout.read(&mut buffer).unwrap();
        assert!(count > 0, "{left} bytes are missing");
        left -= count;
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB");
    drop(child.stdin.take());
    assert_eq!(child.wait_in_time().code(), Some(1));
}

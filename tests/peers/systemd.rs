//! The server under systemd: what its tools say to our units, its sockets, and a disk that
//! hangs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Gitea, InTime as _, PATIENCE, Teawatch, client, eventually, text};

/// How exposed a unit may be, in tenths of the 10.0 of `systemd-analyze security`.
const EXPOSURE_MAX: &str = "15";

/// The units that a command prints, each in its file.
fn units(directory: &Path, arguments: &[&str]) -> Vec<PathBuf> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    let output = command.env_clear().args(arguments).output_in_time();
    let printed = text(&output.stdout);
    let units = printed.split("# /etc/systemd/system/").skip(1).map(|unit| {
        let (name, unit) = unit.split_once('\n').unwrap();
        let path = directory.join(name);
        fs::write(&path, unit).unwrap();
        path
    });
    units.collect()
}

fn analyze(arguments: &[&str], units: &[&PathBuf]) -> Output {
    Command::new("systemd-analyze").args(arguments).args(units).output_in_time()
}

#[test]
fn systemd_understands_every_line_of_the_units_and_finds_little_exposed() {
    for arguments in [&["install", "--print"][..], &["agent", "install", "--print"]] {
        let directory = tempfile::tempdir().unwrap();
        let units = units(directory.path(), arguments);
        assert_eq!(units.len(), 2, "{units:?}");
        let said = analyze(&["verify", "--man=no"], &units.iter().collect::<Vec<_>>());
        // What it does not know it only warns of.
        assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let units = units(directory.path(), &["install", "--print"]);
    let service = units.iter().find(|path| path.ends_with("teawatch.service")).unwrap();
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let said = analyze(&["security", "--offline=yes", "--no-pager", &threshold], &[service]);
    assert!(said.status.success(), "{}", text(&said.stdout));
}

#[test]
fn a_socket_of_systemd_is_the_door() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serve = Teawatch::command(data.path(), &gitea, &[("listen", &free)]);
    let mut command = Command::new("systemd-socket-activate");
    command.arg(format!("--listen={free}"));
    for (name, value) in serve.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.arg(format!("--setenv={}={}", name.display(), value.display()));
    }
    command.arg(serve.get_program()).args(serve.get_args());
    // It becomes the server with the first connection.
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("http://{free}/healthz");
    eventually("it answers", || client().get(&url).send().is_ok());
    process.kill().unwrap();
    process.wait_in_time();
}

/// Reads what the supervisor is told until `is_it`, or until it says nothing for `patience`.
fn hears(socket: &UnixDatagram, patience: Duration, is_it: impl Fn(&str) -> bool) -> bool {
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut said = [0; 4096];
    while let Ok(count) = socket.recv(&mut said) {
        if is_it(text(&said[..count]).trim_end()) {
            return true;
        }
    }
    false
}

#[test]
fn a_disk_that_hangs_stops_the_watchdog() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let socket = UnixDatagram::bind(data.path().join("notify")).unwrap();
    let settings = [("absence.mark", "50ms")];
    let serve = Teawatch::command(data.path(), &gitea, &settings);
    let mut command = Command::new("strace");
    // From the fiftieth on each takes a minute.
    let inject = "--inject=fdatasync:delay_enter=60000000:when=50+";
    command.args(["-f", "-qq", "-o", "/dev/null", "--trace=fdatasync", inject]);
    command.arg(serve.get_program()).args(serve.get_args()).env_clear();
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/bin:/bin").current_dir(data.path());
    command.env("NOTIFY_SOCKET", data.path().join("notify")).env("WATCHDOG_USEC", "300000");
    let teawatch = Teawatch::launch(command);
    assert!(hears(&socket, PATIENCE, |said| said == "READY=1"));
    assert!(hears(&socket, PATIENCE, |said| said == "WATCHDOG=1"));
    // It is fed every 100 ms, and then for three seconds not at all.
    eventually("nothing feeds it", || {
        !hears(&socket, Duration::from_secs(3), |said| said == "WATCHDOG=1")
    });
    assert_eq!(teawatch.get("/healthz").0, 200, "the doors do not hang");
    let pid = fs::read_to_string(data.path().join("teawatch.pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

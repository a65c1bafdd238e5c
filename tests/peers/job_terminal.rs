//! `teawatch run` at a terminal: the command can use it as if nobody stood between.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Host, Terminal, eventually};

/// Runs the binary at a new terminal, with its input from `input`.
fn start(host: &Host, input: &str, arguments: &[&str]) -> Terminal {
    Terminal::start(|name| {
        // The first terminal that the leader of a session opens is its own, and everybody in
        // its session hangs up with it.
        let script = format!("exec <{name} >{name} 2>&1 <{input}; \"$0\" \"$@\"; echo code $?");
        let teawatch = host.command(&[]);
        // Whoever runs the tests may ignore what is typed here, as `nohup` does.
        Command::new("env")
            .args([
                "--default-signal",
                "setsid",
                "sh",
                "-c",
                &script,
                env!("CARGO_BIN_EXE_teawatch"),
                "run",
            ])
            .args(arguments)
            .env_clear()
            .envs(teawatch.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(host.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    })
}

#[test]
fn a_command_reads_from_its_terminal_also_when_its_input_is_another() {
    let host = Host::new("");
    for input in ["/dev/tty", "/dev/null"] {
        let script = "echo ready; read x </dev/tty; echo got $x; exit 3";
        let mut terminal = start(&host, input, &["--", "sh", "-c", script]);
        terminal.shows("ready");
        terminal.types("hello\n");
        terminal.shows("got hello");
        terminal.shows("code 3");
    }
}

#[test]
fn the_keyboards_signals_reach_a_command_once() {
    let host = Host::new("");
    let script = "trap 'echo x >> got' INT; trap 'exit 3' USR1; \
                  echo $PPID > watcher; echo ready; while :; do :; done";
    let mut terminal = start(&host, "/dev/tty", &["--", "sh", "-c", script]);
    terminal.shows("ready");
    let got = || std::fs::read_to_string(host.path("got")).unwrap_or_default();
    terminal.types("\u{3}");
    eventually("it has got it", || !got().is_empty());
    // Signals are handed on one after the other: with this one, all before it were.
    let watcher = std::fs::read_to_string(host.path("watcher")).unwrap();
    kill_process(Pid::from_raw(watcher.trim().parse().unwrap()).unwrap(), Signal::USR1).unwrap();
    eventually("the watcher has gone", || {
        !std::path::Path::new(&format!("/proc/{}", watcher.trim())).exists()
    });
    assert_eq!(got(), "x\n");
}

#[test]
fn at_a_terminal_as_well_a_limit_ends_all_that_a_command_has_started() {
    let host = Host::new("");
    // Also what does not mind that its terminal goes away.
    let script = "trap '' TERM HUP; sleep 1000 & echo $! > child; wait; sleep 1000";
    let arguments = ["--limit", "3s", "--", "sh", "-c", script];
    let terminal = start(&host, "/dev/tty", &arguments);
    terminal.shows("code 137");
    let child = std::fs::read_to_string(host.path("child")).unwrap();
    eventually("the child is gone", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.trim()));
        status.map_or(true, |status| status.contains("State:\tZ"))
    });
}

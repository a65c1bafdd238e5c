//! Every kind of probe against the real thing: failing, passing, hanging, and where nobody
//! can tell.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{Host, text};
use crate::support::InTime as _;

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An HTTP server that answers everything with `answer`; nothing if it is empty.
pub fn web(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            if answer.is_empty() {
                held.push(stream);
                continue;
            }
            let mut request = [0; 4096];
            drop(stream.read(&mut request));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    port
}

#[test]
fn r5_an_open_port_passes_also_when_it_says_nothing_and_a_closed_one_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (open, closed) = (listener.local_addr().unwrap().port(), free_port());
    let host = Host::new(&format!(
        "[[tcp]]\nname = \"open\"\naddress = \"127.0.0.1:{open}\"\n\
         [[tcp]]\nname = \"closed\"\naddress = \"127.0.0.1:{closed}\"\n\
         [[tcp]]\nname = \"nowhere\"\naddress = \"host.invalid:80\"\n"
    ));
    let (code, said) = host.look();
    assert_eq!(code, 1);
    assert_eq!(said["checks"][0]["result"], "success", "{said:#}");
    assert_eq!(said["failed"], serde_json::json!(["closed", "nowhere"]), "{said:#}");
    assert!(said["checks"][0]["numbers"]["connect_seconds"].is_number());
}

#[test]
fn r6_a_process_is_found_by_its_command_line_which_is_never_shown() {
    let host = Host::new(
        "[[process]]\nname = \"there\"\npattern = \"secret-[0-9]+ worker\"\n\
         [[process]]\nname = \"gone\"\npattern = \"no-such-process-anywhere\"\n\
         [[process]]\nname = \"two\"\npattern = \"secret-[0-9]+ worker\"\nat_least = 2\n",
    );
    let script = host.script("worker", "sleep 60");
    let mut worker = Command::new(&script)
        .args(["secret-4711", "worker"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (_, said) = host.look();
    worker.kill().unwrap();
    worker.wait_in_time();
    let there = &said["checks"][0];
    assert_eq!(there["result"], "success", "{said:#}");
    let summary = there["summary"].as_str().unwrap();
    assert!(summary.contains(&worker.id().to_string()), "{summary}");
    assert!(!said.to_string().contains("4711"), "{said:#}");
    assert_eq!(said["failed"], serde_json::json!(["gone", "two"]), "{said:#}");
}

#[test]
fn r12_source_is_read_and_never_run() {
    let host = Host::new(
        "[[syntax]]\nname = \"json\"\npath = \"good.json\"\n\
         [[syntax]]\nname = \"bad json\"\npath = \"bad.json\"\n\
         [[syntax]]\nname = \"shell\"\npath = \"good.sh\"\n\
         [[syntax]]\nname = \"bad shell\"\npath = \"bad.sh\"\n\
         [[syntax]]\nname = \"missing\"\npath = \"missing.sh\"\n",
    );
    host.write("good.json", "{\"a\": [1, 2]}");
    host.write("bad.json", "{\"a\": [1, 2}");
    host.write("good.sh", "touch it-ran\n");
    host.write("bad.sh", "if true; then\n");
    let (_, said) = host.look();
    assert_eq!(said["failed"], serde_json::json!(["bad json", "bad shell", "missing"]), "{said:#}");
    assert!(said["checks"][3]["details"].as_str().unwrap().contains("bad.sh"), "{said:#}");
    assert!(!host.path("it-ran").exists());
}

#[test]
fn r7_where_the_interpreter_is_missing_nobody_can_tell() {
    let host = Host::new("[[syntax]]\nname = \"s\"\npath = \"a.rb\"\n");
    host.write("a.rb", "puts 1\n");
    let output = host.command(&["agent", "--dry-run", "--json"]).env("PATH", "").output_in_time();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stdout).contains("ruby cannot be started"), "{output:?}");
}

#[test]
fn anything_else_is_read_by_a_command_of_the_users_own() {
    let host = Host::new(
        "[[syntax]]\nname = \"s\"\npath = \"a.conf\"\ncommand = [\"./judge\", \"--strict\"]\n",
    );
    host.write("a.conf", "");
    host.script("judge", "echo \"$1 line 3\" >&2; test \"$(basename \"$2\")\" = a.conf && exit 9");
    let (_, said) = host.look();
    assert_eq!(said["checks"][0]["result"], "failure");
    assert_eq!(said["checks"][0]["details"], "--strict line 3\n");
    host.configure("[[syntax]]\nname = \"s\"\npath = \"a.conf\"\n");
    assert_eq!(host.look_at_one().0, "unknown");
}

#[test]
fn an_address_must_answer_with_the_right_status_and_words_in_time() {
    let fine = web("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    let broken = web("HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (hangs, closed) = (web(""), free_port());
    let host = Host::new(&format!(
        "[[http]]\nname = \"fine\"\nurl = \"http://u:p@127.0.0.1:{fine}/?key=s3cret\"\ncontains = \"hell\"\n\
         [[http]]\nname = \"other words\"\nurl = \"http://127.0.0.1:{fine}/\"\ncontains = \"bye\"\n\
         [[http]]\nname = \"broken\"\nurl = \"http://127.0.0.1:{broken}/\"\n\
         [[http]]\nname = \"as expected\"\nurl = \"http://127.0.0.1:{broken}/\"\nstatus = 503\n\
         [[http]]\nname = \"slow\"\nurl = \"http://127.0.0.1:{fine}/\"\nmax_latency = \"1ns\"\n\
         [[http]]\nname = \"hangs\"\nurl = \"http://127.0.0.1:{hangs}/\"\ntimeout = \"200ms\"\n\
         [[http]]\nname = \"closed\"\nurl = \"http://127.0.0.1:{closed}/\"\n"
    ));
    let (_, said) = host.look();
    let failed = ["other words", "broken", "slow", "hangs", "closed"];
    assert_eq!(said["failed"], serde_json::json!(failed), "{said:#}");
    assert!(said["checks"][5]["summary"].as_str().unwrap().contains("did not answer within"));
    assert!(!said.to_string().contains("s3cret") && !said.to_string().contains("u:p@"), "{said:#}");
}

#[test]
fn a_file_system_is_full_where_more_is_used_than_it_may_be() {
    let host = Host::new(
        "[[disk]]\nname = \"fine\"\npath = \"/\"\nmax_percent = 100\nmax_inodes_percent = 100\n\
         [[disk]]\nname = \"full\"\npath = \"/\"\nmax_percent = 0\n\
         [[disk]]\nname = \"missing\"\npath = \"/no/such/path\"\n",
    );
    let (_, said) = host.look();
    assert_eq!(said["failed"], serde_json::json!(["full"]), "{said:#}");
    assert_eq!(said["unknown"], serde_json::json!(["missing"]), "{said:#}");
    let numbers = &said["checks"][0]["numbers"];
    let percent = numbers["space_percent"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&percent), "{numbers}");
    assert!(numbers["free_bytes"].is_number() && numbers["inodes_percent"].is_number());
}

#[test]
fn a_file_must_be_there_young_enough_and_of_the_right_size() {
    let host = Host::new(
        "[[file]]\nname = \"fine\"\npath = \"f\"\nmax_age = \"1h\"\nmin_bytes = 5\nmax_bytes = 5\n\
         [[file]]\nname = \"small\"\npath = \"f\"\nmin_bytes = 6\n\
         [[file]]\nname = \"large\"\npath = \"f\"\nmax_bytes = 4\n\
         [[file]]\nname = \"old\"\npath = \"old\"\nmax_age = \"1h\"\n\
         [[file]]\nname = \"missing\"\npath = \"missing\"\n",
    );
    host.write("f", "12345");
    let old = std::fs::File::create(host.path("old")).unwrap();
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(3_700)).unwrap();
    let (_, said) = host.look();
    assert_eq!(said["failed"], serde_json::json!(["small", "large", "old", "missing"]), "{said:#}");
}

#[test]
fn a_plugin_says_by_its_exit_code_how_it_is() {
    let command = |name: &str, script: &str| {
        format!(
            "[[command]]\nname = \"{name}\"\ntimeout = \"2s\"\ncommand = [\"sh\", \"-c\", '{script}']\n"
        )
    };
    let host = Host::new(
        &[
            command("fine", "echo \"all good | load=0.5;1;2\""),
            command("warning", "echo \"rather full\"; echo more; exit 1"),
            command("critical", "exit 2"),
            command("cannot tell", "exit 3"),
            command("odd", "echo hm; exit 9"),
            command("killed", "kill -9 $$"),
            "[[command]]\nname = \"missing\"\ncommand = [\"./no-such-program\"]\n".to_owned(),
        ]
        .concat(),
    );
    let (code, said) = host.look();
    assert_eq!(code, 1);
    assert_eq!(said["failed"], serde_json::json!(["warning", "critical"]), "{said:#}");
    let unknown = ["cannot tell", "odd", "killed", "missing"];
    assert_eq!(said["unknown"], serde_json::json!(unknown), "{said:#}");
    assert_eq!(said["checks"][0]["summary"], "all good");
    assert_eq!(said["checks"][0]["numbers"]["load"], 0.5);
    assert_eq!(said["checks"][1]["details"], "more");
}

#[test]
fn a_plugin_that_hangs_is_killed_with_its_children_and_one_that_floods_is_cut() {
    let host = Host::new(
        "[[command]]\nname = \"hangs\"\ntimeout = \"3s\"\ncommand = [\"./hang\"]\n\
         [[command]]\nname = \"floods\"\ncommand = [\"sh\", \"-c\", \"yes 0123456789 | head -c 5000000\"]\n",
    );
    host.script("hang", "sleep 1000 & echo $! > child; wait");
    let (_, said) = host.look();
    assert_eq!(said["unknown"], serde_json::json!(["hangs"]), "{said:#}");
    assert!(said["checks"][1]["details"].as_str().unwrap().len() < 4_000);
    let child = std::fs::read_to_string(host.path("child")).unwrap();
    crate::support::eventually("the child is gone", || is_gone(&child));
}

/// Whether a process has ended.
fn is_gone(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    status.map_or(true, |status| status.contains("State:\tZ"))
}

#[test]
fn a_plugin_that_leaves_somebody_behind_is_not_waited_for() {
    let host = Host::new(
        "[[command]]\nname = \"c\"\ntimeout = \"60s\"\n\
         command = [\"sh\", \"-c\", \"echo fine; sleep 1000 & echo $! > child\"]\n",
    );
    assert_eq!(host.look_at_one(), ("success".to_owned(), "fine".to_owned()));
    let child = std::fs::read_to_string(host.path("child")).unwrap();
    crate::support::eventually("it is gone", || is_gone(&child));
}

#[test]
fn a_pipe_is_no_source_and_nobody_waits_at_it() {
    let host = Host::new(
        "[[syntax]]\nname = \"s\"\npath = \"pipe.sh\"\n[[heartbeat]]\nname = \"h\"\npath = \"pipe.sh\"\n",
    );
    rustix::fs::mkfifoat(rustix::fs::CWD, host.path("pipe.sh"), 0o600.into()).unwrap();
    let (_, said) = host.look();
    assert_eq!(said["checks"][1]["summary"], "pipe.sh is no file", "{said:#}");
    assert_eq!(said["failed"], serde_json::json!(["h"]), "{said:#}");
}

#[test]
fn r14_one_check_that_hangs_holds_up_no_other() {
    let host = Host::new(
        "[[command]]\nname = \"hangs\"\ntimeout = \"500ms\"\ncommand = [\"sleep\", \"1000\"]\n\
         [[file]]\nname = \"fine\"\npath = \"/\"\n",
    );
    let (code, said) = host.look();
    assert_eq!(code, 2);
    assert_eq!(said["checks"][1]["result"], "unknown", "{said:#}");
    assert_eq!(said["checks"][0]["result"], "success", "{said:#}");
}

/// A port where nobody is served: whoever knocks is not even answered. It is so for as long
/// as what comes with it is held.
fn hanging_port() -> (u16, impl Sized) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (port, held) = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let listener = socket.listen(1).unwrap();
        let mut held = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(
            Duration::from_millis(500),
            tokio::net::TcpStream::connect(address),
        )
        .await
        {
            held.push(stream);
        }
        (address.port(), (listener, held))
    });
    (port, (held, runtime))
}

#[test]
fn r5_a_port_that_does_not_answer_in_time_fails() {
    let (port, _held) = hanging_port();
    let host = Host::new(&format!(
        "[[tcp]]\nname = \"t\"\naddress = \"127.0.0.1:{port}\"\ntimeout = \"300ms\"\n"
    ));
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "failure");
    assert_eq!(summary, format!("127.0.0.1:{port} did not answer within 300ms"));
}

#[test]
fn r4_a_port_is_found_by_a_name_and_on_the_newer_kind_of_address() {
    let older = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = older.local_addr().unwrap().port();
    let host = Host::new(&format!("[[tcp]]\nname = \"name\"\naddress = \"localhost:{port}\"\n"));
    assert_eq!(
        host.look_at_one(),
        ("success".to_owned(), format!("localhost:{port} accepts connections"))
    );
    // There are hosts without.
    let Ok(newer) = TcpListener::bind("[::1]:0") else { return };
    let address = newer.local_addr().unwrap();
    host.configure(&format!("[[tcp]]\nname = \"six\"\naddress = \"{address}\"\n"));
    assert_eq!(
        host.look_at_one(),
        ("success".to_owned(), format!("{address} accepts connections"))
    );
}

#[test]
fn r6_a_process_is_found_although_its_command_line_is_no_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let host = Host::new("[[process]]\nname = \"p\"\npattern = \"odd-worker-[0-9]\"\n");
    let script = host.script("worker", "sleep 60");
    let odd = std::ffi::OsStr::from_bytes(b"\xff odd-worker-7");
    let mut worker = Command::new(&script).arg(odd).stdout(Stdio::null()).spawn().unwrap();
    let (result, summary) = host.look_at_one();
    worker.kill().unwrap();
    worker.wait_in_time();
    assert_eq!(result, "success", "{summary}");
}

#[test]
fn a_file_system_without_space_of_its_own_is_not_called_empty() {
    let host = Host::new("[[disk]]\nname = \"d\"\npath = \"/proc\"\n");
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "unknown", "{summary}");
}

#[test]
fn a_file_that_is_dated_in_the_future_is_not_young_for_ever() {
    let host = Host::new(
        "[[file]]\nname = \"f\"\npath = \"f\"\nmax_age = \"1h\"\n[[file]]\nname = \"any\"\npath = \"f\"\n",
    );
    host.write("f", "");
    let file = std::fs::File::options().append(true).open(host.path("f")).unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(3_600)).unwrap();
    let (_, said) = host.look();
    assert_eq!(said["failed"], serde_json::json!(["f"]), "{said:#}");
    assert!(said["checks"][0]["summary"].as_str().unwrap().contains("in the future"), "{said:#}");
}

#[test]
fn r6_an_agent_does_not_take_itself_for_the_process() {
    let host = Host::new("");
    host.write("own-worker.toml", "[[process]]\nname = \"p\"\npattern = \"own-worker\"\n");
    let output = host.run(&["agent", "--dry-run", "--source", "x", "--config", "own-worker.toml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

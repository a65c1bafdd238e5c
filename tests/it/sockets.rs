//! The door's socket, held by whoever starts the server again and again.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use reqwest::blocking::Client;
use rustix::process::{Signal, kill_process};
use teawatch::signature::sign;

use crate::support::{Gitea, InTime as _, PATIENCE, Report, Teawatch, bound, eventually};

/// How often the server is stopped and started.
const RESTARTS: usize = 10;
/// Sources that send at the same time.
const SOURCES: usize = 8;
/// How many reports there are between two starts at least.
const REPORTS_EACH: u64 = 1_000;

/// Starts `command` as systemd does: with `socket` as its descriptor 3 and variables that say
/// so. `fds` is how many there are said to be.
pub fn activated(command: &Command, socket: impl Into<OwnedFd>, fds: &str) -> Command {
    let mut wrapped = Command::new("sh");
    let script = "exec 3<&0 4<&0 0</dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
    wrapped.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    wrapped.env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped.env("LISTEN_FDS", fds).env("LISTEN_FDNAMES", "teawatch.socket");
    wrapped.current_dir(command.get_current_dir().unwrap());
    wrapped.stdin(Stdio::from(socket.into())).stdout(Stdio::null());
    wrapped
}

pub fn listener() -> (TcpListener, String) {
    let listener = bound(|| TcpListener::bind("127.0.0.1:0"));
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// What came of one attempt to send a report.
fn attempt(client: &Client, url: &str, report: &Report) -> Result<u16, reqwest::Error> {
    let body = report.body.to_string();
    let now = jiff::Timestamp::now().as_second();
    let id = format!("{}-{}", report.source, report.body["id"]["seq"]);
    let signature = sign(&Teawatch::secret(&report.source), &id, now, body.as_bytes());
    let request = client
        .post(format!("{url}/api/v1/reports"))
        .header("teawatch-source", &report.source)
        .header("webhook-id", id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", signature)
        .body(body);
    Ok(request.send()?.status().as_u16())
}

/// Whether nobody was there to take the call.
pub fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[test]
fn ten_restarts_on_an_inherited_socket_lose_no_report_and_refuse_no_connection() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (socket, address) = listener();
    let url = format!("http://{address}");
    let command = Teawatch::command(data.path(), &gitea, &[("listen", &address)]);
    let start = || Teawatch::launch(activated(&command, socket.try_clone().unwrap(), "1"));
    let (taken, over) = (AtomicU64::new(0), AtomicBool::new(false));
    teawatch::gitea::install_crypto();
    let sent: Vec<u64> = thread::scope(|scope| {
        let (taken, over, url) = (&taken, &over, &url);
        let send = move |number: usize| {
            // A connection for each, so that every one of them has to be taken.
            let client = Client::builder().timeout(PATIENCE).no_proxy().tls_certs_only([]);
            let client = client.pool_max_idle_per_host(0).build().unwrap();
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                count += 1;
                let report = Report::new(&format!("host{number}")).check("c", "success", "fine");
                loop {
                    match attempt(&client, url, &report) {
                        Ok(200) => break,
                        // The server is on its way out.
                        Ok(503) => {}
                        Ok(status) => panic!("{status}"),
                        Err(error) => assert!(!is_refused(&error), "{error:?}"),
                    }
                }
                taken.fetch_add(1, Ordering::Relaxed);
            }
            count
        };
        let senders: Vec<_> =
            (0..SOURCES).map(|number| scope.spawn(move || send(number))).collect();
        for round in 0..RESTARTS {
            let teawatch = start();
            let before = taken.load(Ordering::Relaxed);
            eventually("reports come through", || {
                taken.load(Ordering::Relaxed) >= before + REPORTS_EACH
            });
            // Asked to stop, or without any warning.
            if round % 2 == 0 {
                assert!(teawatch.stop().success());
            } else {
                teawatch.kill();
            }
        }
        let _last = start();
        over.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let teawatch = start();
    for (number, count) in sent.iter().enumerate() {
        let checks = teawatch.get("/api/v1/checks?limit=500").1;
        let mut checks = checks["items"].as_array().unwrap().iter();
        let source = format!("host{number}");
        let check = checks.find(|check| check["source"] == *source && check["name"] == "c");
        assert_eq!(check.unwrap()["results"], *count, "{source}");
    }
    assert!(sent.iter().sum::<u64>() >= REPORTS_EACH * RESTARTS as u64);
    assert_eq!(gitea.issues().len(), 0);
}

/// What a server says that must not start.
fn refusal(fds: &str, listen: &str, socket: impl Into<OwnedFd>) -> String {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let command = Teawatch::command(data.path(), &gitea, &[("listen", listen)]);
    let mut command = activated(&command, socket, fds);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let output: Output = child.unwrap().output_in_time();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // It has touched nothing.
    assert!(!data.path().join("teawatch.pid").exists());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_socket_that_cannot_be_the_door_is_an_error_that_says_what_to_write_where() {
    let (socket, address) = listener();
    let said = refusal("2", &address, socket.try_clone().unwrap());
    assert!(said.contains("2 sockets") && said.contains("`ListenStream=`"), "{said}");

    let said = refusal("1", "127.0.0.1:8710", socket.try_clone().unwrap());
    assert!(said.contains(&address) && said.contains("`listen` is 127.0.0.1:8710"), "{said}");

    let connection = TcpStream::connect(&address).unwrap();
    let at = connection.local_addr().unwrap().to_string();
    let said = refusal("1", &at, connection);
    assert!(said.contains("`Accept=no`"), "{said}");

    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let said = refusal("1", &address, datagrams);
    assert!(said.contains("something else than a TCP socket"), "{said}");

    let local = tempfile::tempdir().unwrap();
    let local = std::os::unix::net::UnixListener::bind(local.path().join("s")).unwrap();
    let said = refusal("1", &address, local);
    assert!(said.contains("something else than a TCP socket"), "{said}");

    let file = std::fs::File::open("/dev/null").unwrap();
    let said = refusal("1", &address, file);
    assert!(said.contains("something else than a TCP socket"), "{said}");
}

#[test]
fn a_socket_that_was_meant_for_another_process_is_left_alone() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (socket, address) = listener();
    let mut command = Teawatch::command(data.path(), &gitea, &[]);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    let teawatch = Teawatch::launch(command);
    assert_ne!(teawatch.url, format!("http://{address}"));
    assert!(teawatch.stop().success());
}

#[test]
fn whoever_was_connected_when_the_end_came_is_still_heard() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let address = teawatch.url.trim_start_matches("http://").to_owned();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(&address).unwrap()).collect();
    // They are taken in order, so that they were before this one was.
    assert_eq!(teawatch.get("/healthz").0, 200);
    kill_process(teawatch.pid(), Signal::TERM).unwrap();
    eventually("it ends", || teawatch.log().contains("stopping on SIGTERM"));
    for mut stream in silent {
        let request = "GET /healthz HTTP/1.1\r\nhost: teawatch\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
    assert!(teawatch.wait().success());
}

/// One that has vanished would hold a descriptor for ever.
#[test]
fn whoever_is_connected_and_says_nothing_is_asked_whether_it_is_still_there() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let silent = TcpStream::connect(teawatch.url.trim_start_matches("http://")).unwrap();
    let (ours, theirs) = (silent.local_addr().unwrap().port(), silent.peer_addr().unwrap().port());
    // As the system shows it: ours, theirs, the state, the queues, which timer runs, and in how
    // many hundredths of a second it ends.
    let timer = |from: u16, to: u16| {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        let (from, to) = (format!(":{from:04X}"), format!(":{to:04X}"));
        let row = rows.find(|row| row[1].ends_with(&from) && row[2].ends_with(&to));
        row.map(|row| {
            let (kind, ends) = row[5].split_once(':').unwrap();
            (kind.to_owned(), u64::from_str_radix(ends, 16).unwrap())
        })
    };
    const NONE: &str = "00";
    const KEEPALIVE: &str = "02";
    let mut ends = 0;
    eventually("it is asked", || {
        let found = timer(theirs, ours).filter(|(kind, _)| kind == KEEPALIVE);
        found.is_some_and(|(_, at)| {
            ends = at;
            true
        })
    });
    // Within a minute, and not in the two hours that are usual.
    assert!(ends <= 60 * 100, "{ends}");
    assert_eq!(timer(ours, theirs).unwrap().0, NONE);
}

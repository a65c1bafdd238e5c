//! Pings while the server restarts on the socket that it inherits.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use reqwest::blocking::Client;
use teawatch::check::Definition;

use super::turned::define_in;
use super::{key, said};
use crate::sockets::{activated, is_refused, listener};
use crate::support::{Gitea, PATIENCE, Teawatch, eventually};

/// How often the server is stopped and started.
const RESTARTS: u64 = 10;
/// Jobs that ping at the same time.
const JOBS: usize = 8;
/// How many pings there are between two starts at least.
const PINGS_EACH: u64 = 1_000;

/// A run of a job, by its number.
fn rid(job: usize, run: u64) -> String {
    format!("{job:08x}-0000-4000-8000-{run:012x}")
}

/// How many results were counted of a job.
fn results(teawatch: &Teawatch, job: usize) -> u64 {
    let check = teawatch.get(&format!("/api/v1/check?source=web1&name=job{job}")).1;
    check["results"].as_u64().unwrap()
}

#[test]
fn ten_restarts_on_an_inherited_socket_lose_no_ping_and_count_none_twice() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let names: Vec<_> = (0..JOBS).map(|job| format!("job{job}")).collect();
    let defined = names.iter().map(|name| (name.as_str(), Definition::default()));
    define_in(data.path(), &defined.collect::<Vec<_>>());
    let (socket, address) = listener();
    let base = format!("http://{address}/ping/{}", key("web1"));
    let command = Teawatch::command(data.path(), &gitea, &[("listen", &address)]);
    let start = || Teawatch::launch(activated(&command, socket.try_clone().unwrap(), "1"));
    let (taken, over) = (AtomicU64::new(0), AtomicBool::new(false));
    teawatch::gitea::install_crypto();
    let sent: Vec<u64> = thread::scope(|scope| {
        let (taken, over, base) = (&taken, &over, &base);
        let send = move |job: usize| {
            // A connection for each, so that every one of them has to be taken.
            let client = Client::builder().timeout(PATIENCE).no_proxy().tls_certs_only([]);
            let client = client.pool_max_idle_per_host(0).build().unwrap();
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                count += 1;
                let url = format!("{base}/job{job}?rid={}", rid(job, count));
                loop {
                    match client.post(&url).body("done").send().map(said) {
                        Ok((200, _)) => break,
                        // The server is on its way out.
                        Ok((503, _)) => {}
                        Ok(answer) => panic!("{answer:?}"),
                        Err(error) => assert!(!is_refused(&error), "{error:?}"),
                    }
                }
                taken.fetch_add(1, Ordering::Relaxed);
            }
            count
        };
        let senders: Vec<_> = (0..JOBS).map(|job| scope.spawn(move || send(job))).collect();
        for round in 0..RESTARTS {
            let teawatch = start();
            let before = taken.load(Ordering::Relaxed);
            eventually("pings come through", || {
                taken.load(Ordering::Relaxed) >= before + PINGS_EACH
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
    for (job, count) in sent.iter().enumerate() {
        assert_eq!(results(&teawatch, job), *count, "job{job}");
    }
    assert!(sent.iter().sum::<u64>() >= PINGS_EACH * RESTARTS);
    assert_eq!(gitea.issues().len(), 0);
}

#[test]
fn curl_with_its_retries_loses_no_ping_while_the_server_restarts() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    define_in(data.path(), &[("job0", Definition::default()), ("job1", Definition::default())]);
    let (socket, address) = listener();
    let base = format!("http://{address}/ping/{}", key("web1"));
    let command = Teawatch::command(data.path(), &gitea, &[("listen", &address)]);
    let start = || Teawatch::launch(activated(&command, socket.try_clone().unwrap(), "1"));
    let over = AtomicBool::new(false);
    let sent: Vec<u64> = thread::scope(|scope| {
        let (over, base) = (&over, &base);
        let send = move |job: usize| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                count += 1;
                let mut curl = Command::new("curl");
                curl.args(["-fsS", "-m", "10", "--retry", "5", "--noproxy", "*"]);
                curl.args(["--data-raw", "done"]);
                curl.arg(format!("{base}/job{job}?rid={}", rid(job, count)));
                let output = curl.stdin(Stdio::null()).output().unwrap();
                assert!(output.status.success(), "{output:?}");
                assert_eq!(output.stdout, b"OK");
            }
            count
        };
        let senders: Vec<_> = (0..2).map(|job| scope.spawn(move || send(job))).collect();
        for _ in 0..4 {
            let teawatch = start();
            let before = results(&teawatch, 0);
            eventually("pings come through", || results(&teawatch, 0) > before + 3);
            // curl does not try again when an answer breaks off, so it is asked to stop.
            assert!(teawatch.stop().success());
        }
        let _last = start();
        over.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let teawatch = start();
    for (job, count) in sent.iter().enumerate() {
        assert_eq!(results(&teawatch, job), *count, "job{job}");
    }
}

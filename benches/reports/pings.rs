//! Callers that ping: each on its connection, one ping after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use teawatch::signature::{Master, ping_key};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::load::MASTER;
use super::load::client::{ANSWER_BYTES, Round, read_answer, source};

/// What a job has printed.
pub(crate) const BODY: &str = "copied 4211 files, 1.2 GiB, in 31 s; nothing was left out\n";

/// What the pings are about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Runs {
    /// Nothing in particular.
    Unnamed,
    /// Each a run of its own, which is to be remembered.
    Named,
}

/// Callers of one server.
pub(crate) struct Pingers(Vec<Pinger>);

/// One source on its connection.
struct Pinger {
    stream: TcpStream,
    request: Vec<u8>,
    /// Where the number of the run stands in it.
    run_at: usize,
    run: u64,
    latencies: Vec<Duration>,
}

impl Pingers {
    /// `count` sources, with one check each.
    pub(crate) async fn connect(
        address: SocketAddr,
        count: usize,
        runs: Runs,
    ) -> anyhow::Result<Self> {
        let mut pingers = Vec::new();
        for number in 0..count {
            let stream = TcpStream::connect(address).await.context("cannot connect")?;
            stream.set_nodelay(true)?;
            let key = ping_key(&Master::parse(MASTER)?, &source(number), 1);
            let name = match runs {
                // It means nothing, and is as long.
                Runs::Unnamed => "was",
                Runs::Named => "rid",
            };
            let key = key.expose();
            let head = format!("POST /ping/{key}/job?create=1&{name}=00000000-0000-4000-8000-");
            let request = format!(
                "{head}{:012} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{BODY}",
                0,
                BODY.len()
            );
            let (run_at, latencies) = (head.len(), Vec::new());
            let request = request.into_bytes();
            pingers.push(Pinger { stream, request, run_at, run: 0, latencies });
        }
        Ok(Self(pingers))
    }

    /// Pings for `length`.
    pub(crate) async fn round(&mut self, length: Duration) -> anyhow::Result<Round> {
        let (tasks, began) = (LocalSet::new(), Instant::now());
        let pingers: Vec<_> = std::mem::take(&mut self.0)
            .into_iter()
            .map(|pinger| tasks.spawn_local(pinger.ping_until(began + length)))
            .collect();
        let mut latencies = Vec::new();
        tasks
            .run_until(async {
                for pinger in pingers {
                    let mut pinger = pinger.await.context("a caller gave up")??;
                    latencies.append(&mut pinger.latencies);
                    self.0.push(pinger);
                }
                anyhow::Ok(())
            })
            .await?;
        Ok(Round::new(began.elapsed(), latencies))
    }
}

impl Pinger {
    async fn ping_until(mut self, end: Instant) -> anyhow::Result<Self> {
        let mut answer = vec![0; ANSWER_BYTES];
        let mut began = Instant::now();
        while began < end {
            self.run += 1;
            let run = format!("{:012}", self.run);
            self.request[self.run_at..][..run.len()].copy_from_slice(run.as_bytes());
            self.stream.write_all(&self.request).await?;
            read_answer(&mut self.stream, &mut answer).await?;
            let answered = Instant::now();
            self.latencies.push(answered - began);
            began = answered;
        }
        Ok(self)
    }
}

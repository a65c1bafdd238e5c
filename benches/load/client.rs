//! Callers that cost as little as they can: what they send is signed before the clock
//! runs, and their connections stay open.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use teawatch::clock::Clock;
use teawatch::signature::{Master, Secret, agent_secret, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::MASTER;

/// The length of each body.
pub(crate) const BODY_BYTES: usize = 1_024;
/// Sequence numbers start here, so that all have the same number of digits.
const FIRST_SEQ: u64 = 1_000_000_000;
/// One more than this many times what is expected in a round is signed for it.
const RESERVE: f64 = 1.5;
/// Reports signed for each caller before it is known how many a round takes.
const FIRST_SUPPLY: usize = 200;
/// A prime, so that every check has its turn.
const STRIDE: u64 = 7_919;
/// What fits in one report.
const OBSERVATIONS_MAX: usize = 1_000;
/// Far more than an answer has.
pub(crate) const ANSWER_BYTES: usize = 4_096;

/// Callers of one server.
pub(crate) struct Clients {
    callers: Vec<Caller>,
    /// Reports of one caller in a second, as the last round had it.
    pace: Option<f64>,
}

/// One source on its connection.
struct Caller {
    stream: TcpStream,
    secret: Secret,
    source: String,
    seq: u64,
    /// The checks that it reports in turn, one in each report.
    checks: usize,
    request: Request,
    /// The signatures of the reports to come, the next last.
    signatures: Vec<String>,
    /// How long each report of the round took.
    latencies: Vec<Duration>,
}

/// A request of which only the number, the check and the signature change.
struct Request {
    bytes: Vec<u8>,
    seq_at: usize,
    check_at: usize,
    signature_at: usize,
    body_at: usize,
    timestamp: i64,
}

/// What one round has shown.
pub(crate) struct Round {
    took: Duration,
    /// Of each report or ping, the shortest first.
    latencies: Vec<Duration>,
}

impl Clients {
    /// `count` sources, with so many checks each.
    pub(crate) async fn connect(
        address: SocketAddr,
        count: usize,
        checks: usize,
    ) -> anyhow::Result<Self> {
        let mut callers = Vec::new();
        for number in 0..count {
            callers.push(Caller::connect(address, source(number), checks).await?);
        }
        Ok(Self { callers, pace: None })
    }

    /// Sends for `length`, or until what was signed for the round has been sent.
    pub(crate) async fn round(&mut self, length: Duration) -> anyhow::Result<Round> {
        let supply = self.pace.map_or(FIRST_SUPPLY, |pace| {
            let expected = pace * length.as_secs_f64() * RESERVE;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let expected = expected as usize;
            expected + 1
        });
        for caller in &mut self.callers {
            caller.prepare(supply);
        }
        let (tasks, is_over) = (LocalSet::new(), Rc::new(Cell::new(false)));
        let began = Instant::now();
        let callers: Vec<_> = std::mem::take(&mut self.callers)
            .into_iter()
            .map(|caller| tasks.spawn_local(caller.call_until(Rc::clone(&is_over), began + length)))
            .collect();
        let mut latencies = Vec::new();
        tasks
            .run_until(async {
                for caller in callers {
                    let mut caller = caller.await.context("a caller gave up")??;
                    latencies.append(&mut caller.latencies);
                    self.callers.push(caller);
                }
                anyhow::Ok(())
            })
            .await?;
        let took = began.elapsed();
        let round = Round::new(took, latencies);
        self.pace = Some(round.per_second() / count(self.callers.len()));
        Ok(round)
    }
}

impl Caller {
    async fn connect(address: SocketAddr, source: String, checks: usize) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let secret = agent_secret(&Master::parse(MASTER)?, &source, 1);
        let request = Request::new(&source, Clock::system().now().as_second());
        Ok(Self {
            stream,
            secret,
            source,
            seq: FIRST_SEQ,
            checks,
            request,
            signatures: Vec::new(),
            latencies: Vec::new(),
        })
    }

    /// Signs the next reports.
    fn prepare(&mut self, count: usize) {
        self.request = Request::new(&self.source, Clock::system().now().as_second());
        let request = &mut self.request;
        let signatures = (self.seq..).take(count).map(|seq| {
            request.number(seq, self.checks);
            sign(&self.secret, &self.source, request.timestamp, &request.bytes[request.body_at..])
        });
        self.signatures = signatures.collect();
        self.signatures.reverse();
        self.latencies = Vec::with_capacity(count);
    }

    async fn call_until(mut self, is_over: Rc<Cell<bool>>, end: Instant) -> anyhow::Result<Self> {
        let mut answer = vec![0; ANSWER_BYTES];
        let mut began = Instant::now();
        while !is_over.get() && began < end {
            let Some(signature) = self.signatures.pop() else { break };
            self.request.number(self.seq, self.checks);
            self.request.sign(&signature);
            self.seq += 1;
            self.stream.write_all(&self.request.bytes).await?;
            read_answer(&mut self.stream, &mut answer).await?;
            let answered = Instant::now();
            self.latencies.push(answered - began);
            began = answered;
        }
        // With one caller less there would be fewer under way.
        is_over.set(true);
        Ok(self)
    }
}

impl Request {
    fn new(source: &str, timestamp: i64) -> Self {
        let body = |padding: &str| {
            let report = json!({
                "source": source,
                "id": { "epoch": "bench", "seq": FIRST_SEQ },
                "interval_seconds": 300,
                "observations": [{
                    "name": check(0),
                    "kind": "success",
                    "summary": "41 % full",
                    "details": padding,
                    "numbers": { "used_percent": 41.0, "inodes_percent": 7.5 },
                    "labels": { "team": "storage" },
                }],
            });
            report.to_string()
        };
        let padding = BODY_BYTES - body("").len();
        let body = body(&"x".repeat(padding));
        let signature = " ".repeat("v1,".len() + 44);
        let head = format!(
            "POST /api/v1/reports HTTP/1.1\r\nhost: localhost\r\nteawatch-source: {source}\r\n\
             webhook-id: {source}\r\nwebhook-timestamp: {timestamp}\r\n\
             content-type: application/json\r\ncontent-length: {BODY_BYTES}\r\n\
             webhook-signature: "
        );
        let (signature_at, body_at) = (head.len(), head.len() + signature.len() + 4);
        let seq = FIRST_SEQ.to_string();
        let seq_at = body_at + body.find(&seq).unwrap_or_default();
        let bytes = format!("{head}{signature}\r\n\r\n{body}").into_bytes();
        let check_at = body_at + body.find(&check(0)).unwrap_or_default();
        Self { bytes, seq_at, check_at, signature_at, body_at, timestamp }
    }

    fn number(&mut self, seq: u64, checks: usize) {
        // Neighbours are not reported one after the other.
        let check = check((seq * STRIDE) % checks as u64);
        self.bytes[self.check_at..][..check.len()].copy_from_slice(check.as_bytes());
        let seq = seq.to_string();
        self.bytes[self.seq_at..][..seq.len()].copy_from_slice(seq.as_bytes());
    }

    fn sign(&mut self, signature: &str) {
        self.bytes[self.signature_at..][..signature.len()].copy_from_slice(signature.as_bytes());
    }
}

impl Round {
    /// What calls have shown that took `took` together, and each so long.
    pub(crate) fn new(took: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { took, latencies }
    }

    pub(crate) fn reports(&self) -> f64 {
        count(self.latencies.len())
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.reports() / self.took.as_secs_f64()
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (count(last) * percent / 100.0).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let at = at as usize;
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// What the sources of all callers are called.
pub(crate) fn source(number: usize) -> String {
    format!("host{number}")
}

/// What a check is called: all names are of one length.
fn check(number: u64) -> String {
    format!("check{number:07}")
}

/// Reports as many checks of each of the first sources, all well and due in five minutes.
pub(crate) async fn report_checks(
    address: SocketAddr,
    sources: usize,
    checks: usize,
) -> anyhow::Result<()> {
    for number in 0..sources {
        let numbers: Vec<_> = (0..checks as u64).collect();
        for (seq, numbers) in (1..).zip(numbers.chunks(OBSERVATIONS_MAX)) {
            let observation = |&number| {
                json!({
                    "name": check(number),
                    "kind": "success",
                    "summary": "all is well",
                    "numbers": { "seconds": 0.25 },
                    "labels": { "team": "storage" },
                })
            };
            let observations: Vec<_> = numbers.iter().map(observation).collect();
            send(address, &source(number), seq, 300.0, &observations).await?;
        }
    }
    Ok(())
}

/// Sends one report on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    source: &str,
    seq: u64,
    interval: f64,
    observations: &[Value],
) -> anyhow::Result<()> {
    let body = json!({
        "source": source,
        "id": { "epoch": "bench", "seq": seq },
        "interval_seconds": interval,
        "observations": observations,
    });
    let body = body.to_string();
    let secret = agent_secret(&Master::parse(MASTER)?, source, 1);
    let head = format!(
        "POST /api/v1/reports HTTP/1.1\r\nhost: localhost\r\nteawatch-source: {source}\r\n\
         authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        secret.expose(),
        body.len(),
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    read_answer(&mut stream, &mut vec![0; ANSWER_BYTES]).await
}

/// Reads one answer, which must be 200 or 201.
pub(crate) async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server hung up after {filled} bytes");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled])?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 20"), "the server answered {text}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("an answer without a length")?.parse()?;
        if body.len() >= length {
            return Ok(());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than a float can count")]
fn count(items: usize) -> f64 {
    items as f64
}

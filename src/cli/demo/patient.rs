//! What the demo watches, and who watches it: a service, a heartbeat, a reporter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::cli::serve::Server;
use crate::clock::Clock;
use crate::gitea;
use crate::signature::{self, Secret};

/// How often the heartbeat is written, and how often the reporter looks.
const PULSE: Duration = Duration::from_millis(500);
/// A heartbeat older than this is stale.
const STALE: Duration = Duration::from_secs(2);
/// How long the service's port is waited for.
const MENDING: Duration = Duration::from_secs(5);
/// What the reports say about the next one.
const INTERVAL_SECONDS: f64 = 5.0;

/// A small TCP service and a heartbeat file, which can be broken and mended.
#[derive(Debug)]
pub(super) struct Patient {
    address: SocketAddr,
    heartbeat: PathBuf,
    service: Option<JoinHandle<()>>,
    pulse: Option<JoinHandle<()>>,
}

impl Patient {
    pub(super) async fn start(home: &Path) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("cannot start the small service")?;
        let address = listener.local_addr()?;
        let heartbeat = home.join("heartbeat.json");
        write_heartbeat(&heartbeat);
        let mut patient = Self { address, heartbeat, service: None, pulse: None };
        patient.service = Some(serve(listener));
        patient.mend_heartbeat();
        Ok(patient)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn break_service(&mut self) {
        if let Some(service) = self.service.take() {
            service.abort();
            // Its end is what was asked for.
            drop(service.await);
        }
    }

    pub(super) async fn mend_service(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    self.service = Some(serve(listener));
                    return Ok(());
                }
                // Somebody may hold the port for an instant.
                Err(_) if began.elapsed() < MENDING => tokio::time::sleep(PULSE / 10).await,
                Err(error) => {
                    return Err(error).context("cannot start the small service again");
                }
            }
        }
    }

    pub(super) fn break_heartbeat(&mut self) {
        if let Some(pulse) = self.pulse.take() {
            pulse.abort();
        }
    }

    pub(super) fn mend_heartbeat(&mut self) {
        let heartbeat = self.heartbeat.clone();
        self.pulse = Some(crate::cli::spawn(async move {
            loop {
                write_heartbeat(&heartbeat);
                tokio::time::sleep(PULSE).await;
            }
        }));
    }
}

/// Accepts, and says nothing.
fn serve(listener: TcpListener) -> JoinHandle<()> {
    crate::cli::spawn(async move { while listener.accept().await.is_ok() {} })
}

/// Writes through a second file, so that no reader sees half of it.
fn write_heartbeat(path: &Path) {
    let now = Clock::system().now();
    let text = json!({ "timestamp": now.as_second(), "status": "alive" }).to_string();
    let new = path.with_extension("new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    if let Err(error) = written {
        tracing::warn!(error = &error as &dyn std::error::Error, "no heartbeat");
    }
}

/// Looks at the patient again and again, and reports to the server.
#[derive(Debug)]
pub(super) struct Reporter {
    client: reqwest::Client,
    url: String,
    source: &'static str,
    secret: Secret,
    address: SocketAddr,
    heartbeat: PathBuf,
    seq: u64,
}

impl Reporter {
    pub(super) fn start(
        server: &Server,
        secret: &Secret,
        source: &'static str,
        patient: &Patient,
    ) -> anyhow::Result<JoinHandle<()>> {
        gitea::install_crypto();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .tls_certs_only([])
            .build()?;
        let mut reporter = Self {
            client,
            url: format!("http://{}/api/v1/reports", server.address),
            source,
            secret: secret.clone(),
            address: patient.address,
            heartbeat: patient.heartbeat.clone(),
            seq: 0,
        };
        Ok(crate::cli::spawn(async move {
            loop {
                let report = reporter.look().await;
                if let Err(error) = reporter.send(&report).await {
                    tracing::warn!("a report was not taken: {error:#}");
                }
                tokio::time::sleep(PULSE).await;
            }
        }))
    }

    async fn look(&mut self) -> Value {
        self.seq += 1;
        json!({
            "source": self.source,
            "id": { "epoch": "demo", "seq": self.seq },
            "interval_seconds": INTERVAL_SECONDS,
            "observations": [self.look_at_service().await, self.look_at_heartbeat()],
        })
    }

    async fn look_at_service(&self) -> Value {
        let began = Instant::now();
        let connected = TcpStream::connect(self.address).await;
        let seconds = began.elapsed().as_secs_f64();
        match connected {
            Ok(_) => json!({
                "name": "tcp",
                "kind": "success",
                "summary": format!("port {} accepts", self.address.port()),
                "numbers": { "connect_seconds": seconds },
            }),
            Err(error) => json!({
                "name": "tcp",
                "kind": "failure",
                "summary": format!("port {} does not accept", self.address.port()),
                "details": format!("connect {}: {error}", self.address),
                "numbers": { "connect_seconds": seconds },
            }),
        }
    }

    fn look_at_heartbeat(&self) -> Value {
        let age = std::fs::read_to_string(&self.heartbeat)
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            .and_then(|beat| Timestamp::from_second(beat["timestamp"].as_i64()?).ok())
            .map(|at| Clock::system().now().duration_since(at).as_secs_f64().max(0.0));
        match age {
            None => {
                json!({ "name": "heartbeat", "kind": "failure", "summary": "no heartbeat file" })
            }
            Some(age) if age > STALE.as_secs_f64() => json!({
                "name": "heartbeat",
                "kind": "failure",
                "summary": "the heartbeat is stale",
                "details": format!("{} was written {age:.0} s ago", self.heartbeat.display()),
                "numbers": { "age_seconds": age.round() },
            }),
            Some(_) => json!({ "name": "heartbeat", "kind": "success", "summary": "alive" }),
        }
    }

    async fn send(&self, report: &Value) -> anyhow::Result<()> {
        let body = report.to_string();
        let id = format!("demo-{}", self.seq);
        let now = Clock::system().now().as_second();
        let signature = signature::sign(&self.secret, &id, now, body.as_bytes());
        let answer = self
            .client
            .post(&self.url)
            .header("teawatch-source", self.source)
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        Ok(())
    }
}

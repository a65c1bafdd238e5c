//! What teawatch is measured against: a handler that checks the same signature, reads the
//! same body, and stores nothing.

use std::io::Write as _;
use std::process::Command;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use teawatch::clock::Clock;
use teawatch::observation::{Limits, Report};
use teawatch::signature::{
    Headers, Master, WINDOW, agent_secret, bearer_matches, ping_key, verify,
};
use tokio::net::TcpListener;

use super::load::MASTER;
use super::load::server::Server;

/// With this argument the bench is this server.
pub(crate) const ARGUMENT: &str = "null-handler";

/// This server in a process of its own.
pub(crate) fn server() -> anyhow::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT);
    Server::start(command)
}

/// Serves until it is killed. Prints its address first.
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let router = Router::new()
        .route("/api/v1/reports", post(check))
        .route("/ping/{key}/{slug}", post(ping))
        .with_state(master()?);
    runtime.block_on(listen(router))
}

pub(crate) fn master() -> anyhow::Result<Master> {
    Master::parse(MASTER).context("the master secret")
}

/// Serves until the process is killed. Prints the address first.
pub(crate) async fn listen(router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stderr(), "the handler is ready address={address}")?;
    Ok(axum::serve(listener, router).await?)
}

async fn check(
    State(master): State<Master>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    Ok(accepted(&read(&master, &headers, &body)?))
}

/// What is answered to a report.
pub(crate) fn accepted(report: &Report) -> Json<Value> {
    Json(json!({ "accepted": report.observations.len(), "duplicate": false }))
}

/// Checks the signature, and then reads the body.
pub(crate) fn read(
    master: &Master,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Report, StatusCode> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let source = text("teawatch-source").ok_or(StatusCode::UNAUTHORIZED)?;
    let secret = agent_secret(master, source, 1);
    let signed = Headers {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
    };
    verify(&[secret], signed, body, Clock::system().now(), WINDOW)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    Report::parse(body, &Limits::default()).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)
}

async fn ping(
    State(master): State<Master>,
    Path((key, _)): Path<(String, String)>,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    source(&master, &key, &body).map(|_| "OK")
}

/// Whose ping it is. What a job has printed is looked at as well.
pub(crate) fn source<'k>(
    master: &Master,
    key: &'k str,
    body: &[u8],
) -> Result<&'k str, StatusCode> {
    let (source, _) = key.rsplit_once('.').ok_or(StatusCode::NOT_FOUND)?;
    let is_said = String::from_utf8_lossy(body).lines().any(|line| !line.is_empty());
    let is_proven = is_said && bearer_matches(&[ping_key(master, source, 1)], key);
    is_proven.then_some(source).ok_or(StatusCode::NOT_FOUND)
}

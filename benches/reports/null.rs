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
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(
            std::io::stderr(),
            "the null handler is ready address={}",
            listener.local_addr()?
        )?;
        let router = Router::new()
            .route("/api/v1/reports", post(check))
            .route("/ping/{key}/{slug}", post(ping))
            .with_state(Master::parse(MASTER).context("the master secret")?);
        Ok(axum::serve(listener, router).await?)
    })
}

async fn check(
    State(master): State<Master>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let source = text("teawatch-source").ok_or(StatusCode::UNAUTHORIZED)?;
    let secret = agent_secret(&master, source, 1);
    let signed = Headers {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
    };
    verify(&[secret], signed, &body, Clock::system().now(), WINDOW)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    let report =
        Report::parse(&body, &Limits::default()).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    Ok(Json(json!({ "accepted": report.observations.len(), "duplicate": false })))
}

async fn ping(
    State(master): State<Master>,
    Path((key, _)): Path<(String, String)>,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    let (source, _) = key.rsplit_once('.').ok_or(StatusCode::NOT_FOUND)?;
    // What a job has printed is looked at as well.
    let is_said = String::from_utf8_lossy(&body).lines().any(|line| !line.is_empty());
    match is_said && bearer_matches(&[ping_key(&master, source, 1)], &key) {
        true => Ok("OK"),
        false => Err(StatusCode::NOT_FOUND),
    }
}

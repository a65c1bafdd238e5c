//! Whether teawatch is alive, and whether it can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;
use crate::engine::Health;

/// An engine that does not answer for this long is not at work.
const PATIENCE: Duration = Duration::from_secs(5);

/// Alive, and nothing else.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// What keeps teawatch from its work, in words.
    reasons: Vec<String>,
    /// What people should look at, though the work goes on.
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Health>,
}

/// 200 when reports are taken and Gitea takes what follows; otherwise 503, and why.
pub(super) async fn ready(State(App(app)): State<App>) -> Response {
    let asked = app.engine.ask(|core, _| core.health());
    let mut reasons = Vec::new();
    let mut notes = Vec::new();
    let engine = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(health)) => Some(health),
        Ok(Err(error)) => {
            reasons.push(format!("the engine does not answer: {error}"));
            None
        }
        Err(_) => {
            reasons.push(format!("the engine has not answered for {} s", PATIENCE.as_secs()));
            None
        }
    };
    let outbox = app.outbox.borrow().clone();
    if let Some(until) = outbox.paused_until {
        notes.push(format!("Gitea asked for a pause: nothing is sent until {until}"));
    }
    for (repository, refusing) in &outbox.refusing {
        let (since, reason) = (refusing.since, &refusing.reason);
        reasons.push(format!("{repository} refuses since {since}: {reason}"));
    }
    if let Some(health) = &engine {
        if let Some(key) = &health.copied {
            reasons.push(format!(
                "a copy of this store runs elsewhere: it wrote {key}, which this one never did; \
                 nothing more is written until both are stopped and one of them is started with \
                 an empty data directory and the same salt"
            ));
        }
        if let Some(stuck) = &health.stuck {
            let (openings, oldest) = (stuck.openings, &stuck.oldest);
            reasons.push(format!(
                "{openings} issues could not be opened so far, that of {oldest} since {}: {}",
                stuck.since, stuck.reason
            ));
        }
        if health.parked > 0 {
            notes.push(format!("{} effects are parked; see `teawatch outbox list`", health.parked));
        }
        for (repository, unclaimed) in &health.unclaimed {
            let numbers: Vec<_> =
                unclaimed.iter().map(|issue| format!("#{}", issue.number)).collect();
            notes.push(format!(
                "{repository} has open issues of ours that no check has claimed: {}",
                numbers.join(", ")
            ));
        }
    }
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons, notes, engine })).into_response()
}

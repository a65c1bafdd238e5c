//! Somebody outside says that a job is due.
//!
//! The answers are those of the protocol of such callers: whatever is no success is tried
//! again, and a success is the end of it. So a slot is accepted only once its claim is on the
//! disk, and what would change nothing is a success.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::auth::{bearer, text};
use super::{App, Inner, body};
use crate::engine;
use crate::job::{Ask, NotFired};
use crate::signature::{self, Headers, Secret};

/// The longest body, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// When whoever came at a bad moment may come again, in seconds.
const RETRY_SOON: i64 = 5;
const RETRY_PAUSED: i64 = 60;
/// Who came too early waits no longer than this.
const RETRY_MAX: i64 = 60 * 60;

pub(super) async fn create(State(App(app)): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match body::read_unproven(&app, &parts.headers, body, BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let now = app.clock.now();
    let Some(caller) = prove(&app, &parts.headers, &body, now) else {
        // Which of the proofs failed is nobody's business.
        return answer(StatusCode::UNAUTHORIZED, json!({ "error": "invalid fire token" }));
    };
    if !app.rates.admit(&format!("fire/{caller}"), now) {
        let error = json!({ "error": "too many requests" });
        return again(StatusCode::TOO_MANY_REQUESTS, error, RETRY_SOON);
    }
    let unavailable = |what: &str, seconds| {
        again(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": what }), seconds)
    };
    let Some(runner) = app.jobs.get() else { return unavailable("starting", RETRY_SOON) };
    if runner.is_closing() {
        return unavailable("draining", RETRY_SOON);
    }
    let (job, ask) = match read(&body) {
        Ok(read) => read,
        Err(error) => return answer(StatusCode::BAD_REQUEST, json!({ "error": error })),
    };
    let status = |status: &str| json!({ "status": status, "job_id": job });
    let ok = |word: &str| answer(StatusCode::OK, status(word));
    match runner.scheduler().fire_due(runner, &job, ask).await {
        Ok(Ok(run)) => {
            tracing::info!(job, run, caller, "a job was fired from outside");
            runner.changed();
            answer(StatusCode::ACCEPTED, status("accepted"))
        }
        Ok(Err(NotFired::Gone | NotFired::Never)) => ok("gone"),
        Ok(Err(NotFired::Duplicate)) => ok("duplicate"),
        Ok(Err(NotFired::Running)) => ok("running"),
        Ok(Err(NotFired::Paused)) => ok("paused"),
        Ok(Err(NotFired::AllPaused)) => unavailable("paused", RETRY_PAUSED),
        Ok(Err(NotFired::Early(due))) => {
            unavailable("not due yet", due.duration_since(now).as_secs().clamp(1, RETRY_MAX))
        }
        Err(error) => {
            let cause = &error as &dyn std::error::Error;
            tracing::warn!(error = cause, job, "a claim could not be stored");
            unavailable("cron fire admission failed", retry_after(&error))
        }
    }
}

fn retry_after(error: &engine::Error) -> i64 {
    if matches!(error, engine::Error::Full) { 1 } else { RETRY_SOON }
}

/// The job and the slot that are meant. Without a time it is the slot that is due.
fn read(body: &[u8]) -> Result<(String, Ask), &'static str> {
    // A body that cannot be read is like an empty one.
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let job = body["job_id"].as_str().filter(|job| !job.is_empty());
    let job = job.ok_or("missing job_id")?.to_owned();
    let at = match &body["fire_at"] {
        Value::Null => None,
        Value::String(text) => Some(text.parse().ok()),
        Value::Number(seconds) => Some(seconds.as_f64().and_then(moment)),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(None),
    };
    match at {
        None => Ok((job, Ask::Next)),
        Some(Some(at)) => Ok((job, Ask::At(at))),
        Some(None) => Err("fire_at is no time"),
    }
}

/// Seconds since 1970.
fn moment(seconds: f64) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

/// Whose secret the caller has shown or signed with, if anybody's.
fn prove(app: &Inner, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<String> {
    let settings = &app.settings;
    let signed = Headers {
        id: text(headers, "webhook-id"),
        timestamp: text(headers, "webhook-timestamp"),
        signature: text(headers, "webhook-signature"),
    };
    let token = bearer(headers);
    let is_proven = |secrets: &[Secret]| match token {
        Some(token) => signature::bearer_matches(secrets, token),
        None => signature::verify(secrets, signed, body, now, settings.window).is_ok(),
    };
    let secrets = |caller: &String| -> Vec<Secret> {
        let generation = settings.generation(caller);
        let secret = |master| signature::fire_secret(master, caller, generation);
        settings.masters.iter().map(secret).collect()
    };
    // All are tried, so that how long it takes tells nothing.
    let callers = settings.fire_callers.iter();
    let proven: Vec<_> = callers.filter(|caller| is_proven(&secrets(caller))).collect();
    proven.first().map(|caller| (*caller).clone())
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}

/// An answer that says when to come again.
fn again(status: StatusCode, body: Value, seconds: i64) -> Response {
    let mut response = answer(status, body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

//! Agents' reports.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::auth::Proven;
use super::{ApiError, App, Inner};
use crate::engine::{Core, Weight};

/// What an agent is told: it may forget the report now.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    accepted: usize,
    duplicate: bool,
}

/// Takes one report. Answers once it is on the disk.
pub(super) async fn create(
    State(App(app)): State<App>,
    proven: Result<Proven, ApiError>,
) -> Result<Json<Accepted>, ApiError> {
    let answer = take(&app, proven).await;
    app.figures.count_report(match &answer {
        Ok(accepted) if accepted.duplicate => "duplicate",
        Ok(_) => "taken",
        Err(error) => error.code(),
    });
    answer.map(Json)
}

async fn take(app: &Inner, proven: Result<Proven, ApiError>) -> Result<Accepted, ApiError> {
    let Proven { report, bytes } = proven?;
    if app.told.shortage.borrow().is_some() {
        return Err(ApiError::NoRoom);
    }
    let weight = Weight { bytes, observations: report.observations.len() };
    // The report comes back with the answer: memory is given back where it was taken, and
    // the engine's thread does not fight with those of the doors over it.
    let work = move |core: &mut Core, now| (core.accept(&report, now), report);
    let (accepted, _report) = app.engine.submit(weight, work).await?;
    let crate::engine::Accepted { observations, duplicate } = accepted;
    Ok(Accepted { accepted: observations, duplicate })
}

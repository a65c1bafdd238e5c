//! Agents' reports.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::auth::Proven;
use super::{ApiError, App};
use crate::engine::Weight;

/// What an agent is told: it may forget the report now.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    accepted: usize,
    duplicate: bool,
}

/// Takes one report. Answers once it is on the disk.
pub(super) async fn create(
    State(App(app)): State<App>,
    Proven { report, bytes }: Proven,
) -> Result<Json<Accepted>, ApiError> {
    let weight = Weight { bytes, observations: report.observations.len() };
    let accepted = app.engine.submit(weight, move |core, now| core.accept(&report, now)).await?;
    let crate::engine::Accepted { observations, duplicate } = accepted;
    Ok(Json(Accepted { accepted: observations, duplicate }))
}

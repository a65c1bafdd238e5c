//! The report of a night, and its issue.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::SignedDuration;
use serde::Deserialize;

use super::auth::{Reader, Writer};
use super::{ApiError, App, health};
use crate::engine::{self, Filed, LookBack};
use crate::night::{LOOK_BACK_MAX, Report};

/// What is looked back at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// So many seconds until now, in place of the night that ended last.
    last_seconds: Option<f64>,
}

impl Asked {
    fn look_back(&self) -> Result<LookBack, ApiError> {
        let Some(seconds) = self.last_seconds else { return Ok(LookBack::Night) };
        let length = SignedDuration::try_from_secs_f64(seconds).ok();
        let length = length.filter(|length| length.is_positive() && *length <= LOOK_BACK_MAX);
        length.map(LookBack::Last).ok_or_else(|| {
            let max = LOOK_BACK_MAX.as_secs();
            ApiError::BadQuery(format!("last_seconds: must be more than 0, and at most {max}"))
        })
    }
}

impl App {
    /// Makes the report of the night that ended last an issue, unless it is one, and has that
    /// of the night before closed; see [`engine::Engine::file_night`].
    pub async fn file_night(&self) -> Result<Filed, engine::Error> {
        self.0.engine.file_night(self.faults().await).await
    }

    /// What is wrong with teawatch itself, in sentences.
    async fn faults(&self) -> Vec<String> {
        let (readiness, _) = health::judge(&self.0, |_, _| ()).await;
        readiness.reasons.into_iter().chain(readiness.notes).collect()
    }
}

/// What was in the night, or in another time until now.
pub(super) async fn show(
    State(app): State<App>,
    _: Reader,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Report>, ApiError> {
    let Query(asked) = query.map_err(|error| ApiError::BadQuery(error.body_text()))?;
    let at = asked.look_back()?;
    Ok(Json(app.0.engine.night(at, app.faults().await).await?))
}

/// Makes the report of the last night an issue, and says which.
pub(super) async fn file(State(app): State<App>, _: Writer) -> Result<Json<Filed>, ApiError> {
    Ok(Json(app.file_night().await?))
}

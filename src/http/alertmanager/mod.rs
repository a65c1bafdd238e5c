//! Alertmanager's webhook, version 4.
//!
//! A message says how a group of alerts is now, so it may come twice, late, and from each
//! Alertmanager of a pair: what it says last counts. Nothing in it can be signed, so its
//! sender proves itself as a source with that source's secret.
//!
//! Of the answers Alertmanager tries again soon only after a 5xx; after any other refusal it
//! waits for its group's next turn. So what may pass is 503, never 429.

mod caller;
mod naming;
mod payload;

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde::Serialize;

use self::caller::Proven;
use super::{ApiError, App, Inner};
use crate::engine::{Core, Weight};

/// How messages become checks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest body, in bytes.
    pub bytes: usize,
    /// Whether each alert is a check of its own, instead of each group.
    pub per_alert: bool,
    /// How often what goes on is said again, as Alertmanager is configured.
    pub repeat_interval: SignedDuration,
    /// Names of alerts that always fire, and mean trouble when they do not.
    pub watchdogs: BTreeSet<String>,
    /// How often these are said again.
    pub watchdog_interval: SignedDuration,
}

/// So many times a failure may be due again before it is taken for over: Alertmanager may
/// have been killed, and then never says that it ended.
const HOLDS_FOR: i32 = 3;

impl Settings {
    /// How long a failure holds that is not said again.
    fn holds_for(&self) -> SignedDuration {
        self.repeat_interval.saturating_mul(HOLDS_FOR)
    }
}

/// What Alertmanager is told, for whoever tries by hand.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    accepted: usize,
}

/// An error as Alertmanager understands it.
pub(super) struct Refused(ApiError);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let status = response.status_mut();
        *status = match *status {
            StatusCode::TOO_MANY_REQUESTS => StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        response
    }
}

/// Takes one message. Answers once it is on the disk.
pub(super) async fn create(
    State(App(app)): State<App>,
    proven: Result<Proven, ApiError>,
) -> Result<Json<Accepted>, Refused> {
    let answer = take(&app, proven).await;
    app.figures.count_message(match &answer {
        Ok(_) => "taken",
        Err(error) => error.code(),
    });
    answer.map(Json).map_err(Refused)
}

async fn take(app: &Inner, proven: Result<Proven, ApiError>) -> Result<Accepted, ApiError> {
    let Proven { source, body } = proven?;
    if app.told.shortage.borrow().is_some() {
        return Err(ApiError::NoRoom);
    }
    let settings = &app.settings.alertmanager;
    let observations = payload::read(&body, settings, app.settings.limits.name_bytes);
    let observations = observations.map_err(|error| {
        // Alertmanager says no more than the status, and goes on sending what is not taken.
        tracing::warn!(source, error, "a message of Alertmanager is not taken");
        ApiError::BadBody(error)
    })?;
    let accepted = observations.len();
    // They have no order, and a message that is sent again changes nothing: no command holds
    // more of them than a report, so that others have their turn in between.
    let largest = app.settings.limits.observations.max(1);
    let mut observations = observations.into_iter();
    while !observations.as_slice().is_empty() {
        let slice: Vec<_> = observations.by_ref().take(largest).collect();
        let bytes = body.len() * slice.len() / accepted;
        let (source, weight) = (source.clone(), Weight { bytes, observations: slice.len() });
        let work = move |core: &mut Core, now| core.hear_of(&source, &slice, now);
        app.engine.submit(weight, work).await?;
    }
    Ok(Accepted { accepted })
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn what_may_pass_is_a_503_and_what_will_not_a_400() {
        let busy = Refused(ApiError::TooMany).into_response();
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(busy.headers()[header::RETRY_AFTER], "1");
        let bad = Refused(ApiError::BadBody("version".to_owned())).into_response();
        assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
        let busy = Refused(ApiError::NoRoom).into_response();
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

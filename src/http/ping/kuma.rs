//! Pushes as Uptime Kuma takes them: what counts stands behind the address.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::super::{App, Inner};
use super::key::Caller;
use super::{Refused, outcome, tell};
use crate::check::{CheckId, Kind, Observation};
use crate::engine::{Ping, Pinged};
use crate::observation::{check_name, fit};

#[derive(Debug, Deserialize)]
pub(in crate::http) struct Options {
    /// `up`, which is also what nothing means; anything else is down.
    status: Option<String>,
    msg: Option<String>,
    /// How long something took, in milliseconds.
    ping: Option<String>,
}

/// A push of a check, by any method. One that is not known yet is made.
pub(in crate::http) async fn push(
    State(App(app)): State<App>,
    Path((key, name)): Path<(String, String)>,
    Query(options): Query<Options>,
) -> Response {
    let answer = take(&app, &key, name, options).await;
    app.figures.count_ping(match &answer {
        Ok(pinged) => outcome(*pinged),
        Err(refused) => refused.code(),
    });
    let (status, words) = match answer {
        Ok(_) => return Json(json!({ "ok": true })).into_response(),
        Err(Refused::NotFound | Refused::Ambiguous) => {
            (StatusCode::NOT_FOUND, "the key is not right")
        }
        Err(Refused::Misshapen(words)) => (StatusCode::NOT_FOUND, words),
        Err(Refused::NotNow(_)) => (StatusCode::SERVICE_UNAVAILABLE, "try again"),
    };
    (status, Json(json!({ "ok": false, "msg": words }))).into_response()
}

async fn take(app: &Inner, key: &str, name: String, options: Options) -> Result<Pinged, Refused> {
    let Caller { source } = Caller::of(key, app)?;
    check_name(&name, app.settings.limits.name_bytes)
        .map_err(|_| Refused::Misshapen("this cannot be the name of a check"))?;
    let is_up = options.status.is_none_or(|status| status == "up");
    let kind = if is_up { Kind::Success } else { Kind::Failure };
    let words = options.msg.filter(|msg| !msg.is_empty());
    let words = words.unwrap_or_else(|| if is_up { "OK" } else { "down" }.to_owned());
    let took = options.ping.and_then(|ping| ping.parse::<f64>().ok());
    let numbers = took.map(|took| ("ping_ms".to_owned(), took)).into_iter().collect();
    let seen = Observation { numbers, ..Observation::new(kind, words) };
    let ping = Ping { seen: fit(seen), body: None, is_post: true, may_make: true };
    tell(app, 0, move |core, now| core.ping(&CheckId::new(&source, &name), ping, now)).await
}

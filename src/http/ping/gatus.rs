//! Results as Gatus takes them of external endpoints: by a Bearer token and behind the address.

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde::Deserialize;

use super::super::auth::bearer;
use super::super::{App, Inner};
use super::body::{self, Body};
use super::key::Caller;
use super::{Refused, outcome, tell};
use crate::check::{CheckId, Kind, Observation};
use crate::engine::{Ping, Pinged};
use crate::observation::{check_name, fit, read_object};

#[derive(Debug, Deserialize)]
pub(in crate::http) struct Options {
    /// `true` or `false`.
    success: Option<String>,
    /// What is wrong, where it is not well.
    error: Option<String>,
    /// How long something took, as Go writes durations.
    duration: Option<String>,
}

/// The same in a body.
#[derive(Debug, Default, Deserialize)]
struct Words {
    #[serde(default)]
    error: String,
}

/// A result of an endpoint, whose key is the name of a check. One that is not known yet is
/// made.
pub(in crate::http) async fn push(
    State(App(app)): State<App>,
    Path(name): Path<String>,
    Query(options): Query<Options>,
    request: Request,
) -> Response {
    let answer = take(&app, name, options, request).await;
    app.figures.count_ping(match &answer {
        Ok(pinged) => outcome(*pinged),
        Err(refused) => refused.code(),
    });
    match answer {
        Ok(_) => StatusCode::OK.into_response(),
        Err(Refused::NotFound | Refused::Ambiguous) => {
            (StatusCode::UNAUTHORIZED, "invalid token").into_response()
        }
        Err(Refused::Misshapen(NAME)) => (StatusCode::NOT_FOUND, NAME).into_response(),
        Err(Refused::Misshapen(words)) => (StatusCode::BAD_REQUEST, words).into_response(),
        Err(Refused::NotNow(_)) => {
            let retry = (header::RETRY_AFTER, HeaderValue::from_static("1"));
            (StatusCode::SERVICE_UNAVAILABLE, [retry], "try again").into_response()
        }
    }
}

/// What is said of a name that no check can have.
const NAME: &str = "not found";

async fn take(
    app: &Inner,
    name: String,
    options: Options,
    request: Request,
) -> Result<Pinged, Refused> {
    let key = bearer(request.headers()).unwrap_or_default().to_owned();
    // Who has no key learns nothing else.
    let Caller { source } = Caller::of(&key, app)?;
    check_name(&name, app.settings.limits.name_bytes).map_err(|_| Refused::Misshapen(NAME))?;
    let body = body::read(request.into_body()).await;
    let seen = fit(seen(options, &body)?);
    let ping = Ping { seen, body: None, is_post: true, may_make: true };
    let bytes = ping.bytes();
    tell(app, bytes, move |core, now| core.ping(&CheckId::new(&source, &name), ping, now)).await
}

fn seen(options: Options, body: &Body) -> Result<Observation, Refused> {
    let is_well = match options.success.as_deref() {
        Some("true") => true,
        Some("false") => false,
        _ => return Err(Refused::Misshapen("missing or invalid success query parameter")),
    };
    let took = options.duration.filter(|took| !took.is_empty());
    let took = took.map(|took| took.parse::<SignedDuration>()).transpose();
    let took = took.map_err(|_| Refused::Misshapen("invalid duration"))?;
    let took = took.map(|took| ("duration_seconds".to_owned(), took.as_secs_f64()));
    let seen = if is_well {
        Observation::new(Kind::Success, "OK")
    } else {
        // Bodies that say nothing of the kind are nothing to Gatus either.
        let in_body = || read_object::<Words>(body.text().as_bytes()).unwrap_or_default().error;
        let words = options.error.filter(|error| !error.is_empty()).unwrap_or_else(in_body);
        let nothing = "it says that it has failed";
        Observation::new(Kind::Failure, if words.is_empty() { nothing.to_owned() } else { words })
    };
    Ok(Observation { numbers: took.into_iter().collect(), ..seen })
}

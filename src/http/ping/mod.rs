//! Pings by URL: those of Healthchecks, `/ping/KEY/SLUG`, the pushes of Uptime Kuma,
//! `/api/push/KEY/NAME`, and those of Gatus, `/api/v1/endpoints/NAME/external`. Whoever sends them needs no more than `curl`, and existing clients
//! work by a changed address.
//!
//! Each answers in its own protocol, and with what its clients understand: 200 or 201 when it
//! is on the disk, and 503 for what may pass, since they try again after that.

mod body;
pub(super) mod gatus;
mod key;
mod kuma;
mod slug;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use self::key::Caller;
pub(super) use self::kuma::push;
use self::slug::{Action, Slug};
use super::{ApiError, App, Inner};
use crate::check::Observation;
use crate::engine::{Core, Pinged, Weight};
use crate::observation::fit;

/// How much of a body is looked at, in bytes: its first and its last. Clients that ask are
/// told, and may send the end of something long instead of its beginning.
const BODY_LIMIT: &str = "100000";

/// Pings say what they are about in the address, and may say more behind it.
#[derive(Debug, Deserialize)]
struct Options {
    /// `1`: a check that is not known yet is made.
    create: Option<String>,
    /// Which run it is about.
    rid: Option<String>,
}

/// Why a ping is not taken, as Healthchecks says it.
#[derive(Debug)]
enum Refused {
    /// 404: the key, the check or the action is unknown.
    NotFound,
    /// 400: the address is misshapen, in these words.
    Misshapen(&'static str),
    /// 503: it may pass.
    NotNow(ApiError),
}

impl Refused {
    /// What it is counted as.
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "missing",
            Self::Misshapen(_) => "bad_query",
            Self::NotNow(error) => error.code(),
        }
    }
}

/// The doors below `/ping`.
pub(super) fn doors() -> Router<App> {
    Router::new()
        .route("/{key}/{slug}", get(ping).post(ping))
        .route("/{key}/{slug}/{action}", get(act).post(act))
        .fallback(unknown)
}

/// A ping of a check by its slug.
async fn ping(
    State(App(app)): State<App>,
    Path((key, slug)): Path<(String, String)>,
    Query(options): Query<Options>,
    request: Request,
) -> Response {
    finish(&app, &take(&app, &key, &slug, None, &options, request).await)
}

/// The same with what has happened: `start`, `fail`, `log`, or an exit status.
async fn act(
    State(App(app)): State<App>,
    Path((key, slug, action)): Path<(String, String, String)>,
    Query(options): Query<Options>,
    request: Request,
) -> Response {
    finish(&app, &take(&app, &key, &slug, Some(&action), &options, request).await)
}

/// An address below `/ping` that says nothing.
async fn unknown(State(App(app)): State<App>) -> Response {
    finish(&app, &Err(Refused::NotFound))
}

async fn take(
    app: &Inner,
    key: &str,
    slug: &str,
    action: Option<&str>,
    options: &Options,
    request: Request,
) -> Result<Pinged, Refused> {
    // Who has no key learns nothing else.
    let Caller { source } = Caller::of(key, app)?;
    let slug = Slug::parse(slug, app.settings.limits.name_bytes)?;
    let action = Action::parse(action)?;
    if options.rid.as_deref().is_some_and(|rid| !slug::is_uuid(rid)) {
        return Err(Refused::Misshapen("invalid uuid format"));
    }
    let body = body::read(request.into_body()).await;
    let may_make = options.create.as_deref() == Some("1");
    tell(app, source, slug.0, action.seen(&body), may_make, body.len()).await
}

/// Hands over what was seen. Fails if the check is unknown and must not be made.
async fn tell(
    app: &Inner,
    source: String,
    name: String,
    seen: Option<Observation>,
    may_make: bool,
    bytes: usize,
) -> Result<Pinged, Refused> {
    if app.told.shortage.borrow().is_some() {
        return Err(Refused::NotNow(ApiError::NoRoom));
    }
    let seen = seen.map(fit);
    let work = move |core: &mut Core, now| core.ping(&source, &name, seen.as_ref(), may_make, now);
    let pinged = app.engine.submit(Weight { bytes, observations: 1 }, work).await;
    match pinged.map_err(|error| Refused::NotNow(error.into()))? {
        Pinged::Unknown => Err(Refused::NotFound),
        pinged => Ok(pinged),
    }
}

fn finish(app: &Inner, answer: &Result<Pinged, Refused>) -> Response {
    app.figures.count_ping(match answer {
        Ok(_) => "taken",
        Err(refused) => refused.code(),
    });
    let (status, words) = match answer {
        Ok(Pinged::Made) => (StatusCode::CREATED, "Created"),
        Ok(_) => (StatusCode::OK, "OK"),
        Err(Refused::NotFound) => (StatusCode::NOT_FOUND, "not found"),
        Err(Refused::Misshapen(words)) => (StatusCode::BAD_REQUEST, *words),
        Err(Refused::NotNow(_)) => (StatusCode::SERVICE_UNAVAILABLE, "try again"),
    };
    let mut response = (status, words).into_response();
    let headers = response.headers_mut();
    let mut say = |name, value| headers.insert(name, HeaderValue::from_static(value));
    say(HeaderName::from_static("ping-body-limit"), BODY_LIMIT);
    say(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    say(header::CACHE_CONTROL, "no-store");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        say(header::RETRY_AFTER, "1");
    }
    response
}

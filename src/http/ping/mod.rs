//! Pings by URL: those of Healthchecks, `/ping/KEY/SLUG` and `/ping/UUID`, the pushes of Uptime
//! Kuma, `/api/push/KEY/NAME`, and those of Gatus, `/api/v1/endpoints/NAME/external`. Whoever
//! sends them needs no more than `curl`, and existing clients work by a changed address.
//!
//! Each answers in its own protocol, and with what its clients understand: 200 or 201 when it
//! is on the disk, and 503 for what may pass, since they try again after that.

mod address;
mod body;
pub(super) mod gatus;
mod key;
mod kuma;
mod slug;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use self::address::{Address, Options, To};
use self::body::Body;
use self::key::Caller;
pub(super) use self::kuma::push;
use self::slug::Action;
use super::{ApiError, App, Inner, error};
use crate::check::CheckId;
use crate::engine::{Core, Ping, Pinged, Weight};

/// How much of a body is looked at, in bytes: its first and its last. Clients that ask are
/// told, and may send the end of something long instead of its beginning.
const BODY_LIMIT: &str = "100000";

/// Why a ping is not taken, as Healthchecks says it.
#[derive(Debug)]
enum Refused {
    /// 404: the key, the check or the action is unknown.
    NotFound,
    /// 400: the address is misshapen, in these words.
    Misshapen(&'static str),
    /// 409: several checks have this slug.
    Ambiguous,
    /// 503: it may pass.
    NotNow(ApiError),
}

impl Refused {
    /// What it is counted as.
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "missing",
            Self::Misshapen(_) => "bad_query",
            Self::Ambiguous => "ambiguous",
            Self::NotNow(error) => error.code(),
        }
    }
}

/// What a ping that was taken is counted as.
fn outcome(pinged: Pinged) -> &'static str {
    match pinged {
        Pinged::Ignored => "ignored",
        Pinged::Known | Pinged::Made | Pinged::Unknown | Pinged::Ambiguous => "taken",
    }
}

/// Whether a request goes below `/ping`.
pub(super) fn is_addressed(request: &Request) -> bool {
    address(request.uri()).is_some()
}

/// What stands behind `/ping/`.
fn address(uri: &Uri) -> Option<&str> {
    let rest = uri.path().strip_prefix("/ping")?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// A ping, whatever its address says. Only what fetches or posts is one: a browser that asks
/// what it may do pings nothing.
pub(super) async fn create(App(app): &App, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        let allowed = (header::ALLOW, HeaderValue::from_static("GET,HEAD,POST"));
        return ([allowed], error::unknown_method(request).await).into_response();
    }
    let (parts, body) = request.into_parts();
    // Also of what is refused: who is still sending does not read the answer.
    let body = body::read(body).await;
    finish(app, &take(app, &parts, body).await)
}

async fn take(app: &Inner, parts: &Parts, body: Body) -> Result<Pinged, Refused> {
    let path = percent_decode_str(address(&parts.uri).unwrap_or_default());
    // It may not even be text.
    let path = path.decode_utf8().map_err(|_| Refused::NotFound)?;
    let Address { to, action } = Address::read(&path)?;
    // Who has no secret learns nothing else.
    match to {
        To::Check(uuid) => {
            let id = app.engine.addresses().find(&uuid).ok_or(Refused::NotFound)?;
            key::admit(app, id.source())?;
            // It was there a moment ago; if it is not now, it must not come back.
            let ping = Ping { may_make: false, ..read(action, parts, body)? };
            tell(app, ping.bytes(), move |core, now| core.ping(&id, ping, now)).await
        }
        To::Slug { key, slug } => {
            let Caller { source } = Caller::of(key, app)?;
            let slug = slug::parse(slug, app.settings.limits.name_bytes)?;
            let id = CheckId::new(source, slug);
            let ping = read(action, parts, body)?;
            let bytes = ping.bytes();
            let work = move |core: &mut Core, now| core.ping_slug(&id, ping, now);
            tell(app, bytes, work).await
        }
    }
}

/// Understands what a ping says.
fn read(action: Option<&str>, parts: &Parts, body: Body) -> Result<Ping, Refused> {
    let action = Action::parse(action)?;
    let options = Options::read(parts.uri.query().unwrap_or_default())?;
    let is_post = parts.method == Method::POST;
    Ok(Ping { is_post, may_make: options.create, ..action.ping(body, options.rid) })
}

/// Hands over a ping. Fails if its check is unknown and must not be made.
async fn tell(
    app: &Inner,
    bytes: usize,
    work: impl FnOnce(&mut Core, Timestamp) -> Pinged + Send + 'static,
) -> Result<Pinged, Refused> {
    if app.told.shortage.borrow().is_some() {
        return Err(Refused::NotNow(ApiError::NoRoom));
    }
    let pinged = app.engine.submit(Weight { bytes, observations: 1 }, work).await;
    match pinged.map_err(|error| Refused::NotNow(error.into()))? {
        Pinged::Unknown => Err(Refused::NotFound),
        Pinged::Ambiguous => Err(Refused::Ambiguous),
        pinged => Ok(pinged),
    }
}

fn finish(app: &Inner, answer: &Result<Pinged, Refused>) -> Response {
    app.figures.count_ping(match answer {
        Ok(pinged) => outcome(*pinged),
        Err(refused) => refused.code(),
    });
    let (status, words) = match answer {
        Ok(Pinged::Made) => (StatusCode::CREATED, "Created"),
        Ok(_) => (StatusCode::OK, "OK"),
        Err(Refused::NotFound) => (StatusCode::NOT_FOUND, "not found"),
        Err(Refused::Misshapen(words)) => (StatusCode::BAD_REQUEST, *words),
        Err(Refused::Ambiguous) => (StatusCode::CONFLICT, "ambiguous slug"),
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

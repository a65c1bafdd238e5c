//! Who sends: a source, by Basic or Bearer, the two that every Alertmanager can send.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::auth::{Proof, bearer, prove, text};
use super::super::{ApiError, App, body};

/// A message whose sender has proven to be a source.
#[derive(Debug)]
pub(in crate::http) struct Proven {
    pub(super) source: String,
    pub(super) body: Bytes,
}

impl FromRequest<App> for Proven {
    type Rejection = ApiError;

    /// The proof does not need the body, so it comes first.
    async fn from_request(request: Request, App(app): &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let source = match judge(&parts, app) {
            Ok(source) => source,
            Err(error) => {
                body::turn_away(&parts.headers, body).await;
                return Err(error);
            }
        };
        let limit = app.settings.alertmanager.bytes;
        let body = body::read(app, &parts.headers, body, limit).await?;
        Ok(Self { source, body })
    }
}

/// Who sends, once that is proven and allowed.
fn judge(parts: &Parts, app: &super::Inner) -> Result<String, ApiError> {
    let (source, token) = credentials(parts)?;
    let misshapen = ApiError::NoCredentials("the user, or `source`, names no source");
    app.settings.judge_name(&source, misshapen)?;
    let now = app.clock.now();
    prove(&app.settings, &source, Proof::Token(&token), now).map_err(|error| match error {
        ApiError::Unproven(what) => ApiError::NoCredentials(what),
        error => error,
    })?;
    if !app.settings.admits(&source) {
        return Err(ApiError::Denied(source));
    }
    if !app.rates.admit(&source, now) {
        return Err(ApiError::TooMany);
    }
    Ok(source)
}

/// The source that the sender says it is, and the secret that it has.
fn credentials(parts: &Parts) -> Result<(String, String), ApiError> {
    if let Some(pair) = basic(&parts.headers) {
        return pair.ok_or(ApiError::NoCredentials("the Basic credentials are not well formed"));
    }
    let token = bearer(&parts.headers)
        .ok_or(ApiError::NoCredentials("neither Basic nor Bearer credentials were sent"))?;
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let named = pairs.find(|(name, _)| name == "source").map(|(_, source)| source.into_owned());
    let source = named.or_else(|| text(&parts.headers, "teawatch-source").map(str::to_owned));
    let source = source.ok_or(ApiError::NoCredentials("a Bearer token needs `?source=`"))?;
    Ok((source, token.to_owned()))
}

/// User and password, if there are any; nothing within if they cannot be read.
fn basic(headers: &HeaderMap) -> Option<Option<(String, String)>> {
    let (scheme, encoded) = text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| {
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    })
}

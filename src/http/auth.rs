//! Who is calling, and how that is proven.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::{ApiError, App, Settings, body};
use crate::check::OWN_SOURCE;
use crate::observation::{Report, check_source};
use crate::signature::{self, Headers, Master, Refusal, Secret};

/// A report whose sender has proven to be its source. A handler that takes one cannot
/// forget to check.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) report: Report,
    /// The size of its body.
    pub(super) bytes: usize,
}

impl FromRequest<App> for Proven {
    type Rejection = ApiError;

    /// The order matters: the length before the body is held, the proof before it is
    /// read, the rights before it is understood.
    async fn from_request(request: Request, App(app): &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limit = app.settings.report_bytes;
        let body = body::read_unproven(app, &parts.headers, body, limit).await?;
        let source = text(&parts.headers, "teawatch-source")
            .ok_or(ApiError::Unproven("the header `teawatch-source` is missing"))?;
        let misshapen = ApiError::Unproven("the header `teawatch-source` names no source");
        app.settings.judge_name(source, misshapen)?;
        let now = app.clock.now();
        let proof = match bearer(&parts.headers) {
            Some(token) => Proof::Token(token),
            None => Proof::Signature(
                Headers {
                    id: text(&parts.headers, "webhook-id"),
                    timestamp: text(&parts.headers, "webhook-timestamp"),
                    signature: text(&parts.headers, "webhook-signature"),
                },
                &body,
            ),
        };
        prove(&app.settings, source, proof, now)?;
        if !app.settings.admits(source) {
            return Err(ApiError::Denied(source.to_owned()));
        }
        if !app.rates.admit(source, now) {
            return Err(ApiError::TooMany);
        }
        let report = Report::parse(&body, &app.settings.limits)
            .map_err(|error| ApiError::BadBody(error.to_string()))?;
        if report.source != source {
            let header = source.to_owned();
            return Err(ApiError::OtherSource { header, body: report.source });
        }
        Ok(Self { report, bytes: body.len() })
    }
}

impl Settings {
    /// Whether somebody outside may be called so: if it is no name of a source, `misshapen` says
    /// so in the words of the door.
    pub(super) fn judge_name(&self, source: &str, misshapen: ApiError) -> Result<(), ApiError> {
        if source == OWN_SOURCE {
            return Err(ApiError::Reserved);
        }
        check_source(source, self.limits.source_bytes).map_err(|_| misshapen)
    }

    pub(super) fn admits(&self, source: &str) -> bool {
        admits(self.auto, &self.allow, &self.deny, source)
    }

    pub(super) fn generation(&self, source: &str) -> u64 {
        generation(&self.generations, source)
    }

    fn secrets(&self, source: &str, generation: u64) -> Vec<Secret> {
        let secret = |master| signature::agent_secret(master, source, generation);
        self.masters.iter().map(secret).collect()
    }
}

/// Whether a source may report at all. Nobody but teawatch speaks for itself.
pub(super) fn admits(
    auto: bool,
    allow: &BTreeSet<String>,
    deny: &BTreeSet<String>,
    source: &str,
) -> bool {
    source != OWN_SOURCE && !deny.contains(source) && (auto || allow.contains(source))
}

/// Which of its secrets counts.
pub(super) fn generation(generations: &BTreeMap<String, u64>, source: &str) -> u64 {
    generations.get(source).copied().unwrap_or(1)
}

/// The source that a key is of, `SOURCE.SECRET`, if it is one that may report. `derive` says
/// which key a source has.
pub(super) fn source_of(
    settings: &Settings,
    key: &str,
    derive: impl Fn(&Master, &str, u64) -> Secret,
) -> Option<String> {
    let (source, _) = key.rsplit_once('.')?;
    check_source(source, settings.limits.source_bytes).ok()?;
    let generation = settings.generation(source);
    let keys = settings.masters.iter().map(|master| derive(master, source, generation));
    let is_right = signature::bearer_matches(&keys.collect::<Vec<_>>(), key);
    (is_right && settings.admits(source)).then(|| source.to_owned())
}

/// How a caller proves to be a source: with the source's secret, or with what only that signs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof<'a> {
    Token(&'a str),
    Signature(Headers<'a>, &'a [u8]),
}

pub(super) fn prove(
    settings: &Settings,
    source: &str,
    proof: Proof<'_>,
    now: jiff::Timestamp,
) -> Result<(), ApiError> {
    let current = settings.generation(source);
    let judge = |generation| {
        let secrets = settings.secrets(source, generation);
        match proof {
            Proof::Token(token) if signature::bearer_matches(&secrets, token) => Ok(()),
            Proof::Token(_) => Err(Refusal::Mismatch),
            Proof::Signature(headers, body) => {
                signature::verify(&secrets, headers, body, now, settings.window)
            }
        }
    };
    match judge(current) {
        Ok(()) => Ok(()),
        Err(Refusal::Clock { server, .. }) => Err(ApiError::Clock { server }),
        Err(Refusal::MissingHeader(_)) => {
            Err(ApiError::Unproven("neither a signature nor a Bearer token was sent"))
        }
        Err(Refusal::Malformed(_)) => {
            Err(ApiError::Unproven("the signature's headers are not well formed"))
        }
        Err(Refusal::Mismatch) => {
            // Whoever holds the secret before learns that it was replaced.
            let was_right =
                current > 1 && matches!(judge(current - 1), Ok(()) | Err(Refusal::Clock { .. }));
            Err(if was_right {
                ApiError::Retired { current }
            } else {
                ApiError::Unproven("the signature or token does not match")
            })
        }
    }
}

/// The right to read what teawatch knows.
#[derive(Debug)]
pub(super) struct Reader;

/// The right to change it.
#[derive(Debug)]
pub(super) struct Writer;

impl FromRequestParts<App> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, App(app): &App) -> Result<Self, ApiError> {
        // Who may write may read.
        let tokens = [&app.settings.read_token, &app.settings.write_token];
        let is_open = app.settings.read_token.is_none();
        check_token(&parts.headers, is_open, tokens).map(|()| Self)
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, App(app): &App) -> Result<Self, ApiError> {
        let is_open = app.settings.write_token.is_none();
        check_token(&parts.headers, is_open, [&app.settings.write_token, &None]).map(|()| Self)
    }
}

fn check_token(
    headers: &HeaderMap,
    is_open: bool,
    tokens: [&Option<Secret>; 2],
) -> Result<(), ApiError> {
    if is_open {
        return Ok(());
    }
    let secrets: Vec<_> = tokens.into_iter().flatten().cloned().collect();
    match bearer(headers) {
        Some(token) if signature::bearer_matches(&secrets, token) => Ok(()),
        Some(_) => Err(ApiError::NoToken("the token does not match")),
        None => Err(ApiError::NoToken("a Bearer token is needed")),
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

//! That a message comes from Gitea.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use secrecy::SecretString;

use super::super::{ApiError, App, body};
use super::payload::header_of;
use crate::signature;

/// The rate of all messages together is kept under this name, which is none of a source.
const CALLER: &str = "webhooks/gitea";

/// Where Gitea and Forgejo put their signatures, and what stands before each. All of them
/// are made with one key; each that is there must be right.
const SIGNATURES: [(&str, &str); 3] =
    [("x-gitea-signature", ""), ("x-forgejo-signature", ""), ("x-hub-signature-256", "sha256=")];

/// How Gitea proves that it is the one that calls.
#[derive(Debug)]
pub struct Proofs {
    /// The newest first; two may live at once while one is replaced.
    pub secrets: Vec<SecretString>,
    /// What `Authorization` must say as well.
    pub authorization: Option<SecretString>,
}

/// A message that Gitea has signed.
#[derive(Debug)]
pub(in crate::http) struct Proven {
    /// JSON, as it was signed.
    pub(super) payload: Bytes,
    /// What the delivery and its event are called; empty if it is not said.
    pub(super) id: String,
    pub(super) event: String,
}

impl FromRequest<App> for Proven {
    type Rejection = ApiError;

    /// The order matters: the length before the body is held, the proof before it is read.
    async fn from_request(request: Request, App(app): &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        let Some(proofs) = &app.settings.hooks else {
            body::turn_away(&headers, body).await;
            return Err(ApiError::HooksOff);
        };
        let limit = app.settings.hook_bytes;
        let body = body::read_unproven(app, &headers, body, limit).await?;
        let payload = if is_form(&headers) { field(&body)? } else { body };
        proofs.judge(&headers, &payload)?;
        if !app.rates.admit(CALLER, app.clock.now()) {
            return Err(ApiError::TooMany);
        }
        let text = |what| header_of(&headers, what).unwrap_or_default().to_owned();
        Ok(Self { payload, id: text("delivery"), event: text("event-type") })
    }
}

impl Proofs {
    fn judge(&self, headers: &HeaderMap, payload: &[u8]) -> Result<(), ApiError> {
        let is_signed = SIGNATURES.iter().any(|(name, _)| headers.contains_key(*name));
        if !is_signed {
            return Err(ApiError::Unsigned("the message is not signed"));
        }
        for (name, before) in SIGNATURES {
            // One that is there twice may be right once.
            for signature in headers.get_all(name) {
                let signature = signature.to_str().ok().and_then(|it| it.strip_prefix(before));
                let Some(signature) = signature.filter(|signature| !signature.is_empty()) else {
                    return Err(ApiError::Unsigned("the signature is empty or misshapen"));
                };
                if !signature::hook_matches(&self.secrets, signature, payload) {
                    return Err(ApiError::Unsigned("the signature does not match"));
                }
            }
        }
        let Some(expected) = &self.authorization else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
        if given.is_some_and(|given| signature::text_matches(expected, given)) {
            return Ok(());
        }
        Err(ApiError::Unsigned("the value of `Authorization` does not match"))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// What a form has as its payload, which is what was signed.
fn field(body: &[u8]) -> Result<Bytes, ApiError> {
    let payload = url::form_urlencoded::parse(body).find(|(name, _)| name == "payload");
    let (_, payload) = payload.ok_or(ApiError::Unsigned("the form has no field `payload`"))?;
    Ok(Bytes::from(payload.into_owned()))
}

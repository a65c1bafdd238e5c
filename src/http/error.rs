//! Why a request was turned down. The only place that knows status codes.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use super::body;
use crate::check::OWN_SOURCE;
use crate::engine;
use crate::observation::brief;

/// Told of what is wrong, in bytes: it may repeat what was sent.
const MESSAGE_MAX: usize = 500;

/// Answered as `{"error":{"code","message","hint"}}`: the code for programs, the message
/// and the hint for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// 401: no proof, or one that proves nothing. Which it is, is said; why, is not.
    #[error("{0}")]
    Unproven(&'static str),
    /// 401: the same of a message of Gitea's.
    #[error("{0}")]
    Unsigned(&'static str),
    /// 401: the same of a message of Alertmanager's.
    #[error("{0}")]
    NoCredentials(&'static str),
    /// 401: the signature is right, and the caller's clock or ours is wrong.
    #[error("the signature's time is too far from the server's")]
    Clock { server: Timestamp },
    /// 401: signed with a secret that was retired.
    #[error("the secret of this source was replaced: generation {current} counts")]
    Retired { current: u64 },
    /// 403: proven, and still not welcome.
    #[error("the source `{0}` may not report")]
    Denied(String),
    /// 403: whoever has proven what.
    #[error("the source `{OWN_SOURCE}` has teawatch's own checks, and nobody else reports for it")]
    Reserved,
    /// 403: the body speaks for somebody else.
    #[error("the header says `{header}`, the body `{body}`")]
    OtherSource { header: String, body: String },
    /// 401: the same where a token is asked for.
    #[error("{0}")]
    NoToken(&'static str),
    /// 404: a door.
    #[error("there is no {0}")]
    Missing(String),
    /// 404: something that a door would change or show.
    #[error("there is no {0}")]
    Unknown(String),
    /// 404: others than this machine could read it, and nobody has allowed that.
    #[error("there is no page here")]
    PageClosed,
    /// 404: without a secret nobody could tell who calls.
    #[error("no secret for webhooks is configured")]
    HooksOff,
    /// 409.
    #[error("effect {0} may have been carried out already")]
    InDoubt(u64),
    /// 409: there is one at a time.
    #[error("another backup is being made")]
    BackupUnderWay,
    /// 409: there may be no more of it.
    #[error("{0}")]
    Full(String),
    /// 409: what is there says otherwise: how, and what to do about it.
    #[error("{what}")]
    Conflict { what: String, hint: &'static str },
    /// 405.
    #[error("this method does nothing here")]
    Method,
    /// 413.
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    /// 408: what has come of the body is thrown away.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// 400: the connection broke before the body was there.
    #[error("the body did not arrive")]
    Incomplete,
    /// 422: where and what.
    #[error("{0}")]
    BadBody(String),
    /// 400: a part of the address.
    #[error("{0}")]
    BadQuery(String),
    /// 429.
    #[error("too many requests")]
    TooMany,
    /// 503: what is taken could not be kept.
    #[error("the disk of teawatch is nearly full")]
    NoRoom,
    /// 503: the body came slowly, and others needed its room.
    #[error("too many bodies are arriving, and this one took longest")]
    Crowded,
    /// 500: a fault of ours, of which the log knows.
    #[error("teawatch failed at this")]
    Panicked,
    /// 503.
    #[error("teawatch cannot take this now")]
    Busy(#[source] engine::Error),
}

impl ApiError {
    /// The word for programs.
    pub(super) fn code(&self) -> &'static str {
        self.parts().1
    }

    pub(super) fn status(&self) -> StatusCode {
        self.parts().0
    }

    /// Whether it may pass.
    pub(super) fn is_for_later(&self) -> bool {
        matches!(self, Self::NoRoom | Self::Crowded | Self::Busy(_) | Self::TooMany)
    }

    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unproven(_) => (
                StatusCode::UNAUTHORIZED,
                "unproven",
                "send `teawatch-source` and Standard Webhooks headers signed with the source's \
                 secret, or that secret as a Bearer token; `teawatch secret agent SOURCE` \
                 prints it",
            ),
            Self::Unsigned(_) => (
                StatusCode::UNAUTHORIZED,
                "unproven",
                "give the webhook in Gitea the secret of `webhooks.secret_file`, and, if there is \
                 one, the value of `webhooks.authorization_file` as its authorization header",
            ),
            Self::NoCredentials(_) => (
                StatusCode::UNAUTHORIZED,
                "unproven",
                "give the receiver in Alertmanager `basic_auth` with a source as `username`, and \
                 as `password` what `teawatch secret agent SOURCE` prints",
            ),
            Self::HooksOff => (
                StatusCode::NOT_FOUND,
                "off",
                "set TEAWATCH_WEBHOOK_SECRET or `webhooks.secret_file`, and give the webhook in \
                 Gitea the same secret",
            ),
            Self::NoToken(_) => (
                StatusCode::UNAUTHORIZED,
                "unproven",
                "send the token of `api.read_token_file` as Bearer; to change something, that of \
                 `api.write_token_file`",
            ),
            Self::Clock { .. } => (
                StatusCode::UNAUTHORIZED,
                "clock",
                "set the clock, or sign with the time in `server_time`",
            ),
            Self::Retired { .. } => (
                StatusCode::UNAUTHORIZED,
                "generation",
                "give the agent the secret that `teawatch secret agent SOURCE` prints now",
            ),
            Self::Denied(_) => (
                StatusCode::FORBIDDEN,
                "denied",
                "see `agents.deny`, `agents.auto` and `agents.allow` in the configuration",
            ),
            Self::Reserved => (
                StatusCode::FORBIDDEN,
                "reserved",
                "give this host another `source`, and the secret of that",
            ),
            Self::OtherSource { .. } => (
                StatusCode::FORBIDDEN,
                "other_source",
                "`teawatch-source` and the body's `source` must be the same",
            ),
            Self::Missing(_) => (StatusCode::NOT_FOUND, "missing", "see the README for the doors"),
            Self::Unknown(_) => (
                StatusCode::NOT_FOUND,
                "missing",
                "`teawatch checks`, `teawatch jobs list`, `teawatch outbox list` and `teawatch \
                 silence list` show what there is",
            ),
            Self::PageClosed => (
                StatusCode::NOT_FOUND,
                "missing",
                "the page is there on loopback only; the setting `public_page` opens it here",
            ),
            Self::InDoubt(_) => (
                StatusCode::CONFLICT,
                "in_doubt",
                "teawatch looks for the issue first; try again when it is no longer in doubt",
            ),
            Self::BackupUnderWay => {
                (StatusCode::CONFLICT, "under_way", "wait until it is done, and make this one then")
            }
            Self::Full(_) => (StatusCode::CONFLICT, "full", "let one of them expire first"),
            Self::Conflict { hint, .. } => (StatusCode::CONFLICT, "conflict", hint),
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "method", "see the README for the doors")
            }
            Self::TooLong { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_long", "send less at once")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow", "send it again"),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "incomplete", "send it again"),
            Self::BadBody(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "bad_body", "nothing of it was taken")
            }
            Self::BadQuery(_) => (StatusCode::BAD_REQUEST, "bad_query", "see the README"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many", "slow down"),
            Self::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no_room",
                "send it again later; `limits.free_bytes` says how much must be free",
            ),
            Self::Crowded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "crowded",
                "send it again; `limits.unproven_bytes` says how much may be under way",
            ),
            Self::Panicked => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this is a mistake in teawatch, and its log says where: report it; what was sent \
                 may be sent again",
            ),
            Self::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy", "send it again"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, hint) = self.parts();
        if let Self::Busy(error) = &self {
            // The caller learns nothing of our insides; the log learns it all, once.
            tracing::warn!(error = error as &dyn std::error::Error, "a request was turned away");
        }
        let mut error =
            json!({ "code": code, "message": brief(&self.to_string(), MESSAGE_MAX), "hint": hint });
        if let Self::Clock { server } = &self {
            error["server_time"] = json!(server.as_second());
        }
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // HTTP wants to know how one proves oneself; the hint says the rest.
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if self.is_for_later() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<engine::Error> for ApiError {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::BackupUnderWay => Self::BackupUnderWay,
            error => Self::Busy(error),
        }
    }
}

pub(super) async fn unknown_path(request: Request) -> ApiError {
    let (parts, body) = request.into_parts();
    body::turn_away(&parts.headers, body).await;
    ApiError::Missing(format!("door at {}", parts.uri.path()))
}

pub(super) async fn unknown_method(request: Request) -> ApiError {
    let (parts, body) = request.into_parts();
    body::turn_away(&parts.headers, body).await;
    ApiError::Method
}

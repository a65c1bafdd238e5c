//! Answers that say no, in Gitea's words.

use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use serde_json::json;

use super::message::Response;

/// Why a request is not carried out, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A status with a message.
    Said(StatusCode, String),
    /// 404 in the words of 1.25 and 1.26; some say what exactly was not found.
    NotFound { message: &'static str, error: Option<String> },
    /// A status without a body: Gitea says so where somebody may not edit.
    Bare(StatusCode),
    /// 500. Only administrators of the site are told why.
    Broken(String),
    /// The repository has another name now, or its owner has. The status is the version's
    /// choice.
    Moved(StatusCode, String),
    /// The endpoint does not take this method.
    Method(&'static [Method]),
    /// There is no such endpoint.
    NoRoute,
}

impl Refusal {
    pub(super) fn not_found() -> Self {
        Self::NotFound { message: "not found", error: None }
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::Said(StatusCode::FORBIDDEN, message.into())
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::Said(StatusCode::UNPROCESSABLE_ENTITY, message.into())
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::Said(StatusCode::UNAUTHORIZED, message.to_owned())
    }

    /// The answer. `root` is the server's own idea of its address.
    pub(super) fn response(self, root: &str, method: &Method, told: bool) -> Response {
        let url = format!("{root}/api/swagger");
        match self {
            Self::Said(status, message) => {
                Response::of(status, &json!({ "message": message, "url": url }))
            }
            Self::NotFound { message, error } => Response::of(
                StatusCode::NOT_FOUND,
                &json!({
                    "errors": error.map(|error| vec![error]),
                    "message": message,
                    "url": url,
                }),
            ),
            Self::Bare(status) => Response::empty(status),
            Self::Broken(message) => Response::of(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({ "message": if told { message.as_str() } else { "" }, "url": url }),
            ),
            Self::Moved(status, to) => {
                let moved = Response::empty(status).with(LOCATION, &to);
                if method == Method::GET {
                    let reason = status.canonical_reason().unwrap_or_default();
                    let body = format!("<a href=\"{to}\">{reason}</a>.\n\n").into_bytes();
                    Response { body, ..moved.with(CONTENT_TYPE, "text/html; charset=utf-8") }
                } else {
                    moved
                }
            }
            Self::Method(allowed) => {
                allowed.iter().fold(Response::empty(StatusCode::METHOD_NOT_ALLOWED), |answer, m| {
                    answer.with(ALLOW, m.as_str())
                })
            }
            Self::NoRoute => Response::text(
                StatusCode::NOT_FOUND,
                "text/plain; charset=utf-8",
                "404 page not found\n",
            ),
        }
    }
}

//! Why a call is turned down, as Healthchecks says it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::ApiError;
use super::Unamended;
use crate::engine::{self, Wrong};

#[derive(Debug)]
pub(super) enum Refused {
    /// 400: what is wrong with the body or the address.
    Wrong(String),
    /// 401.
    NoKey(&'static str),
    /// 403: the check is of another source.
    OtherSource,
    /// 403: there may be no more checks.
    Full(String),
    /// 404.
    NotFound,
    /// 405.
    Method,
    /// 409: what is there says otherwise.
    Conflict(String),
    /// What every door may answer.
    Any(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Any(error)
    }
}

impl From<engine::Error> for Refused {
    fn from(error: engine::Error) -> Self {
        Self::Any(error.into())
    }
}

impl From<Unamended> for Refused {
    fn from(why: Unamended) -> Self {
        match why {
            Unamended::Wrong(Wrong { field, what }) => {
                let field = match field {
                    "labels" => "tags",
                    "description" => "desc",
                    field => field,
                };
                Self::Wrong(format!("json validation error: {field} {what}"))
            }
            Unamended::Configured => Self::Conflict(
                "this check stands in the configuration of teawatch, which wins: change its \
                 [[check]] there"
                    .to_owned(),
            ),
            Unamended::Defined => Self::Conflict(
                "there is a check of this name already: \"unique\": [\"name\"] changes it"
                    .to_owned(),
            ),
            Unamended::Undefined => Self::NotFound,
            Unamended::Full => Self::Full(why.to_string()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut is_for_later = false;
        let (status, words) = match self {
            Self::Wrong(words) => (StatusCode::BAD_REQUEST, words),
            Self::NoKey(words) => (StatusCode::UNAUTHORIZED, words.to_owned()),
            Self::OtherSource => {
                (StatusCode::FORBIDDEN, "this is a check of another source".to_owned())
            }
            Self::Full(words) => (StatusCode::FORBIDDEN, words),
            Self::NotFound => (StatusCode::NOT_FOUND, "not found".to_owned()),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed".to_owned()),
            Self::Conflict(words) => (StatusCode::CONFLICT, words),
            Self::Any(error) => {
                is_for_later = error.is_for_later();
                (error.status(), error.to_string())
            }
        };
        let mut response = (status, Json(json!({ "error": words }))).into_response();
        if is_for_later {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

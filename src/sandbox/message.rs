//! Requests and answers as plain values.
//!
//! The model is asked and answers with these, so that a simulation needs no socket and
//! the HTTP face is a translation. Knows the words of HTTP; must not know the model.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// The path as it came over the wire, percent-encoded, beginning with `/`.
    pub path: String,
    /// What stood behind the `?`, without it; empty if there was none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    /// A request for `target`, which is a path and perhaps a query.
    pub fn new(method: Method, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// The same with `Authorization: token ...`; a token that cannot stand in a header is
    /// left out.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(format!("token {token}")) {
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }

    /// The same with a JSON body and its content type.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = to_json(body);
        self
    }

    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of a query parameter, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl From<http::Request<Vec<u8>>> for Request {
    fn from(request: http::Request<Vec<u8>>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        }
    }
}

impl TryFrom<Request> for http::Request<Vec<u8>> {
    type Error = http::Error;

    fn try_from(request: Request) -> Result<Self, Self::Error> {
        let target = if request.query.is_empty() {
            request.path
        } else {
            format!("{}?{}", request.path, request.query)
        };
        let mut built =
            http::Request::builder().method(request.method).uri(target).body(request.body)?;
        *built.headers_mut() = request.headers;
        Ok(built)
    }
}

/// What the sandbox answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// An answer in JSON, as Gitea labels it.
    pub(super) fn of<T: Serialize + ?Sized>(status: StatusCode, body: &T) -> Self {
        Self {
            body: to_json(body),
            ..Self::empty(status).with(CONTENT_TYPE, "application/json;charset=utf-8")
        }
    }

    /// An answer in another kind of text.
    pub(super) fn text(status: StatusCode, kind: &str, body: &str) -> Self {
        Self { body: body.as_bytes().to_vec(), ..Self::empty(status).with(CONTENT_TYPE, kind) }
    }

    /// The same with one more header; a value that cannot stand in a header is left out.
    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// The body read as JSON.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

impl From<http::Response<Vec<u8>>> for Response {
    fn from(response: http::Response<Vec<u8>>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body }
    }
}

impl From<Response> for http::Response<Vec<u8>> {
    fn from(response: Response) -> Self {
        let mut built = Self::new(response.body);
        *built.status_mut() = response.status;
        *built.headers_mut() = response.headers;
        built
    }
}

/// A value as JSON. Only values that have string keys and no failing parts come here.
fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a shape of the sandbox that cannot be written as JSON")
}

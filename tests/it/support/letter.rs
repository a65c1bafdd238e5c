//! A report as bytes and headers, which a test may bend as it likes.

use std::io::Cursor;
use std::sync::LazyLock;

use reqwest::blocking::{Body, Client, RequestBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use teawatch::signature::{Secret, sign};

use super::{PATIENCE, Report, Teawatch};

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    teawatch::gitea::install_crypto();
    Client::builder().timeout(PATIENCE).no_proxy().tls_certs_only([]).build().unwrap()
});

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The code of an error that is told as it should be: with code, message and hint, and
    /// in not too many words.
    #[track_caller]
    pub fn error(&self) -> (u16, &str) {
        let error = &self.body["error"];
        for part in ["code", "message", "hint"] {
            let text = error[part].as_str().unwrap_or_default();
            assert!(!text.is_empty() && text.len() < 1_000, "no {part}: {self:?}");
        }
        (self.status, error["code"].as_str().unwrap())
    }

    #[track_caller]
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap()
    }
}

/// Sends a request, and reads the answer.
#[track_caller]
pub fn ask(request: RequestBuilder) -> Answer {
    try_to_ask(request).unwrap()
}

fn try_to_ask(request: RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send()?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Ok(Answer { status, headers, body: answer.json().unwrap_or(Value::Null) })
}

/// The client of all such requests.
pub fn client() -> &'static Client {
    &CLIENT
}

/// A report on its way.
#[derive(Debug, Clone)]
pub struct Letter {
    headers: HeaderMap,
    body: Vec<u8>,
    in_chunks: bool,
}

impl Letter {
    /// Signed by the source's own secret, now.
    pub fn new(source: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::signed(&Teawatch::secret(source), source, 0, body)
    }

    /// What [`Teawatch::send`] would send.
    pub fn of(report: &Report) -> Self {
        Self::new(&report.source, report.body.to_string())
    }

    /// Signed by `secret`, by a clock that is off by so many seconds.
    pub fn signed(secret: &Secret, source: &str, off: i64, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let at = jiff::Timestamp::now().as_second() + off;
        let id = format!("letter-{}", body.len());
        let signature = sign(secret, &id, at, &body);
        let letter = Self { headers: HeaderMap::new(), body, in_chunks: false };
        letter
            .with("teawatch-source", source)
            .with("webhook-id", &id)
            .with("webhook-timestamp", &at.to_string())
            .with("webhook-signature", &signature)
    }

    /// Proven by nothing.
    pub fn bare(source: &str, body: impl Into<Vec<u8>>) -> Self {
        let letter = Self { headers: HeaderMap::new(), body: body.into(), in_chunks: false };
        letter.with("teawatch-source", source)
    }

    pub fn with(self, name: &'static str, value: &str) -> Self {
        self.with_bytes(name, value.as_bytes())
    }

    pub fn with_bytes(mut self, name: &'static str, value: &[u8]) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        self
    }

    pub fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name).unwrap();
        self
    }

    /// The same signature above another body.
    pub fn about(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Without telling its length beforehand.
    pub fn in_chunks(mut self) -> Self {
        self.in_chunks = true;
        self
    }

    pub fn send(&self, teawatch: &Teawatch) -> Answer {
        self.send_to(&teawatch.url)
    }

    #[track_caller]
    pub fn send_to(&self, url: &str) -> Answer {
        ask(self.request(url))
    }

    /// Sends it to a server that may go away meanwhile.
    pub fn try_send_to(&self, url: &str) -> Option<Answer> {
        try_to_ask(self.request(url)).ok()
    }

    fn request(&self, url: &str) -> RequestBuilder {
        let body = self.body.clone();
        let body = if self.in_chunks { Body::new(Cursor::new(body)) } else { Body::from(body) };
        CLIENT.post(format!("{url}/api/v1/reports")).headers(self.headers.clone()).body(body)
    }
}

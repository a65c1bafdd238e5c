//! How the scheduler outside is told when a job is due.
//!
//! Every call is signed as Standard Webhooks are, and can be repeated without harm: a job has
//! one time there, and the same time again is no news.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::loopback::is_on_this_machine;
use crate::notify::client;
use crate::signature::{Secret, sign};

/// How long it may take to answer one call.
pub const ARMING_TIMEOUT: SignedDuration = SignedDuration::from_secs(15);

/// The longest list of what it knows that is read, in bytes: some four hundred for each of as
/// many jobs as there may be.
pub const LIST_MAX: usize = 4 * 1024 * 1024;

/// The paths below the address.
const ARM: &str = "api/agent-cron/provision";
const CANCEL: &str = "api/agent-cron/cancel";
const LIST: &str = "api/agent-cron/list";

/// Why it was not told something. It may have heard it all the same.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untold {
    /// Nothing else is taken from us either, until a person changes that.
    #[error(
        "it does not know us ({0}): give it the secret that `teawatch secret fire` prints for \
         the first of `fire.callers`"
    )]
    Stranger(StatusCode),
    #[error("it answered {0}")]
    Refused(StatusCode),
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error(
        "the list of what it knows is longer than {LIST_MAX} bytes (is it shared with others?)"
    )]
    TooLong,
    #[error("the list of what it knows is no JSON (is `scheduler.arming_url` its address?)")]
    NoJson(#[source] serde_json::Error),
    #[error("its address cannot be gone on from")]
    Address(#[source] url::ParseError),
}

/// The way to the scheduler outside.
#[derive(Debug)]
pub(super) struct Arming {
    url: Url,
    /// Where it is to call.
    callback: Url,
    secret: Secret,
    client: reqwest::Client,
}

impl Arming {
    /// The way to `url`, where each call may take so long.
    pub(super) fn new(
        url: &Url,
        callback: &Url,
        secret: Secret,
        timeout: SignedDuration,
    ) -> Result<Self, String> {
        let client = client(url, timeout.unsigned_abs(), !is_on_this_machine(url)).build();
        let client = client.map_err(|error| format!("HTTP cannot be set up: {error}"))?;
        Ok(Self { url: url.clone(), callback: callback.clone(), secret, client })
    }

    /// A job is due then.
    pub(super) async fn arm(&self, job: &str, at: Timestamp, now: Timestamp) -> Result<(), Untold> {
        let body = json!({
            "job_id": job,
            "fire_at": at,
            "agent_callback_url": self.callback,
            "dedup_key": format!("{job}:{at}"),
        });
        self.post(ARM, &body, now).await
    }

    /// A job is not due any more. That it knows of none is well.
    pub(super) async fn cancel(&self, job: &str, now: Timestamp) -> Result<(), Untold> {
        self.post(CANCEL, &json!({ "job_id": job }), now).await
    }

    /// What it knows. JSON of another shape says that it knows nothing; what is too long or no
    /// JSON says nothing at all.
    pub(super) async fn list(&self, now: Timestamp) -> Result<BTreeMap<String, Timestamp>, Untold> {
        let request = self.client.get(self.at(LIST)?);
        let answer = self.send(self.signed(request, "", now)).await?;
        let body: Value = serde_json::from_slice(&read(answer).await?).map_err(Untold::NoJson)?;
        let armed = body["armed"].as_array().cloned().unwrap_or_default();
        let armed = armed.iter().filter_map(|entry| {
            let at = entry["fire_at"].as_str()?.parse().ok()?;
            Some((entry["job_id"].as_str()?.to_owned(), at))
        });
        Ok(armed.collect())
    }

    async fn post(&self, path: &str, body: &Value, now: Timestamp) -> Result<(), Untold> {
        let body = body.to_string();
        let request = self.client.post(self.at(path)?);
        let request = request.header("content-type", "application/json");
        let request = self.signed(request, &body, now).body(body);
        self.send(request).await.map(drop)
    }

    fn at(&self, path: &str) -> Result<Url, Untold> {
        self.url.join(path).map_err(Untold::Address)
    }

    fn signed(&self, request: RequestBuilder, body: &str, now: Timestamp) -> RequestBuilder {
        let at = now.as_second();
        let id = format!("arm-{}", now.as_nanosecond());
        let signature = sign(&self.secret, &id, at, body.as_bytes());
        request
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
    }

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response, Untold> {
        let answer = request.send().await.map_err(Untold::Unreachable)?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Untold::Stranger(status))
            }
            status => Err(Untold::Refused(status)),
        }
    }
}

/// The body of an answer, up to [`LIST_MAX`].
async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, Untold> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Untold::Unreachable)? {
        if body.len() + chunk.len() > LIST_MAX {
            return Err(Untold::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

//! How the scheduler outside is told when a job is due.
//!
//! Every call is signed as Standard Webhooks are, and can be repeated without harm: a job has
//! one time there, and the same time again is no news.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::loopback::is_on_this_machine;
use crate::notify::client;
use crate::outbox::chain;
use crate::signature::{Secret, sign};

/// For one call.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The paths below the address.
const ARM: &str = "api/agent-cron/provision";
const CANCEL: &str = "api/agent-cron/cancel";
const LIST: &str = "api/agent-cron/list";

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
    pub(super) fn new(url: &Url, callback: &Url, secret: Secret) -> Result<Self, String> {
        let client = client(url, TIMEOUT, !is_on_this_machine(url)).build();
        let client = client.map_err(|error| format!("HTTP cannot be set up: {error}"))?;
        Ok(Self { url: url.clone(), callback: callback.clone(), secret, client })
    }

    /// A job is due then.
    pub(super) async fn arm(&self, job: &str, at: Timestamp, now: Timestamp) -> Result<(), String> {
        let body = json!({
            "job_id": job,
            "fire_at": at,
            "agent_callback_url": self.callback,
            "dedup_key": format!("{job}:{at}"),
        });
        self.post(ARM, &body, now).await
    }

    /// A job is not due any more. That it knows of none is well.
    pub(super) async fn cancel(&self, job: &str, now: Timestamp) -> Result<(), String> {
        self.post(CANCEL, &json!({ "job_id": job }), now).await
    }

    /// What it knows, as far as that can be read.
    pub(super) async fn list(&self, now: Timestamp) -> Result<BTreeMap<String, Timestamp>, String> {
        let request = self.client.get(self.at(LIST)?);
        let answer = self.send(self.signed(request, "", now)).await?;
        let body: Value = answer.json().await.unwrap_or_default();
        let armed = body["armed"].as_array().cloned().unwrap_or_default();
        let armed = armed.iter().filter_map(|entry| {
            let at = entry["fire_at"].as_str()?.parse().ok()?;
            Some((entry["job_id"].as_str()?.to_owned(), at))
        });
        Ok(armed.collect())
    }

    async fn post(&self, path: &str, body: &Value, now: Timestamp) -> Result<(), String> {
        let body = body.to_string();
        let request = self.client.post(self.at(path)?);
        let request = request.header("content-type", "application/json");
        let request = self.signed(request, &body, now).body(body);
        self.send(request).await.map(drop)
    }

    fn at(&self, path: &str) -> Result<Url, String> {
        self.url.join(path).map_err(|error| error.to_string())
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

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response, String> {
        let answer = request.send().await;
        let answer = answer.map_err(|error| format!("it cannot be reached: {}", chain(&error)))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
                "it does not know us ({}): give it the secret that `teawatch secret fire` prints \
                 for the first of `fire.callers`",
                answer.status()
            )),
            status => Err(format!("it answered {status}")),
        }
    }
}

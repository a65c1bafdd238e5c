//! Does an address answer as it should?

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use serde::Deserialize;
use url::Url;

use super::tls::{fourteen, judge};
use super::{failure, success, unknown, with};
use crate::agent::settings::{optional, positive, ten_seconds};
use crate::check::{Kind, Observation};
use crate::loopback::is_on_this_machine;

/// Read of an answer in which something is looked for, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// An address that is asked for with GET. Redirects are answers like others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: SignedDuration,
    #[serde(deserialize_with = "http_url")]
    pub(crate) url: Url,
    /// The status that it must answer; any from 200 to 299 if not said.
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// What the answer must contain, within its first MiB.
    #[serde(default)]
    pub(crate) contains: Option<String>,
    /// A slower answer than this is a failure.
    #[serde(default, deserialize_with = "optional")]
    pub(crate) max_latency: Option<SignedDuration>,
    /// A certificate that is good for fewer days than this is a failure.
    #[serde(default = "fourteen")]
    pub(crate) min_days: f64,
}

fn http_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let url = Url::deserialize(deserializer)?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(serde::de::Error::custom("must begin with http:// or https://")),
    }
}

/// What came back.
struct Answer {
    status: u16,
    /// Whether what must be in it is there.
    holds_words: bool,
    took: Duration,
    certificate: Option<Vec<u8>>,
}

impl Http {
    pub(super) async fn look(&self, limit: Duration, now: Timestamp) -> Observation {
        let mut client = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(limit)
            // Is shared out among the addresses of a name, so that one which is dead does not
            // use up the time of all.
            .connect_timeout(limit)
            .tls_info(true);
        if is_on_this_machine(&self.url) {
            client = client.no_proxy();
        }
        let client = match client.build() {
            Ok(client) => client,
            Err(error) => return unknown(format!("HTTP cannot be set up: {error}")),
        };
        match self.ask(&client).await {
            Ok(answer) => self.judge(&answer, now),
            Err(error) if error.is_timeout() => {
                failure(format!("{} did not answer within {limit:?}", self.shown()))
            }
            Err(error) => failure(format!("{}: {}", self.shown(), chain(&error.without_url()))),
        }
    }

    async fn ask(&self, client: &reqwest::Client) -> reqwest::Result<Answer> {
        let began = Instant::now();
        let mut response = client.get(self.url.clone()).send().await?;
        let took = began.elapsed();
        let status = response.status().as_u16();
        let info = response.extensions().get::<TlsInfo>();
        let certificate = info.and_then(TlsInfo::peer_certificate).map(<[u8]>::to_vec);
        let holds_words = match &self.contains {
            Some(words) => contains(&mut response, words.as_bytes()).await?,
            None => true,
        };
        Ok(Answer { status, holds_words, took, certificate })
    }

    fn judge(&self, answer: &Answer, now: Timestamp) -> Observation {
        let Answer { status, holds_words, took, certificate } = answer;
        let shown = self.shown();
        let is_expected = match self.status {
            Some(expected) => *status == expected,
            None => (200..300).contains(status),
        };
        let is_slow = |max: &SignedDuration| *took > max.unsigned_abs();
        let observation = if !is_expected {
            let expected = self.status.map_or("200 to 299".to_owned(), |status| status.to_string());
            failure(format!("{shown} answered {status}, not {expected}"))
        } else if let Some(wanted) = self.contains.as_ref().filter(|_| !holds_words) {
            failure(format!("{shown} answered {status}, without `{wanted}`"))
        } else if let Some(max) = self.max_latency.filter(is_slow) {
            failure(format!("{shown} took {took:.1?}, more than {max:#}"))
        } else {
            success(format!("{shown} answered {status} in {took:.1?}"))
        };
        let mut observation = with(observation, "latency_seconds", took.as_secs_f64());
        if let Some(certificate) = certificate {
            let judged = judge(&shown, certificate, self.min_days, now);
            observation.numbers.extend(judged.numbers);
            if observation.kind == Kind::Success && judged.kind != Kind::Success {
                (observation.kind, observation.summary) = (judged.kind, judged.summary);
            }
        }
        observation
    }

    /// The address without what may be secret in it.
    fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        // An address that cannot have a user has none.
        url.set_username("").ok();
        url.set_password(None).ok();
        url.to_string()
    }
}

/// Whether the words are in the head of an answer. Once they are, no more of it is waited
/// for: there are answers that never end.
async fn contains(response: &mut reqwest::Response, words: &[u8]) -> reqwest::Result<bool> {
    let mut body = Vec::new();
    loop {
        // What was searched before can only hold a part of them.
        let begin = body.len().saturating_sub(words.len());
        let Some(chunk) = response.chunk().await? else { return Ok(words.is_empty()) };
        body.extend_from_slice(&chunk[..chunk.len().min(BODY_MAX - body.len())]);
        if words.is_empty() || body[begin..].windows(words.len()).any(|part| part == words) {
            return Ok(true);
        }
        if body.len() >= BODY_MAX {
            return Ok(false);
        }
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

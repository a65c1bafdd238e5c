//! Signs reports and sends them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::spool::{Spool, Waiting};
use crate::clock::Clock;
use crate::observation::ReportId;
use crate::signature::{Secret, sign};

/// For one exchange with the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends what waits in a spool.
#[derive(Debug)]
pub struct Sender {
    client: reqwest::Client,
    url: Url,
    secret: Secret,
    clock: Clock,
    /// How far the server's clock is ahead of ours, as far as it has told.
    ahead: SignedDuration,
}

/// Why reports are still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsent {
    #[error("HTTP cannot be set up")]
    Setup(#[source] reqwest::Error),
    #[error("{0} cannot be an address of teawatch")]
    Address(Url),
    #[error("the certificates of `ca_file` cannot be read")]
    Certificates(#[source] reqwest::Error),
    #[error("{server} cannot be reached")]
    Unreachable { server: Url, source: reqwest::Error },
    #[error("{server} answered {status}: {message}")]
    Refused { server: Url, status: StatusCode, message: String },
}

/// What became of one report.
enum Sent {
    Taken,
    /// It will never be taken: keeping it would only keep others waiting.
    Hopeless(String),
    /// Not now.
    Later(Unsent),
}

#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
    server_time: Option<i64>,
}

impl Sender {
    /// A sender to `server`. `roots` are certificates in PEM that are trusted besides the
    /// system's.
    pub fn new(
        server: &Url,
        secret: Secret,
        roots: Option<&[u8]>,
        clock: Clock,
    ) -> Result<Self, Unsent> {
        let url = server.join("api/v1/reports").map_err(|_| Unsent::Address(server.clone()))?;
        let mut client =
            reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        if server.scheme() == "http" {
            // Without TLS no certificates are needed, and some machines have none.
            client = client.tls_certs_only([]);
        } else if let Some(roots) = roots {
            let roots =
                reqwest::Certificate::from_pem_bundle(roots).map_err(Unsent::Certificates)?;
            client = client.tls_certs_merge(roots);
        }
        let client = client.build().map_err(Unsent::Setup)?;
        Ok(Self { client, url, secret, clock, ahead: SignedDuration::ZERO })
    }

    /// Sends what waits, the newest first, until all of it is sent or something is in the
    /// way. `tell` gets a line for everything that a person should know.
    pub async fn send(
        &mut self,
        spool: &Spool,
        waiting: &[Waiting],
        tell: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), Unsent> {
        for one in waiting {
            let Some(body) = spool.read(one) else { continue };
            match self.send_one(&body, tell).await {
                Sent::Taken => spool.forget(one),
                Sent::Hopeless(why) => {
                    tell(format!("a report was thrown away: {why}"));
                    spool.forget(one);
                }
                Sent::Later(unsent) => return Err(unsent),
            }
        }
        Ok(())
    }

    async fn send_one(&mut self, body: &[u8], tell: &mut (dyn FnMut(String) + Send)) -> Sent {
        #[derive(Deserialize)]
        struct Head {
            source: String,
            id: ReportId,
        }
        let Ok(Head { source, id }) = serde_json::from_slice(body) else {
            return Sent::Hopeless("its file is damaged".to_owned());
        };
        let id = format!("{}-{}", id.epoch, id.seq);
        let mut is_second = false;
        loop {
            let answer = match self.post(&source, &id, body).await {
                Ok(answer) => answer,
                Err(source) => {
                    let source = source.without_url();
                    return Sent::Later(Unsent::Unreachable { server: self.url.clone(), source });
                }
            };
            let status = answer.status();
            if status.is_success() {
                return Sent::Taken;
            }
            let reason = answer.json::<Refusal>().await.map(|refusal| refusal.error).ok();
            let server_time = reason.as_ref().and_then(|reason| {
                let at = reason.server_time.filter(|_| reason.code == "clock")?;
                Timestamp::from_second(at).ok()
            });
            if let Some(server_time) = server_time.filter(|_| !is_second) {
                self.ahead = server_time.duration_since(self.clock.now());
                let off = SignedDuration::from_secs(self.ahead.as_secs().abs());
                let way = if self.ahead.is_negative() { "ahead of" } else { "behind" };
                tell(format!("the clock of this host is {off:#} {way} the server's: set it"));
                is_second = true;
                continue;
            }
            let message = reason.map_or_else(|| "no reason".to_owned(), |reason| reason.message);
            // The server has read it, and will say the same again.
            if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY) {
                return Sent::Hopeless(message);
            }
            return Sent::Later(Unsent::Refused { server: self.url.clone(), status, message });
        }
    }

    async fn post(
        &self,
        source: &str,
        id: &str,
        body: &[u8],
    ) -> reqwest::Result<reqwest::Response> {
        let now = self.clock.now().checked_add(self.ahead).unwrap_or(Timestamp::MAX).as_second();
        let signature = sign(&self.secret, id, now, body);
        self.client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("teawatch-source", source)
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .body(body.to_vec())
            .send()
            .await
    }
}

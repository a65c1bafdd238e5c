//! Pings: telling by a URL how a run goes, as Healthchecks takes it.
//!
//! A ping says what is so now, and is worth nothing later: one that does not get through
//! within its tries is lost, and whoever sends it says so. Reports wait in a spool instead.

mod address;
mod body;
mod run_id;

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

pub use self::address::{Address, Handle, NoAddress};
pub use self::body::body;
pub use self::run_id::random_run;
use super::client::{client, is_untrusted, retry_after};
use crate::check::Uuid;

/// After the first try; after each further one it is so much longer.
const STEP: Duration = Duration::from_secs(1);
/// A server may ask for a pause of so long before the next try; for a longer one nobody waits.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Says how much of a body a server reads, in bytes.
const BODY_LIMIT: &str = "ping-body-limit";

/// What a ping tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Start,
    Success,
    Fail,
    /// Something to read, which says nothing of how it is.
    Log,
    /// The exit status of a program; 0 is a success.
    Exited(u8),
}

impl Event {
    /// The end of its address.
    fn action(self) -> Option<String> {
        match self {
            Self::Success => None,
            Self::Start => Some("start".to_owned()),
            Self::Fail => Some("fail".to_owned()),
            Self::Log => Some("log".to_owned()),
            Self::Exited(status) => Some(status.to_string()),
        }
    }
}

/// Sends pings of one check.
#[derive(Debug)]
pub struct Pinger {
    client: reqwest::Client,
    address: Address,
    retries: u32,
}

/// A ping that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How much of a body the server reads, in bytes, as far as it has said so.
    pub body_limit: Option<usize>,
}

/// Why a ping did not get through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    #[error("{server} was not reached in {tries} tries")]
    Unreached { server: String, tries: u32, source: reqwest::Error },
    #[error("{server} has a certificate that nobody trusts here; --ca-file names more roots")]
    Untrusted { server: String, source: reqwest::Error },
    #[error("{server} answered {status} in the last of {tries} tries")]
    Troubled { server: String, tries: u32, status: StatusCode },
    #[error("{server} answered {status} and asked for a pause of {} s; {} s are waited for at the most", pause.as_secs(), PAUSE_MAX.as_secs())]
    PutOff { server: String, status: StatusCode, pause: Duration },
    #[error("{server} answered {status}: {}", hint(*status))]
    Refused { server: String, status: StatusCode },
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Taken,
    /// It may pass.
    Later,
    /// The answer will be the same again.
    Refused,
}

/// What an answer means: only that of a server that takes pings is believed.
fn judge(status: StatusCode) -> Meaning {
    match status {
        StatusCode::OK | StatusCode::CREATED => Meaning::Taken,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Meaning::Later,
        status if status.is_server_error() => Meaning::Later,
        _ => Meaning::Refused,
    }
}

/// What a person can do about a refusal.
fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => {
            "the key, the slug or the UUID is not right, or the check is not known: --create \
             makes one by its slug"
        }
        StatusCode::BAD_REQUEST => "the slug may hold a-z, 0-9, - and _",
        status if status.is_success() || status.is_redirection() => {
            "no server of pings says that: does --api-url end where the key or the UUID begins, \
             as in https://teawatch.example.org/ping?"
        }
        _ => "is --api-url the address of a server that takes pings?",
    }
}

impl Pinger {
    /// One that waits for an answer for `timeout`, and tries again so often after a failure
    /// that may pass. `roots` are certificates in PEM that are trusted besides the system's.
    /// Fails if they cannot be read, or if HTTP cannot be set up.
    pub fn new(
        address: Address,
        timeout: Duration,
        retries: u32,
        roots: Option<&[u8]>,
    ) -> reqwest::Result<Self> {
        let client = client(address.server(), timeout, roots)?
            // What it carries is for this server.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("teawatch/", env!("CARGO_PKG_VERSION")))
            // Hours may lie between two pings, and no connection lasts so long.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, address, retries })
    }

    /// Sends a ping until it is taken, refused, or tried often enough. Once `no_more` is
    /// there, only the try that is under way is waited for.
    ///
    /// It takes at most the timeout for each try, and between two tries what the server asks
    /// for, up to 30 s, or else 1 s, 2 s and so on.
    pub async fn send(
        &self,
        event: Event,
        run: Option<Uuid>,
        body: &[u8],
        no_more: impl Future<Output = ()>,
    ) -> Result<Taken, Lost> {
        tokio::pin!(no_more);
        let mut tries = 0;
        loop {
            tries += 1;
            let server = self.address.shown();
            let (lost, asked) = match self.post(event, run, body).await {
                Ok((status, headers)) => match judge(status) {
                    Meaning::Taken => return Ok(Taken { body_limit: body_limit(&headers) }),
                    Meaning::Refused => return Err(Lost::Refused { server, status }),
                    Meaning::Later => match retry_after(&headers) {
                        Some(pause) if pause > PAUSE_MAX => {
                            return Err(Lost::PutOff { server, status, pause });
                        }
                        asked => (Lost::Troubled { server, tries, status }, asked),
                    },
                },
                Err(error) => {
                    let source = error.without_url();
                    let lost = match is_untrusted(&source) {
                        true => Lost::Untrusted { server, source },
                        false => Lost::Unreached { server, tries, source },
                    };
                    (lost, None)
                }
            };
            if tries > self.retries {
                return Err(lost);
            }
            tokio::select! {
                biased;
                () = &mut no_more => return Err(lost),
                () = tokio::time::sleep(asked.unwrap_or(STEP * tries)) => {}
            }
        }
    }

    async fn post(
        &self,
        event: Event,
        run: Option<Uuid>,
        body: &[u8],
    ) -> reqwest::Result<(StatusCode, HeaderMap)> {
        let request = self.client.post(self.address.of(event, run));
        let request = request.header(CONTENT_TYPE, "text/plain").body(body.to_vec());
        let answer = request.send().await?;
        Ok((answer.status(), answer.headers().clone()))
    }
}

fn body_limit(headers: &HeaderMap) -> Option<usize> {
    headers.get(BODY_LIMIT)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_and_201_are_a_success_and_what_may_pass_is_tried_again() {
        for status in 100..=599 {
            let meaning = match status {
                200 | 201 => Meaning::Taken,
                408 | 429 | 500..=599 => Meaning::Later,
                _ => Meaning::Refused,
            };
            assert_eq!(judge(StatusCode::from_u16(status).unwrap()), meaning, "{status}");
        }
    }
}

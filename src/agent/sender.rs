//! Signs reports and sends them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde::Deserialize;
use url::Url;

use super::answer::{Answer, Meaning, judge, read};
use super::client::{client, is_untrusted, retry_after};
use super::disk::on_disk;
use super::rest;
use super::spool::{Spool, Waiting};
use crate::clock::Clock;
use crate::observation::{Report, ReportId, check_plain};
use crate::signature::{Secret, sign};

/// For one exchange with the server.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is older than the newest report waits for the next time after so long: a server
/// that is slow must not hold up the agent.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so many refusals of single reports the others need not be tried.
const REFUSALS_MAX: u32 = 3;
/// For so long the server is waited for, once for each report, when it asks for a pause; for
/// longer everything waits for the next time.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A pause that is asked for lasts no longer than this.
const REST_MAX: Duration = Duration::from_hours(1);
/// Clocks that differ by less agree.
const AGREEMENT: SignedDuration = SignedDuration::from_mins(1);

/// Sends what waits in a spool.
#[derive(Debug)]
pub struct Sender {
    client: reqwest::Client,
    url: Url,
    secret: Secret,
    clock: Clock,
    /// How far the server's clock is ahead of ours, as far as it has told.
    ahead: SignedDuration,
    patience: Duration,
    /// Until when the server wants to be left alone, as far as it has told.
    rests_until: Option<Instant>,
    /// The same as the disk has it.
    kept_until: Option<Instant>,
}

/// Why reports are still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsent {
    #[error("HTTP cannot be set up")]
    Setup(#[source] reqwest::Error),
    #[error(
        "`server` must be an http:// or https:// address, such as https://teawatch.example.org/"
    )]
    Address,
    #[error("the certificates of `ca_file` cannot be read")]
    Certificates(#[source] reqwest::Error),
    #[error("{server} cannot be reached")]
    Unreachable { server: String, source: reqwest::Error },
    #[error("{server} has a certificate that nobody trusts here; `ca_file` names more roots")]
    Untrusted { server: String, source: reqwest::Error },
    #[error("{server} answered {status}: {message}")]
    Refused { server: String, status: StatusCode, message: String },
    #[error("{server} has asked for a pause, of which {left} s are left")]
    Resting { server: String, left: u64 },
    #[error("{server} is slow: {left} older reports were not tried")]
    Slow { server: String, left: usize },
}

/// What became of one report.
enum Sent {
    Taken,
    /// It will never be taken: keeping it would only keep others waiting.
    Hopeless(String),
    /// Nothing of this source is taken.
    NotThisSource(Unsent),
    /// Others may be taken.
    NotThisOne(Unsent),
    /// Not now.
    Later(Unsent),
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
        if !matches!(server.scheme(), "http" | "https") {
            return Err(Unsent::Address);
        }
        let mut url = server.clone();
        url.set_path(&format!("{}/api/v1/reports", server.path().trim_end_matches('/')));
        let client = client(server, TIMEOUT, roots).map_err(Unsent::Certificates)?;
        let client = client.redirect(reqwest::redirect::Policy::none());
        let client = client.build().map_err(Unsent::Setup)?;
        let ahead = SignedDuration::ZERO;
        let (patience, rests_until, kept_until) = (PATIENCE, None, None);
        Ok(Self { client, url, secret, clock, ahead, patience, rests_until, kept_until })
    }

    /// The same with another time after which older reports wait for the next time.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends what waits, the newest first, until all of it is sent or something is in the
    /// way. What is refused for what it is holds up nothing else. `tell` gets a line for
    /// everything that a person should know.
    pub async fn send(
        &mut self,
        spool: &Spool,
        waiting: &[Waiting],
        tell: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), Unsent> {
        let began = Instant::now();
        let mut first = None;
        let (mut refusals, mut refused_sources) = (0, BTreeSet::new());
        for (index, one) in waiting.iter().enumerate() {
            if index > 0 && began.elapsed() > self.patience {
                let left = waiting.len() - index;
                return Err(Unsent::Slow { server: self.shown(), left });
            }
            let (disk, file) = (spool.clone(), one.clone());
            let body = match on_disk(move || disk.read(&file)).await.flatten() {
                Ok(Some(body)) => body,
                Ok(None) => continue,
                Err(error) => {
                    tell(format!("{} cannot be read and waits: {error}", one.path.display()));
                    continue;
                }
            };
            let Some((source, id)) = head(&body) else {
                tell(format!("{} is damaged and was thrown away", one.path.display()));
                forget(spool, one, tell).await;
                continue;
            };
            if refused_sources.contains(&source) {
                continue;
            }
            let unsent = match self.send_one(&source, &id, &body, tell).await {
                Sent::Taken => {
                    forget(spool, one, tell).await;
                    continue;
                }
                Sent::Hopeless(why) => {
                    tell(format!("a report was thrown away: {why}"));
                    forget(spool, one, tell).await;
                    continue;
                }
                Sent::NotThisSource(unsent) => {
                    refused_sources.insert(source);
                    unsent
                }
                Sent::NotThisOne(unsent) => {
                    refusals += 1;
                    unsent
                }
                Sent::Later(unsent) => return Err(first.unwrap_or(unsent)),
            };
            first.get_or_insert(unsent);
            if refusals == REFUSALS_MAX {
                break;
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Sends one report that no spool holds.
    pub async fn send_unkept(
        &mut self,
        report: &Report,
        tell: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), Unsent> {
        let id = webhook_id(&report.id);
        match self.send_one(&report.source, &id, &report.to_json(), tell).await {
            Sent::Taken => Ok(()),
            Sent::Hopeless(why) => {
                tell(format!("a report was thrown away: {why}"));
                Ok(())
            }
            Sent::NotThisSource(unsent) | Sent::NotThisOne(unsent) | Sent::Later(unsent) => {
                Err(unsent)
            }
        }
    }

    async fn send_one(
        &mut self,
        source: &str,
        id: &str,
        body: &[u8],
        tell: &mut (dyn FnMut(String) + Send),
    ) -> Sent {
        if let Some(left) = self.rest() {
            return Sent::Later(Unsent::Resting { server: self.shown(), left: left.as_secs() + 1 });
        }
        let (mut is_second, mut has_paused) = (false, false);
        loop {
            let answer = match self.post(source, id, body).await {
                Ok(answer) => answer,
                Err(error) => return Sent::Later(self.unreachable(error)),
            };
            let status = answer.status;
            let refused = |message| Unsent::Refused { server: self.shown(), status, message };
            match judge(&answer) {
                Meaning::Taken => return Sent::Taken,
                Meaning::Clock { server_time, .. } if !is_second => {
                    is_second = true;
                    self.ahead = server_time.duration_since(self.clock.now());
                    tell(told_of_clock(self.ahead));
                }
                Meaning::Hopeless(why) => return Sent::Hopeless(why),
                Meaning::NotThisSource(why) => return Sent::NotThisSource(refused(why)),
                Meaning::NotThisOne(why) => return Sent::NotThisOne(refused(why)),
                Meaning::Clock { message: why, .. } | Meaning::Later(why) => {
                    match answer.retry_after {
                        Some(pause) if pause <= PAUSE_MAX && !has_paused => {
                            has_paused = true;
                            tokio::time::sleep(pause).await;
                            continue;
                        }
                        Some(pause) => {
                            self.rests_until = Some(Instant::now() + pause.min(REST_MAX));
                        }
                        None => {}
                    }
                    return Sent::Later(Unsent::Refused {
                        server: self.shown(),
                        status,
                        message: why,
                    });
                }
            }
        }
    }

    /// Recalls the pause that the server has asked another process for.
    pub(super) async fn recall(&mut self, spool: &Spool) {
        let left = rest::left(spool, &self.shown(), REST_MAX, self.clock.now()).await;
        let until = left.map(|left| Instant::now() + left);
        // Of several the longest counts.
        self.rests_until = self.rests_until.max(until);
        self.kept_until = self.rests_until;
    }

    /// Keeps the pause that the server has asked for since, for other processes.
    pub(super) async fn remember(&mut self, spool: &Spool) {
        if self.rests_until == self.kept_until {
            return;
        }
        if let Some(left) = self.rest() {
            rest::keep(spool, self.shown(), left, self.clock.now()).await;
        }
        self.kept_until = self.rests_until;
    }

    /// How long the server still wants to be left alone.
    fn rest(&self) -> Option<Duration> {
        let left = self.rests_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    async fn post(&self, source: &str, id: &str, body: &[u8]) -> reqwest::Result<Answer> {
        let now = self.clock.now().checked_add(self.ahead).unwrap_or(Timestamp::MAX).as_second();
        let signature = sign(&self.secret, id, now, body);
        let response = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("teawatch-source", source)
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .body(body.to_vec())
            .send()
            .await?;
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok()).map(str::to_owned);
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        Ok(Answer { status, location, retry_after, body: read(response).await? })
    }

    fn unreachable(&self, error: reqwest::Error) -> Unsent {
        let (server, source) = (self.shown(), error.without_url());
        if is_untrusted(&source) {
            return Unsent::Untrusted { server, source };
        }
        Unsent::Unreachable { server, source }
    }

    /// The server as it may be told: an address may hold a password.
    fn shown(&self) -> String {
        let mut url = self.url.clone();
        // Only addresses without a host refuse this, and they hold no password.
        _ = url.set_username("").and_then(|()| url.set_password(None));
        url.set_query(None);
        url.into()
    }
}

fn told_of_clock(ahead: SignedDuration) -> String {
    if ahead.abs() < AGREEMENT {
        return "the clocks of this host and of the server agree again".to_owned();
    }
    let off = SignedDuration::from_secs(ahead.as_secs().abs());
    let way = if ahead.is_negative() { "ahead of" } else { "behind" };
    format!("the clock of this host is {off:#} {way} the server's: set it")
}

/// The source and the name of a report; nothing if it is damaged.
fn head(body: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Head {
        source: String,
        id: ReportId,
    }
    let Head { source, id } = serde_json::from_slice(body).ok()?;
    // Both become headers.
    check_plain(&source, usize::MAX).and_then(|()| check_plain(&id.epoch, usize::MAX)).ok()?;
    Some((source, webhook_id(&id)))
}

fn webhook_id(id: &ReportId) -> String {
    format!("{}-{}", id.epoch, id.seq)
}

async fn forget(spool: &Spool, one: &Waiting, tell: &mut (dyn FnMut(String) + Send)) {
    let (disk, file) = (spool.clone(), one.clone());
    if let Err(error) = on_disk(move || disk.forget(&file)).await.flatten() {
        let path = one.path.display();
        tell(format!("{path} is done with and cannot be removed, so it comes again: {error}"));
    }
}

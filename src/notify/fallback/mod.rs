//! The fallback channel: says elsewhere that nothing gets through to Gitea.
//!
//! What is said when is decided by [`step()`]; it is on the disk before it is said, so that
//! nothing is said twice, also not by a process that is restarted meanwhile. A message that
//! was certainly not taken is tried again; one of which nobody knows is not, and the next one
//! comes sooner.

mod message;
mod step;

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::StatusCode;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use self::message::Message;
pub use self::message::Service;
pub use self::step::{Pace, Sent, Word, learn, step};
use super::client;
use crate::engine::{self, Core, Engine, Outage};
use crate::outbox::Status;
use crate::tasks::{self, Mark};

/// For one message.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How often it is looked at least, and at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);
/// How long after the start Gitea may need to take what waits.
const START_MAX: Duration = Duration::from_mins(1);
/// The first pause after a message that was not taken; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);

/// Where messages go, and when.
#[derive(Debug)]
pub struct Fallback {
    /// A secret: whoever knows it can write there.
    url: Url,
    service: Service,
    pace: Pace,
    client: reqwest::Client,
}

/// What is to be said, and what the disk had of it before and has now.
#[derive(Debug)]
struct Said {
    word: Word,
    message: Message,
    before: Option<Outage>,
    with: Option<Outage>,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("it did not answer")]
    Unanswered(#[source] reqwest::Error),
    #[error("it answered {0}")]
    Refused(StatusCode),
}

impl Trouble {
    fn sent(&self) -> Sent {
        match self {
            // A proxy may have lost the answer of the one behind it.
            Self::Unanswered(_)
            | Self::Refused(
                StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT,
            ) => Sent::Unknown,
            Self::Unreachable(_) | Self::Refused(_) => Sent::Refused,
        }
    }
}

impl Fallback {
    /// A channel to this address. `proxies` says whether those of the environment are used.
    pub fn new(url: Url, service: Service, pace: Pace, proxies: bool) -> reqwest::Result<Self> {
        let client = client(&url, TIMEOUT, proxies).build()?;
        Ok(Self { url, service, pace, client })
    }

    /// How often it is heard of.
    pub fn pace(&self) -> tasks::Pace {
        let every = SignedDuration::try_from(self.look_every());
        tasks::Pace::of_work(every.unwrap_or(SignedDuration::MAX))
    }

    fn look_every(&self) -> Duration {
        (self.pace.after.unsigned_abs() / 4).clamp(LOOK_EVERY_MIN, LOOK_EVERY)
    }

    /// Looks for ever, and says what is to be said. What goes wrong is logged when it begins,
    /// and does no harm.
    pub async fn run(&self, engine: &Engine, outbox: &watch::Receiver<Status>, mark: &Mark) {
        mark.paused(Some("what waited when the process began has its turn first".to_owned()));
        mark.rest(self.pace.after.unsigned_abs().min(START_MAX)).await;
        mark.paused(None);
        let mut retry_at = Instant::now();
        let mut failures = 0;
        loop {
            mark.during(tokio::time::sleep_until(retry_at)).await;
            match mark.during(self.turn(engine, outbox)).await {
                // Whoever asks an engine that is busy or has ended, asks again later.
                Err(_) => {}
                Ok(None) => mark.succeeded(),
                Ok(Some(Ok(()))) => {
                    mark.succeeded();
                    if failures > 0 {
                        tracing::info!("the fallback channel takes messages again");
                    }
                    failures = 0;
                }
                Ok(Some(Err(trouble))) => {
                    mark.erred(&trouble);
                    if failures == 0 {
                        let error = &trouble as &dyn std::error::Error;
                        tracing::error!(error, "the fallback channel did not take a message");
                    }
                    let pause = RETRY_FIRST.saturating_mul(1 << failures.min(16));
                    retry_at = Instant::now() + pause.min(RETRY_MAX);
                    failures += 1;
                }
            }
            mark.rest(self.look_every()).await;
        }
    }

    /// Looks once. Returns what became of a message, if there was one to send.
    async fn turn(
        &self,
        engine: &Engine,
        outbox: &watch::Receiver<Status>,
    ) -> Result<Option<Result<(), Trouble>>, engine::Error> {
        let status = outbox.borrow().clone();
        let pace = self.pace;
        // Once this is answered, it is on the disk that it was said.
        let said = engine.ask(move |core, now| look(core, &status, pace, now)).await?;
        let Some(Said { word, message, before, with }) = said else { return Ok(None) };
        let answer = self.send(&message).await;
        let sent = answer.as_ref().err().map_or(Sent::Taken, Trouble::sent);
        if sent == Sent::Taken {
            tracing::warn!("told the fallback channel: {}", message.title());
        }
        let outage = learn(word, before, with, sent);
        // Without this it counts as one of which nobody knows.
        engine.ask(move |core, _| core.note_outage(outage)).await?;
        Ok(Some(answer))
    }

    async fn send(&self, message: &Message) -> Result<(), Trouble> {
        let (headers, body) = message.form(self.service);
        let mut request = self.client.post(self.url.clone()).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // The address is a secret.
        let answer = request.send().await.map_err(|error| {
            let is_unreachable = error.is_connect();
            let error = error.without_url();
            if is_unreachable { Trouble::Unreachable(error) } else { Trouble::Unanswered(error) }
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Trouble::Refused(status)),
        }
    }
}

/// Judges how things are and writes it down, together with what is to be said.
fn look(core: &mut Core, status: &Status, pace: Pace, now: jiff::Timestamp) -> Option<Said> {
    let refusing = status.reasons();
    let paused = status.pause.map(|pause| pause.to_string());
    let passage = core.passage(&refusing, paused.as_deref(), status.login.is_some());
    let before = core.outage().cloned();
    let (with, word) = step(pace, before.clone(), &passage, now);
    core.note_outage(with.clone());
    let (word, outage) = (word?, with.as_ref()?);
    let message = Message::new(word, outage, &passage, core.overview(now));
    Some(Said { word, message, before, with })
}

//! Telling somebody outside that teawatch lives.
//!
//! A supervisor sees a process that has ended, and not one that hangs. So an outside dead
//! man's switch is asked for a ping now and then, by a teawatch that does its work and by no
//! other: its engine has committed and answered, and none of its tasks has stalled. When the
//! pings stay out, the switch raises the alarm.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::StatusCode;
use tokio::time::Instant;
use url::Url;

use super::client;
use crate::engine::{self, Engine};
use crate::outbox::chain;
use crate::tasks::{Mark, Marks, Pace, Report, State};

/// An engine that does not answer for this long hangs.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);
/// A ping that was held back is due again after this long: nobody outside was troubled.
const HELD_BACK: Duration = Duration::from_secs(10);

/// The address of a dead man's switch, and how often it is asked for.
#[derive(Debug)]
pub struct DeadMan {
    /// A secret: whoever knows it can keep the alarm from being raised.
    url: Url,
    every: Duration,
    client: reqwest::Client,
}

/// Why there is no ping.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the engine does not answer")]
    Engine(#[source] engine::Error),
    #[error("the engine has not answered for {} s", ENGINE_PATIENCE.as_secs())]
    EngineHangs,
    #[error("{0}")]
    Stalled(String),
    #[error("the switch cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the switch answered {0}")]
    Refused(StatusCode),
}

impl Trouble {
    /// Whether the switch was not even asked for.
    fn is_our_own(&self) -> bool {
        matches!(self, Self::Engine(_) | Self::EngineHangs | Self::Stalled(_))
    }
}

impl DeadMan {
    /// How long one ping may take.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// A switch that is asked for with GET every so often, and that has `timeout` to answer.
    /// `proxies` says whether those of the environment are used.
    pub fn new(
        url: Url,
        every: Duration,
        timeout: Duration,
        proxies: bool,
    ) -> reqwest::Result<Self> {
        let client = client(&url, timeout, proxies).build()?;
        Ok(Self { url, every, client })
    }

    /// How often it is heard of.
    pub fn pace(&self) -> Pace {
        Pace::of_work(SignedDuration::try_from(self.every).unwrap_or(SignedDuration::MAX))
    }

    /// Pings for ever: at once, and then every so often, counted from each attempt. What
    /// goes wrong is logged when it begins, and does no harm.
    pub async fn run(&self, engine: &Engine, marks: &Marks, mark: &Mark) {
        let mut was_well = true;
        loop {
            let began = Instant::now();
            let pinged = mark.during(self.ping(engine, marks)).await;
            match &pinged {
                Ok(()) if !was_well => tracing::info!("the dead man's switch is pinged again"),
                Err(trouble) if was_well => {
                    let error = trouble as &dyn std::error::Error;
                    tracing::error!(error, "the dead man's switch is not pinged");
                }
                Ok(()) | Err(_) => {}
            }
            was_well = pinged.is_ok();
            let pause = match &pinged {
                Err(trouble) if trouble.is_our_own() => self.every.min(HELD_BACK),
                Ok(()) | Err(_) => self.every,
            };
            match pinged {
                Ok(()) => mark.succeeded(),
                Err(trouble) => mark.erred(&trouble),
            }
            mark.rest(pause.saturating_sub(began.elapsed())).await;
        }
    }

    /// One ping besides those that come by themselves; or why there was none, in a sentence.
    pub async fn ping_once(&self, engine: &Engine, marks: &Marks) -> Result<(), String> {
        self.ping(engine, marks).await.map_err(|trouble| chain(&trouble))
    }

    /// One ping, by a teawatch that is at work.
    async fn ping(&self, engine: &Engine, marks: &Marks) -> Result<(), Trouble> {
        match tokio::time::timeout(ENGINE_PATIENCE, engine.ask(|_, _| ())).await {
            Ok(answer) => answer.map_err(Trouble::Engine)?,
            Err(_) => return Err(Trouble::EngineHangs),
        }
        let tasks = marks.report();
        let stalled = tasks.iter().find(|task| task.state == State::Stalled);
        if let Some(complaint) = stalled.and_then(Report::complaint) {
            return Err(Trouble::Stalled(complaint));
        }
        let answer = self.client.get(self.url.clone()).send().await;
        // The address is a secret.
        let answer = answer.map_err(|error| Trouble::Unreachable(error.without_url()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Trouble::Refused(status)),
        }
    }
}

//! Telling somebody outside that teawatch lives.
//!
//! A supervisor sees a process that has ended, and not one that hangs. So an outside dead
//! man's switch is asked for a ping now and then, by a teawatch that does its work and by no
//! other: its engine has committed and answered, and its outbox goes round. When the pings
//! stay out, the switch raises the alarm.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::client;
use crate::clock::Clock;
use crate::engine::{self, Engine};
use crate::outbox::Status;

/// For one ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// An engine that does not answer for this long hangs.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);
/// The outbox goes round every 30 s at least; one that has not for this long hangs.
const OUTBOX_PATIENCE: SignedDuration = SignedDuration::from_mins(2);

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
    #[error("the outbox has not gone round since {0}")]
    OutboxHangs(Timestamp),
    #[error("the switch cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the switch answered {0}")]
    Refused(StatusCode),
}

impl DeadMan {
    /// A switch that is asked for with GET every so often. `proxies` says whether those of
    /// the environment are used.
    pub fn new(url: Url, every: Duration, proxies: bool) -> reqwest::Result<Self> {
        let client = client(&url, PING_TIMEOUT, proxies).build()?;
        Ok(Self { url, every, client })
    }

    /// Pings for ever: at once, and then every so often, counted from each attempt. What
    /// goes wrong is logged when it begins, and does no harm.
    pub async fn run(self, engine: Engine, outbox: watch::Receiver<Status>, clock: Clock) {
        let mut was_well = true;
        loop {
            let next = Instant::now() + self.every;
            let pinged = self.ping(&engine, &outbox, &clock).await;
            match &pinged {
                Ok(()) if !was_well => tracing::info!("the dead man's switch is pinged again"),
                Err(trouble) if was_well => {
                    let error = trouble as &dyn std::error::Error;
                    tracing::error!(error, "the dead man's switch is not pinged");
                }
                Ok(()) | Err(_) => {}
            }
            was_well = pinged.is_ok();
            tokio::time::sleep_until(next).await;
        }
    }
    /// One ping, by a teawatch that is at work.
    async fn ping(
        &self,
        engine: &Engine,
        outbox: &watch::Receiver<Status>,
        clock: &Clock,
    ) -> Result<(), Trouble> {
        match tokio::time::timeout(ENGINE_PATIENCE, engine.ask(|_, _| ())).await {
            Ok(answer) => answer.map_err(Trouble::Engine)?,
            Err(_) => return Err(Trouble::EngineHangs),
        }
        let turned_at = outbox.borrow().turned_at;
        if let Some(at) = turned_at.filter(|at| clock.now().duration_since(*at) > OUTBOX_PATIENCE) {
            return Err(Trouble::OutboxHangs(at));
        }
        let answer = self.client.get(self.url.clone()).send().await;
        // The address is a secret.
        let answer = answer.map_err(|error| Trouble::Unreachable(error.without_url()))?;
        if answer.status().is_client_error() || answer.status().is_server_error() {
            return Err(Trouble::Refused(answer.status()));
        }
        Ok(())
    }
}

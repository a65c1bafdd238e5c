//! Whom the server tells of itself, made of the configuration.

use std::sync::Arc;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::config::Config;
use crate::engine::Engine;
use crate::gitea;
use crate::http::Told;
use crate::loopback::is_on_this_machine;
use crate::notify::{DeadMan, Fallback, Pace, Service, Systemd};
use crate::tasks::Supervisor;

const DEAD_MAN: &str = "deadman";
const FALLBACK: &str = "fallback";
const SYSTEMD: &str = "systemd";

/// What the tasks are called that tell them.
pub(super) const TASKS: &[&str] = &[DEAD_MAN, FALLBACK, SYSTEMD];

/// Those that are told, each where there is one.
#[derive(Debug)]
pub(super) struct Watchers {
    pub(super) dead_man: Option<Arc<DeadMan>>,
    fallback: Option<Fallback>,
    systemd: Option<Systemd>,
}

impl Watchers {
    /// Those of the configuration, and the one that started this process.
    pub(super) fn of(config: &Config, systemd: Option<Systemd>) -> anyhow::Result<Self> {
        Ok(Self { dead_man: dead_man(config)?.map(Arc::new), fallback: fallback(config)?, systemd })
    }

    /// Begins to tell them, once the doors are open.
    pub(super) fn start(self, supervisor: &mut Supervisor, engine: &Engine, told: &Told) {
        let Told { outbox, shortage, marks, .. } = told;
        if let Some(dead_man) = self.dead_man {
            let (engine, marks) = (engine.clone(), marks.clone());
            supervisor.start(DEAD_MAN, dead_man.pace(), move |mark, stop| {
                let (dead_man, engine) = (Arc::clone(&dead_man), engine.clone());
                let marks = marks.clone();
                async move {
                    stop.run_until_cancelled(dead_man.run(&engine, &marks, &mark)).await;
                }
            });
        }
        if let Some(fallback) = self.fallback.map(Arc::new) {
            let (engine, outbox) = (engine.clone(), outbox.clone());
            supervisor.start(FALLBACK, fallback.pace(), move |mark, stop| {
                let (fallback, engine) = (Arc::clone(&fallback), engine.clone());
                let outbox = outbox.clone();
                async move {
                    stop.run_until_cancelled(fallback.run(&engine, &outbox, &mark)).await;
                }
            });
        }
        if let Some(systemd) = self.systemd {
            let (engine, outbox) = (engine.clone(), outbox.clone());
            let shortage = shortage.clone();
            supervisor.start(SYSTEMD, systemd.pace(), move |mark, stop| {
                let (systemd, engine) = (systemd.clone(), engine.clone());
                let (outbox, shortage) = (outbox.clone(), shortage.clone());
                async move {
                    let told = systemd.run(&engine, &outbox, &shortage, &mark);
                    stop.run_until_cancelled(told).await;
                }
            });
        }
    }

    /// Tells them nothing more.
    pub(super) async fn finish(supervisor: &Supervisor) {
        for name in TASKS {
            supervisor.stop(name).await;
        }
    }
}

/// The dead man's switch, if there is one.
fn dead_man(config: &Config) -> anyhow::Result<Option<DeadMan>> {
    let Some(url) = &config.deadman.url else { return Ok(None) };
    let url = address(url, "deadman.url_file")?;
    let proxies = !is_on_this_machine(&url);
    let every = config.deadman.every.unsigned_abs();
    let dead_man = DeadMan::new(url, every, DeadMan::TIMEOUT, proxies);
    Ok(Some(dead_man.context("cannot set up the dead man's switch")?))
}

/// The fallback channel, if there is one.
fn fallback(config: &Config) -> anyhow::Result<Option<Fallback>> {
    let settings = &config.fallback;
    let Some(url) = &settings.url else { return Ok(None) };
    let url = address(url, "fallback.url_file")?;
    let proxies = !is_on_this_machine(&url);
    let service = match settings.kind.as_str() {
        "ntfy" => Service::Ntfy,
        "slack" => Service::Slack,
        _ => Service::Generic,
    };
    let pace = Pace { after: settings.after, every: settings.every };
    let fallback = Fallback::new(url, service, pace, proxies);
    Ok(Some(fallback.context("cannot set up the fallback channel")?))
}

/// An address that is a secret: what is wrong with it is not repeated.
fn address(secret: &SecretString, key: &str) -> anyhow::Result<Url> {
    let url = secret.expose_secret().parse::<Url>().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    gitea::install_crypto();
    url.with_context(|| format!("`{key}` holds no address with http:// or https://"))
}

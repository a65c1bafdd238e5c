//! The way to Gitea, made of the configuration.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::SignedDuration;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::engine;
use crate::gitea::{Network, NetworkOptions};
use crate::loopback::is_on_this_machine;
use crate::outbox::{self, Courier, Gate, Host, Worker};

/// What sends effects there, and asks what has become of them.
pub(super) fn worker(
    config: &Config,
    settings: outbox::Settings,
    host: Host,
    engine: &engine::Engine,
    clock: Clock,
) -> Worker<engine::Engine> {
    Worker {
        ledger: engine.clone(),
        host,
        settings,
        salt: config.salt.clone(),
        clock,
        courier: Courier::default(),
        // Without randomness many clients come back at once; nothing worse.
        dice: || getrandom::u32().unwrap_or(u32::MAX / 2),
    }
}

/// That host, behind a gate where there is one.
pub(super) fn host(config: &Config, gate: Option<Arc<Gate>>) -> anyhow::Result<Host> {
    let gitea = &config.gitea;
    Host::new(&gitea.url, &gitea.token, Arc::new(network(gitea)?), gate)
        .context("cannot set up the connection to Gitea")
}

/// The way to Gitea.
pub(super) fn network(gitea: &config::Gitea) -> anyhow::Result<Network> {
    let std = |duration: SignedDuration| duration.unsigned_abs();
    Network::new(&NetworkOptions {
        connect_timeout: std(gitea.connect_timeout),
        timeout: std(gitea.timeout),
        extra_roots: gitea.extra_roots.clone(),
        tls: gitea.url.scheme() == "https",
        proxies: !is_on_this_machine(&gitea.url),
    })
    .context("cannot set up the connection to Gitea")
}

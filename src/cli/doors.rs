//! How the doors are to be kept, made of the configuration.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use crate::config::Config;
use crate::http;
use crate::jobs;
use crate::observation::Limits;
use crate::signature::{self, Master, Secret};

/// How jobs are run: with what the first who may fire them is known by.
pub(super) fn scheduler_settings(config: &Config) -> anyhow::Result<jobs::Settings> {
    let master = Master::parse(config.agents.master.expose_secret());
    let master = master.context("the master secret cannot be used")?;
    let secret = config
        .fire_callers
        .first()
        .map(|caller| signature::fire_secret(&master, caller, config.agents.generation(caller)));
    Ok(jobs::Settings { secret, ..config.scheduler.clone() })
}

/// What the doors are told.
pub(super) fn door_settings(config: &Config) -> anyhow::Result<http::Settings> {
    let agents = &config.agents;
    let masters = [Some(&agents.master), agents.previous_master.as_ref()];
    let masters: Result<_, _> =
        masters.into_iter().flatten().map(|secret| Master::parse(secret.expose_secret())).collect();
    let token = |token: &Option<secrecy::SecretString>| {
        token.as_ref().map(|token| Secret::parse(token.expose_secret())).transpose()
    };
    let (alertmanager, hooks) = (&config.alertmanager, &config.webhooks);
    let proofs = hooks.secret.as_ref().map(|secret| http::Proofs {
        secrets: [secret].into_iter().chain(&hooks.previous_secret).cloned().collect(),
        authorization: hooks.authorization.clone(),
    });
    Ok(http::Settings {
        masters: masters.context("a master secret cannot be used")?,
        auto: agents.auto,
        allow: agents.allow.clone(),
        deny: agents.deny.clone(),
        generations: agents.generations.clone(),
        window: agents.window,
        body_timeout: config.body_timeout.unsigned_abs(),
        unproven_bytes: config.unproven_bytes,
        report_bytes: config.reports.bytes,
        limits: Limits {
            observations: config.reports.observations,
            name_bytes: config.engine.name_max,
            source_bytes: config.engine.source_max,
        },
        alertmanager: http::alertmanager::Settings {
            bytes: alertmanager.bytes,
            per_alert: alertmanager.per_alert,
            repeat_interval: alertmanager.repeat_interval,
            watchdogs: alertmanager.watchdogs.clone(),
            watchdog_interval: alertmanager.watchdog_interval,
        },
        hooks: proofs,
        hook_bytes: hooks.bytes,
        read_token: token(&config.api.read_token).context("`api.read_token_file`")?,
        write_token: token(&config.api.write_token).context("`api.write_token_file`")?,
        pause_max: config.fallback.after,
        page: config.has_page(),
        gitea_url: config.gitea.url.to_string(),
        public_url: config.public_url.as_ref().map(ToString::to_string),
        fire_callers: config.fire_callers.clone(),
    })
}

//! Whom the server tells of itself, made of the configuration.

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::config::Config;
use crate::gitea;
use crate::loopback::is_on_this_machine;
use crate::notify::{DeadMan, Fallback, Pace, Service};

/// The dead man's switch, if there is one.
pub(super) fn dead_man(config: &Config) -> anyhow::Result<Option<DeadMan>> {
    let Some(url) = &config.deadman.url else { return Ok(None) };
    let url = address(url, "deadman.url_file")?;
    let proxies = !is_on_this_machine(&url);
    let dead_man = DeadMan::new(url, config.deadman.every.unsigned_abs(), proxies);
    Ok(Some(dead_man.context("cannot set up the dead man's switch")?))
}

/// The fallback channel, if there is one.
pub(super) fn fallback(config: &Config) -> anyhow::Result<Option<Fallback>> {
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

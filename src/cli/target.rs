//! Which check is pinged, and how: the flags and variables of `run` and `beat`.
//!
//! They are called as in runitor, whose users change no more than the name of the program.
//! A secret that begins with `file:` is read from the file that follows.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use super::reporting::{self, variable};
use crate::agent;
use crate::agent::ping::{Address, Handle, Pinger};
use crate::duration::parse_positive;

/// What stands before the path of a file that holds a secret.
const IN_A_FILE: &str = "file:";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pings")]
pub(super) struct Target {
    /// Where pings are taken: teawatch's address with `/ping`, or that of another server (or
    /// `HC_API_URL`)
    #[arg(long, value_name = "URL")]
    api_url: Option<SecretString>,
    /// Ping the check with this UUID; `file:PATH` reads it from a file (or `CHECK_UUID`)
    #[arg(long, value_name = "UUID", conflicts_with_all = ["slug", "ping_key", "create"])]
    uuid: Option<SecretString>,
    /// Ping the check with this slug (or `CHECK_SLUG`)
    #[arg(long, value_name = "SLUG")]
    slug: Option<SecretString>,
    /// With --slug: the key; `file:PATH` reads it from a file, and keeps it out of the list of
    /// processes (or `PING_KEY`, or `HC_PING_KEY`)
    #[arg(long, value_name = "KEY")]
    ping_key: Option<SecretString>,
    /// With --slug: make the check if it is not known yet
    #[arg(long)]
    create: bool,
    /// Wait so long for the answer to a ping
    #[arg(long, visible_alias = "api-timeout", value_name = "DURATION", value_parser = parse_positive, default_value = "5s")]
    timeout: SignedDuration,
    /// Try a ping so often again, when what is in its way may pass
    #[arg(long, visible_alias = "api-retries", value_name = "N", value_parser = clap::value_parser!(u32).range(..=100), default_value_t = 2)]
    retries: u32,
    /// Trust the certificates in this file as well, in PEM (or `TEAWATCH_CA_FILE`, or
    /// `ca_file` of the agent's file)
    #[arg(long, value_name = "FILE", env = "TEAWATCH_CA_FILE")]
    ca_file: Option<PathBuf>,
}

impl Target {
    /// Whether a flag says that there is something to ping.
    pub(super) fn is_named(&self) -> bool {
        self.uuid.is_some() || self.slug.is_some() || self.ping_key.is_some()
    }

    /// What sends the pings; nothing if no check is named. `ca_file` is that of the agent,
    /// which counts where none is named.
    pub(super) fn pinger(&self, ca_file: Option<&Path>) -> anyhow::Result<Option<Pinger>> {
        let Some(handle) = self.handle()? else { return Ok(None) };
        let server = named(self.api_url.as_ref(), &["HC_API_URL"]).context(
            "no --api-url and no HC_API_URL says where pings are taken, such as \
             https://teawatch.example.org/ping or https://hc-ping.com",
        )?;
        let address = Address::new(server.expose_secret(), handle)?;
        agent::install_crypto();
        let ca_file = self.ca_file.as_deref().or(ca_file);
        let roots = ca_file.map(reporting::roots).transpose()?;
        let timeout = self.timeout.unsigned_abs();
        let pinger = Pinger::new(address, timeout, self.retries, roots.as_deref());
        Ok(Some(pinger.context("HTTP cannot be set up, or the certificates cannot be read")?))
    }

    /// How the check is named. What a flag says counts more than any variable.
    fn handle(&self) -> anyhow::Result<Option<Handle>> {
        let by_slug = self.slug.is_some() || self.ping_key.is_some();
        let uuid = if by_slug { None } else { named(self.uuid.as_ref(), &["CHECK_UUID"]) };
        if let Some(uuid) = uuid {
            if self.create {
                bail!("--create makes a check by its slug, and CHECK_UUID names one by its UUID");
            }
            return Ok(Some(Handle::Uuid(read(uuid)?)));
        }
        let slug = named(self.slug.as_ref(), &["CHECK_SLUG"]);
        let key = named(self.ping_key.as_ref(), &["PING_KEY", "HC_PING_KEY"]);
        match (slug, key) {
            (Some(slug), Some(key)) => {
                let slug = read(slug)?.expose_secret().to_owned();
                Ok(Some(Handle::Slug { key: read(key)?, slug, create: self.create }))
            }
            (Some(_), None) => bail!("a slug needs --ping-key, PING_KEY or HC_PING_KEY"),
            (None, _) if self.ping_key.is_some() || self.create || self.api_url.is_some() => {
                bail!("no check is named to ping: --uuid does that, or --slug with --ping-key")
            }
            // A key or an address in the environment may be there for others.
            (None, _) => Ok(None),
        }
    }
}

/// What a flag says, or else the first of its variables that says anything.
fn named(flag: Option<&SecretString>, variables: &[&str]) -> Option<SecretString> {
    let variables = || variables.iter().filter_map(|name| variable(name));
    flag.cloned().or_else(|| variables().find(|value| !value.is_empty()).map(Into::into))
}

/// A secret, or what is in the file that it names.
fn read(secret: SecretString) -> anyhow::Result<SecretString> {
    let Some(path) = secret.expose_secret().strip_prefix(IN_A_FILE) else { return Ok(secret) };
    let held = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    if held.trim().is_empty() {
        bail!("{path} is empty");
    }
    Ok(held.trim().into())
}

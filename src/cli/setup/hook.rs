//! The webhook of a repository: found by its address, made, removed.
//!
//! All of it takes the token of an administrator, which is used and not kept.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::prompt::{ask_secret, is_at_terminal};
use super::secrets::read_secret;
use super::targets::Target;
use crate::cli::reporting::variable;
use crate::config::HOOK_TOKEN_VARIABLE;
use crate::gitea::{Client, Error, Hook};
use crate::outbox::chain;

/// Where the administrator's token comes from.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct HookToken {
    /// Read the token of an administrator of the repository from this file
    ///
    /// `TEAWATCH_HOOK_TOKEN` may hold it instead. It needs the scope write:repository, is used
    /// for the webhook, and kept nowhere.
    #[arg(long, value_name = "FILE")]
    hook_token_file: Option<PathBuf>,
}

impl HookToken {
    /// The token, if one was given.
    pub(in crate::cli) fn given(&self) -> anyhow::Result<Option<SecretString>> {
        match (&self.hook_token_file, variable(HOOK_TOKEN_VARIABLE)) {
            (Some(path), _) => {
                let token = read_secret(path)?;
                token.map(Some).with_context(|| format!("there is no {}", path.display()))
            }
            (None, Some(token)) if !token.trim().is_empty() => Ok(Some(token.trim().into())),
            (None, _) => Ok(None),
        }
    }

    /// The token, asked for if it was not given and somebody can be asked.
    pub(in crate::cli) fn needed(&self) -> anyhow::Result<SecretString> {
        match self.given()? {
            Some(token) => Ok(token),
            None if is_at_terminal() => ask_secret("Token of an administrator of the repository"),
            None => bail!(
                "the token of an administrator of the repository is needed: set \
                 {HOOK_TOKEN_VARIABLE}, or name its file with --hook-token-file"
            ),
        }
    }
}

/// What became of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Hooked {
    Made,
    /// There was one, or there were several.
    Replaced,
}

/// The hooks of a repository that point to an address.
pub(in crate::cli) async fn find(
    client: &Client,
    target: &Target,
    address: &Url,
) -> Result<Vec<Hook>, Error> {
    let (owner, name) = target.path();
    let all = client.hooks(owner, name).all().await?.value;
    let is_ours = |hook: &Hook| hook.config.url.parse().is_ok_and(|url: Url| url == *address);
    Ok(all.into_iter().filter(is_ours).collect())
}

/// Has the repository one hook that points to the address and signs with this secret.
///
/// Gitea tells no hook's secret and changes none, so the hook is always made anew, and those
/// before it are deleted after that: whatever dies in between, no delivery is lost, and the
/// next call leaves one.
pub(in crate::cli) async fn install(
    client: &Client,
    target: &Target,
    address: &Url,
    secret: &SecretString,
    authorization: Option<&SecretString>,
) -> Result<Hooked, Error> {
    let before = find(client, target, address).await?;
    let (owner, name) = target.path();
    let hooks = client.hooks(owner, name);
    let authorization = authorization.map(SecretString::expose_secret);
    hooks.create(address.as_str(), secret.expose_secret(), authorization).await?;
    for hook in &before {
        delete(client, target, hook).await?;
    }
    Ok(if before.is_empty() { Hooked::Made } else { Hooked::Replaced })
}

/// Deletes the hooks that point to the address, and says how many there were.
pub(in crate::cli) async fn remove(
    client: &Client,
    target: &Target,
    address: &Url,
) -> Result<usize, Error> {
    let ours = find(client, target, address).await?;
    for hook in &ours {
        delete(client, target, hook).await?;
    }
    Ok(ours.len())
}

async fn delete(client: &Client, target: &Target, hook: &Hook) -> Result<(), Error> {
    let (owner, name) = target.path();
    match client.hooks(owner, name).delete(hook.id).await {
        // Somebody else was faster.
        Err(error) if error.is_not_found() => Ok(()),
        done => done.map(drop),
    }
}

/// Why hooks cannot be had, and what mends that.
pub(in crate::cli) fn told(error: &Error, target: &Target) -> (String, String) {
    let full_name = target.full_name();
    let fix = match error.status() {
        Some(StatusCode::UNAUTHORIZED) => "make a new token for the administrator".to_owned(),
        Some(StatusCode::FORBIDDEN) => format!(
            "webhooks need a token with the scope write:repository, of somebody who administers \
             {full_name}, on a Gitea whose administrator has not switched webhooks off"
        ),
        Some(StatusCode::NOT_FOUND) => {
            format!("the token's user must see {full_name}, and administer it")
        }
        _ => "look at Gitea's log, or try again later".to_owned(),
    };
    (chain(error), fix)
}

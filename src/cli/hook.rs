//! `teawatch hook`: the webhook by which Gitea tells at once what people do.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use super::ConfigArgs;
use super::output::print;
use super::setup::{
    Findings, HookToken, Hooked, client, doubts, hook_address, install, remove, targets, told,
};
use crate::config::Config;

const CHECK: &str = "webhook";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the webhook in every repository of the configuration
    ///
    /// One that points to the same address is made anew, with the secret that
    /// `webhooks.secret_file` holds: so a changed secret gets to Gitea.
    Install(Args),
    /// Remove the webhooks that point to teawatch
    Remove(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Box<ConfigArgs>,
    #[command(flatten)]
    hook_token: HookToken,
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let is_install = matches!(command, Command::Install(_));
    let (Command::Install(args) | Command::Remove(args)) = command;
    let Args { config, hook_token: token } = args;
    let config = Config::load(&config.sources())?;
    let address = hook_address(&config)
        .context("how Gitea reaches teawatch is not known: set `public_url`, or --public-url")?;
    let authorization = config.webhooks.authorization.as_ref();
    let secret = config.webhooks.secret.as_ref();
    let secret = match is_install {
        true => Some(secret.context(
            "a webhook needs a secret: `teawatch secret new` makes one, set \
             TEAWATCH_WEBHOOK_SECRET, or name its file with `webhooks.secret_file`",
        )?),
        false => None,
    };
    let client = client(&config.gitea, Some(&token.needed()?))?;
    let mut findings = Findings::default();
    super::runtime_small()?.block_on(async {
        for target in &targets(&config) {
            let full_name = target.full_name();
            let done = match secret {
                Some(secret) => {
                    match install(&client, target, &address, secret, authorization).await {
                        Ok(Hooked::Made) => Ok("made".to_owned()),
                        Ok(Hooked::Replaced) => Ok("made anew".to_owned()),
                        Err(error) => Err(error),
                    }
                }
                None => remove(&client, target, &address).await.map(|count| match count {
                    0 => "not there".to_owned(),
                    1 => "removed".to_owned(),
                    count => format!("removed, {count} times"),
                }),
            };
            match done {
                Ok(done) => findings.well(CHECK, format!("{full_name}: {address} is {done}")),
                Err(error) => {
                    let (says, fix) = told(&error, target);
                    findings.fault(CHECK, format!("{full_name}: {says}"), fix);
                }
            }
        }
        if is_install && let Some((state, says, fix)) = doubts(&config.gitea.url, &address).await {
            findings.add(state, CHECK, says, fix);
        }
    });
    print(&findings.text())?;
    Ok(if findings.faults() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! `teawatch hook`: the webhook by which Gitea tells at once what people do.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use super::ConfigArgs;
use super::call::{Server, done, plain, table};
use super::output::print;
use super::setup::{
    Findings, HookToken, Hooked, client, doubts, hook_address, install, remove, targets, told,
};
use crate::config::{Caller, Config};
use crate::engine::DeliveryView;

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
    /// List what Gitea has told, and what came of it, the newest first
    Deliveries {
        /// Print JSON, one array of everything
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Box<ConfigArgs>,
    #[command(flatten)]
    hook_token: HookToken,
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Install(args) => change(args, true),
        Command::Remove(args) => change(args, false),
        Command::Deliveries { json, config } => {
            let server = Server::new(Caller::load(&config.sources())?)?;
            deliveries(&server, json)
        }
    }
}

/// Makes the webhooks, or removes them.
fn change(args: Args, is_install: bool) -> anyhow::Result<ExitCode> {
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

fn deliveries(server: &Server, json: bool) -> anyhow::Result<ExitCode> {
    let deliveries: Vec<DeliveryView> =
        super::runtime()?.block_on(server.list("api/v1/deliveries"))?;
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&deliveries)?))?;
        return done();
    }
    let rows: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            let event = [delivery.event.as_str(), delivery.action.as_str()].join(" ");
            let repository = delivery.repository.as_deref().unwrap_or("-");
            let about = match delivery.issue {
                Some(number) => format!("{repository}#{number}"),
                None => repository.to_owned(),
            };
            vec![
                delivery.at.to_string(),
                plain(&delivery.id),
                plain(event.trim_end()),
                plain(&about),
                plain(&delivery.outcome),
            ]
        })
        .collect();
    print(&table(&["TIME", "DELIVERY", "EVENT", "ABOUT", "WHAT CAME OF IT"], &rows))?;
    done()
}

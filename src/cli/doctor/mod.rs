//! `teawatch doctor`: whether everything that teawatch stands on is as it should be, and
//! what mends what is not.
//!
//! Changes nothing, but with `--write`, and but for the messages that it has Gitea send.

mod machine;
mod server;
mod trial;
mod webhook;

use std::process::ExitCode;

use self::server::Running;
use super::output::print;
use super::setup::{Findings, HookToken, Labels, examine};
use super::{ConfigArgs, runtime_small};
use crate::clock::Clock;
use crate::config::{Caller, Config, Sources};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Open an issue in each repository, label it, comment on it, and close it
    #[arg(long)]
    write: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hook_token: HookToken,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { write, json, hook_token, config } = args;
    let sources = config.sources();
    let mut findings = Findings::default();
    match Config::load(&sources) {
        Ok(config) => look(&config, &sources, write, &hook_token, &mut findings)?,
        Err(error) => findings.fault(
            "configuration",
            format!("{:#}", anyhow::Error::from(error)),
            "mend it; `teawatch init` writes a new one",
        ),
    }
    print(&match json {
        true => format!("{:#}\n", findings.json()),
        false => findings.text(),
    })?;
    Ok(if findings.faults() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks at everything, from the nearest to the farthest.
fn look(
    config: &Config,
    sources: &Sources,
    write: bool,
    hook_token: &HookToken,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let origin = match &config.file {
        Some(file) => file.display().to_string(),
        None => "flags and environment".to_owned(),
    };
    findings.well("configuration", format!("{origin} can be used"));
    machine::look(config, sources, findings)?;
    let hook_token = hook_token.given()?;
    let server = super::call::Server::new(Caller::load(sources)?)?;
    let clock = Clock::system();
    runtime_small()?.block_on(async {
        let running = Running::look(&server, findings).await;
        if let Some(running) = &running {
            running.agents(clock.now(), findings).await;
        }
        let examined = examine(config, Labels::Look, &clock, findings).await?;
        let gets_through = match &running {
            Some(running) => running.newest().await.is_ok_and(|newest| newest > 0),
            None => false,
        };
        let webhook = webhook::Webhook { config, examined: &examined, gets_through };
        webhook.look(hook_token.as_ref(), running.as_ref(), findings).await?;
        if write {
            trial::run(config, &examined, running.as_ref(), findings).await;
        }
        // What was just sent counts.
        if let Some(running) = &running {
            running.deliveries(config, findings).await;
        }
        Ok(())
    })
}

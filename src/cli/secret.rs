//! `teawatch secret`: makes what must not be guessed.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use secrecy::ExposeSecret as _;

use super::ConfigArgs;
use super::output::print;
use crate::check::Uuid;
use crate::config::{Agents, SOURCE_BYTES_MAX, Sources};
use crate::observation::{check_plain, check_source};
use crate::signature::{self, Master, Secret};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a new secret: for the master secret, the salt, or a token of the API
    New,
    /// Print the secret that an agent signs its reports with
    Agent {
        /// The source that the agent reports for
        source: String,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Print the secret of who may say from outside that a job is due
    Fire {
        /// As `fire.callers` names it
        caller: String,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Print the key by which a source pings: /ping/KEY/SLUG, /api/push/KEY/NAME
    Ping {
        /// The source that the pings are of
        source: String,
        /// Print the UUID of this check instead: /ping/UUID, for a check that is defined
        #[arg(long, value_name = "NAME")]
        check: Option<String>,
        /// Which of its UUIDs, where its definition retires those before
        #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "check")]
        generation: u32,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Print the key by which a source's checks are managed: /api/v3/checks/
    Manage {
        /// The source that the checks are of
        source: String,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New => print(&format!("{}\n", signature::new_master()?))?,
        Command::Agent { source, config } => {
            print(&format!("{}\n", of_source(&source, &config.sources())?.expose()))?;
        }
        Command::Fire { caller, config } => {
            let secret = derived(&caller, check_plain, &config.sources(), signature::fire_secret)?;
            print(&format!("{}\n", secret.expose()))?;
        }
        Command::Ping { source, check: None, config, .. } => {
            let key = derived(&source, check_source, &config.sources(), signature::ping_key)?;
            print(&format!("{}\n", key.expose()))?;
        }
        Command::Manage { source, config } => {
            let key = derived(&source, check_source, &config.sources(), signature::manage_key)?;
            print(&format!("{}\n", key.expose()))?;
        }
        Command::Ping { source, check: Some(check), generation, config } => {
            let uuid =
                derived(&source, check_source, &config.sources(), |master, source, of_source| {
                    let address = (check.as_str(), generation);
                    Uuid::of(signature::ping_uuid(master, (source, of_source), address))
                })?;
            print(&format!("{uuid}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The secret of a source, by the configuration of the server.
pub(super) fn of_source(source: &str, sources: &Sources) -> anyhow::Result<Secret> {
    derived(source, check_source, sources, signature::agent_secret)
}

/// What follows for a source, or for another name that `judge` allows, from the master secret.
fn derived<T>(
    source: &str,
    judge: fn(&str, usize) -> Result<(), String>,
    sources: &Sources,
    of: impl Fn(&Master, &str, u64) -> T,
) -> anyhow::Result<T> {
    let judge = |bytes_max| {
        judge(source, bytes_max).map_err(|what| anyhow::anyhow!("the name of the source {what}"))
    };
    // What no configuration allows is told without one.
    judge(SOURCE_BYTES_MAX)?;
    let agents = Agents::load(sources)?;
    judge(agents.source_bytes)?;
    let master =
        Master::parse(agents.master.expose_secret()).context("the master secret cannot be used")?;
    Ok(of(&master, source, agents.generation(source)))
}

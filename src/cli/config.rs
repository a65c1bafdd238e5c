//! `teawatch config`: is it right, what is in effect, how does one begin?

use std::process::ExitCode;

use clap::Subcommand;

use super::ConfigArgs;
use super::call::{Server, plain};
use super::output::print;
use crate::check::{CheckId, Definition};
use crate::config::{Caller, Config, Shown, Sources, example};
use crate::engine::{CheckView, differences};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell everything that is wrong with the configuration
    ///
    /// Reads secrets and certificates, too, as the server would. Asks the server, if it runs,
    /// for its checks, and tells what a start with this configuration would change of them;
    /// nothing else is connected to. Exits 0 if the server would start with it, 1 if not.
    Check {
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
    /// Print what is in effect, and where it comes from
    ///
    /// What is not a default has its origin behind it. Of secrets only that is told.
    Show {
        #[command(flatten)]
        config: Box<ConfigArgs>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a file with every setting, explained, to begin with
    Example,
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { config } => {
            let sources = config.sources();
            let config = Config::load(&sources)?;
            super::serve::judge(&config)?;
            match config.file {
                Some(file) => print(&format!("configuration is fine: {}\n", file.display()))?,
                None => print("configuration is fine: no file, flags and environment only\n")?,
            }
            print(&compared(&config.engine.checks, &sources))?;
        }
        Command::Show { config, json } => {
            let shown = Shown::load(&config.sources())?;
            if json {
                print(&format!("{:#}\n", shown.json))?;
            } else {
                print(&shown.toml)?;
            }
            if let Some(wrong) = shown.wrong {
                return Err(wrong.into());
            }
        }
        Command::Example => print(&example())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What a start would change of the checks that the running server has, line by line. A server
/// that does not run is no mistake of the configuration.
fn compared(configured: &[(CheckId, Definition)], sources: &Sources) -> String {
    match checks_of_server(sources) {
        Ok(known) => {
            let known = known.iter().map(|(id, definition)| (id, definition));
            let lines = differences(configured, known).into_iter();
            lines.map(|line| format!("a start changes: {}\n", plain(&line.to_string()))).collect()
        }
        Err(_) if configured.is_empty() => String::new(),
        Err(why) => {
            let checks = configured.len();
            format!("not compared with what the server has, of [[check]] {checks}: {why:#}\n")
        }
    }
}

/// The checks that are defined on the running server.
fn checks_of_server(sources: &Sources) -> anyhow::Result<Vec<(CheckId, Definition)>> {
    let server = Server::new(Caller::load(sources)?)?;
    let checks: Vec<CheckView> = super::runtime()?.block_on(server.list("api/v1/checks"))?;
    let defined = checks
        .into_iter()
        .filter_map(|it| Some((CheckId::new(it.source, it.name), it.definition?)));
    Ok(defined.collect())
}

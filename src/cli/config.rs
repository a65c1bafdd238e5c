//! `teawatch config`: is it right, what is in effect, how does one begin?

use std::process::ExitCode;

use clap::Subcommand;

use super::ConfigArgs;
use super::output::print;
use crate::config::{Config, Shown, example};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell everything that is wrong with the configuration
    ///
    /// Reads secrets and certificates, too, as the server would; connects to nothing.
    /// Exits 0 if the server would start with it, 1 if not.
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
            let config = Config::load(&config.sources())?;
            super::serve::judge(&config)?;
            match config.file {
                Some(file) => print(&format!("configuration is fine: {}\n", file.display()))?,
                None => print("configuration is fine: no file, flags and environment only\n")?,
            }
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

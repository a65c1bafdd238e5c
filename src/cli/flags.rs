//! The flags of every command that reads the configuration of the server.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Flag, Sources};

/// How a list is shown, and of which server.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print JSON; of a list, one array of everything
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
}

/// The flags of every command that reads the configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigArgs {
    /// Read this file [default: teawatch.toml here, else /etc/teawatch/teawatch.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep the state in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Listen on this address and port
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Name this address in links
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where Gitea is
    #[arg(long, value_name = "URL")]
    gitea_url: Option<String>,
    /// Open issues in this repository
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// How much to log: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log: text, json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Any setting by its name in the file, as in `alerts.open_after=5m`; repeatable
    ///
    /// Of several values for one setting the last counts; a flag of its own counts more.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// These flags, over this process's environment and the usual files.
    pub(super) fn sources(self) -> Sources {
        let set = self.set.into_iter().map(|(key, value)| Flag {
            name: format!("--set {key}"),
            key,
            value,
        });
        let named = [
            ("--data-dir", "data_dir", self.data_dir),
            ("--listen", "listen", self.listen),
            ("--public-url", "public_url", self.public_url),
            ("--gitea-url", "gitea.url", self.gitea_url),
            ("--repository", "gitea.repository", self.repository),
            ("--log-level", "log.level", self.log_level),
            ("--log-format", "log.format", self.log_format),
        ];
        let named = named.into_iter().filter_map(|(name, key, value)| {
            Some(Flag { name: name.to_owned(), key: key.to_owned(), value: value? })
        });
        Sources::of_this_process(self.config, set.chain(named).collect())
    }
}

/// Splits `key=value`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

//! `teawatch hook`: what Gitea's webhooks have told.

use std::process::ExitCode;

use clap::Subcommand;

use super::call::{Server, done, plain, table};
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::engine::DeliveryView;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what Gitea has told, and what came of it, the newest first
    Deliveries {
        /// Print JSON, one array of everything
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: Box<ConfigArgs>,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Deliveries { json, config } => {
            let server = Server::new(Caller::load(&config.sources())?)?;
            deliveries(&server, json)
        }
    }
}

fn deliveries(server: &Server, json: bool) -> anyhow::Result<ExitCode> {
    let deliveries: Vec<DeliveryView> =
        super::runtime()?.block_on(server.list("api/v1/deliveries"))?;
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&deliveries)?))?;
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
    output::print(&table(&["TIME", "DELIVERY", "EVENT", "ABOUT", "WHAT CAME OF IT"], &rows))?;
    done()
}

//! `teawatch agent enroll`: another host in a minute.

use std::process::ExitCode;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use super::ConfigArgs;
use super::install::{FILE, SECRET_FILE};
use super::output::print;
use crate::config::{Agents, Caller};
use crate::observation::{Limits, check_source};
use crate::signature::{self, Master};

/// Where both are.
const FOLDER: &str = "/etc/teawatch";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name of the host that is to report
    source: String,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// Prints the secret of a source and a configuration that uses it.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let source = &args.source;
    check_source(source, Limits::default().source_bytes)
        .map_err(|what| anyhow::anyhow!("the name of the source {what}"))?;
    let sources = args.config.sources();
    let agents = Agents::load(&sources)?;
    let master =
        Master::parse(agents.master.expose_secret()).context("the master secret cannot be used")?;
    let secret = signature::agent_secret(&master, source, agents.generation(source));
    let caller = Caller::load(&sources)?;
    // Another host does not reach this one as it reaches itself.
    let (server, caution) = match caller.public_url {
        Some(server) => (server, ""),
        None => (
            caller.server,
            "# This is the server as it reaches itself, since `public_url` is not set: write how\n\
             # the host reaches it, with https:// unless that is the same machine.\n",
        ),
    };
    print(&format!(
        "# On {source}, as root, put the secret where nobody else can read it:\n\
         #\n\
         #   mkdir -p {FOLDER}\n\
         #   (umask 077; echo '{}' > {SECRET_FILE})\n\
         #\n\
         # and this into {FILE}. Then `teawatch agent --dry-run` shows what it sees,\n\
         # and `teawatch agent install --print` how to run it every five minutes.\n\
         source = \"{source}\"\n\
         {caution}\
         server = \"{server}\"\n\
         secret_file = \"{SECRET_FILE}\"\n\
         every = \"5m\"\n\
         \n\
         [[disk]]\n\
         name = \"disk\"\n\
         path = \"/\"\n",
        secret.expose()
    ))?;
    Ok(ExitCode::SUCCESS)
}

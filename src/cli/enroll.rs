//! `teawatch agent enroll`: another host in a minute.

use std::process::ExitCode;

use super::ConfigArgs;
use super::install::{FILE, SECRET_FILE};
use super::output::print;
use super::secret;
use crate::config::Caller;

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
    let sources = args.config.sources();
    let secret = secret::of_source(source, &sources)?;
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

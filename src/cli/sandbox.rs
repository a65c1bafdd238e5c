//! `teawatch sandbox`: a Gitea to play with.

use std::net::SocketAddr;
use std::process::ExitCode;

use super::output;
use crate::clock::Clock;
use crate::sandbox::{self, Options, Welcome};

/// Run a stand-in for Gitea on this machine
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Listen on this loopback address; port 0 takes any that is free
    #[arg(long, default_value_t = Options::default().listen)]
    listen: SocketAddr,
    /// Items on a page, where a caller does not ask for a number
    #[arg(long, default_value_t = Options::default().page_size)]
    page_size: usize,
    /// Items on a page at most
    #[arg(long, default_value_t = Options::default().max_page_size)]
    max_page_size: usize,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Args { listen, page_size, max_page_size } = *args;
    let options = Options { listen, page_size, max_page_size };
    super::runtime()?.block_on(async {
        let bound = sandbox::bind(&options).await?;
        // Before the first word: whoever has read where it is may end it.
        let stop = super::stop_signal()?;
        output::print(&welcome(bound.welcome()))?;
        bound
            .run(Clock::system(), async {
                stop.await;
            })
            .await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn welcome(welcome: &Welcome) -> String {
    let Welcome {
        url, repository, issues_url, admin_url, bot, bot_token, human, human_token, ..
    } = welcome;
    format!(
        "A stand-in for Gitea {} is at {url}\n\
         \x20 issues      {issues_url}\n\
         \x20 repository  {repository}\n\
         \x20 bot         {bot}, token {bot_token}\n\
         \x20 admin       {human}, token {human_token}\n\
         \x20 faults      {admin_url}\n\
         Everything is gone when it ends (Ctrl-C).\n",
        sandbox::VERSION,
    )
}

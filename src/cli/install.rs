//! `teawatch agent install`: what makes an agent run on its own.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::output::print;

/// Where an agent's files are expected.
pub(super) const FILE: &str = "/etc/teawatch/agent.toml";
pub(super) const SECRET_FILE: &str = "/etc/teawatch/agent-secret";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print it; nothing is changed on this host
    #[arg(long, required = true)]
    print: bool,
    /// A line for cron instead of units for systemd
    #[arg(long)]
    cron: bool,
}

/// Prints what makes an agent run on its own.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let program = plain(&program)?;
    if args.cron {
        print(&format!(
            "# /etc/cron.d/teawatch-agent\n*/5 * * * * root {program} agent --quiet --every 5m\n"
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!(
        "# /etc/systemd/system/teawatch-agent.service\n\
         [Unit]\n\
         Description=Look at this host and report to teawatch\n\
         After=network-online.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={program} agent --quiet --every 5m --config {FILE}\n\
         # Something fails, and was reported. 2, something is unknown, may also be a wrong\n\
         # configuration, which nobody else tells.\n\
         SuccessExitStatus=1\n\
         LoadCredential=agent-secret:{SECRET_FILE}\n\
         DynamicUser=yes\n\
         StateDirectory=teawatch-agent\n\
         StateDirectoryMode=0700\n\
         CapabilityBoundingSet=\n\
         NoNewPrivileges=yes\n\
         ProtectSystem=strict\n\
         ProtectHome=read-only\n\
         PrivateDevices=yes\n\
         ProtectKernelTunables=yes\n\
         ProtectKernelModules=yes\n\
         ProtectControlGroups=yes\n\
         RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n\
         RestrictNamespaces=yes\n\
         LockPersonality=yes\n\
         SystemCallArchitectures=native\n\
         SystemCallFilter=@system-service\n\
         TimeoutStartSec=2min\n\
         \n\
         # /etc/systemd/system/teawatch-agent.timer\n\
         [Unit]\n\
         Description=Look at this host every five minutes\n\
         \n\
         [Timer]\n\
         OnBootSec=1min\n\
         OnUnitActiveSec=5min\n\
         AccuracySec=5s\n\
         \n\
         [Install]\n\
         WantedBy=timers.target\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The path as both can read it: blanks and percent signs mean something else to each.
fn plain(program: &Path) -> anyhow::Result<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    match program.to_str().filter(|path| path.chars().all(is_plain)) {
        Some(path) => Ok(path),
        None => bail!(
            "neither cron nor systemd can be given the path {}: move this program to \
             /usr/local/bin, and call it there",
            program.display()
        ),
    }
}

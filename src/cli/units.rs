//! `teawatch install`: what makes the server run under systemd.

use std::process::ExitCode;

use anyhow::Context as _;

use super::output::print;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print it; nothing is changed on this host
    #[arg(long, required = true)]
    print: bool,
}

/// Prints the units, each under the name of its file.
pub(super) fn run(Args { print: _ }: &Args) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    print(&units(&program.display().to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn units(program: &str) -> String {
    format!(
        r#"# /etc/systemd/system/teawatch.socket
[Unit]
Description=Where reports for teawatch wait, also while it restarts

[Socket]
# The same as `listen` in teawatch.toml.
ListenStream=127.0.0.1:8710

[Install]
WantedBy=sockets.target

# /etc/systemd/system/teawatch.service
[Unit]
Description=Turn trouble into Gitea issues
Requires=teawatch.socket
After=teawatch.socket network-online.target
Wants=network-online.target
# It is never given up.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={program} serve --config /etc/teawatch/teawatch.toml
Restart=always
RestartSec=5s
# Fed by the engine: one that hangs, or its disk, is killed and started again.
WatchdogSec=60s
TimeoutStartSec=5min
TimeoutStopSec=30s

# Secrets stay files of root; the server gets copies that only it can read.
LoadCredential=salt:/etc/teawatch/salt
LoadCredential=gitea-token:/etc/teawatch/gitea-token
LoadCredential=master-secret:/etc/teawatch/master-secret
Environment=TEAWATCH_SALT_FILE=%d/salt
Environment=TEAWATCH_GITEA_TOKEN_FILE=%d/gitea-token
Environment=TEAWATCH_AGENTS_MASTER_SECRET_FILE=%d/master-secret
# Each of these needs its file.
#LoadCredential=api-read-token:/etc/teawatch/api-read-token
#LoadCredential=api-write-token:/etc/teawatch/api-write-token
#LoadCredential=deadman-url:/etc/teawatch/deadman-url
#LoadCredential=fallback-url:/etc/teawatch/fallback-url
#LoadCredential=webhook-secret:/etc/teawatch/webhook-secret
#LoadCredential=webhook-authorization:/etc/teawatch/webhook-authorization
#Environment=TEAWATCH_API_READ_TOKEN_FILE=%d/api-read-token
#Environment=TEAWATCH_API_WRITE_TOKEN_FILE=%d/api-write-token
#Environment=TEAWATCH_DEADMAN_URL_FILE=%d/deadman-url
#Environment=TEAWATCH_FALLBACK_URL_FILE=%d/fallback-url
#Environment=TEAWATCH_WEBHOOKS_SECRET_FILE=%d/webhook-secret
#Environment=TEAWATCH_WEBHOOKS_AUTHORIZATION_FILE=%d/webhook-authorization

# A user that exists while it runs, and one directory that it may write to.
DynamicUser=yes
StateDirectory=teawatch
StateDirectoryMode=0700
Environment=TEAWATCH_DATA_DIR=%S/teawatch
UMask=0077

CapabilityBoundingSet=
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"#
    )
}

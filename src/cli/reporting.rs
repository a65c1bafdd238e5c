//! What the commands that report from a host share: their settings, spool and sender.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::agent::{Limits, SECRET_VARIABLE, Sender, Settings, Spool, Undelivered};
use crate::clock::Clock;
use crate::signature::Secret;

/// The name of the credential that holds it as well.
const CREDENTIAL: &str = "agent-secret";

/// Read if they exist and no other file is named, the first first.
const FILES: [&str; 2] = ["teawatch-agent.toml", "/etc/teawatch/agent.toml"];

/// The settings of the named file, or of the first usual one; nothing if there is none.
pub(super) fn settings(named: Option<&Path>) -> anyhow::Result<Option<Settings>> {
    let found = || FILES.iter().map(Path::new).find(|path| path.exists());
    Ok(named.or_else(found).map(Settings::read).transpose()?)
}

/// The same where there must be a file.
pub(super) fn needed_settings(named: Option<&Path>) -> anyhow::Result<Settings> {
    settings(named)?.with_context(|| {
        format!("there is no {} and no {}: name the file with --config", FILES[0], FILES[1])
    })
}

/// Where reports wait.
pub(super) fn spool(settings: &Settings) -> Spool {
    let limits = Limits { bytes: settings.spool_bytes, age: settings.spool_age };
    Spool::new(&settings.data_dir.join("spool"), limits)
}

/// The way to the server.
pub(super) fn sender(settings: &Settings, clock: &Clock) -> anyhow::Result<Sender> {
    let server =
        settings.server.as_ref().context("no `server` is set; --dry-run looks without one")?;
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    // systemd hands credentials on in files that nobody else can read.
    let credential = variable("CREDENTIALS_DIRECTORY").map(|dir| Path::new(&dir).join(CREDENTIAL));
    let file = credential.filter(|path| path.exists()).or_else(|| settings.secret_file.clone());
    let secret = match (variable(SECRET_VARIABLE), &file) {
        (Some(secret), _) => secret,
        (None, Some(path)) => read(path)?,
        (None, None) => bail!(
            "no secret is set: name its file as `secret_file`, or set {SECRET_VARIABLE}; \
             `teawatch secret agent SOURCE` on the server prints it"
        ),
    };
    let secret = secret.trim();
    if secret.chars().any(char::is_control) {
        bail!("the secret holds control characters");
    }
    let secret = Secret::parse(secret).context("the secret cannot be used")?;
    let roots = settings.ca_file.as_deref().map(roots).transpose()?;
    Ok(Sender::new(server, secret, roots.as_deref(), clock.clone())?)
}

/// The certificates of a `ca_file`, in PEM.
pub(super) fn roots(ca_file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(ca_file).with_context(|| format!("cannot read {}", ca_file.display()))
}

/// One line on standard error: cron mails it.
pub(super) fn tell(line: &str) {
    // Without standard error there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "teawatch: {line}"));
}

/// The same, a line for each of what did not get where it should.
pub(super) fn tell_all(failures: Vec<Undelivered>) {
    for failure in failures {
        tell(&format!("{:#}", anyhow::Error::from(failure)));
    }
}

/// A variable of the environment, if it is there and is text.
#[expect(clippy::disallowed_methods, reason = "the agent has no configuration but its file")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

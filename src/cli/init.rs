//! `teawatch init`: from nothing to a configuration that works.
//!
//! Everything is looked at before anything is written, and the configuration is written
//! last: whatever dies in between, the next call takes up what is there. Secrets that exist
//! are kept, since a new salt or master secret would orphan issues and agents.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};

use super::output::print;
use super::reporting::variable;
use super::setup::{
    Examined, Findings, Folder, HookToken, Hooked, Labels, State, ask, ask_secret, client, doubts,
    examine, hook_address, install, is_at_terminal, read_secret, told,
};
use crate::clock::Clock;
use crate::config::{Config, Flag, Sources, beginning};
use crate::signature;

/// What is written, all in one folder.
const FILE: &str = "teawatch.toml";
const TOKEN: &str = "gitea-token";
const SALT: &str = "salt";
const MASTER: &str = "master-secret";
const WEBHOOK: &str = "webhook-secret";

/// May hold the token.
const TOKEN_VARIABLE: &str = "TEAWATCH_GITEA_TOKEN";

/// What `--help` says below the flags.
const ABOUT_SECRETS: &str = "\
The access token comes from TEAWATCH_GITEA_TOKEN, from a file, or is asked for. It needs the
scopes write:issue, read:user and read:repository. A webhook, so that teawatch learns at once
what people do, takes the token of an administrator of the repository besides, which is used
once and kept nowhere.";

#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT_SECRETS)]
pub(super) struct Args {
    /// Where Gitea is, with the path that it may live under
    #[arg(long, value_name = "URL")]
    gitea_url: Option<String>,
    /// The repository that issues go to
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// Read the access token of the user that teawatch writes as from this file
    #[arg(long, value_name = "FILE")]
    gitea_token_file: Option<PathBuf>,
    #[command(flatten)]
    hook_token: HookToken,
    /// How Gitea and people reach teawatch
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Listen on this address and port
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Trust the certificates in this PEM file besides those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Write the configuration and its secrets into this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Write the configuration in the place of one that exists
    #[arg(long)]
    force: bool,
}

/// What the configuration will say, and the secrets that it names.
struct Plan {
    folder: Folder,
    /// By key, as in the environment.
    values: Vec<(&'static str, String)>,
    token: SecretString,
    salt: SecretString,
    master: SecretString,
    webhook: SecretString,
    hook_token: Option<SecretString>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = Folder::new(args.dir.clone());
    let file = folder.path(FILE);
    if !args.force && file.symlink_metadata().is_ok() {
        bail!(
            "{} is there already: `teawatch doctor` looks whether all is well with it, `--force` \
             replaces it and keeps the secrets beside it",
            file.display()
        );
    }
    let plan = Plan::make(args, folder)?;
    let config = plan.config()?;
    super::runtime_small()?.block_on(set_up(&plan, &config, args.force))
}

impl Plan {
    /// From flags, the environment and files that are there, and whoever can be asked.
    fn make(args: &Args, folder: Folder) -> anyhow::Result<Self> {
        let can_ask = is_at_terminal();
        let mut missing = Vec::new();
        let mut answer = |given: &Option<String>, question: &str, what: &'static str| match given {
            Some(given) => Ok(given.clone()),
            None if can_ask => ask(question),
            None => {
                missing.push(what);
                Ok(String::new())
            }
        };
        let gitea_url = answer(
            &args.gitea_url,
            "Gitea's address, such as https://gitea.example.org/",
            "--gitea-url",
        )?;
        let repository = answer(
            &args.repository,
            "Repository for the issues, such as ops/alerts",
            "--repository",
        )?;
        let token = match token(args.gitea_token_file.as_deref(), &folder)? {
            Some(token) => token,
            None if can_ask => ask_secret("Access token of the user that teawatch writes as")?,
            None => {
                missing.push("the access token (TEAWATCH_GITEA_TOKEN or --gitea-token-file)");
                SecretString::default()
            }
        };
        if !missing.is_empty() {
            bail!("nobody can be asked here, so these are needed: {}", missing.join(", "));
        }
        let hook_token = match args.hook_token.given()? {
            None if can_ask => Some(ask_secret(
                "For a webhook, the token of an administrator of the repository; Enter for none",
            )?)
            .filter(|token| !token.expose_secret().is_empty()),
            given => given,
        };
        let mut values = vec![
            ("data_dir", "teawatch-data".to_owned()),
            ("salt_file", SALT.to_owned()),
            ("gitea.url", gitea_url),
            ("gitea.token_file", TOKEN.to_owned()),
            ("gitea.repository", repository),
            ("agents.master_secret_file", MASTER.to_owned()),
            ("webhooks.secret_file", WEBHOOK.to_owned()),
        ];
        values.extend(args.listen.clone().map(|listen| ("listen", listen)));
        values.extend(args.public_url.clone().map(|url| ("public_url", url)));
        if let Some(path) = &args.ca_file {
            let absolute = std::path::absolute(path)
                .with_context(|| format!("cannot tell where {} is", path.display()))?;
            values.push(("gitea.ca_file", absolute.display().to_string()));
        }
        let secret = |name| match read_secret(&folder.path(name))? {
            Some(known) => anyhow::Ok(known),
            None => Ok(signature::new_master()?.into()),
        };
        let (salt, master, webhook) = (secret(SALT)?, secret(MASTER)?, secret(WEBHOOK)?);
        Ok(Self { folder, values, token, salt, master, webhook, hook_token })
    }

    /// What a server would make of it, judged as every configuration is.
    fn config(&self) -> anyhow::Result<Config> {
        let flags = self.values.iter().filter(|(key, _)| !key.ends_with("_file") || *key == CA);
        let flags = flags.map(|(key, value)| Flag {
            name: format!("the answer for `{key}`"),
            key: (*key).to_owned(),
            value: value.clone(),
        });
        let secrets = [
            (TOKEN_VARIABLE, &self.token),
            ("TEAWATCH_SALT", &self.salt),
            ("TEAWATCH_MASTER_SECRET", &self.master),
            ("TEAWATCH_WEBHOOK_SECRET", &self.webhook),
        ];
        let environment: BTreeMap<_, _> = secrets
            .into_iter()
            .map(|(name, secret)| (name.to_owned(), OsString::from(secret.expose_secret())))
            .collect();
        let sources = Sources { flags: flags.collect(), environment, ..Sources::default() };
        Ok(Config::load(&sources)?)
    }

    /// Secrets first, each as a whole, and only where there is none yet.
    fn keep_secrets(&self) -> anyhow::Result<()> {
        self.folder.make()?;
        for (name, secret) in [(SALT, &self.salt), (MASTER, &self.master), (WEBHOOK, &self.webhook)]
        {
            self.folder.keep(name, secret)?;
        }
        self.folder.replace(TOKEN, &self.token)
    }
}

/// The only file that a setting names and that is not ours.
const CA: &str = "gitea.ca_file";

/// The access token, from where it is named, or from an earlier call.
fn token(named: Option<&Path>, folder: &Folder) -> anyhow::Result<Option<SecretString>> {
    if let Some(path) = named {
        let token = read_secret(path)?;
        return token.map(Some).with_context(|| format!("there is no {}", path.display()));
    }
    match variable(TOKEN_VARIABLE).map(|token| token.trim().to_owned()) {
        Some(token) if !token.is_empty() => Ok(Some(token.into())),
        _ => read_secret(&folder.path(TOKEN)),
    }
}

async fn set_up(plan: &Plan, config: &Config, force: bool) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    let examined = examine(config, Labels::Make, &Clock::system(), &mut findings).await?;
    let mut says = Vec::new();
    if findings.faults() == 0 {
        plan.keep_secrets()?;
        hook(plan, config, &examined, &mut findings).await?;
    } else {
        says.push("Nothing was written. Mend what is told above, and run this again.".to_owned());
    }
    let file = plan.folder.path(FILE);
    if findings.faults() == 0 {
        plan.folder.write(FILE, &beginning(&plan.values), force)?;
        says.push(next_steps(&file));
    } else if says.is_empty() {
        says.push(format!(
            "{} was not written. Mend what is told above, and run this again; or leave the \
             webhook out.",
            file.display()
        ));
    }
    print(&format!("{}\n{}\n", findings.text(), says.join("\n")))?;
    Ok(if findings.faults() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the webhook, if there is a token for that.
async fn hook(
    plan: &Plan,
    config: &Config,
    examined: &Examined,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    const CHECK: &str = "webhook";
    let Some(token) = &plan.hook_token else {
        let says = "none was made: what people do is noticed within reconcile.every (5 min)";
        let fix = "`teawatch hook install` makes one, with the token of an administrator";
        findings.add(State::Warning, CHECK, says, fix);
        return Ok(());
    };
    let Some(address) = hook_address(config) else {
        let says = "how Gitea reaches teawatch is not known";
        findings.fault(CHECK, says, "name the address with --public-url");
        return Ok(());
    };
    let doubts = doubts(&config.gitea.url, &address).await;
    if let Some((state, says, fix)) = doubts {
        findings.add(state, CHECK, says, fix);
        if state == State::Fault {
            return Ok(());
        }
    }
    let client = client(&config.gitea, Some(token))?;
    for target in &examined.targets {
        match install(&client, target, &address, &plan.webhook, None).await {
            Ok(hooked) => {
                let done = match hooked {
                    Hooked::Made => "was made",
                    Hooked::Replaced => "was made anew",
                };
                findings.well(CHECK, format!("the one to {address} {done}"));
            }
            Err(error) => {
                let (says, fix) = told(&error, target);
                findings.fault(CHECK, says, fix);
            }
        }
    }
    Ok(())
}

/// What to do now.
fn next_steps(file: &Path) -> String {
    let here = Path::new(".").join(FILE);
    let flag = match file == here {
        true => String::new(),
        false => format!(" --config {}", file.display()),
    };
    format!(
        "{} is written, with its secrets beside it. Keep a copy of `{SALT}` and `{MASTER}` in a \
         safe place.\n\
         \n\
         Start it:                      teawatch serve{flag}\n\
         See an issue come and go:      teawatch doctor --write{flag}\n\
         Have a host report:            teawatch agent enroll HOST{flag}",
        file.display()
    )
}

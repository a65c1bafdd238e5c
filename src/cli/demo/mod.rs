//! `teawatch demo`: the whole story on this machine, without a Gitea.
//!
//! A stand-in for Gitea, the real server, a small real TCP service and a real heartbeat
//! file, and a reporter that watches both and sends signed reports. The demo breaks them,
//! mends them, and tells what comes of it, as seen from outside through Gitea's API.

mod deadline;
mod patient;
mod story;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use self::deadline::{Deadline, LEAVING};
use self::patient::{Patient, Reporter};
use self::story::{Story, Witness};
use super::inherited::Inherited;
use super::output;
use super::serve::Server;
use crate::clock::Clock;
use crate::config::{Config, Flag, Sources};
use crate::sandbox::{self, Options, Welcome};
use crate::signature::{self, Master};
use crate::telemetry;

/// What the demo's machine is called.
const SOURCE: &str = "demo-host";

/// The settings of the demo's server: those of the README, only faster.
const SETTINGS: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:0"),
    ("alerts.group_by", "source"),
    ("alerts.comment_interval", "2s"),
    ("alerts.intro", "This issue was opened by `teawatch demo`. Nothing real is broken."),
    ("gitea.rate", "50"),
    ("gitea.burst", "50"),
    ("gitea.timeout", "2s"),
    ("gitea.connect_timeout", "1s"),
    ("gitea.settle_wait", "4s"),
];

/// How often it is tried to remove the demo's files.
const REMOVALS: usize = 5;

/// What the demo is to do.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Tell the story once and end: exit 0 only if it went as it should
    #[arg(long)]
    once: bool,
    /// How much of the log to show: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log_level: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    telemetry::init(&args.log_level, telemetry::Format::Text)?;
    to_its_end(super::runtime()?, async {
        let home = Home::new()?;
        let told = tell(args.once, &home.0, Deadline::begin()).await;
        drop(home);
        told
    })
}

/// What a play becomes. What still hangs then in another thread holds up nobody.
fn to_its_end<T>(runtime: Runtime, play: impl Future<Output = T>) -> T {
    let told = runtime.block_on(play);
    runtime.shutdown_background();
    told
}

async fn tell(is_over_then: bool, home: &Path, deadline: Deadline) -> anyhow::Result<ExitCode> {
    let stop = super::stop_signal()?;
    tokio::pin!(stop);
    let mut stage = tokio::select! {
        stage = Stage::set(home, deadline) => stage?,
        why = &mut stop => bail!("the demo was cut short by {why}"),
    };
    let went_well = tokio::select! {
        told = stage.story.tell() => told,
        why = &mut stop => Err(anyhow::anyhow!("it was cut short by {why}")),
    };
    let code = match went_well {
        Ok(()) if is_over_then => ExitCode::SUCCESS,
        Ok(()) => {
            output::print(
                "\nIt all stays up for looking around: press the buttons in the issue, or read \
                 on in the README. Ctrl-C ends it.\n",
            )?;
            stop.as_mut().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::print(&format!("\nThe story did not go as it should: {error:#}\n"))?;
            ExitCode::FAILURE
        }
    };
    Ok(if stage.leave().await? { code } else { ExitCode::FAILURE })
}

/// Everything that the story needs.
#[derive(Debug)]
struct Stage {
    gitea: JoinHandle<Result<(), sandbox::Error>>,
    server: Server,
    reporter: JoinHandle<()>,
    story: Story,
}

impl Stage {
    /// Starts it all, and says where it is.
    async fn set(home: &Path, deadline: Deadline) -> anyhow::Result<Self> {
        let options = Options { listen: "127.0.0.1:0".parse()?, ..Options::default() };
        let bound = deadline
            .wait("the stand-in for Gitea to start", sandbox::bind(&options))
            .await?
            .context("cannot start the stand-in for Gitea")?;
        let welcome = bound.welcome().clone();
        let gitea = super::spawn(bound.run(Clock::system(), std::future::pending()));
        let config = Config::load(&sources(home, &welcome)?)?;
        let server = Server::start(&config, Clock::system(), Inherited::default());
        let server = deadline.wait("the server to start", server).await??;
        let patient = Patient::start(home);
        let patient = deadline.wait("the small service to start", patient).await??;
        let reporter = Reporter::start(&server, &config_secret(&config)?, SOURCE, &patient)?;
        output::print(&format!(
            "Gitea (a stand-in)  {}\nteawatch            http://{}/readyz\n\n",
            welcome.issues_url, server.address
        ))?;
        let story = Story::new(Witness::new(&welcome)?, patient, deadline);
        Ok(Self { gitea, server, reporter, story })
    }

    /// Takes it all down, and tells whether that was in time.
    async fn leave(self) -> anyhow::Result<bool> {
        self.reporter.abort();
        let ended = self.server.run_until(std::future::ready("the end of the demo"));
        let ended = tokio::time::timeout(LEAVING, ended).await;
        let is_in_time = ended.is_ok();
        if let Ok(ended) = ended {
            ended?;
        } else {
            let seconds = LEAVING.as_secs();
            output::print(&format!("\nWaited {seconds} s for the server's end in vain.\n"))?;
        }
        self.gitea.abort();
        Ok(is_in_time)
    }
}

/// The configuration of the demo's server, from no file and none of the real environment.
fn sources(home: &Path, welcome: &Welcome) -> anyhow::Result<Sources> {
    let flag = |key: &str, value: &str| Flag {
        name: format!("demo: {key}"),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let mut flags: Vec<_> = SETTINGS.iter().map(|(key, value)| flag(key, value)).collect();
    flags.push(flag("data_dir", &home.join("data").to_string_lossy()));
    flags.push(flag("gitea.url", &welcome.url));
    flags.push(flag("gitea.repository", welcome.repository));
    let environment = [
        ("TEAWATCH_GITEA_TOKEN", welcome.bot_token.to_owned()),
        ("TEAWATCH_SALT", signature::new_master()?),
        ("TEAWATCH_MASTER_SECRET", signature::new_master()?),
    ];
    let environment =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Ok(Sources { flags, environment, ..Sources::default() })
}

fn config_secret(config: &Config) -> anyhow::Result<signature::Secret> {
    let master = Master::parse(config.agents.master.expose_secret())?;
    Ok(signature::agent_secret(&master, SOURCE, config.agents.generation(SOURCE)))
}

/// A directory of the demo's own, gone with it.
#[derive(Debug)]
struct Home(PathBuf);

impl Home {
    fn new() -> anyhow::Result<Self> {
        let name = format!("teawatch-demo-{:016x}", getrandom::u64()?);
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let mut removed = std::fs::remove_dir_all(&self.0);
        for _ in 1..REMOVALS {
            // A last heartbeat may have come in between.
            if removed.as_ref().is_err_and(|error| error.kind() == ErrorKind::DirectoryNotEmpty) {
                removed = std::fs::remove_dir_all(&self.0);
            }
        }
        if let Err(error) = removed {
            tracing::warn!(error = &error as &dyn std::error::Error, "the demo's files stay");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_demo_that_is_not_over_in_time_fails_and_takes_everything_down() {
        let home = Home::new().unwrap();
        let runtime = crate::cli::runtime().unwrap();
        // The heartbeat alone takes longer to become stale.
        let told = to_its_end(runtime, async {
            let deadline = Deadline::within(Duration::from_secs(1));
            let told = tell(true, &home.0, deadline);
            tokio::time::timeout(Duration::from_secs(40), told).await.expect("it goes on")
        });
        match told {
            // Codes cannot be compared otherwise.
            Ok(code) => assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE)),
            // On a slow machine it has not even begun.
            Err(error) => assert!(error.to_string().contains("in vain"), "{error:#}"),
        }
        assert!(!home.0.join("data/teawatch.pid").exists());
    }

    #[test]
    fn what_hangs_in_another_thread_does_not_keep_a_demo_from_its_end() {
        let (hold, held) = channel::<()>();
        let (done, is_done) = channel();
        std::thread::spawn(move || {
            let runtime = crate::cli::runtime().unwrap();
            let told = to_its_end(runtime, async {
                let hanging = tokio::task::spawn_blocking(move || held.recv());
                let deadline = Deadline::within(Duration::from_millis(50));
                deadline.wait("the store to open", hanging).await.map(drop)
            });
            done.send(told).unwrap();
        });
        let told = is_done.recv_timeout(Duration::from_secs(20)).expect("it hangs");
        assert!(told.unwrap_err().to_string().contains("for the store to open in vain"));
        drop(hold);
    }
}

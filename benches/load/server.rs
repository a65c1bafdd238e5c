//! The servers: child processes, ended with their owner.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal};
use teawatch::clock::Clock;
use teawatch::sandbox::{self, Options, Welcome};
use tokio::task::JoinSet;

use super::MASTER;

/// In what Linux counts processor time, on every machine that it runs on today.
const TICK: Duration = Duration::from_millis(10);
/// Fields of `/proc/PID/stat` between the name and the time in user mode; that in the
/// kernel follows.
const USER_TIME: usize = 11;

/// The Gitea that the real server has, which hears nothing of checks that are well.
pub(crate) struct Stage {
    pub(crate) welcome: Welcome,
    _gitea: JoinSet<()>,
}

impl Stage {
    pub(crate) async fn set() -> anyhow::Result<Self> {
        let listen = "127.0.0.1:0".parse()?;
        let bound = sandbox::bind(&Options { listen, ..Options::default() }).await?;
        let welcome = bound.welcome().clone();
        let mut gitea = JoinSet::new();
        gitea.spawn(async {
            drop(bound.run(Clock::system(), std::future::pending()).await);
        });
        Ok(Self { welcome, _gitea: gitea })
    }
}

/// A server in a process of its own.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `teawatch serve`, as it is released, with its state in `data` and these settings.
    pub(crate) fn teawatch(stage: &Stage, data: &Path, set: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
        command
            .env_clear()
            .env("TEAWATCH_GITEA_TOKEN", stage.welcome.bot_token)
            .env("TEAWATCH_SALT", "the-salt-of-all-the-benches")
            .env("TEAWATCH_MASTER_SECRET", MASTER)
            .current_dir(data)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(["--gitea-url", &stage.welcome.url])
            .args(["--repository", stage.welcome.repository])
            .args(set.iter().flat_map(|setting| ["--set", setting]));
        Self::start(command)
    }

    /// Waits for the line that names the address.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let mut lines = BufReader::new(child.stderr.take().context("no log")?).lines();
        let mut said = String::new();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let address = line.split_once("is ready address=");
            let address =
                address.and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
            said.push_str(&line);
            said.push('\n');
            address
        });
        let address = address.with_context(|| format!("a server did not start: {said}"))?;
        // The rest of its log is read, so that it never waits for somebody to do so.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self { child, address })
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    /// What it holds in memory at present.
    pub(crate) fn memory_mib(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// The processor time that it has used so far.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        // The name, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in it")?;
        let ticks = fields.split_whitespace().skip(USER_TIME).take(2).map(str::parse::<u32>);
        let ticks = ticks.sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

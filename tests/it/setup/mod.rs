//! From nothing to a first issue, as somebody new would go about it.

mod bad_gitea;
mod doctor;
mod faults;
mod hook;
mod init;
mod terminal;
mod unknown;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use teawatch::sandbox::{ALICE_TOKEN, Hook};

use crate::support::{Gitea, InTime as _, REPOSITORY, text};

/// What `init` writes.
const WRITTEN: [&str; 5] =
    ["gitea-token", "master-secret", "salt", "teawatch.toml", "webhook-secret"];

/// Somebody's empty folder, and a Gitea with a bot.
struct Desk {
    home: tempfile::TempDir,
    gitea: Gitea,
}

impl Desk {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), gitea: Gitea::start() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
        command.env_clear().current_dir(self.home.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// `init` with all that is needed.
    fn init(&self) -> Command {
        self.init_for(&self.gitea.url, REPOSITORY)
    }

    fn init_for(&self, url: &str, repository: &str) -> Command {
        let arguments = ["init", "--gitea-url", url, "--repository", repository];
        let mut command = self.command(&arguments);
        command.env("TEAWATCH_GITEA_TOKEN", self.gitea.token());
        command
    }

    /// The same with the token of an administrator.
    fn init_with_hook(&self) -> Command {
        let mut command = self.init();
        command.env("TEAWATCH_HOOK_TOKEN", ALICE_TOKEN);
        command
    }

    /// The names of the files that are there, sorted.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn hooks(&self) -> Vec<Hook> {
        let world = self.gitea.world();
        world.repository(REPOSITORY).unwrap().hooks.values().cloned().collect()
    }

    fn labels(&self) -> Vec<String> {
        let world = self.gitea.world();
        let labels = world.repository(REPOSITORY).unwrap().labels.values();
        labels.map(|label| label.name.clone()).collect()
    }
}

/// Runs a command that must go well, and returns what it said.
#[track_caller]
fn well(command: &mut Command) -> String {
    let output = command.output_in_time();
    assert!(output.status.success(), "{}", said(&output));
    text(&output.stdout)
}

/// Runs a command that must fail with exit code 1, and returns what it said.
#[track_caller]
fn fails(command: &mut Command) -> String {
    let output = command.output_in_time();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

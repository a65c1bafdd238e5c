//! A host with an agent, and what is done with it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{InTime as _, Teawatch};

/// The name of the host in these tests.
pub const SOURCE: &str = "web1";

/// A host with an agent: a home, a file of settings, a place for its state.
pub struct Host {
    pub home: TempDir,
}

impl Host {
    /// A host whose agent has these settings, besides those of its own files.
    pub fn new(settings: &str) -> Self {
        let host = Self { home: tempfile::tempdir().unwrap() };
        host.configure(settings);
        host
    }

    pub fn configure(&self, settings: &str) {
        let own =
            format!("source = \"{SOURCE}\"\ndata_dir = \"{}\"\n", self.path("data").display());
        std::fs::write(self.path("teawatch-agent.toml"), own + settings).unwrap();
    }

    /// A file of the host.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file of the host.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a script that can be run.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// A command of the binary, at home on this host.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home.path())
            .env("TEAWATCH_AGENT_SECRET", Teawatch::secret(SOURCE).expose())
            .current_dir(self.home.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output_in_time()
    }

    /// What a dry run says as JSON, and its exit code.
    pub fn look(&self) -> (i32, Value) {
        let output = self.run(&["agent", "--dry-run", "--json"]);
        let said = serde_json::from_slice(&output.stdout);
        let said = said.unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), said)
    }

    /// The only check of a dry run: its result and its summary.
    pub fn look_at_one(&self) -> (String, String) {
        let check = self.look().1["checks"][0].clone();
        (
            check["result"].as_str().unwrap().to_owned(),
            check["summary"].as_str().unwrap().to_owned(),
        )
    }
}

/// The text of an output.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reports that wait on a host.
pub fn waiting(host: &Host) -> usize {
    let entries = std::fs::read_dir(host.path("data/spool")).unwrap();
    entries
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".report.json")
        })
        .count()
}

/// Sends a signal to a child.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

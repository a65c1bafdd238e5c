//! From nothing to a host that reports.

use std::process::Command;

use super::{Host, SOURCE, text};
use crate::support::{Gitea, InTime as _, MASTER, Teawatch};

/// What the server prints for a host, with these settings.
fn printed(host: &Host, settings: &[&str]) -> String {
    let mut command = host.command(&[&["agent", "enroll", SOURCE], settings].concat());
    command.env("TEAWATCH_MASTER_SECRET", MASTER).env_remove("TEAWATCH_AGENT_SECRET");
    let output = command.output_in_time();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

#[test]
fn what_enrolling_prints_makes_an_agent_that_reports_when_it_is_done_as_it_says() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let host = Host::new("");
    let public_url = format!("public_url={}/", teawatch.url);
    let printed = printed(&host, &["--set", &public_url]);
    // A test may not write where root does.
    let etc = host.path("etc");
    let printed = printed.replace("/etc/teawatch", etc.to_str().unwrap());
    let steps: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    assert_eq!(steps.len(), 2, "{printed}");
    let done = Command::new("sh").args(["-ec", &steps.join("\n")]).output_in_time();
    assert!(done.status.success(), "{done:?}");
    let mode = std::fs::metadata(etc.join("agent-secret")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    let data_dir = format!("data_dir = \"{}\"\n", host.path("data").display());
    std::fs::write(etc.join("agent.toml"), data_dir + &printed).unwrap();
    let config = etc.join("agent.toml");
    let mut command = host.command(&["agent", "--config", config.to_str().unwrap()]);
    let output = command.env_remove("TEAWATCH_AGENT_SECRET").output_in_time();
    assert!(output.stderr.is_empty(), "{output:?}");
    let checks = teawatch.get("/api/v1/checks").1;
    assert_eq!(checks["items"][1]["name"], "disk", "{checks:#}");
}

#[test]
fn a_host_is_told_the_public_address_and_where_there_is_none_that_it_must_be_written() {
    let host = Host::new("");
    let known = printed(&host, &["--set", "public_url=https://teawatch.test/"]);
    assert!(known.contains("\nserver = \"https://teawatch.test/\"\n"), "{known}");
    assert!(!known.contains("not set"), "{known}");
    let unknown = printed(&host, &[]);
    assert!(unknown.contains("\nserver = \"http://127.0.0.1:8710/\"\n"), "{unknown}");
    assert!(unknown.contains("`public_url` is not set"), "{unknown}");
    let output = host.run(&["agent", "enroll", "web 1"]);
    assert!(text(&output.stderr).contains("the name of the source must be 1 to 250"), "{output:?}");
}

#[test]
fn a_name_that_the_server_would_refuse_is_not_enrolled() {
    let host = Host::new("");
    let mut command = host.command(&["agent", "enroll", "web12", "--set", "limits.source_bytes=4"]);
    let output = command.env("TEAWATCH_MASTER_SECRET", MASTER).output_in_time();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("the name of the source must be 1 to 4"), "{output:?}");
}

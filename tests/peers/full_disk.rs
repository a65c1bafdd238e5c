//! The agent where the disk has no room for what it must keep.

use std::fs;

use crate::support::{Gitea, Host, SOURCE, StandIn, Teawatch, text};

#[test]
fn on_a_full_disk_the_report_is_sent_although_it_cannot_be_kept() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let server = StandIn::before(&teawatch.url);
    let host = Host::new(&format!(
        "server = \"{}\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
        server.url
    ));
    fs::create_dir(host.path("data")).unwrap();
    // A user namespace of its own may mount what it likes, and nobody else sees it.
    let script = "set -e; mount -t tmpfs -o size=64k tmpfs data; \"$@\"; \
                  if cat /dev/zero > data/filler; then exit 1; fi; \
                  \"$@\"; \"$@\"; rm data/filler; \"$@\"; ls data/spool";
    let agent = host.command(&["agent", "--quiet", "--every", "1h"]);
    let mut command = std::process::Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_teawatch")]);
    command.args(agent.get_args()).current_dir(host.home.path());
    command.env("TEAWATCH_AGENT_SECRET", Teawatch::secret(SOURCE).expose());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = text(&output.stderr);
    let spools = told.lines().filter(|line| line.contains("spool cannot be used: No space"));
    assert_eq!(spools.count(), 2, "{told}");
    // Its numbers went on, or it would look like two agents.
    assert_eq!(server.seqs(), [1, 2, 3, 4]);
    assert!(!text(&output.stdout).contains(".report.json"), "{output:?}");
    let checks = teawatch.get("/api/v1/checks").1;
    let check = checks["items"].as_array().unwrap().iter().find(|check| check["name"] == "c");
    assert_eq!(check.unwrap()["results"], 4, "{checks:#}");
}

//! The agent where the disk has no room for what it must keep.

use std::fs;
use std::process::{Command, Output};

use crate::support::{Gitea, Host, InTime as _, SOURCE, StandIn, Teawatch, eventually, text};

/// Runs a shell in a user namespace of its own, which may mount what it likes, and nobody
/// else sees it. `$0` is the binary, `fill` leaves no room in the agent's folder.
fn unshared(host: &Host, script: &str) -> Output {
    fs::create_dir(host.path("data")).unwrap();
    let script = format!(
        "set -e; fill() {{ if cat /dev/zero > data/filler; then exit 1; fi; }}
         mount -t tmpfs -o size=64k tmpfs data; {script}"
    );
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", &script, env!("CARGO_BIN_EXE_teawatch")]);
    command.current_dir(host.home.path());
    command.env("TEAWATCH_AGENT_SECRET", Teawatch::secret(SOURCE).expose());
    command.output_in_time()
}

#[test]
fn on_a_full_disk_the_report_is_sent_although_it_cannot_be_kept() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let server = StandIn::before(&teawatch.url);
    let host = Host::new(&format!(
        "server = \"{}\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n",
        server.url
    ));
    let script = "look() { \"$0\" agent --quiet --every 1h; }; \
                  look; fill; look; look; rm data/filler; look; ls data/spool";
    let output = unshared(&host, script);
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

#[test]
fn on_a_full_disk_the_failure_of_a_job_is_sent_although_it_cannot_be_kept() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let host = Host::new(&format!("server = \"{}\"\n", teawatch.url));
    let script = "\"$0\" run --name first -- true; fill; \
                  \"$0\" beat --post --interval 1h --dir beats second; \
                  \"$0\" run --name backup -- false";
    let output = unshared(&host, script);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("spool cannot be used: No space"), "{output:?}");
    eventually("an issue is open", || gitea.open() == 1);
    assert!(gitea.issue(1).title.contains("backup"));
    let checks = teawatch.get("/api/v1/checks").1.to_string();
    assert!(checks.contains("\"second\""), "{checks}");
}

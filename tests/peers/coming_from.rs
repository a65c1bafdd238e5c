//! What the README tells whoever comes from elsewhere: each line is run as it stands there.

use std::process::{Command, Stdio};

use serde_json::Value;
use teawatch::signature::{Master, ping_key};

use crate::support::{Gitea, Host, InTime as _, MASTER, StandIn, Teawatch, answer_of, eventually};

/// What the README says to write instead, in the blocks that follow each name of a program,
/// such as `**Gatus**`, before the next one.
pub fn after(program: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("\n## Coming from ").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let name = format!("\n**{program}**");
    let parts = section.split(name.as_str()).skip(1);
    let parts = parts.map(|part| part.split("\n**").next().unwrap());
    let blocks = parts.flat_map(|part| part.split("```diff\n").skip(1));
    let blocks: Vec<_> = blocks
        .map(|block| {
            let (block, _) = block.split_once("```").unwrap();
            let lines = block.lines().filter_map(|line| line.strip_prefix('+'));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        })
        .collect();
    assert!(!blocks.is_empty() && blocks.iter().all(|it| !it.is_empty()), "{program}: {blocks:?}");
    blocks
}

fn check(teawatch: &Teawatch, name: &str) -> Value {
    let found = teawatch.get("/api/v1/checks").1["items"].clone();
    let mut found = found.as_array().unwrap().iter();
    found.find(|check| check["name"] == name).cloned().unwrap_or(Value::Null)
}

#[test]
fn every_line_to_which_a_job_is_changed_tells_of_its_check() {
    let key = ping_key(&Master::parse(MASTER).unwrap(), "web1", 1).expose().to_owned();
    let mut lines = Vec::new();
    for (program, count, name) in
        [("Healthchecks", 2, "backup"), ("runitor", 1, "backup"), ("Uptime Kuma", 1, "backup")]
    {
        let found = after(program);
        assert_eq!(found.len(), count, "{program}");
        lines.extend(found.into_iter().map(|line| (line, name)));
    }
    lines.push((after("Gatus")[0].clone(), "core_backup"));
    for (line, name) in lines {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        let host = Host::new("");
        host.script("bin/backup.sh", "echo copying; exit ${FAILS:-0}");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_teawatch"), host.path("bin/teawatch"))
            .unwrap();
        let bin = host.path("bin").display().to_string();
        let line = line.replace("https://teawatch.example.org", &teawatch.url);
        let line = line.replace("web1.KEY", &key);
        let run = |fails: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", &line]).stdin(Stdio::null()).current_dir(host.home.path());
            command.env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
            command.env("FAILS", fails).output_in_time()
        };
        let output = run("0");
        assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
        let seen = check(&teawatch, name);
        assert_eq!((&seen["source"], &seen["status"]), (&"web1".into(), &"up".into()), "{line}");
        // Lines that know how the job has ended say so.
        if line.contains("backup.sh") {
            run("3");
            eventually("an issue is open", || gitea.open() == 1);
            assert!(gitea.issue(1).title.contains("web1/backup: exit status 3"));
            assert!(run("0").status.success(), "{line}");
            eventually("it is closed", || gitea.open() == 0);
        }
    }
}

#[test]
fn what_an_endpoint_is_changed_to_looks_at_the_same_address() {
    let settings = &after("Gatus")[1];
    for (status, code) in [(200, 0), (204, 1), (503, 1)] {
        let site = StandIn::start(move |_, _| answer_of(status, ""));
        let host = Host::new(&settings.replace("https://site.example.org/", &site.url));
        let (exit_code, said) = host.look();
        assert_eq!((exit_code, &said["checks"][0]["name"]), (code, &"site".into()), "{said:#}");
        assert_eq!(site.asked()[0].path(), "/health");
    }
}

//! The command line: help, wrong calls, and what its commands say to people.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use teawatch::signature::Secret;

use crate::support::{
    Answer, Gitea, InTime as _, Letter, MASTER, READ_TOKEN, Teawatch, WRITE_TOKEN, eventually,
    failing, passing, token_settings,
};

/// The flags of whoever reads the configuration.
const CONFIGURATION: &[&str] = &[
    "--config",
    "--data-dir",
    "--listen",
    "--public-url",
    "--gitea-url",
    "--repository",
    "--log-level",
    "--log-format",
    "--set",
];

/// Each command, whether it reads the configuration, and what else its help names.
const COMMANDS: &[(&str, bool, &[&str])] = &[
    (
        "init",
        false,
        &[
            "--gitea-url",
            "--repository",
            "--gitea-token-file",
            "--hook-token-file",
            "--public-url",
            "--listen",
            "--ca-file",
            "--dir",
            "--force",
            "write:issue",
        ],
    ),
    ("serve", true, &[]),
    ("status", true, &["--json", "Exits 0"]),
    (
        "agent",
        false,
        &[
            "--watch",
            "--interval",
            "--every",
            "--dry-run",
            "--json",
            "--quiet",
            "--panel",
            "enroll",
        ],
    ),
    ("doctor", true, &["--write", "--json", "--hook-token-file", "Exits 0"]),
    ("agent enroll", true, &["<SOURCE>"]),
    ("agent install", false, &["--print", "--cron"]),
    ("beat", false, &["<JOB>", "--interval", "--cycle", "--model", "--format", "--dir", "--post"]),
    ("run", false, &["--name", "--every", "--limit", "--no-overlap", "<COMMAND>"]),
    ("demo", false, &["--once", "--log-level"]),
    ("sandbox", false, &["--listen", "--page-size", "--max-page-size", "127.0.0.1:3000"]),
    ("alerts", true, &["--json", "show"]),
    ("alerts show", true, &["<ALERT>", "--json", "fingerprint"]),
    ("checks", true, &["--json", "list", "remove", "forget"]),
    ("checks list", true, &["--json"]),
    ("checks show", true, &["<CHECK>", "source/name", "--url", "--json"]),
    ("checks add", true, DEFINITION),
    ("checks edit", true, DEFINITION),
    ("checks pause", true, &["<CHECK>", "source/name"]),
    ("checks resume", true, &["<CHECK>", "source/name"]),
    ("checks remove", true, &["<CHECK>", "source/name"]),
    ("report", true, &["--since", "--panel", "--json", "--markdown", "--issue"]),
    ("silence", false, &["add", "list", "expire"]),
    (
        "silence add",
        true,
        &["--source", "--name", "--label", "--for", "--until", "--from", "--reason", "--author"],
    ),
    ("silence list", true, &["--json"]),
    ("silence expire", true, &["<NUMBERS>"]),
    ("jobs", false, &["list", "show", "add", "edit", "pause", "resume", "run", "remove", "runs"]),
    ("jobs list", true, &["--json"]),
    ("jobs show", true, &["<JOB>", "--json"]),
    (
        "jobs add",
        true,
        &["<NAME>", "--do", "--schedule", "--zone", "--times", "--missed", "--jitter", "--limit"],
    ),
    ("jobs edit", true, &["<JOB>", "--name", "--keep", "--title", "--body", "--one-at-a-time"]),
    ("jobs pause", true, &["[JOB]", "--all", "--reason"]),
    ("jobs resume", true, &["[JOB]", "--all"]),
    ("jobs run", true, &["<JOB>", "--slot"]),
    ("jobs remove", true, &["<JOB>"]),
    ("jobs runs", true, &["<JOB>", "--json"]),
    ("outbox", false, &["list", "show", "retry", "drop"]),
    ("outbox list", true, &["--json"]),
    ("outbox show", true, &["<SEQ>"]),
    ("outbox retry", true, &["<SEQ>"]),
    ("outbox drop", true, &["<SEQ>", "--yes"]),
    ("hook", false, &["install", "remove", "deliveries"]),
    ("hook install", true, &["--hook-token-file", "webhooks.secret_file"]),
    ("hook remove", true, &["--hook-token-file"]),
    ("hook deliveries", true, &["--json"]),
    ("backup", true, &["[FILE]", "--force", "standard output"]),
    ("restore", true, &["<FILE>", "standard input"]),
    ("install", false, &["--print"]),
    ("config", false, &["check", "show", "example"]),
    ("config check", true, &["Exits 0"]),
    ("config show", true, &["--json"]),
    ("config example", false, &[]),
    ("secret", false, &["new", "agent", "fire", "ping", "manage"]),
    ("secret new", false, &[]),
    ("secret agent", true, &["<SOURCE>"]),
    ("secret fire", true, &["<CALLER>"]),
    ("secret manage", true, &["<SOURCE>"]),
    ("secret ping", true, &["<SOURCE>"]),
];

/// Flags that say what is wanted of a check.
const DEFINITION: &[&str] = &[
    "<CHECK>",
    "--every",
    "--cron",
    "--zone",
    "--grace",
    "--start-grace",
    "--run-limit",
    "--run-least",
    "--gap-least",
    "--early",
    "--strict",
    "--label",
    "--description",
    "--slug",
    "--awaits-first",
    "--manual-resume",
    "--post-only",
    "--failure-word",
    "--success-word",
    "--start-word",
    "--needs-word",
    "--generation",
];

fn teawatch(call: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_teawatch"))
        .env_clear()
        .args(call.split_whitespace())
        .stdin(Stdio::null())
        .current_dir(std::env::temp_dir())
        .output_in_time()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_help_of_every_command_names_its_flags() {
    let root = teawatch("--help");
    assert!(root.status.success());
    for (call, reads_configuration, others) in COMMANDS {
        let output = teawatch(&format!("{call} --help"));
        assert!(output.status.success(), "{call}");
        let help = text(&output.stdout);
        assert!(help.contains(&format!("Usage: teawatch {call}")), "{help}");
        for word in *others {
            assert!(help.contains(word), "the help of `{call}` does not name {word}:\n{help}");
        }
        for flag in CONFIGURATION.iter().filter(|_| *reads_configuration) {
            assert!(help.contains(&format!("{flag} <")), "`{call}` has no {flag}:\n{help}");
        }
        // Secrets come from files and the environment only.
        for secret in ["--token", "--secret", "--salt", "--master"] {
            assert!(!help.contains(secret), "{call} {secret}");
        }
        if !call.contains(' ') {
            assert!(text(&root.stdout).contains(&format!("\n  {call} ")), "{call}");
        }
    }
}

#[test]
fn every_command_is_in_the_list_of_this_test() {
    let groups = ["", "agent", "checks", "silence", "jobs", "outbox", "hook", "config", "secret"];
    for group in groups {
        let output = teawatch(&format!("{group} --help"));
        let (_, commands) = text(&output.stdout).split_once("Commands:\n").unwrap();
        let commands = commands.lines().take_while(|line| !line.is_empty());
        for command in commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()) {
            let call = format!("{group} {command}");
            let is_known = COMMANDS.iter().any(|(known, ..)| *known == call.trim());
            assert!(is_known || ["", "help"].contains(&command), "{call}");
        }
    }
}

#[test]
fn a_wrong_call_exits_with_2_and_does_nothing() {
    for call in [
        "",
        "nonsense",
        "serve now",
        "serve --nonsense",
        "serve --listen",
        "serve --set nonsense",
        "demo --twice",
        "demo --once=yes",
        "sandbox --listen nowhere",
        "sandbox --page-size -1",
        "checks forget",
        "checks --json forget a/b",
        "outbox",
        "outbox show",
        "outbox show nonsense",
        "outbox retry -1",
        "outbox list 7",
        "config",
        "config check now",
        "secret agent",
        "secret ping",
        "alerts --token x",
    ] {
        let output = teawatch(call);
        assert_eq!(output.status.code(), Some(2), "{call}");
        assert_eq!(text(&output.stdout), "", "{call}");
        let said = text(&output.stderr);
        assert!(
            said.contains("Usage: teawatch") || said.contains("try '--help'"),
            "{call}: {said}"
        );
    }
}

#[test]
fn a_call_that_cannot_be_answered_exits_with_1_and_says_why() {
    for (call, words) in [
        ("serve", "TEAWATCH_MASTER_SECRET"),
        ("serve", "teawatch secret new"),
        ("alerts --listen 127.0.0.1:1", "is `teawatch serve` running?"),
        ("checks --listen 127.0.0.1:1", "cannot reach teawatch at http://127.0.0.1:1"),
        ("outbox list --listen 127.0.0.1:1", "is `teawatch serve` running?"),
        ("outbox retry 7 --listen 127.0.0.1:1", "is `teawatch serve` running?"),
        ("checks forget nonsense --listen 127.0.0.1:1", "SOURCE/NAME"),
        ("alerts --config /nonexistent.toml", "/nonexistent.toml"),
        ("sandbox --listen 0.0.0.0:0", "loopback only"),
        ("secret agent ../db1", "the name of the source must be"),
    ] {
        let output = teawatch(call);
        assert_eq!(output.status.code(), Some(1), "{call}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{call}");
        let said = text(&output.stderr);
        assert!(said.starts_with("teawatch: ") && said.contains(words), "{call}: {said}");
    }
    assert!(text(&teawatch("--version").stdout).starts_with("teawatch 0."));
}

#[test]
fn lists_are_tables_for_people_and_json_for_programs() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let served = Teawatch::start(data.path(), &gitea, &[]);
    served.report(&failing("db1/disk"));
    served.report(&passing("db1/a b/é"));
    eventually("the issue is open", || gitea.open() == 1 && served.outbox().is_empty());
    let told = |arguments: &[&str]| {
        let output = served.cli(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let alerts = told(&["alerts"]);
    let row = alerts.lines().nth(1).unwrap();
    assert!(row.starts_with("firing  ops/alerts#1  db1/disk  1 "), "{alerts}");
    let checks = told(&["checks"]);
    assert_eq!(checks.lines().count(), 4, "{checks}");
    for row in ["down    db1/disk", "up      db1/a b/é", "up      db1/agent"] {
        assert!(checks.contains(row), "no {row}:\n{checks}");
    }
    for (arguments, length) in [
        (["alerts", "--json"].as_slice(), 1),
        (&["checks", "--json"], 3),
        (&["outbox", "list", "--json"], 0),
    ] {
        let json: Vec<Value> = serde_json::from_str(&told(arguments)).unwrap();
        assert_eq!(json.len(), length, "{arguments:?}");
    }
    let forgotten = told(&["checks", "forget", "db1/a b/é"]);
    assert_eq!(forgotten, "db1/a b/é is no longer watched, until it reports again\n");
    assert_eq!(told(&["checks"]).lines().count(), 3);
    let again = served.cli(&["checks", "forget", "db1/a b/é"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("there is no check `db1/a b/é`"));
    // What is no longer watched closes its issue.
    told(&["checks", "forget", "db1/disk"]);
    eventually("the issue is closed", || gitea.open() == 0);
    eventually("it says why", || {
        gitea.comments(1).iter().any(|comment| comment.contains("a person removed it"))
    });
}

#[test]
fn commands_take_their_token_from_a_file_and_say_when_it_is_wrong() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let files = token_settings(data.path());
    let settings: Vec<_> = files.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let served = Teawatch::start(data.path(), &gitea, &settings);
    served.report(&passing("db1/disk"));
    let set = |name: &str| format!("api.{name}_token_file={}", data.path().join(name).display());
    let (read, write) = (set("read"), set("write"));
    for token in [&read, &write] {
        assert!(served.cli(&["checks", "--set", token]).status.success());
    }
    assert!(served.cli(&["checks", "forget", "db1/disk", "--set", &write]).status.success());
    for (call, token) in
        [(["checks", "forget", "db1/agent"].as_slice(), Some(&read)), (&["checks"], None)]
    {
        let flags = token.map_or(vec![], |token| vec!["--set", token.as_str()]);
        let output = served.cli(&[call, &flags].concat());
        assert_eq!(output.status.code(), Some(1), "{call:?}");
        let said = text(&output.stderr);
        assert!(said.contains("token") && said.contains("`api.write_token_file`"), "{said}");
        assert!(!said.contains("teawatch-source"), "{said}");
        assert!(!said.contains(READ_TOKEN) && !said.contains(WRITE_TOKEN), "{said}");
    }
}

/// What `teawatch secret agent` prints, or its complaint.
fn printed_secret(source: &str, settings: &[&str]) -> Result<Secret, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().env("TEAWATCH_MASTER_SECRET", MASTER).args(["secret", "agent", source]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.stdin(Stdio::null()).current_dir(std::env::temp_dir()).output_in_time();
    if output.status.success() {
        let printed = text(&output.stdout).strip_suffix('\n').unwrap();
        assert_eq!(printed.trim(), printed);
        Ok(Secret::parse(printed).unwrap())
    } else {
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
        Err(text(&output.stderr).to_owned())
    }
}

/// What the server answers to a report that is signed with the secret, and to one that
/// comes with it as a token.
fn answers(served: &Teawatch, source: &str, secret: &Secret) -> [Answer; 2] {
    let body = || failing(&format!("{source}/disk")).body.to_string();
    let signed = Letter::signed(secret, source, 0, body());
    let bearer = Letter::bare(source, body());
    let bearer = bearer.with("authorization", &format!("Bearer {}", secret.expose()));
    [signed, bearer].map(|letter| letter.send(served))
}

#[test]
fn the_secret_that_is_printed_for_a_source_proves_its_reports_and_no_other_does() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let second = "agents.generation=db1=2";
    let settings = [("agents.generation", "db1=2")];
    let served = Teawatch::start(data.path(), &gitea, &settings);
    let secret = printed_secret("db1", &[second]).unwrap();
    for answer in answers(&served, "db1", &secret) {
        assert_eq!((answer.status, &answer.body["duplicate"]), (200, &false.into()), "{answer:?}");
    }
    let other = printed_secret("db2", &[second]).unwrap();
    for answer in answers(&served, "db2", &other) {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // Of the generation before, of one to come, and of another source.
    let first = printed_secret("db1", &[]).unwrap();
    let third = printed_secret("db1", &["agents.generation=db1=3"]).unwrap();
    for (secret, code) in [(&first, "generation"), (&third, "unproven"), (&other, "unproven")] {
        for answer in answers(&served, "db1", secret) {
            assert_eq!(answer.error(), (401, code));
        }
    }
}

#[test]
fn a_secret_is_printed_for_every_source_that_the_server_would_hear_and_for_no_other() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let served = Teawatch::start(data.path(), &gitea, &[("limits.source_bytes", "120")]);
    let long = ["limits.source_bytes=120"];
    let (longest, too_long) = ("a".repeat(120), "a".repeat(121));
    let secret = printed_secret(&longest, &long).unwrap();
    for answer in answers(&served, &longest, &secret) {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for (source, settings, most) in [
        (too_long.as_str(), long.as_slice(), 120),
        (&longest, &[], 100),
        ("db10", &["limits.source_bytes=3"], 3),
    ] {
        let complaint = printed_secret(source, settings).unwrap_err();
        let expected = format!("the name of the source must be 1 to {most} characters");
        assert!(complaint.contains(&expected), "{complaint}");
    }
    let strange = answers(&served, &too_long, &secret);
    assert!(strange.iter().all(|answer| answer.error() == (401, "unproven")), "{strange:?}");
}

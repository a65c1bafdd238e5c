//! The agent's file, its flags, and wrong calls.

use super::{Host, text};
use crate::support::InTime as _;

#[test]
fn r23_what_is_not_said_has_its_default() {
    let settings = teawatch::agent::Settings::default();
    assert_eq!(settings.every.as_secs(), 300);
    assert_eq!((settings.spool_bytes, settings.spool_age.as_hours()), (64 << 20, 7 * 24));
    assert_eq!(settings.data_dir.to_str(), Some("/var/lib/teawatch-agent"));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_is_a_wrong_call() {
    for (settings, said) in [
        ("[[tcp]]\nname = \"a\"\nadress = \"x\"\n", "unknown field `adress`, expected one of"),
        ("[[ping]]\nname = \"a\"\n", "unknown field `ping`"),
        ("every = \"0s\"\n", "expected a duration of more than zero"),
        ("every = \"soon\"\n", "line 3, column 9: expected a duration"),
        (
            "[[process]]\nname = \"a\"\npattern = \"(\"\n",
            "line 5, column 11: found open group without closing",
        ),
        ("[[tcp]]\naddress = \"x\"\n", "missing field `name`"),
        ("[[file]]\nname = \"agent\"\npath = \"/\"\n", "stands for the source itself"),
        (
            "[[file]]\nname = \"a\"\npath = \"/\"\n[[disk]]\nname = \"a\"\npath = \"/\"\n",
            "two checks are called `a`",
        ),
        ("", "nothing to look at"),
        ("every = \"367d\"\n", "after 366 days at the most"),
        ("every = \"1us\"\n", "after one millisecond at the least"),
        ("source = \"b\"\n", "duplicate key"),
        ("ping_url = \"https://:never-print-this\"\n", "line 3, column 12: `ping_url`: "),
    ] {
        let output = Host::new(settings).run(&["agent", "--dry-run"]);
        assert_eq!(output.status.code(), Some(2), "{settings}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(said), "{settings}\n{error}");
        assert!(!error.contains("never-print-this"), "{error}");
    }
    let output = Host::new("[[tcp]]\nname = \"a\"\nadress = \"x\"\n").run(&["agent", "--dry-run"]);
    // Two lines of the host's own come before.
    assert!(text(&output.stderr).contains("line 5, column 1"), "{output:?}");
}

#[test]
fn without_a_server_or_a_secret_only_a_dry_run_looks() {
    let host = Host::new("[[disk]]\nname = \"d\"\npath = \"/\"\n");
    let output = host.run(&["agent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no `server` is set"), "{output:?}");
    let mut command = host.command(&["agent", "--server", "http://127.0.0.1:9/"]);
    let output = command.env_remove("TEAWATCH_AGENT_SECRET").output_in_time();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no secret is set"), "{output:?}");
    let mut command = host.command(&["agent", "--server", "http://127.0.0.1:9/"]);
    let output = command.env("TEAWATCH_AGENT_SECRET", "a\u{1}b").output_in_time();
    assert!(text(&output.stderr).contains("control characters"), "{output:?}");
    assert!(!text(&output.stderr).contains("a\u{1}b"), "{output:?}");
}

#[test]
fn o3_a_wrong_call_exits_with_2_and_looks_at_nothing() {
    let host = Host::new("[[command]]\nname = \"c\"\ncommand = [\"touch\", \"ran\"]\n");
    for (call, said) in [
        (&["agent", "--interval", "5s"][..], "--watch"),
        (&["agent", "--watch", "--every", "5m"], "cannot be used with"),
        (&["agent", "--quiet", "--json", "--dry-run"], "cannot be used with"),
        (&["agent", "--panel", "--watch"], "cannot be used with"),
        (&["agent", "--panel", "--quiet"], "cannot be used with"),
        (&["agent", "--panel", "--text", "--json"], "cannot be used with"),
        (&["agent", "--text"], "--panel"),
        (&["agent", "--dry-run", "--every", "367d"], "after 366 days at the most"),
        (&["agent", "--dry-run", "--every", "0s"], "more than zero"),
        (&["agent", "--dry-run", "--watch", "--interval", "367d"], "after 366 days at the most"),
        (&["agent", "--dry-run", "--source", "web 1"], "name this host with `source`"),
        (&["agent", "--dry-run", "--source", ""], "name this host with `source`"),
        (&["agent", "--dry-run", "--source", "teawatch"], "which has teawatch's own checks: name"),
        (&["agent", "--dry-run", "--config", "nowhere.toml"], "cannot read nowhere.toml"),
        (&["agent", "--panel", "--config", "nowhere.toml"], "cannot read nowhere.toml"),
        (&["agent", "--sing"], "unexpected argument"),
    ] {
        let output = host.run(call);
        assert_eq!(output.status.code(), Some(2), "{call:?}: {output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(said), "{call:?}\n{error}");
        assert!(output.stdout.is_empty(), "{call:?}: {output:?}");
    }
    assert!(!host.path("ran").exists());
    let output = host.run(&["agent", "--quiet", "--dry-run", "--every", "366d"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = host.run(&["agent", "--dry-run", "--source", "web_1.a-b"]);
    assert!(text(&output.stdout).contains("## web\\_1.a-b"), "{output:?}");
}

#[test]
fn o3_what_failed_outweighs_what_is_unknown() {
    let command = |name: &str, code: u8| {
        format!("[[command]]\nname = \"{name}\"\ncommand = [\"sh\", \"-c\", \"exit {code}\"]\n")
    };
    let (well, failing, unknown) = (command("w", 0), command("f", 2), command("u", 3));
    for (settings, code) in [
        (well.clone(), 0),
        (well.clone() + &failing, 1),
        (well.clone() + &unknown, 2),
        (unknown + &failing + &well, 1),
    ] {
        let host = Host::new(&settings);
        for how in [&["--dry-run"][..], &["--dry-run", "--json"], &["--dry-run", "--quiet"]] {
            let output = host.run(&[&["agent"], how].concat());
            assert_eq!(output.status.code(), Some(code), "{settings}{how:?}: {output:?}");
        }
        // What cannot be sent changes none of it.
        let output = host.run(&["agent", "--quiet", "--server", "http://127.0.0.1:9/"]);
        assert_eq!(output.status.code(), Some(code), "{settings}: {output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_read_has_no_panel_and_nobody_can_tell() {
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"file\"\n");
    host.write("file", "");
    let output = host.run(&["agent", "--panel"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("a folder cannot be read"), "{output:?}");
}

#[test]
fn a_panel_of_which_nobody_can_tell_says_so_and_quiet_is_quiet_in_a_dry_run() {
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\n");
    std::fs::create_dir(host.path("beats")).unwrap();
    std::os::unix::fs::symlink("loop.last", host.path("beats/loop.last")).unwrap();
    let output = host.run(&["agent", "--panel"]);
    assert!(text(&output.stdout).contains("| unreadable |"), "{output:?}");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = host.run(&["agent", "--dry-run", "--quiet"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{output:?}");
}

#[test]
fn more_checks_than_a_report_may_hold_are_refused_at_once() {
    let checks = |count: usize| {
        let check = |n| format!("[[file]]\nname = \"f{n}\"\npath = \"/\"\n");
        (0..count).map(check).collect::<String>()
    };
    let output = Host::new(&checks(1_001)).run(&["agent", "--dry-run"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = text(&output.stderr);
    assert!(error.contains("1001 checks are too many: at most 1000 fit in a report"), "{error}");
    let (code, said) = Host::new(&checks(1_000)).look();
    assert_eq!((code, said["checks"].as_array().unwrap().len()), (0, 1_000));
}

#[test]
fn r16_one_cycle_is_shown_as_text_markdown_and_json() {
    let host = Host::new(
        "[[file]]\nname = \"a|b\"\npath = \"missing\"\n\
         [[command]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"echo one; echo '```'; exit 2\"]\n",
    );
    let markdown = text(&host.run(&["agent", "--dry-run"]).stdout);
    assert!(markdown.contains("| a\\|b | **failing** | missing does not exist |"), "{markdown}");
    assert!(markdown.contains("\n````text\n```\n````\n"), "{markdown}");
    let (_, json) = host.look();
    assert_eq!((&json["version"], &json["healthy"]), (&1.into(), &false.into()));
    assert_eq!(json["checks"].as_array().unwrap().len(), 2);
}

#[test]
fn u1_the_json_of_a_cycle_is_as_its_published_schema_says() {
    let schema = include_str!("../../../fixtures/agent/cycle.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let host = Host::new(
        "[[file]]\nname = \"gone\"\npath = \"missing\"\n\
         [[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\n\
         [[command]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"echo a; echo b; exit 3\"]\n",
    );
    let (_, said) = host.look();
    let errors: Vec<_> = schema.iter_errors(&said).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{said:#}");
    // The schema is no open door.
    for broken in ["source", "started_at", "healthy", "checks"] {
        let mut said = said.clone();
        said[broken] = serde_json::Value::Null;
        assert!(!schema.is_valid(&said), "{broken}");
    }
}

#[test]
fn the_example_holds_every_kind_of_check_and_is_read() {
    let host = Host::new("");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agent/example.toml");
    let output = host.run(&["agent", "--dry-run", "--json", "--config", example]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["checks"].as_array().unwrap().len(), 10, "{said:#}");
    // What is commented out is read as well.
    let text = std::fs::read_to_string(example).unwrap();
    let is_setting = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| rest.contains(" = ") && !rest.starts_with(' '))
            .map(str::to_owned)
    };
    let all: Vec<_> =
        text.lines().map(|line| is_setting(line).unwrap_or_else(|| line.to_owned())).collect();
    let path = host.write("all.toml", &all.join("\n"));
    let settings = teawatch::agent::Settings::read(&path).unwrap();
    assert_eq!(settings.watches().unwrap().len(), 10);
}

#[test]
fn what_the_example_shows_as_a_default_is_the_default() {
    let example = include_str!("../../../fixtures/agent/example.toml");
    let shown = |key: &str| {
        let line = example.lines().find_map(|line| line.strip_prefix(&format!("#{key} = ")));
        let line = line.unwrap_or_else(|| panic!("{key} is not in the example"));
        format!("{key} = {line}\n")
    };
    let host = Host::new("");
    let read = |text: &str| {
        let settings = teawatch::agent::Settings::read(&host.write("some.toml", text)).unwrap();
        format!("{settings:?}")
    };
    for key in ["every", "data_dir", "spool_bytes", "spool_age"] {
        assert_eq!(read(&shown(key)), read(""), "{key}");
    }
    // What stands there as an example changes something.
    for key in ["ca_file", "pause_file", "ping_url"] {
        assert_ne!(read(&shown(key)), read(""), "{key}");
    }
    // Keys of checks, by the table that holds them.
    for table in example.split("\n[[").skip(1) {
        let table = format!("[[{table}");
        let needed: Vec<_> = table.lines().filter(|line| !line.starts_with('#')).collect();
        let alone = read(&needed.join("\n"));
        for line in table.lines().filter_map(|line| line.strip_prefix('#')) {
            let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) else {
                continue;
            };
            let with = read(&(needed.join("\n") + "\n" + line));
            let is_example = EXAMPLES.contains(&key);
            assert_eq!(with != alone, is_example, "{line}\n{alone}\n{with}");
        }
    }
}

/// Keys of checks that have no default, or one that no value says.
const EXAMPLES: [&str; 9] = [
    "command",
    "contains",
    "max_latency",
    "server_name",
    "min_bytes",
    "max_bytes",
    "jobs",
    "status",
    "max_age",
];

#[test]
fn what_runs_the_agent_is_printed_for_systemd_and_for_cron() {
    let host = Host::new("");
    let units = text(&host.run(&["agent", "install", "--print"]).stdout);
    for line in ["DynamicUser=yes", "SuccessExitStatus=1\n", "OnUnitActiveSec=5min"] {
        assert!(units.contains(line), "{units}");
    }
    let cron = text(&host.run(&["agent", "install", "--print", "--cron"]).stdout);
    assert!(cron.contains("*/5 * * * * root ") && cron.contains(" agent --quiet --every 5m"));
    assert_eq!(host.run(&["agent", "install"]).status.code(), Some(2));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let odd = folder.path().join("100% sure");
    std::fs::hard_link(env!("CARGO_BIN_EXE_teawatch"), &odd).unwrap();
    let mut command = std::process::Command::new(&odd);
    let output = command.args(["agent", "install", "--print"]).output_in_time();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    assert!(text(&output.stderr).contains("/usr/local/bin"), "{output:?}");
}

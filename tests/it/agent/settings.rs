//! The agent's file, its flags, and wrong calls.

use super::{Host, text};

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
        ("every = \"soon\"\n", "every = \"soon\""),
        ("[[process]]\nname = \"a\"\npattern = \"(\"\n", "pattern = \"(\""),
        ("[[tcp]]\naddress = \"x\"\n", "missing field `name`"),
        ("[[file]]\nname = \"agent\"\npath = \"/\"\n", "stands for the source itself"),
        (
            "[[file]]\nname = \"a\"\npath = \"/\"\n[[disk]]\nname = \"a\"\npath = \"/\"\n",
            "two checks are called `a`",
        ),
        ("", "nothing to look at"),
    ] {
        let output = Host::new(settings).run(&["agent", "--dry-run"]);
        assert_eq!(output.status.code(), Some(2), "{settings}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(said), "{settings}\n{error}");
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
    let output = command.env_remove("TEAWATCH_AGENT_SECRET").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no secret is set"), "{output:?}");
    let mut command = host.command(&["agent", "--server", "http://127.0.0.1:9/"]);
    let output = command.env("TEAWATCH_AGENT_SECRET", "a\u{1}b").output().unwrap();
    assert!(text(&output.stderr).contains("control characters"), "{output:?}");
    assert!(!text(&output.stderr).contains("a\u{1}b"), "{output:?}");
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
fn enrolling_prints_a_secret_and_a_configuration_that_works() {
    let host = Host::new("");
    let mut command = host.command(&["agent", "enroll", "web1"]);
    command.env("TEAWATCH_MASTER_SECRET", crate::support::MASTER);
    let output = command.env_remove("TEAWATCH_AGENT_SECRET").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = text(&output.stdout);
    let secret = crate::support::Teawatch::secret("web1");
    assert!(printed.contains(secret.expose()), "{printed}");
    std::fs::write(host.path("teawatch-agent.toml"), &printed).unwrap();
    let output = host.run(&["agent", "--dry-run"]);
    assert!(text(&output.stdout).contains("## web1"), "{output:?}");
}

#[test]
fn what_runs_the_agent_is_printed_for_systemd_and_for_cron() {
    let host = Host::new("");
    let units = text(&host.run(&["agent", "install", "--print"]).stdout);
    for line in ["DynamicUser=yes", "SuccessExitStatus=1 2", "OnUnitActiveSec=5min"] {
        assert!(units.contains(line), "{units}");
    }
    let cron = text(&host.run(&["agent", "install", "--print", "--cron"]).stdout);
    assert!(cron.contains("*/5 * * * * root ") && cron.contains(" agent --quiet --every 5m"));
    assert_eq!(host.run(&["agent", "install"]).status.code(), Some(2));
}

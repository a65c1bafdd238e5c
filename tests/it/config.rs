//! The configuration, through the real binary and through what the server reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::InTime as _;
use serde_json::{Value, json};
use teawatch::config::{
    Agents, CHECK, Caller, Config, EXPECT, Error, JOB, MAINTENANCE, ROUTE, SETTINGS, Setting,
    Sources,
};
use teawatch::engine::{CHECKS_MAX, WINDOWS_MAX};
use teawatch::store::{KEY_BYTES, Key};
use tempfile::TempDir;

/// What no default can give.
const NEEDED: &[(&str, &str)] = &[
    ("TEAWATCH_SALT", "the-salt-of-these-tests"),
    ("TEAWATCH_GITEA_TOKEN", "the-token-of-these-tests"),
    ("TEAWATCH_MASTER_SECRET", "the-master-secret-of-these-tests-"),
    ("TEAWATCH_GITEA_URL", "https://gitea.test/"),
    ("TEAWATCH_GITEA_REPOSITORY", "ops/alerts"),
];

/// A working directory of its own, and an environment of its own.
struct World {
    dir: TempDir,
    environment: BTreeMap<OsString, OsString>,
}

impl World {
    fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), environment: BTreeMap::new() }
    }

    /// With everything that is needed, from the environment.
    fn complete() -> Self {
        NEEDED.iter().fold(Self::empty(), |world, (name, value)| world.with(name, value))
    }

    fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.into(), value.as_ref().to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.environment.remove(OsStr::new(name)).unwrap();
        self
    }

    fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.dir.path().join(name), text).unwrap();
        self
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_in(self.dir.path(), args)
    }

    fn run_in(&self, dir: &Path, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_teawatch"))
            .args(args)
            .current_dir(dir)
            .env_clear()
            .envs(&self.environment)
            .output_in_time()
    }

    /// `config show --json` with these flags.
    fn shown(&self, flags: &[String]) -> Value {
        let flags = flags.iter().map(String::as_str);
        let args: Vec<_> = ["config", "show", "--json"].into_iter().chain(flags).collect();
        let output = self.run(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What `config check` complains of, without the words that every complaint begins with.
    fn complaints(&self, args: &[&str]) -> String {
        self.complaints_in(self.dir.path(), args)
    }

    fn complaints_in(&self, dir: &Path, args: &[&str]) -> String {
        let args: Vec<_> = ["config", "check"].into_iter().chain(args.iter().copied()).collect();
        let output = self.run_in(dir, &args);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        assert_eq!(text(&output.stdout), "");
        let stderr = text(&output.stderr);
        stderr.trim_start_matches("teawatch: the configuration is wrong\n").to_owned()
    }

    /// As the server would read it.
    fn sources(&self) -> Sources {
        let environment = self.environment.iter();
        let environment =
            environment.map(|(name, value)| (name.to_str().unwrap().to_owned(), value.clone()));
        Sources { environment: environment.collect(), ..Sources::default() }
    }

    fn loaded(&self) -> Config {
        Config::load(&self.sources()).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A setting, its default as it is shown, another value as it is written in the
/// environment, and that value as it is shown and as the file has it.
type Case = (&'static str, Value, &'static str, Value);

/// Every setting that is no secret. The other values go together.
fn cases() -> Vec<Case> {
    let mi = 1024 * 1024;
    vec![
        ("data_dir", json!("teawatch-data"), "/var/lib/teawatch", json!("/var/lib/teawatch")),
        ("listen", json!("127.0.0.1:8710"), "[::1]:9000", json!("[::1]:9000")),
        ("public_url", Value::Null, "https://tea.test/w/", json!("https://tea.test/w/")),
        ("public_page", json!(false), "true", json!(true)),
        ("log.level", json!("info"), "warn,teawatch=debug", json!("warn,teawatch=debug")),
        ("log.format", json!("text"), "json", json!("json")),
        ("gitea.url", Value::Null, "http://git.test:3000/", json!("http://git.test:3000/")),
        ("gitea.repository", Value::Null, "other/place", json!("other/place")),
        ("gitea.ca_file", Value::Null, "ca.pem", json!("ca.pem")),
        ("gitea.timeout", json!("20s"), "10s", json!("10s")),
        ("gitea.connect_timeout", json!("5s"), "2s", json!("2s")),
        ("gitea.settle_wait", json!("1m"), "45s", json!("45s")),
        ("gitea.rate", json!(5.0), "2.5", json!(2.5)),
        ("gitea.burst", json!(10), "20", json!(20)),
        ("gitea.in_flight", json!(2), "4", json!(4)),
        ("gitea.retry_first", json!("1s"), "250ms", json!("250ms")),
        ("gitea.retry_max", json!("5m"), "3m", json!("3m")),
        ("gitea.retry_after_max", json!("1h"), "30m", json!("30m")),
        ("gitea.jitter", json!(20), "0", json!(0)),
        ("gitea.probe_first", json!("1m"), "30s", json!("30s")),
        ("gitea.probe_max", json!("15m"), "9m", json!("9m")),
        ("gitea.park_retry", json!("6h"), "5h", json!("5h")),
        ("gitea.edit_quiet", json!("1m"), "45s", json!("45s")),
        ("agents.auto", json!(true), "false", json!(false)),
        ("agents.allow", json!([]), "web1, db1", json!(["web1", "db1"])),
        ("agents.deny", json!([]), "old1", json!(["old1"])),
        ("agents.generation", json!({}), "web1=2, db1=3", json!({"web1": 2, "db1": 3})),
        ("agents.window", json!("5m"), "4m", json!("4m")),
        ("alerts.fail_after", json!(1), "3", json!(3)),
        ("alerts.fail_for", json!("0s"), "90s", json!("1m 30s")),
        ("alerts.recover_after", json!(1), "2", json!(2)),
        ("alerts.stale_factor", json!(2.0), "1.5", json!(1.5)),
        ("alerts.unknown_after", json!("1h"), "2h", json!("2h")),
        ("alerts.flapping.window", json!(21), "11", json!(11)),
        ("alerts.flapping.on", json!(50), "60", json!(60)),
        ("alerts.flapping.off", json!(25), "40", json!(40)),
        ("alerts.open_after", json!("0s"), "11s", json!("11s")),
        ("alerts.close_after", json!("0s"), "12s", json!("12s")),
        ("alerts.reopen_window", json!("1h"), "13m", json!("13m")),
        ("alerts.comment_interval", json!("10m"), "14m", json!("14m")),
        (
            "alerts.reminders",
            json!(["1h", "2h", "4h", "8h", "16h", "24h"]),
            "15m, 16m",
            json!(["15m", "16m"]),
        ),
        ("alerts.mute_max", json!("168h"), "17h", json!("17h")),
        ("alerts.on_manual_close", json!("respect"), "reopen", json!("reopen")),
        ("alerts.mute_labels", json!(["wontfix"]), "quiet, later", json!(["quiet", "later"])),
        ("alerts.group_by", json!("check"), "named=all of it", json!({"named": "all of it"})),
        ("alerts.labels", json!(["watchdog"]), "bot,alert", json!(["bot", "alert"])),
        ("alerts.assignees", json!([]), "ann", json!(["ann"])),
        ("alerts.title_prefix", json!("[watchdog]"), "[tea]", json!("[tea]")),
        ("alerts.intro", json!(""), "call Ann\nor Ben", json!("call Ann\nor Ben")),
        ("reconcile.every", json!("5m"), "80s", json!("1m 20s")),
        ("reconcile.look_every", json!("6h"), "90s", json!("1m 30s")),
        ("commands.allow", json!([]), "cat, dan", json!(["cat", "dan"])),
        ("storm.max_new_issues", json!(20), "5", json!(5)),
        ("storm.max_open_issues", json!(200), "50", json!(50)),
        ("night.begin", json!("22:00"), "21:30", json!("21:30")),
        ("night.end", json!("06:00"), "05:45", json!("05:45")),
        ("night.zone", json!("UTC"), "Europe/Berlin", json!("Europe/Berlin")),
        ("limits.report_bytes", json!(mi), "2048", json!(2048)),
        ("limits.report_observations", json!(1000), "10", json!(10)),
        ("limits.body_timeout", json!("30s"), "6s", json!("6s")),
        ("limits.unproven_bytes", json!(64 * mi), "4096", json!(4096)),
        ("limits.check_name_bytes", json!(200), "60", json!(60)),
        ("limits.source_bytes", json!(100), "30", json!(30)),
        ("limits.queue_commands", json!(8192), "101", json!(101)),
        ("limits.queue_bytes", json!(64 * mi), "4096", json!(4096)),
        ("limits.round_commands", json!(256), "102", json!(102)),
        ("limits.round_observations", json!(4096), "103", json!(103)),
        ("limits.store_cache_bytes", json!(64 * mi), "2097152", json!(2 * mi)),
        ("limits.free_bytes", json!(256 * mi), "1024", json!(1024)),
        ("kept.history", json!("2160h"), "3d", json!("72h")),
        ("kept.episodes", json!("8760h"), "4d", json!("96h")),
        ("kept.deliveries", json!("168h"), "5d", json!("120h")),
        ("deadman.every", json!("5m"), "70s", json!("1m 10s")),
        ("fallback.kind", json!("generic"), "ntfy", json!("ntfy")),
        ("fallback.after", json!("10m"), "100s", json!("1m 40s")),
        ("fallback.every", json!("24h"), "110s", json!("1m 50s")),
        ("webhooks.look_every", json!("2s"), "70ms", json!("70ms")),
        ("webhooks.kept", json!(1_000), "10", json!(10)),
        ("alertmanager.issue_per", json!("group"), "alert", json!("alert")),
        ("alertmanager.repeat_interval", json!("4h"), "71s", json!("1m 11s")),
        ("alertmanager.watchdogs", json!(["Watchdog"]), "A,B", json!(["A", "B"])),
        ("alertmanager.watchdog_interval", json!("4h"), "72s", json!("1m 12s")),
        ("limits.alertmanager_bytes", json!(4_194_304), "3073", json!(3_073)),
        ("limits.webhook_bytes", json!(8_388_608), "3072", json!(3_072)),
        ("token_probe.every", json!("3h"), "130s", json!("2m 10s")),
        ("scheduler.provider", json!(""), "webhook", json!("webhook")),
        ("scheduler.every", json!("1m"), "73s", json!("1m 13s")),
        ("scheduler.backstop", json!("10m"), "74s", json!("1m 14s")),
        ("scheduler.parallel", json!(4), "7", json!(7)),
        ("scheduler.arming_url", Value::Null, "https://arm.test/x/", json!("https://arm.test/x/")),
        ("fire.callers", json!([]), "cron1,cron2", json!(["cron1", "cron2"])),
        ("absence.mark", json!("5s"), "20ms", json!("20ms")),
        ("absence.gap", json!("10s"), "40ms", json!("40ms")),
    ]
}

fn variable(key: &str) -> String {
    SETTINGS.iter().find(|setting| setting.key == key).unwrap().variable()
}

fn secret_settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.secret_variable().is_some())
}

/// A line of a file, with the whole key.
fn file_line(key: &str, value: &Value) -> String {
    format!("{key} = {}\n", toml::Value::try_from(value).unwrap())
}

#[test]
fn every_setting_is_either_a_secret_or_among_the_cases() {
    let mut cases: Vec<_> = cases().into_iter().map(|(key, ..)| key).collect();
    cases.extend(secret_settings().map(|setting| setting.key));
    let mut known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    cases.sort_unstable();
    known.sort_unstable();
    assert_eq!(cases, known);
}

#[test]
fn r152_every_setting_has_its_default() {
    let world = World::complete();
    let shown = world.shown(&[]);
    for (key, default, ..) in cases() {
        // These two have none; they come from the environment of this test.
        if !matches!(key, "gitea.url" | "gitea.repository") {
            assert_eq!(shown["settings"][key]["value"], default, "{key}");
            assert_eq!(shown["settings"][key]["origin"], "default", "{key}");
        }
    }
    assert_eq!(shown["file"], Value::Null);
}

#[test]
fn r152_the_file_overrides_every_default() {
    let lines: String = cases().iter().map(|(key, _, _, value)| file_line(key, value)).collect();
    let world = World::complete()
        .without("TEAWATCH_GITEA_URL")
        .without("TEAWATCH_GITEA_REPOSITORY")
        .file("ca.pem", "PEM")
        .file("teawatch.toml", lines);
    let shown = world.shown(&[]);
    let mut line = 1;
    for (key, _, _, value) in cases() {
        let setting = &shown["settings"][key];
        let place = format!("teawatch.toml:{line}:{}", key.len() + 4);
        assert_eq!(setting["place"], place, "{key}");
        line += file_line(key, &value).lines().count();
        assert_eq!((&setting["value"], &setting["origin"]), (&value, &json!("file")), "{key}");
    }
}

#[test]
fn r152_the_environment_overrides_every_default() {
    let world = World::complete().file("ca.pem", "PEM");
    let world =
        cases().iter().fold(world, |world, (key, _, text, _)| world.with(&variable(key), text));
    let shown = world.shown(&[]);
    for (key, _, _, value) in cases() {
        let setting = &shown["settings"][key];
        let expected = (&value, &json!("environment"), &json!(variable(key)));
        assert_eq!((&setting["value"], &setting["origin"], &setting["place"]), expected, "{key}");
    }
}

#[test]
fn r152_set_overrides_every_default() {
    let world = World::complete().file("ca.pem", "PEM");
    let flags: Vec<_> = cases()
        .iter()
        .flat_map(|(key, _, text, _)| ["--set".to_owned(), format!("{key}={text}")])
        .collect();
    let shown = world.shown(&flags);
    for (key, _, _, value) in cases() {
        let setting = &shown["settings"][key];
        let expected = (&value, &json!("flag"), &json!(format!("--set {key}")));
        assert_eq!((&setting["value"], &setting["origin"], &setting["place"]), expected, "{key}");
    }
}

#[test]
fn every_flag_of_its_own_sets_its_setting() {
    for (flag, key, value) in [
        ("--data-dir", "data_dir", "elsewhere"),
        ("--listen", "listen", "127.0.0.1:1"),
        ("--public-url", "public_url", "https://tea.test/"),
        ("--gitea-url", "gitea.url", "https://other.test/"),
        ("--repository", "gitea.repository", "an/other"),
        ("--log-level", "log.level", "debug"),
        ("--log-format", "log.format", "json"),
    ] {
        let shown = World::complete().shown(&[flag.to_owned(), value.to_owned()]);
        let expected = json!({"value": value, "origin": "flag", "place": flag});
        assert_eq!(shown["settings"][key], expected);
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let origin = |world: &World, flags: &[String]| {
        let setting = &world.shown(flags)["settings"]["alerts.open_after"];
        format!("{} from {}", setting["value"], setting["place"])
    };
    let world = World::complete();
    assert_eq!(origin(&world, &[]), r#""0s" from "default""#);
    let world = world.file("teawatch.toml", "[alerts]\nopen_after = \"1s\"\n");
    assert_eq!(origin(&world, &[]), r#""1s" from "teawatch.toml:2:14""#);
    let world = world.with("TEAWATCH_ALERTS_OPEN_AFTER", "2s");
    assert_eq!(origin(&world, &[]), r#""2s" from "TEAWATCH_ALERTS_OPEN_AFTER""#);
    let flags = ["--set=alerts.open_after=8s", "--set=alerts.open_after=3s"].map(str::to_owned);
    assert_eq!(origin(&world, &flags), r#""3s" from "--set alerts.open_after""#);
}

#[test]
fn the_file_is_the_flags_or_the_environments_or_found_here() {
    let file = |name: &str| format!("data_dir = \"{name}\"\n");
    let world = World::complete();
    assert_eq!(world.shown(&[])["file"], Value::Null);
    let world = ["teawatch.toml", "second.toml", "third.toml"]
        .into_iter()
        .fold(world, |world, name| world.file(name, file(name)));
    assert_eq!(world.shown(&[])["settings"]["data_dir"]["value"], "teawatch.toml");
    let world = world.with("TEAWATCH_CONFIG", "second.toml");
    assert_eq!(world.shown(&[])["settings"]["data_dir"]["value"], "second.toml");
    let flags = ["--config", "third.toml"].map(str::to_owned);
    assert_eq!(world.shown(&flags)["settings"]["data_dir"]["value"], "third.toml");

    let output = world.run(&["config", "check", "--config", "third.toml"]);
    assert_eq!(text(&output.stdout), "configuration is fine: third.toml\n");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    assert_eq!(
        World::complete().complaints(&["--config", "none.toml"]),
        "teawatch: the configuration file `none.toml` (named by --config) cannot be read: \
         No such file or directory (os error 2)\n"
    );
    assert_eq!(
        World::complete().with("TEAWATCH_CONFIG", "none.toml").complaints(&[]),
        "teawatch: the configuration file `none.toml` (named by TEAWATCH_CONFIG) cannot be read: \
         No such file or directory (os error 2)\n"
    );
}

#[test]
fn paths_in_a_file_count_from_that_file() {
    let world = World::complete().without("TEAWATCH_SALT");
    fs::create_dir(world.dir.path().join("etc")).unwrap();
    let world = world
        .file("etc/salt", "a-salt-that-is-long-enough")
        .file("etc/my.toml", "salt_file = \"salt\"\ndata_dir = \"data\"\n");
    let shown = world.shown(&["--config=etc/my.toml".to_owned()]);
    assert_eq!(shown["secrets"]["salt"], "etc/salt");

    let sources = Sources { file: Some(world.dir.path().join("etc/my.toml")), ..world.sources() };
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.data_dir, world.dir.path().join("etc/data"));
    assert_eq!(World::complete().loaded().data_dir, Path::new("teawatch-data"));
}

#[test]
fn a_fine_configuration_says_so() {
    let output = World::complete().run(&["config", "check"]);
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        "configuration is fine: no file, flags and environment only\n"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_is_needed_is_asked_for_all_at_once() {
    assert_eq!(World::empty().complaints(&[]), NEEDED_TEXT);
}

#[test]
fn show_tells_what_is_in_effect_even_if_something_is_missing() {
    let output = World::empty().run(&["config", "show", "--listen", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("listen = \"127.0.0.1:1\"  # --listen\n"));
    assert!(text(&output.stderr).ends_with(NEEDED_TEXT));
}

#[test]
fn what_show_prints_is_a_file_with_the_same_effect() {
    let lines: String = cases()
        .iter()
        .filter(|(key, ..)| !key.starts_with("gitea."))
        .map(|(key, _, _, value)| file_line(key, value))
        .collect();
    let blocks = "[[route]]\nmatch.labels = { team = \"db*\" }\nrepository = \"ops/db\"\n\
                  [[expect]]\nsource = \"db1\"\nname = \"backup\"\ninterval = \"1d\"\n\
                  [[check]]\nsource = \"web1\"\nname = \"copy\"\ncron = \"0 2 * * *\"\n\
                  labels = { team = \"db\" }\nfailure_words = [\"a, b\"]\n\
                  [[maintenance]]\nmatch.name = \"b*\"\nstart = 2026-12-01T22:00:00\n\
                  zone = \"Europe/Berlin\"\nduration = \"1d\"\nreason = \"new disks\"\n\
                  [[job]]\nname = \"night\"\ndo = \"backup\"\nschedule = \"0 3 * * *\"\nkeep = 3\n";
    let world = World::complete().file("teawatch.toml", lines + blocks);
    let first = world.shown(&[]);
    let output = world.run(&["config", "show"]);
    let world = world.file("again.toml", &output.stdout);
    let second = world.shown(&["--config=again.toml".to_owned()]);
    for part in ["routes", "expect", "checks", "maintenance", "jobs", "secrets"] {
        assert_eq!(first[part], second[part], "{part}");
    }
    for (key, ..) in cases() {
        assert_eq!(first["settings"][key]["value"], second["settings"][key]["value"], "{key}");
    }
    assert_eq!(first["routes"], json!([{"match.labels": {"team": "db*"}, "repository": "ops/db"}]));
    assert_eq!(first["expect"], json!([{"source": "db1", "name": "backup", "interval": "24h"}]));
    let checks = json!([{
        "source": "web1",
        "name": "copy",
        "cron": "0 2 * * *",
        "labels": {"team": "db"},
        "failure_words": ["a, b"],
    }]);
    assert_eq!(first["checks"], checks);
    let window = json!([{
        "match.name": "b*",
        "start": "2026-12-01T22:00:00",
        "zone": "Europe/Berlin",
        "duration": "24h",
        "reason": "new disks",
    }]);
    assert_eq!(first["maintenance"], window);
    let job = json!([{ "name": "night", "do": "backup", "schedule": "0 3 * * *", "keep": 3 }]);
    assert_eq!(first["jobs"], job);
}

/// The definition that these settings of a `[[check]]` make.
fn definition(settings: &str) -> Value {
    let file = format!("[[check]]\nsource = \"web1\"\nname = \"copy\"\n{settings}\n");
    let world = World::complete().file("teawatch.toml", file);
    let file = Some(world.dir.path().join("teawatch.toml"));
    let config = Config::load(&Sources { file, ..world.sources() }).unwrap();
    let (id, definition) = &config.engine.checks[0];
    assert_eq!(id.to_string(), "web1/copy");
    serde_json::to_value(definition).unwrap()
}

#[test]
fn each_setting_of_a_check_has_its_default_and_overrides_it() {
    let none = json!({ "schedule": { "grace": "PT0S" }, "is_configured": true });
    assert_eq!(definition(""), none);
    let due = "cron = \"0 2 * * *\"\n";
    let slots = |zone: &str| json!({ "at": { "expression": "0 2 * * *", "zone": zone } });
    assert_eq!(definition(due)["schedule"], json!({ "rhythm": slots("UTC"), "grace": "PT1H" }));
    let in_tokyo = definition(&format!("{due}zone = 'Asia/Tokyo'"));
    assert_eq!(in_tokyo["schedule"]["rhythm"], slots("Asia/Tokyo"));
    assert_eq!(definition(&format!("{due}grace = '5m'"))["schedule"]["grace"], "PT5M");
    let often = definition("interval = '90s'");
    assert_eq!(often["schedule"]["rhythm"], json!({ "every": "PT1M30S" }));
    let mut named = BTreeSet::from(["source", "name", "cron", "zone", "grace", "interval"]);
    for (key, value, place, expected) in [
        ("description", "'x'", "/description", json!("x")),
        ("start_grace", "'1m'", "/schedule/start_grace", json!("PT1M")),
        ("run_limit", "'1m'", "/schedule/run_limit", json!("PT1M")),
        ("run_least", "'1m'", "/schedule/run_least", json!("PT1M")),
        ("gap_least", "'1m'", "/schedule/gap_least", json!("PT1M")),
        ("early", "'1m'", "/schedule/early", json!("PT1M")),
        ("strict", "true", "/schedule/is_strict", json!(true)),
        ("labels", "{ team = 'db' }", "/labels", json!({ "team": "db" })),
        ("slug", "'nightly'", "/slug", json!("nightly")),
        ("generation", "4294967295", "/generation", json!(4_294_967_295_u64)),
        ("awaits_first", "true", "/awaits_first", json!(true)),
        ("manual_resume", "true", "/manual_resume", json!(true)),
        ("post_only", "true", "/post_only", json!(true)),
        ("failure_words", "['a']", "/keywords", json!({ "failure": ["a"] })),
        ("success_words", "['a']", "/keywords", json!({ "success": ["a"] })),
        ("start_words", "['a']", "/keywords", json!({ "start": ["a"] })),
        ("needs_word", "true", "/keywords", json!({ "or_failure": true })),
    ] {
        let mut found = definition(&format!("{key} = {value}"));
        assert_eq!(found.pointer(place), Some(&expected), "{key}");
        // And nothing else is other than it is without it.
        let (parent, last) = place.rsplit_once('/').unwrap();
        found.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(last);
        assert_eq!(found, none, "{key}");
        named.insert(key);
    }
    assert_eq!(named, CHECK.iter().map(|setting| setting.key).collect());
}

#[test]
fn a_thousand_checks_fit_and_one_more_does_not() {
    let complaints = |count: usize| {
        let check = |n| format!("[[check]]\nsource = \"web1\"\nname = \"c{n}\"\n");
        let file: String = (0..count).map(check).collect();
        text(&World::complete().file("teawatch.toml", file).run(&["config", "check"]).stderr)
    };
    assert_eq!(complaints(CHECKS_MAX), "");
    let more = complaints(CHECKS_MAX + 1);
    let words = "teawatch.toml:3001:1: there are more than 1000 of [[check]]\n";
    assert!(more.ends_with(words), "{more}");
}

/// A maintenance window of this duration, with a reason of so many bytes.
fn window(duration: &str, reason: usize) -> String {
    let reason = "x".repeat(reason);
    format!(
        "[[maintenance]]\nmatch.source = \"db*\"\ncron = \"0 22 * * SAT\"\nzone = \"UTC\"\n\
         duration = \"{duration}\"\nreason = \"{reason}\"\n"
    )
}

#[test]
fn maintenance_windows_have_limits() {
    let complaints = |file: &str| {
        let output = World::complete().file("teawatch.toml", file).run(&["config", "check"]);
        text(&output.stderr)
    };
    let most = window("30d", 200).repeat(WINDOWS_MAX);
    assert_eq!(complaints(&most), "");
    let more = complaints(&(most + &window("30d", 200)));
    assert!(more.ends_with("teawatch.toml:601:1: there are more than 100 of [[maintenance]]\n"));
    assert!(complaints(&window("30d 1s", 1)).contains("of 30 days at most, not \"30d 1s\""));
    assert!(complaints(&window("30d", 201)).contains("expects one line of 1 to 200 bytes"));
}

#[test]
fn the_example_is_the_list_of_settings_and_its_defaults() {
    let example = include_str!("../../fixtures/config/example.toml");
    let output = World::empty().run(&["config", "example"]);
    assert_eq!(text(&output.stdout), example, "write it anew: teawatch config example");

    // As it is, it is fine.
    let world = World::complete()
        .without("TEAWATCH_GITEA_URL")
        .without("TEAWATCH_GITEA_REPOSITORY")
        .file("teawatch.toml", example);
    assert!(world.run(&["config", "check"]).status.success());

    // With all that is commented out, every setting is in it, with its default.
    let is_setting = |line: &str| {
        let name = line.split([' ', '=']).next().unwrap_or_default();
        line.starts_with("[[") || (line.contains(" = ") && !name.is_empty())
    };
    let live: String = example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| is_setting(rest)).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let world = world.file("live.toml", &live);
    let output = world.run(&["config", "show", "--json", "--config", "live.toml"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (key, default, ..) in cases() {
        let setting = &shown["settings"][key];
        assert_eq!(setting["origin"], "file", "{key}");
        if default != Value::Null {
            assert_eq!(setting["value"], default, "{key}");
        }
    }
    for setting in secret_settings() {
        let name = setting.key.rsplit('.').next().unwrap();
        assert!(live.contains(&format!("\n{name} = ")), "{name}");
    }
    for setting in ROUTE {
        assert!(!shown["routes"][0][setting.key].is_null(), "{}", setting.key);
    }
    for setting in EXPECT {
        assert!(!shown["expect"][0][setting.key].is_null(), "{}", setting.key);
    }
    for setting in CHECK {
        let checks = [0, 1].map(|index| &shown["checks"][index][setting.key]);
        assert!(checks.iter().any(|value| !value.is_null()), "{}", setting.key);
    }
    for setting in MAINTENANCE {
        let windows = [0, 1].map(|index| &shown["maintenance"][index][setting.key]);
        assert!(windows.iter().any(|value| !value.is_null()), "{}", setting.key);
    }
    for setting in JOB {
        let jobs = [0, 1].map(|index| &shown["jobs"][index][setting.key]);
        assert!(jobs.iter().any(|value| !value.is_null()), "{}", setting.key);
    }
    // The only thing wrong with it: its secrets and certificates are not on this machine.
    for line in text(&output.stderr).lines().skip(1) {
        assert!(line.ends_with("cannot be read: No such file or directory (os error 2)"), "{line}");
    }
}

#[test]
fn the_readmes_file_is_fine_with_its_secrets_beside_it() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("\n```toml\n").unwrap();
    let (file, _) = rest.split_once("```\n").unwrap();
    let world = ["salt", "gitea-token", "master-secret", "webhook-secret"]
        .iter()
        .fold(World::empty().file("teawatch.toml", file), |world, name| {
            world.file(name, format!("the-{name}-of-these-tests-0123456789\n"))
        });
    let output = world.run(&["config", "check"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "configuration is fine: teawatch.toml\n");
    // All the rest is in the example.
    assert!(readme.contains("](fixtures/config/example.toml)"));
}

#[test]
fn each_bad_file_is_told_all_its_faults() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config");
    let mut world = World::complete();
    world.environment.retain(|name, _| {
        !matches!(name.to_str().unwrap(), "TEAWATCH_GITEA_URL" | "TEAWATCH_GITEA_REPOSITORY")
    });
    let mut seen = Vec::new();
    for (file, complaints) in BAD_FILES {
        assert_eq!(world.complaints_in(&fixtures, &["--config", file]), *complaints, "{file}");
        seen.push((*file).to_owned());
    }
    let files = fs::read_dir(&fixtures).unwrap();
    let mut files: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| file.starts_with("bad-"));
    files.sort();
    assert_eq!(seen, files);
}

/// The setting is named, and the variable; nothing is guessed from a number without sense.
#[test]
fn u31_a_value_without_sense_is_a_start_up_error_that_names_its_variable() {
    for (variable, value, complaint) in [
        (
            "TEAWATCH_STORM_MAX_NEW_ISSUES",
            "many",
            "`storm.max_new_issues` expects a whole number from 1 to 1000000, not \"many\"",
        ),
        (
            "TEAWATCH_STORM_MAX_NEW_ISSUES",
            "0",
            "`storm.max_new_issues` expects a whole number from 1 to 1000000, not 0",
        ),
        (
            "TEAWATCH_GITEA_TIMEOUT",
            "20",
            "`gitea.timeout` expects a duration of more than zero with its unit, such as \"10m\", \
             \"20s\" or \"250ms\", not \"20\"",
        ),
        (
            "TEAWATCH_ABSENCE_MARK",
            "0s",
            "`absence.mark` expects a duration of more than zero with its unit, such as \"10m\", \
             \"20s\" or \"250ms\", not \"0s\"",
        ),
        (
            "TEAWATCH_ALERTS_OPEN_AFTER",
            "-1h",
            "`alerts.open_after` expects a duration with its unit, such as \"10m\", \"20s\" or \
             \"0s\", not \"-1h\"",
        ),
        (
            "TEAWATCH_AGENTS_GENERATION",
            "web1",
            "`agents.generation` expects whole numbers from 1 by source, such as { web1 = 2 }, \
             not \"web1\"",
        ),
        (
            "TEAWATCH_LOG_LEVEL",
            "info\u{1b}[2J",
            "`log.level` expects \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\", or \
             such levels by module: \"info,teawatch=debug\", not \"info\\u{1b}[2J\"",
        ),
    ] {
        let world = World::complete().with(variable, value);
        assert_eq!(world.complaints(&[]), format!("{variable}: {complaint}\n"));
    }
}

#[test]
fn a_refused_value_of_a_flag_names_the_flag() {
    assert_eq!(
        World::complete().complaints(&["--listen", "here", "--set", "gitea.burst=1"]),
        "--listen: `listen` expects an address and a port, such as \"127.0.0.1:8710\" or \
         \"[::1]:8710\", not \"here\"\n\
         --set gitea.burst: `gitea.burst` expects a whole number from 2 to 10000, not 1\n"
    );
}

#[test]
fn an_unknown_variable_or_key_is_refused_with_the_nearest_known_one() {
    let world = World::complete()
        .with("TEAWATCH_GITEA_SETTLEWAIT", "never-print-this")
        .with("TEAWATCH_NOTHING_LIKE_IT", "never-print-this")
        .with("TEAWATCH_MASTER_SECRT", "never-print-this")
        .with("TEAWATCH_AGENT_DENY", "never-print-this")
        .with("TEAWATCH_AGENT_SECRET", "is the agent's, who may live here")
        .with("OTHER_VARIABLE", "ignored");
    let flags = [
        "--set=comment_interval=1m",
        "--set=alerts.comment_intervall=1m",
        "--set=gitea.token=never-print-this",
        "--set=nothing.like.it=1",
    ];
    assert_eq!(
        world.complaints(&flags),
        "--set: unknown key `comment_interval`, did you mean `alerts.comment_interval`?\n\
         --set: unknown key `alerts.comment_intervall`, did you mean `alerts.comment_interval`?\n\
         --set: unknown key `gitea.token`: a secret is no flag, set TEAWATCH_GITEA_TOKEN or \
         `gitea.token_file`\n\
         --set: unknown key `nothing.like.it`\n\
         unknown variable `TEAWATCH_AGENT_DENY`, did you mean `TEAWATCH_AGENTS_DENY`?\n\
         unknown variable `TEAWATCH_GITEA_SETTLEWAIT`, did you mean `TEAWATCH_GITEA_SETTLE_WAIT`?\n\
         unknown variable `TEAWATCH_MASTER_SECRT`, did you mean `TEAWATCH_MASTER_SECRET`?\n\
         unknown variable `TEAWATCH_NOTHING_LIKE_IT`\n"
    );
}

#[test]
fn a_call_that_makes_no_sense_is_another_exit_code() {
    for args in [&["config", "check", "--set", "no-equals-sign"][..], &["config"], &["nonsense"]] {
        assert_eq!(World::complete().run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn each_secret_comes_from_its_variable_or_its_file_and_is_never_shown() {
    for setting in secret_settings() {
        let (variable, key) = (setting.secret_variable().unwrap(), setting.key);
        let name = key.trim_end_matches("_file");
        let secret = "hush-".repeat(8);
        // Others must not be in the way of looking for this one.
        let mut world = World::complete().file("secret", format!(" \t{secret}\r\n"));
        world.environment.remove(OsStr::new(variable));

        let in_variable = |world: World| world.with(variable, format!("\n {secret} "));
        let named_by_file =
            |world: World| world.file("teawatch.toml", file_line(key, &json!("secret")));
        let named_by_variable = |world: World| world.with(&setting.variable(), "secret");

        let found = |world: &World, flags: &[&str]| {
            let mut shown = Vec::new();
            for extra in [&["--json"][..], &[]] {
                let args = [&["config", "show"], flags, extra].concat();
                let output = world.run(&args);
                assert!(!text(&output.stdout).contains("hush"), "{key}");
                assert!(!text(&output.stderr).contains("hush"), "{key}");
                shown.push(output.stdout);
            }
            let json: Value = serde_json::from_slice(&shown[0]).unwrap();
            let place = json["secrets"][name].as_str().map(str::to_owned);
            let last = name.rsplit('.').next().unwrap();
            let line = match &place {
                Some(place) => format!("\n# {last}: set from {place}\n"),
                None => format!("\n# {last}: not set\n"),
            };
            assert!(text(&shown[1]).contains(&line), "{line}");
            place
        };
        assert_eq!(found(&world, &[]), None, "{key}");
        let world = named_by_file(world);
        assert_eq!(found(&world, &[]).as_deref(), Some("secret"), "{key}");
        let mut world = named_by_variable(in_variable(world));
        assert_eq!(found(&world, &[]).as_deref(), Some(variable), "{key}");
        let flag = format!("--set={key}=./secret");
        assert_eq!(found(&world, &[&flag]).as_deref(), Some("./secret"), "{key}");
        world.environment.remove(OsStr::new(variable));
        assert_eq!(found(&world, &[]).as_deref(), Some("secret"), "{key}");
    }
}

#[test]
fn r46_a_secret_with_hidden_characters_is_refused_and_not_printed() {
    for setting in secret_settings() {
        let (variable, key) = (setting.secret_variable().unwrap(), setting.key);
        let good = "hush-".repeat(8);
        for (hidden, complaint) in [
            (
                format!("{good}\u{7}"),
                "has a control character or one outside of ASCII at position 41",
            ),
            (
                format!("ab\u{200b}{good}"),
                "has a control character or one outside of ASCII at position 3",
            ),
            (
                format!("\u{feff}{good}"),
                "has a control character or one outside of ASCII at position 1",
            ),
            (
                format!("hush\r\n{good}"),
                "has a control character or one outside of ASCII at position 5",
            ),
            (" \n\t ".to_owned(), "is empty"),
        ] {
            let complaints = World::complete().with(variable, &hidden).complaints(&[]);
            assert_eq!(complaints, format!("{variable}: the secret {complaint}\n"));

            let mut world = World::complete().file("secret", &hidden);
            world.environment.remove(OsStr::new(variable));
            let world = world.with(&setting.variable(), "secret");
            let place = setting.variable();
            assert_eq!(
                world.complaints(&[]),
                format!("{place}: the file that `{key}` names {complaint}\n")
            );
        }
    }
}

#[test]
fn a_secrets_file_that_cannot_be_used_is_told_without_its_path() {
    let world = World::complete().without("TEAWATCH_GITEA_TOKEN").file("binary", [0xff, 0xfe]);
    let complaint = |path: &str| world.complaints(&["--set", &format!("gitea.token_file={path}")]);
    // Somebody may well put the token itself here.
    assert_eq!(
        complaint("hush-hush-the-token"),
        "--set gitea.token_file: the file that `gitea.token_file` names cannot be read: \
         No such file or directory (os error 2)\n"
    );
    assert_eq!(
        complaint("binary"),
        "--set gitea.token_file: the file that `gitea.token_file` names cannot be read: \
         stream did not contain valid UTF-8\n"
    );
    assert_eq!(
        complaint("/dev/zero"),
        "--set gitea.token_file: the file that `gitea.token_file` names is longer than 65536 \
         bytes, so it holds no secret\n"
    );
}

#[test]
fn secrets_that_are_easy_to_guess_are_refused() {
    let world = World::complete()
        .with("TEAWATCH_SALT", "fifteen-letters")
        .with("TEAWATCH_MASTER_SECRET", "m".repeat(31))
        .with("TEAWATCH_PREVIOUS_MASTER_SECRET", "p".repeat(31))
        .with("TEAWATCH_API_READ_TOKEN", "r".repeat(23))
        .with("TEAWATCH_API_WRITE_TOKEN", "w".repeat(23));
    assert_eq!(
        world.complaints(&[]),
        "TEAWATCH_API_READ_TOKEN: the secret is shorter than 24 characters\n\
         TEAWATCH_API_WRITE_TOKEN: the secret is shorter than 24 characters\n\
         TEAWATCH_MASTER_SECRET: the secret is shorter than 32 characters\n\
         TEAWATCH_PREVIOUS_MASTER_SECRET: the secret is shorter than 32 characters\n\
         TEAWATCH_SALT: the secret is shorter than 16 characters\n"
    );
}

#[test]
fn whoever_debugs_the_configuration_sees_no_secret() {
    let world = World::complete()
        .with("TEAWATCH_PREVIOUS_MASTER_SECRET", "the-previous-master-of-these-tests")
        .with("TEAWATCH_API_READ_TOKEN", "the-read-token-of-these-tests")
        .with("TEAWATCH_API_WRITE_TOKEN", "the-write-token-of-these-tests");
    let debugged = format!("{:?} {:?}", world.sources(), world.loaded());
    assert!(!debugged.contains("of-these-tests"), "{debugged}");
}

#[test]
fn others_can_reach_the_server_only_with_both_tokens() {
    let world = World::complete().with("TEAWATCH_LISTEN", "[::]:8710");
    let needed = |what: &str| {
        let upper = what.to_uppercase();
        format!(
            "`listen` is \"[::]:8710\" (TEAWATCH_LISTEN), which others can reach, so a token is \
             needed: set TEAWATCH_API_{upper}_TOKEN, or name a file with `api.{what}_token_file`\n"
        )
    };
    assert_eq!(world.complaints(&[]), needed("read") + &needed("write"));
    let world = world.with("TEAWATCH_API_READ_TOKEN", "r".repeat(24));
    assert_eq!(world.complaints(&[]), needed("write"));
    let world = world.with("TEAWATCH_API_WRITE_TOKEN", "w".repeat(24));
    assert!(world.run(&["config", "check"]).status.success());
}

#[test]
fn the_defaults_are_those_of_the_machines() {
    let config = World::complete().loaded();
    let mut engine = teawatch::engine::settings::Settings::default();
    let target = &mut engine.routes.otherwise.rule.target;
    target.repository = "ops/alerts".to_owned();
    target.labels = vec!["watchdog".to_owned()];
    target.title_prefix = "[watchdog]".to_owned();
    assert_eq!(config.engine, engine);
}

/// A longer key would be refused by the store, with the whole commit, and end the process.
#[test]
fn the_longest_names_that_may_be_allowed_fit_into_a_key_of_the_store() {
    let world = |name: usize, source: usize| {
        World::complete()
            .with("TEAWATCH_LIMITS_CHECK_NAME_BYTES", name.to_string())
            .with("TEAWATCH_LIMITS_SOURCE_BYTES", source.to_string())
    };
    for (name, source) in [(200, 180), (130, 250), (379, 1)] {
        let limits = world(name, source).loaded().engine;
        let text = |length| "n".repeat(length);
        let key = Key::new().text(&text(limits.source_max)).text(&text(limits.name_max));
        assert_eq!(key.as_ref().len(), KEY_BYTES);
    }
    for (name, source) in [(200, 181), (131, 250), (379, 2)] {
        assert_eq!(
            world(name, source).complaints(&[]),
            format!(
                "`limits.check_name_bytes` is {name} (TEAWATCH_LIMITS_CHECK_NAME_BYTES) and \
                 `limits.source_bytes` is {source} (TEAWATCH_LIMITS_SOURCE_BYTES), but together \
                 they must be at most 380\n"
            )
        );
    }
    // One that is refused anyway is not complained of twice.
    assert_eq!(
        world(380, 250).complaints(&[]),
        "TEAWATCH_LIMITS_CHECK_NAME_BYTES: `limits.check_name_bytes` expects a whole number from \
         1 to 379, not 380\n"
    );
}

/// The pause between two requests is one divided by the rate.
#[test]
fn a_rate_so_low_that_nothing_would_ever_be_sent_is_refused() {
    let world = |rate: &str| World::complete().with("TEAWATCH_GITEA_RATE", rate);
    let rate = world("0.01").loaded().gitea.outbox.rate;
    assert!((0.01..0.011).contains(&rate), "{rate}");
    for rate in ["0.0099", "1e-300", "0", "-1", "nan", "-inf"] {
        let complaints = world(rate).complaints(&[]);
        let expected = "`gitea.rate` expects a number of at least 0.01, at most 10000, not ";
        assert!(complaints.contains(expected), "{complaints}");
    }
}

#[test]
fn a_night_begins_and_ends_at_times_of_day_in_a_zone() {
    let complaints = |key: &str, value: &str| World::complete().with(key, value).complaints(&[]);
    for value in ["24:00", "6:00", "22:00:00", "22", "noon"] {
        let expected = format!(
            "TEAWATCH_NIGHT_END: `night.end` expects a time of day, such as \"06:00\", not \
             {value:?}\n"
        );
        assert_eq!(complaints("TEAWATCH_NIGHT_END", value), expected);
    }
    let complaint = complaints("TEAWATCH_NIGHT_ZONE", "Mars/Olympus");
    assert!(complaint.contains("`night.zone` expects a time zone that this machine knows"));
    for value in ["00:00", "23:59"] {
        let night = World::complete().with("TEAWATCH_NIGHT_BEGIN", value).loaded().engine.night;
        assert_eq!(night.begin.strftime("%H:%M").to_string(), value);
    }
}

/// Every setting has another value here, so none can be read in another's place.
#[test]
fn every_setting_reaches_its_reader() {
    let world = World::complete();
    let ca = world.dir.path().join("ca.pem");
    let world = cases()
        .iter()
        .fold(world.file("ca.pem", "PEM"), |world, (key, _, text, _)| {
            world.with(&variable(key), text)
        })
        .with("TEAWATCH_GITEA_CA_FILE", ca)
        .with("TEAWATCH_PREVIOUS_MASTER_SECRET", "the-previous-master-of-these-tests");
    insta::assert_snapshot!(format!("{:#?}", world.loaded()), @r#"
    Config {
        file: None,
        data_dir: "/var/lib/teawatch",
        listen: [::1]:9000,
        public_url: Some(
            Url {
                scheme: "https",
                cannot_be_a_base: false,
                username: "",
                password: None,
                host: Some(
                    Domain(
                        "tea.test",
                    ),
                ),
                port: None,
                path: "/w/",
                query: None,
                fragment: None,
            },
        ),
        public_page: true,
        salt: Salt(..),
        log: Log {
            level: "warn,teawatch=debug",
            format: Json,
        },
        gitea: Gitea {
            url: Url {
                scheme: "http",
                cannot_be_a_base: false,
                username: "",
                password: None,
                host: Some(
                    Domain(
                        "git.test",
                    ),
                ),
                port: Some(
                    3000,
                ),
                path: "/",
                query: None,
                fragment: None,
            },
            token: SecretBox<str>([REDACTED]),
            extra_roots: Some(
                [
                    80,
                    69,
                    77,
                ],
            ),
            timeout: 10s,
            connect_timeout: 2s,
            outbox: Settings {
                settle_wait: 45s,
                rate: 2.5,
                burst: 20,
                in_flight: 4,
                retry_first: 250000000ns,
                retry_max: 180s,
                retry_after_max: 1800s,
                jitter_percent: 0,
                probe_first: 30s,
                probe_max: 540s,
                park_retry: 18000s,
                edit_quiet: 45s,
            },
        },
        agents: Agents {
            master: SecretBox<str>([REDACTED]),
            previous_master: Some(
                SecretBox<str>([REDACTED]),
            ),
            auto: false,
            allow: {
                "db1",
                "web1",
            },
            deny: {
                "old1",
            },
            generations: {
                "db1": 3,
                "web1": 2,
            },
            window: 240s,
            source_bytes: 30,
        },
        api: Api {
            read_token: None,
            write_token: None,
        },
        reports: Reports {
            bytes: 2048,
            observations: 10,
        },
        deadman: DeadMan {
            url: None,
            every: 70s,
        },
        reconcile: Settings {
            every: 80s,
            look_every: 90s,
        },
        commands_allow: [
            "cat",
            "dan",
        ],
        fallback: Fallback {
            url: None,
            kind: "ntfy",
            after: 100s,
            every: 110s,
        },
        alertmanager: Alertmanager {
            bytes: 3073,
            per_alert: true,
            repeat_interval: 71s,
            watchdogs: {
                "A",
                "B",
            },
            watchdog_interval: 72s,
        },
        webhooks: Webhooks {
            secret: None,
            previous_secret: None,
            authorization: None,
            bytes: 3072,
            look_every: 70000000ns,
        },
        scheduler: Settings {
            provider: "webhook",
            every: 73s,
            backstop: 74s,
            parallel: 7,
            renewed: 60s,
            arming_url: Some(
                Url {
                    scheme: "https",
                    cannot_be_a_base: false,
                    username: "",
                    password: None,
                    host: Some(
                        Domain(
                            "arm.test",
                        ),
                    ),
                    port: None,
                    path: "/x/",
                    query: None,
                    fragment: None,
                },
            ),
            arming_timeout: 15s,
            callback_url: Some(
                Url {
                    scheme: "https",
                    cannot_be_a_base: false,
                    username: "",
                    password: None,
                    host: Some(
                        Domain(
                            "tea.test",
                        ),
                    ),
                    port: None,
                    path: "/w/webhooks/fire_due",
                    query: None,
                    fragment: None,
                },
            ),
            secret: None,
        },
        fire_callers: [
            "cron1",
            "cron2",
        ],
        token_probe: 130s,
        store_cache_bytes: 2097152,
        body_timeout: 6s,
        unproven_bytes: 4096,
        free_bytes: 1024,
        engine: Settings {
            routes: Routes {
                routes: [],
                otherwise: Resolved {
                    policy: Policy {
                        fail_after: 3,
                        fail_for: 90s,
                        recover_after: 2,
                        stale_factor: 1.5,
                        unknown_after: 7200s,
                        flapping: Flapping {
                            window: 11,
                            on: 60,
                            off: 40,
                        },
                    },
                    rule: Rule {
                        open_after: 11s,
                        close_after: 12s,
                        reopen_window: 780s,
                        comment_interval: 840s,
                        reminders: [
                            900s,
                            960s,
                        ],
                        mute_max: 61200s,
                        on_manual_close: Reopen,
                        mute_labels: [
                            "quiet",
                            "later",
                        ],
                        group_by: Named(
                            "all of it",
                        ),
                        target: Target {
                            repository: "other/place",
                            labels: [
                                "bot",
                                "alert",
                            ],
                            assignees: [
                                "ann",
                            ],
                            title_prefix: "[tea]",
                            intro: "call Ann\nor Ben",
                        },
                    },
                },
            },
            limits: Limits {
                max_new_issues: 5,
                max_open_issues: 50,
            },
            expect: [],
            checks: [],
            maintenance: [],
            night: Hours {
                begin: 21:30:00,
                end: 05:45:00,
                zone: TimeZone(
                    TZif(
                        "Europe/Berlin",
                    ),
                ),
            },
            jobs: [],
            jobs_overdue: 900s,
            absence_mark: 20000000ns,
            absence_gap: 40000000ns,
            history_kept: 259200s,
            episodes_kept: 345600s,
            deliveries_kept: 10,
            deliveries_kept_for: 432000s,
            queue_commands: 101,
            queue_bytes: 4096,
            round_commands: 102,
            round_observations: 103,
            name_max: 60,
            source_max: 30,
        },
    }
    "#);
}

#[test]
fn each_secret_reaches_its_reader() {
    use secrecy::ExposeSecret as _;
    let world = World::complete()
        .with("TEAWATCH_PREVIOUS_MASTER_SECRET", "the-previous-master-of-these-tests")
        .with("TEAWATCH_API_READ_TOKEN", " the-token-for-reading-0123 ")
        .with("TEAWATCH_API_WRITE_TOKEN", "the-token-for-writing-0123\n");
    let config = world.loaded();
    let Agents { master, previous_master, .. } = &config.agents;
    assert_eq!(config.gitea.token.expose_secret(), "the-token-of-these-tests");
    assert_eq!(master.expose_secret(), "the-master-secret-of-these-tests-");
    assert_eq!(
        previous_master.as_ref().unwrap().expose_secret(),
        "the-previous-master-of-these-tests"
    );
    assert_eq!(
        config.api.read_token.as_ref().unwrap().expose_secret(),
        "the-token-for-reading-0123"
    );
    assert_eq!(
        config.api.write_token.as_ref().unwrap().expose_secret(),
        "the-token-for-writing-0123"
    );
    assert!(config.salt == teawatch::alert::Salt::new("the-salt-of-these-tests"));
}

#[test]
fn a_route_replaces_what_it_names_and_inherits_the_rest() {
    let world = World::complete().file(
        "teawatch.toml",
        r#"
        [alerts]
        fail_after = 3
        open_after = "1m"
        labels = ["all"]

        [[route]]
        match = { source = "db*", labels = { team = "storage" } }
        repository = "ops/storage"
        labels = ["storage", "disk"]
        group_by = { named = "storage" }
        flapping.window = 0

        [[route]]
        match.source = "db*"
        fail_after = 5
        "#,
    );
    let file = Some(world.dir.path().join("teawatch.toml"));
    let config = Config::load(&Sources { file, ..world.sources() }).unwrap();
    let told = |source: &str, team: Option<&str>| {
        let labels: BTreeMap<_, _> =
            team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect();
        let resolved = config.engine.routes.resolve(source, "disk", &labels);
        let (policy, rule) = (&resolved.policy, &resolved.rule);
        format!(
            "{} {} {:?} {:?} {} {}",
            policy.fail_after,
            policy.flapping.window,
            rule.group_by,
            rule.target.labels,
            rule.target.repository,
            rule.open_after,
        )
    };
    assert_eq!(
        told("db1", Some("storage")),
        r#"3 0 Named("storage") ["storage", "disk"] ops/storage PT1M"#
    );
    assert_eq!(told("db1", None), r#"5 21 Check ["all"] ops/alerts PT1M"#);
    assert_eq!(told("web1", Some("storage")), r#"3 21 Check ["all"] ops/alerts PT1M"#);
    assert_eq!(config.engine.routes.repositories(), ["ops/alerts", "ops/storage"]);
}

/// Whatever a route may replace, it replaces; and what it leaves alone keeps its default.
#[test]
fn r152_a_route_overrides_every_default_that_it_may() {
    let is_of_routes = |key: &str| key.starts_with("alerts.") || key == "gitea.repository";
    let cases: Vec<_> = cases().into_iter().filter(|(key, ..)| is_of_routes(key)).collect();
    let section: String = cases
        .iter()
        .filter(|(key, ..)| *key != "gitea.repository")
        .map(|(key, _, _, value)| file_line(key, value))
        .collect();
    let route: String = cases
        .iter()
        .map(|(key, _, _, value)| file_line(key.split_once('.').unwrap().1, value))
        .collect();
    let load = |file: String| {
        let world = World::complete().file("teawatch.toml", file);
        let file = Some(world.dir.path().join("teawatch.toml"));
        Config::load(&Sources { file, ..world.sources() }).unwrap().engine.routes
    };
    let everywhere = World::complete().with("TEAWATCH_GITEA_REPOSITORY", "other/place");
    let everywhere = everywhere.file("teawatch.toml", section);
    let file = Some(everywhere.dir.path().join("teawatch.toml"));
    let everywhere = Config::load(&Sources { file, ..everywhere.sources() }).unwrap();
    let expected = everywhere.engine.routes.otherwise;
    let defaults = World::complete().loaded().engine.routes.otherwise;

    // That every setting has its reader is shown elsewhere, so the whole is compared.
    let routes = load(format!("[[route]]\n{route}"));
    assert_eq!(routes.routes.len(), 1);
    assert_eq!(routes.routes[0].1, expected);
    assert_eq!(routes.otherwise, defaults);
    for (key, _, _, value) in &cases {
        let line = file_line(key.split_once('.').unwrap().1, value);
        let routes = load(format!("[[route]]\n{line}"));
        assert_ne!(routes.routes[0].1, defaults, "{key}");
    }
}

#[test]
fn agents_are_admitted_by_name_and_generation() {
    let load = |world: World| Agents::load(&world.sources()).unwrap();
    // Nothing else is needed to make agents' secrets.
    let world = || World::empty().with("TEAWATCH_MASTER_SECRET", "m".repeat(32));
    let agents = load(world().with("TEAWATCH_AGENTS_DENY", "old1"));
    assert!(agents.admits("web1") && !agents.admits("old1"));
    let agents =
        load(world().with("TEAWATCH_AGENTS_AUTO", "false").with("TEAWATCH_AGENTS_ALLOW", "web1"));
    assert!(agents.admits("web1") && !agents.admits("db1"));
    let agents = load(world().with("TEAWATCH_AGENTS_GENERATION", "web1=4"));
    assert_eq!((agents.generation("web1"), agents.generation("db1")), (4, 1));
}

#[test]
fn a_caller_finds_the_server_without_the_servers_secrets() {
    for (listen, server) in [
        ("127.0.0.1:8710", "http://127.0.0.1:8710/"),
        ("0.0.0.0:99", "http://127.0.0.1:99/"),
        ("[::]:99", "http://[::1]:99/"),
        ("192.0.2.1:99", "http://192.0.2.1:99/"),
    ] {
        let world = World::empty().with("TEAWATCH_LISTEN", listen);
        assert_eq!(Caller::load(&world.sources()).unwrap().server.as_str(), server);
    }
    let world = World::empty().with("TEAWATCH_LISTEN", "nowhere");
    let Err(Error::Wrong(problems)) = Caller::load(&world.sources()) else { panic!() };
    assert_eq!(problems.len(), 1);
}

#[test]
fn an_address_ends_in_a_slash_so_that_paths_can_be_appended() {
    let config = World::complete().with("TEAWATCH_GITEA_URL", "https://host.test/git").loaded();
    assert_eq!(config.gitea.url.as_str(), "https://host.test/git/");
}

#[test]
fn a_new_secret_is_long_random_and_good_enough_for_everything() {
    let new = || {
        let output = World::empty().run(&["secret", "new"]);
        assert!(output.status.success());
        text(&output.stdout)
    };
    let (one, other) = (new(), new());
    assert_ne!(one, other);
    let digits = one.strip_suffix('\n').unwrap();
    assert_eq!(digits.len(), 64);
    assert!(digits.bytes().all(|b| b.is_ascii_hexdigit()));
    // What is given to it is an address, which nobody makes up.
    let world = secret_settings()
        .filter(|setting| !setting.key.ends_with(".url_file"))
        .fold(World::complete(), |world, s| world.with(s.secret_variable().unwrap(), &one));
    assert!(world.run(&["config", "check"]).status.success());
}

/// What an empty configuration lacks.
const NEEDED_TEXT: &str = r#"`gitea.url` is needed, such as "https://gitea.example.org/": set it, or TEAWATCH_GITEA_URL
`gitea.repository` is needed, such as "ops/alerts": set it, or TEAWATCH_GITEA_REPOSITORY
a salt is needed (`teawatch secret new` makes one): set TEAWATCH_SALT, or name a file with `salt_file`
the access token of Gitea's user is needed: set TEAWATCH_GITEA_TOKEN, or name a file with `gitea.token_file`
a master secret is needed (`teawatch secret new` makes one): set TEAWATCH_MASTER_SECRET, or name a file with `agents.master_secret_file`
"#;

/// Each bad file and all that is told about it.
const BAD_FILES: &[(&str, &str)] = &[
    (
        "bad-blocks.toml",
        r#"bad-blocks.toml:7:1: `[[route]] match` expects a table
bad-blocks.toml:10:16: `[[route]] match.source` expects a pattern such as "db*", not ""
bad-blocks.toml:11:16: `[[route]] match.labels` expects patterns by name, such as { team = "db*" }, not { team = 5 }
bad-blocks.toml:12:14: `[[route]] repository` expects a repository as "owner/name", not "ops"
bad-blocks.toml:13:14: `[[route]] fail_after` expects a whole number from 1 to 10000, not "often"
bad-blocks.toml:15:1: [[expect]] needs `name`
bad-blocks.toml:22:12: `[[expect]] interval` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "0s"
bad-blocks.toml:29:1: [[expect]] names "db1/disk" a second time
bad-blocks.toml:34:1: [[expect]] names "db1/backup" a second time
bad-blocks.toml:39:1: [[expect]] names "db1/disk" a second time
bad-blocks.toml:42:12: `[[expect]] interval` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "often"
"#,
    ),
    (
        "bad-checks.toml",
        r#"bad-checks.toml:11:1: [[check]] needs `name`
bad-checks.toml:14:1: [[check]] names "agent", which stands for the source itself
bad-checks.toml:18:1: [[check]] and [[expect]] both name "db1/disk": leave one of them
bad-checks.toml:27:8: `[[check]] cron` cannot stand beside an interval: say either
bad-checks.toml:32:8: `[[check]] zone` needs `cron`
bad-checks.toml:37:8: `[[check]] cron` names no time: there is never such a time; "0 2 * * *" is each night at 2:00
bad-checks.toml:43:8: `[[check]] cron` expects a cron expression of five fields, such as "0 22 * * SAT", Saturdays at 22:00, not "* * * * * *"
bad-checks.toml:44:8: `[[check]] zone` expects a time zone that this machine knows, such as "Europe/Berlin" or "UTC", not "Europe/Berln"
bad-checks.toml:45:12: `[[check]] interval` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "0s"
bad-checks.toml:46:9: `[[check]] grace` expects a duration with its unit, such as "10m", "20s" or "0s", not "-1s"
bad-checks.toml:47:10: `[[check]] labels` expects texts by the name of a label, such as { team = "db" }, not { team = 5 }
bad-checks.toml:48:8: `[[check]] slug` expects 1 to 100 characters of a-z 0-9 - _, other than "agent", not "Nightly"
bad-checks.toml:49:14: `[[check]] generation` expects a whole number from 0 to 4294967295, not -1
bad-checks.toml:50:10: `[[check]] strict` expects true or false, not "yes"
bad-checks.toml:51:1: unknown key `graces` in [[check]], did you mean `grace`?
bad-checks.toml:56:12: `[[check]] interval` must be none, or from 0.001 to 31622400 seconds
bad-checks.toml:62:1: [[check]] names "web1/job" a second time
bad-checks.toml:67:10: `source` names "teawatch", which has teawatch's own checks: name another
bad-checks.toml:71:10: `source` names "teawatch", which has teawatch's own checks: name another
"#,
    ),
    (
        "bad-contradictions.toml",
        r#"bad-contradictions.toml:13:9: `agents.allow` lists sources, but `agents.auto` is true (default), which admits all
bad-contradictions.toml:13:9: `agents.allow` has a name of 4 bytes, but `limits.source_bytes` is 3 (bad-contradictions.toml:21:16)
bad-contradictions.toml:14:8: `agents.allow` and `agents.deny` both name "db1"
`gitea.settle_wait` is "1m" (default), but must be at least twice as long as `gitea.timeout`, which is "40s" (bad-contradictions.toml:7:11)
`gitea.connect_timeout` is "1m" (bad-contradictions.toml:8:19), but must be at most as long as `gitea.timeout`, which is "40s" (bad-contradictions.toml:7:11)
`gitea.retry_first` is "10m" (bad-contradictions.toml:9:15), but must be at most as long as `gitea.retry_max`, which is "5m" (default)
`gitea.probe_first` is "1m" (default), but must be at most as long as `gitea.probe_max`, which is "30s" (bad-contradictions.toml:10:13)
`listen` is "0.0.0.0:8710" (bad-contradictions.toml:2:10), which others can reach, so a token is needed: set TEAWATCH_API_READ_TOKEN, or name a file with `api.read_token_file`
`listen` is "0.0.0.0:8710" (bad-contradictions.toml:2:10), which others can reach, so a token is needed: set TEAWATCH_API_WRITE_TOKEN, or name a file with `api.write_token_file`
`absence.gap` is "5s" (bad-contradictions.toml:26:7), but must be longer than `absence.mark`, which is "5s" (default)
`limits.report_observations` is 5000 (bad-contradictions.toml:20:23), but must be at most `limits.round_observations`, which is 4096 (default)
`limits.report_bytes` is 65536 (bad-contradictions.toml:22:16), but must be at most `limits.queue_bytes`, which is 32768 (bad-contradictions.toml:23:15)
`alerts.flapping.off` is 25 (default), but must be at most `alerts.flapping.on`, which is 20 (bad-contradictions.toml:17:15)
`alerts.flapping.off` is 70 (bad-contradictions.toml:35:29), but must be at most `alerts.flapping.on`, which is 60 (bad-contradictions.toml:35:19)
`alerts.labels` is ["wontfix"] (bad-contradictions.toml:34:10), but must be without those of `alerts.mute_labels`, which is ["wontfix"] (default)
"#,
    ),
    (
        "bad-expect.toml",
        r#"bad-expect.toml:6:2: `expect` expects tables, each headed `[[expect]]`
"#,
    ),
    (
        "bad-jobs.toml",
        r#"bad-jobs.toml:6:1: [[job]] needs `do`
bad-jobs.toml:6:1: [[job]] needs `schedule`
bad-jobs.toml:12:12: `[[job]] schedule` must be of whole seconds, and at least 1s
bad-jobs.toml:17:12: `[[job]] schedule` must say "every 30m" to be repeated, or "in 30m" for once
bad-jobs.toml:22:12: `[[job]] schedule` says "in", which would be counted anew from each start: name a time
bad-jobs.toml:27:12: `[[job]] schedule` names no time: there is never such a time
bad-jobs.toml:33:8: `[[job]] zone` expects a time zone that this machine knows, such as "Europe/Berlin" or "UTC", not "Europe/Berln"
bad-jobs.toml:36:8: `[[job]] name` expects the name of a source, of letters, digits, `.`, `_` and `-`, not "two words"
bad-jobs.toml:37:6: `[[job]] do` expects "sweep", "reconcile", "token-probe", "dead-man", "backup", "retention", "report" or "open-issue", not "fly"
bad-jobs.toml:39:10: `[[job]] missed` expects "once", "skip" or "all", not "never"
bad-jobs.toml:40:8: `[[job]] keep` expects a whole number from 1 to 1000, not 0
bad-jobs.toml:41:9: `[[job]] limit` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "0s"
bad-jobs.toml:44:8: `[[job]] name` must not look like the id of a job
bad-jobs.toml:52:8: `[[job]] keep` is for backups alone
bad-jobs.toml:53:1: unknown key `retries` in [[job]]
bad-jobs.toml:56:8: [[job]] names "FAST" a second time
bad-jobs.toml:59:10: `[[job]] jitter` must be whole seconds, from 0s to 1h
bad-jobs.toml:62:8: `[[job]] name` must be 1 to 100 letters, digits, `.`, `_` and `-`
bad-jobs.toml:67:8: `[[job]] name` expects the name of a source, of letters, digits, `.`, `_` and `-`, not 7
bad-jobs.toml:68:6: `[[job]] do` expects "sweep", "reconcile", "token-probe", "dead-man", "backup", "retention", "report" or "open-issue", not ["sweep"]
bad-jobs.toml:69:12: `[[job]] schedule` expects one line of at most 255 bytes, not 3600
bad-jobs.toml:70:9: `[[job]] times` expects a whole number from 0 to 1000000, not "three"
bad-jobs.toml:71:14: `[[job]] missed_max` expects a whole number from 1 to 100, not -1
"#,
    ),
    (
        "bad-maintenance.toml",
        r#"bad-maintenance.toml:6:1: [[maintenance]] needs `zone`
bad-maintenance.toml:6:1: [[maintenance]] needs `duration`
bad-maintenance.toml:6:1: [[maintenance]] needs `reason`
bad-maintenance.toml:6:1: [[maintenance]] needs `match.source`, `match.name` or `match.labels`; match.source = "*" is every check
bad-maintenance.toml:9:1: [[maintenance]] needs either `start` for once, or `cron` to be repeated
bad-maintenance.toml:15:1: [[maintenance]] needs either `start` for once, or `cron` to be repeated
bad-maintenance.toml:25:8: `[[maintenance]] cron` names no time: there is never such a time; "0 22 * * SAT" is each Saturday at 22:00, and "2026-12-01 22:00" comes once
bad-maintenance.toml:32:8: `[[maintenance]] cron` names no time: Component error: Number out of bounds; "0 22 * * SAT" is each Saturday at 22:00, and "2026-12-01 22:00" comes once
bad-maintenance.toml:39:8: `[[maintenance]] cron` expects a cron expression of five fields, such as "0 22 * * SAT", Saturdays at 22:00, not "0 0 22 * * SAT"
bad-maintenance.toml:40:8: `[[maintenance]] zone` expects a time zone that this machine knows, such as "Europe/Berlin" or "UTC", not "Europe/Berln"
bad-maintenance.toml:41:12: `[[maintenance]] duration` expects a duration of more than zero, such as "2h", of 30 days at most, not "31d"
bad-maintenance.toml:42:10: `[[maintenance]] reason` expects one line of 1 to 200 bytes, not ""
bad-maintenance.toml:46:9: `[[maintenance]] start` expects a day and a time, such as "2026-12-01 22:00", not "2026-12-01"
bad-maintenance.toml:48:1: unknown key `durations` in [[maintenance]], did you mean `duration`?
bad-maintenance.toml:49:12: `[[maintenance]] duration` expects a duration of more than zero, such as "2h", of 30 days at most, not "0s"
"#,
    ),
    (
        "bad-syntax.toml",
        r#"bad-syntax.toml:2:12: string values must be quoted, expected literal string
bad-syntax.toml:6:1: duplicate key
"#,
    ),
    (
        "bad-types.toml",
        r#"bad-types.toml:2:10: `listen` expects an address and a port, such as "127.0.0.1:8710" or "[::1]:8710", not 8710
bad-types.toml:3:14: `public_url` expects an address that begins with http:// or https://, without user, password, query and fragment
bad-types.toml:8:11: `gitea.timeout` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not 20
bad-types.toml:9:8: `gitea.rate` expects a number of at least 0.01, at most 10000, not "fast"
bad-types.toml:10:9: `gitea.burst` expects a whole number from 2 to 10000, not 10.5
bad-types.toml:11:11: `gitea.ca_file` expects the path of a file or directory
bad-types.toml:14:8: `agents.auto` expects true or false, not "yes"
bad-types.toml:15:9: `agents.allow` expects a list of names of sources, of letters, digits, `.`, `_` and `-`, not "web1"
bad-types.toml:16:14: `agents.generation` expects whole numbers from 1 by source, such as { web1 = 2 }, not { web1 = "two" }
bad-types.toml:19:10: `alerts.labels` expects a list of names, each of one line and 1 to 255 bytes, not ["watchdog", 1]
bad-types.toml:20:13: `alerts.reminders` expects a list of durations, each longer than the one before, such as ["1h", "2h"], not "1h"
bad-types.toml:21:1: `alerts.flapping` expects a table
bad-types.toml:22:12: `alerts.group_by` expects "check", "source" or { named = "some name" }, not ["source"]
bad-types.toml:25:18: `storm.max_new_issues` expects a whole number from 1 to 1000000, not 2024-01-01
"#,
    ),
    (
        "bad-unknown.toml",
        r#"bad-unknown.toml:2:1: unknown key `listn`, did you mean `listen`?
bad-unknown.toml:3:1: unknown key `comment_interval`, did you mean `alerts.comment_interval`?
bad-unknown.toml:4:1: unknown key `salt`: a secret does not stand here, set TEAWATCH_SALT or `salt_file`
bad-unknown.toml:9:1: unknown key `tiemout` in [gitea], did you mean `timeout`?
bad-unknown.toml:10:1: unknown key `token` in [gitea]: a secret does not stand here, set TEAWATCH_GITEA_TOKEN or `gitea.token_file`
bad-unknown.toml:13:1: unknown key `comment_intervall` in [alerts], did you mean `comment_interval`?
bad-unknown.toml:14:10: unknown key `windwo` in [alerts.flapping], did you mean `window`?
bad-unknown.toml:16:2: unknown key `storms`, did you mean `storm`?
bad-unknown.toml:19:2: unknown key `colours`
bad-unknown.toml:23:7: unknown key `sourc` in `match` of [[route]], did you mean `source`?
bad-unknown.toml:25:1: unknown key `reponsitory` in [[route]], did you mean `repository`?
bad-unknown.toml:27:3: unknown key `expects`, did you mean `expect`?
"#,
    ),
    (
        "bad-values.toml",
        r#"bad-values.toml:2:12: `data_dir` expects the path of a file or directory
bad-values.toml:3:10: `listen` expects an address and a port, such as "127.0.0.1:8710" or "[::1]:8710", not "localhost"
bad-values.toml:6:9: `log.level` expects "off", "error", "warn", "info", "debug" or "trace", or such levels by module: "info,teawatch=debug", not "loud"
bad-values.toml:7:10: `log.format` expects "text" or "json", not "yaml"
bad-values.toml:10:7: `gitea.url` expects an address that begins with http:// or https://, without user, password, query and fragment
bad-values.toml:11:14: `gitea.repository` expects a repository as "owner/name", not "alerts"
bad-values.toml:12:11: `gitea.timeout` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "0s"
bad-values.toml:13:15: `gitea.settle_wait` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "-1m"
bad-values.toml:14:19: `gitea.connect_timeout` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "5"
bad-values.toml:15:8: `gitea.rate` expects a number of at least 0.01, at most 10000, not 0
bad-values.toml:16:9: `gitea.burst` expects a whole number from 2 to 10000, not 1
bad-values.toml:17:10: `gitea.jitter` expects a whole number from 0 to 100, not 101
bad-values.toml:18:14: `gitea.park_retry` expects a duration of more than zero with its unit, such as "10m", "20s" or "250ms", not "1 month"
bad-values.toml:21:8: `agents.deny` expects a list of names of sources, of letters, digits, `.`, `_` and `-`, not ["web 1"]
bad-values.toml:22:14: `agents.generation` expects whole numbers from 1 by source, such as { web1 = 2 }, not { web1 = 0 }
bad-values.toml:25:14: `alerts.fail_after` expects a whole number from 1 to 10000, not 0
bad-values.toml:26:16: `alerts.stale_factor` expects a number of at least 1, at most 10000, not 0.5
bad-values.toml:27:19: `alerts.flapping.window` expects 0 for off, or a whole number from 2 to 64, not 1
bad-values.toml:28:14: `alerts.open_after` expects a duration with its unit, such as "10m", "20s" or "0s", not "100y"
bad-values.toml:29:13: `alerts.reminders` expects a list of durations, each longer than the one before, such as ["1h", "2h"], not ["2h", "1h"]
bad-values.toml:30:12: `alerts.group_by` expects "check", "source" or { named = "some name" }, not { name = "databases" }
bad-values.toml:31:10: `alerts.labels` expects a list of names, each of one line and 1 to 255 bytes, not [""]
bad-values.toml:32:16: `alerts.title_prefix` expects one line of at most 255 bytes, not "two\nlines"
bad-values.toml:35:19: `storm.max_open_issues` expects a whole number from 1 to 1000000, not -5
"#,
    ),
];

#[test]
fn a_check_is_expected_only_under_a_name_that_a_report_may_give() {
    let names =
        ["nightly", "a b/é", " nightly", "nightly ", "\u{a0}x", "x\u{3000}", "a\tb", " ", ""];
    for name in names {
        let quoted = toml::Value::from(name);
        let file = format!("[[expect]]\nsource = \"db1\"\nname = {quoted}\ninterval = \"1d\"\n");
        let output = World::complete().file("teawatch.toml", file).run(&["config", "check"]);
        let is_name = teawatch::observation::check_name(name, 200).is_ok();
        assert_eq!(output.status.success(), is_name, "{name:?}: {}", text(&output.stderr));
    }
}

/// A value as the README writes it, as `config show` does.
fn from_readme(word: &str) -> Value {
    let word = word.trim();
    if let Some(text) = word.strip_prefix('`').and_then(|word| word.strip_suffix('`')) {
        return json!(text);
    }
    let digits = word.replace(',', "");
    if let Some(mebi) = digits.strip_suffix(" MiB") {
        return json!(mebi.parse::<f64>().unwrap() * 1024.0 * 1024.0);
    }
    let number = digits.strip_suffix(" a second").unwrap_or(&digits);
    if let Ok(number) = number.parse::<f64>() {
        return json!(number);
    }
    match word {
        "true" | "false" => json!(word == "true"),
        "" | "nobody" | "nothing" => Value::Null,
        duration => {
            let duration = teawatch::duration::parse(duration).unwrap();
            json!(format!("{duration:#}"))
        }
    }
}

/// What `config show` shows, in the form in which the README can write it.
fn simple(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => items[0].clone(),
        Value::Number(number) => json!(number.as_f64()),
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Object(pairs) if pairs.is_empty() => Value::Null,
        other => other.clone(),
    }
}

#[test]
fn r150_the_readme_gives_the_defaults_that_the_code_has() {
    let defaults = World::complete().shown(&[])["settings"].clone();
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let mut found = 0;
    for (head, section) in
        [("| setting | default | meaning |", ""), ("| limit | default | beyond it |", "limits.")]
    {
        let rows = readme.lines().skip_while(|line| *line != head).skip(2);
        for row in rows.take_while(|row| row.starts_with('|')) {
            let cells: Vec<_> = row.split('|').skip(1).map(str::trim).collect();
            let keys: Vec<_> = cells[0].split(", ").map(|key| key.trim_matches('`')).collect();
            let written = cells[1].split(';').next().unwrap();
            let written: Vec<_> = match written {
                "" => vec![""; keys.len()],
                _ => written.split(", ").collect(),
            };
            assert_eq!(keys.len(), written.len(), "{row}");
            for (key, written) in keys.iter().zip(written) {
                let key = format!("{section}{key}");
                let default = defaults.get(&key).unwrap_or_else(|| panic!("there is no `{key}`"));
                assert_eq!(from_readme(written), simple(&default["value"]), "{key}: {row}");
                found += 1;
            }
        }
    }
    assert!(found > 20, "only {found} settings were found");
}

//! What the sources must look like: who uses whom, what the pure parts must not name, and
//! that the README and the fixtures say what the code does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use teawatch::alert::Phase;
use teawatch::check::Status;
use teawatch::config::{SETTINGS, example};
use teawatch::engine::Progress;
use teawatch::job::{self, Kind, RunState};
use teawatch::tasks::State;

/// Each module, and the modules of this crate that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("agent", &["check", "clock", "duration", "loopback", "observation", "signature"]),
    ("alert", &["duration"]),
    ("check", &[]),
    ("clock", &[]),
    (
        "config",
        &[
            "alert",
            "check",
            "duration",
            "engine",
            "job",
            "jobs",
            "night",
            "outbox",
            "reconcile",
            "telemetry",
        ],
    ),
    ("duration", &[]),
    ("engine", &["alert", "check", "clock", "job", "night", "observation", "store", "tasks"]),
    ("gitea", &[]),
    (
        "http",
        &[
            "check",
            "clock",
            "engine",
            "job",
            "jobs",
            "night",
            "observation",
            "outbox",
            "reconcile",
            "signature",
            "tasks",
        ],
    ),
    ("job", &["check", "duration"]),
    (
        "jobs",
        &[
            "clock",
            "engine",
            "job",
            "loopback",
            "notify",
            "outbox",
            "reconcile",
            "signature",
            "store",
            "tasks",
        ],
    ),
    ("loopback", &[]),
    ("night", &["alert", "check"]),
    ("notify", &["engine", "outbox", "tasks"]),
    ("observation", &["check"]),
    ("outbox", &["alert", "clock", "engine", "gitea", "tasks"]),
    ("reconcile", &["alert", "clock", "engine", "gitea", "observation", "outbox", "tasks"]),
    ("sandbox", &["clock"]),
    ("signature", &[]),
    ("store", &[]),
    ("tasks", &["clock"]),
    ("telemetry", &[]),
    // Puts everything together.
    (
        "cli",
        &[
            "agent",
            "alert",
            "check",
            "clock",
            "config",
            "duration",
            "engine",
            "gitea",
            "http",
            "job",
            "jobs",
            "loopback",
            "night",
            "notify",
            "observation",
            "outbox",
            "reconcile",
            "sandbox",
            "signature",
            "store",
            "tasks",
            "telemetry",
        ],
    ),
];

/// Files and directories that decide and do nothing else.
const PURE: &[&str] = &[
    "alert",
    "check",
    "job",
    "jobs/webhook/plan.rs",
    "night",
    "notify/fallback/message.rs",
    "notify/fallback/step.rs",
    "outbox/bucket.rs",
    "outbox/learn.rs",
    "outbox/plan.rs",
    "outbox/queue.rs",
    "outbox/target.rs",
    "sandbox/world.rs",
    "signature",
    "tasks/state.rs",
];

/// What they must not name: whatever reads the world or changes it.
const NOT_IN_PURE: &[&str] = &[
    "tokio",
    "axum",
    "reqwest",
    "sled",
    "tracing",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "::now(",
    "async fn",
    "HashMap",
];

/// Each crate with one owner or few, and the places that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("sled::", &["store"]),
    ("croner", &["check/calendar.rs"]),
    ("axum", &["http", "sandbox", "cli/serve.rs"]),
    ("reqwest", &["agent", "gitea", "cli", "jobs/webhook", "notify", "sandbox/courier.rs"]),
    ("clap::", &["cli", "main.rs"]),
    ("rustls::", &["agent", "gitea", "sandbox/courier.rs"]),
    ("toml::", &["agent", "config"]),
    ("prometheus_client", &["engine/figures.rs", "http/metrics.rs", "outbox/figures.rs"]),
    ("listenfd", &["cli/inherited.rs"]),
];

/// Lines that a file may have. A file past it has a second noun.
const LINES_MAX: usize = 400;

struct Source {
    /// Below `src`.
    path: String,
    text: String,
}

impl Source {
    /// What is compiled into the product, line by line: no comments, no tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        let tests = self.text.find("#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        let end = if is_test { 0 } else { tests };
        let lines = self.text[..end].lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Whether it is `place`, or is in it.
    fn is_in(&self, place: &str) -> bool {
        self.path == place
            || self.path == format!("{place}.rs")
            || self.path.starts_with(&format!("{place}/"))
    }

    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources() -> Vec<Source> {
    fn walk(directory: &Path, top: &Path, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, top, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, text });
            }
        }
    }
    let top = root().join("src");
    let mut found = Vec::new();
    walk(&top, &top, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "the sources were not found");
    found
}

#[track_caller]
fn assert_none(violations: &[impl Display]) {
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn modules_use_only_what_they_may() {
    let mut violations = Vec::new();
    for source in sources() {
        let module = source.module();
        let row = MAY_USE.iter().find(|(name, _)| *name == module);
        for (number, line) in source.code() {
            let mut report =
                |what: String| violations.push(format!("{}:{number}: {what}", source.path));
            // One module per `use`, so that this test can read it.
            if line.contains("crate::{") {
                report("`crate::{...}` hides what is used".to_owned());
            }
            for (other, _) in MAY_USE {
                let names_it = line.match_indices(&format!("crate::{other}")).any(|(at, name)| {
                    let next = line[at + name.len()..].chars().next();
                    !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
                });
                let may = row.is_none_or(|(_, may_use)| may_use.contains(other));
                if names_it && *other != module && !may {
                    report(format!("`{module}` uses `{other}`"));
                }
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn every_module_has_a_row_here_and_in_the_crates_documentation() {
    let library = read("src/lib.rs");
    let modules: BTreeSet<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let rows: BTreeSet<_> = MAY_USE.iter().map(|(module, _)| *module).collect();
    assert_eq!(modules, rows);
    for (module, may_use) in MAY_USE {
        let row = library.lines().find(|line| line.starts_with(&format!("//! | [`{module}`] |")));
        let row = row.unwrap_or_else(|| panic!("`{module}` has no row in lib.rs"));
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let cell = cell.replace('`', "");
        let expected = match (*module, may_use.is_empty()) {
            ("cli", _) => "all".to_owned(),
            (_, true) => "nothing".to_owned(),
            (_, false) => may_use.join(", "),
        };
        let sorted = |list: &str| list.split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&cell), sorted(&expected), "the row of `{module}` in lib.rs");
    }
}

#[test]
fn what_decides_reads_no_clock_no_disk_and_no_network() {
    let mut violations = Vec::new();
    for place in PURE {
        let files: Vec<_> = sources().into_iter().filter(|source| source.is_in(place)).collect();
        assert!(!files.is_empty(), "there is no {place}");
        for source in files {
            for (number, line) in source.code() {
                if let Some(word) = NOT_IN_PURE.iter().find(|word| line.contains(**word)) {
                    violations.push(format!("{}:{number}: names `{word}`", source.path));
                }
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn what_teawatch_stands_on_is_named_by_its_owners_only() {
    let mut violations = Vec::new();
    for source in sources() {
        for (name, owners) in OWNERS {
            if owners.iter().any(|owner| source.is_in(owner)) {
                continue;
            }
            for (number, line) in source.code().filter(|(_, line)| line.contains(name)) {
                violations.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn only_main_ends_the_process_and_only_the_clock_reads_the_time() {
    let mut violations = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            let ends = line.contains("process::exit") || line.contains("process::abort");
            let reads = line.contains("Timestamp::now()")
                || line.contains("SystemTime::now()")
                || line.contains("Zoned::now()");
            if ends && source.path != "main.rs" || reads && source.path != "clock.rs" {
                violations.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn files_are_short_explain_themselves_and_leave_nothing_to_do() {
    let mut violations = Vec::new();
    for Source { path, text } in sources() {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            violations.push(format!("{path} has {lines} lines: look for its second noun"));
        }
        if !text.starts_with("//! ") {
            violations.push(format!("{path} does not say what it is for"));
        }
        for word in ["TODO", "FIXME", "XXX"] {
            if text.contains(word) {
                violations.push(format!("{path} says {word}"));
            }
        }
    }
    assert_none(&violations);
}

/// What no `mod` names is not compiled, and no lint sees it.
#[test]
fn every_file_is_part_of_the_crate() {
    let sources = sources();
    let text = |path: String| sources.iter().find(|it| it.path == path).map(|it| it.text.as_str());
    let mut violations = Vec::new();
    for Source { path, .. } in &sources {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let (parent, name) = module.rsplit_once('/').unwrap_or(("", module));
        let parents = match parent {
            "" => ["lib.rs".to_owned(), "main.rs".to_owned()],
            parent => [format!("{parent}.rs"), format!("{parent}/mod.rs")],
        };
        let declared = format!("mod {name};");
        let is_declared = |text: &str| text.lines().any(|line| line.trim().ends_with(&declared));
        let is_root = ["lib", "main"].contains(&module);
        if !is_root && !parents.into_iter().filter_map(text).any(is_declared) {
            violations.push(format!("{path} is named by no `mod`"));
        }
    }
    assert_none(&violations);
}

#[test]
fn nothing_panics_for_want_of_thought() {
    let mut violations = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            let forbidden = [".unwrap()", "todo!(", "unimplemented!(", "dbg!(", "#[allow("];
            if let Some(word) = forbidden.iter().find(|word| line.contains(**word)) {
                violations.push(format!("{}:{number}: `{word}`", source.path));
            }
        }
    }
    assert_none(&violations);
}

/// The first cells of the table of the README with this head.
fn readme_table(head: &str) -> Vec<String> {
    let readme = read("README.md");
    let mut lines = readme.lines().skip_while(|line| line.trim() != head).skip(2);
    let rows: Vec<_> = std::iter::from_fn(|| lines.next().filter(|line| line.starts_with('|')))
        .map(|row| row.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned())
        .collect();
    assert!(!rows.is_empty(), "the README has no table `{head}`");
    rows
}

#[test]
fn r150_the_readme_lists_exactly_the_statuses_of_checks() {
    assert_eq!(readme_table("| status | meaning |"), Status::ALL.map(|status| status.to_string()));
}

#[test]
fn r150_the_readme_lists_exactly_the_phases_of_alerts() {
    assert_eq!(readme_table("| phase | meaning |"), Phase::ALL);
}

#[test]
fn r150_the_readme_lists_exactly_the_states_of_effects() {
    let states = Progress::ALL.map(|progress| progress.to_string());
    assert_eq!(readme_table("| state | meaning |"), states);
}

#[test]
fn r150_the_readme_lists_exactly_the_states_of_tasks() {
    assert_eq!(readme_table("| a task is | meaning |"), State::ALL.map(|state| state.to_string()));
}

#[test]
fn r150_the_readme_lists_exactly_what_jobs_do_and_how_they_and_their_runs_are() {
    assert_eq!(readme_table("| a job does | meaning |"), Kind::ALL);
    let states = job::State::ALL.map(|state| state.to_string());
    assert_eq!(readme_table("| a job is | meaning |"), states);
    let states = RunState::ALL.map(|state| state.to_string());
    assert_eq!(readme_table("| a run is | meaning |"), states);
}

#[test]
fn the_example_configuration_is_what_teawatch_prints() {
    let is_same = read("fixtures/config/example.toml") == example();
    assert!(is_same, "write fixtures/config/example.toml anew: teawatch config example");
}

#[test]
fn every_setting_is_in_the_example() {
    let example = example();
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in example.lines() {
        let line = line.trim_start_matches('#');
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            found.insert(format!("{}{}", section.as_str(), key.trim_matches('"')));
        }
    }
    let missing: Vec<_> =
        SETTINGS.iter().map(|setting| setting.key).filter(|key| !found.contains(*key)).collect();
    assert_none(&missing);
}

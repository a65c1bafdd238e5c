//! What `teawatch install` prints.

use std::process::Command;

use crate::support::{InTime as _, text};

fn install(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().arg("install").args(arguments).output_in_time()
}

#[test]
fn the_units_fit_each_other_the_defaults_and_the_names_of_settings() {
    let output = install(&["--print"]);
    assert!(output.status.success(), "{output:?}");
    let units = text(&output.stdout);
    let value = |name: &str| {
        let line = units.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name}:\n{units}")).to_owned()
    };
    let example = teawatch::config::example();
    assert!(example.contains(&format!("listen = \"{}\"", value("ListenStream"))));
    let program = env!("CARGO_BIN_EXE_teawatch");
    assert!(value("ExecStart").starts_with(&format!("{program} serve ")), "{units}");
    assert_eq!(value("Type"), "notify");
    // Each variable is that of a setting, and each credential is loaded that one names.
    let lines = || units.lines().map(|line| line.trim_start_matches('#'));
    let variables: Vec<_> =
        teawatch::config::SETTINGS.iter().map(teawatch::config::Setting::variable).collect();
    let mut secrets = 0;
    for line in lines().filter_map(|line| line.strip_prefix("Environment=")) {
        let (variable, value) = line.split_once('=').unwrap();
        assert!(variables.iter().any(|known| known == variable), "{variable}");
        if let Some(name) = value.strip_prefix("%d/") {
            let load = format!("LoadCredential={name}:/etc/teawatch/{name}");
            assert!(lines().any(|line| line == load), "{load}");
            secrets += 1;
        }
    }
    let all = teawatch::config::SETTINGS.iter().filter(|it| it.secret_variable().is_some());
    // All but the two secrets that one changes over from.
    assert_eq!(secrets, all.count() - 2, "{units}");
}

#[test]
fn without_print_nothing_is_done() {
    assert_eq!(install(&[]).status.code(), Some(2));
}

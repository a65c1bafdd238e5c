//! Plugins as they are found: what they print, and what they are not given.

use serde_json::{Value, json};

use super::{Host, text};

/// What a dry run sees of one plugin, which is a script.
fn said(script: &str) -> Value {
    let host = Host::new("[[command]]\nname = \"plugin\"\ncommand = [\"./plugin\"]\n");
    host.script("plugin", script);
    host.look().1["checks"][0].clone()
}

#[test]
fn bytes_that_are_no_text_and_colours_leave_the_words_of_a_plugin_readable() {
    let seen = said(
        r#"printf '\033[31mBAD\000LY\377\033[0m\r\n\tmore\033[2J\r50%%\r100%%\n| x=nan y=1e999 z=2\n'; exit 2"#,
    );
    assert_eq!(seen["result"], "failure", "{seen:#}");
    assert_eq!(seen["summary"], "BADLY\u{fffd}");
    assert_eq!(seen["details"], "more\n50%\n100%");
    assert_eq!(seen["numbers"], json!({ "z": 2.0 }));
}

#[test]
fn what_a_terminal_would_obey_is_printed_nowhere() {
    let host = Host::new("[[command]]\nname = \"plugin\"\ncommand = [\"./plugin\"]\n");
    host.script("plugin", r#"printf 'a\033]0;title\007b\n\033[2Jmore\233\n'; exit 1"#);
    for arguments in [&["agent", "--dry-run"][..], &["agent", "--dry-run", "--json"]] {
        let output = text(&host.run(arguments).stdout);
        assert!(output.contains("more"), "{output:?}");
        let obeyed = output.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(obeyed, None, "{output:?}");
    }
}

#[test]
fn the_summary_of_a_plugin_is_its_first_line_and_no_longer_than_a_summary_may_be() {
    let seen = said("head -c 3000 /dev/zero | tr '\\0' x; echo; echo second; exit 1");
    assert_eq!(seen["summary"], "x".repeat(500), "{seen:#}");
    assert_eq!(seen["details"], "second");
}

#[test]
fn the_secret_that_signs_reports_is_given_to_no_plugin() {
    let seen = said("echo \"secret: ${TEAWATCH_AGENT_SECRET-none}, home: ${HOME:+set}\"");
    assert_eq!(seen["summary"], "secret: none, home: set", "{seen:#}");
}

#[test]
fn a_launcher_that_does_not_find_its_interpreter_has_found_no_syntax_error() {
    for code in [126, 127] {
        let host =
            Host::new("[[syntax]]\nname = \"s\"\npath = \"a.conf\"\ncommand = [\"./launcher\"]\n");
        host.write("a.conf", "");
        host.script("launcher", &format!("echo not found >&2; exit {code}"));
        let (_, said) = host.look();
        let check = &said["checks"][0];
        assert_eq!(check["result"], "unknown", "{said:#}");
        assert_eq!(check["summary"], "./launcher cannot be run");
        assert_eq!(check["details"], "not found\n");
    }
}

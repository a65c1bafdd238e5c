//! Every flag and variable of pings: what holds without it, and what with it.

use std::time::{Duration, Instant};

use super::ping::{UUID, paths, taking};
use super::{Host, text};
use crate::support::{InTime as _, Say, StandIn, answer_of};

/// A host on which files hold a key and a UUID.
fn host() -> Host {
    let host = Host::new("");
    host.write("key", " in-file\n");
    host.write("uuid", &format!("{UUID}\n"));
    host.write("empty", "\n");
    host
}

/// The pings of a run that says something on both outputs, with these flags and variables;
/// `URL` in them is the server's.
fn pings(flags: &[&str], variables: &[(&str, &str)], exit_code: u8) -> (Vec<String>, String) {
    let (host, server) = (host(), taking());
    let url = |text: &str| text.replace("URL", &format!("{}ping", server.url));
    let mut command = host.command(&["run"]);
    command.args(flags.iter().map(|flag| url(flag)));
    command.envs(variables.iter().map(|(name, value)| (name, url(value))));
    let script = format!("echo out; echo err >&2; exit {exit_code}");
    let output = command.args(["--", "sh", "-c", &script]).output_in_time();
    assert_eq!(output.status.code(), Some(i32::from(exit_code)), "{flags:?}: {output:?}");
    let body = server.asked().last().map(|asked| asked.body.clone()).unwrap_or_default();
    let paths = paths(&server).into_iter();
    let paths = paths.map(|path| path.trim_end_matches(['?', '&']).to_owned()).collect();
    (paths, body)
}

#[test]
fn a_check_is_named_by_flags_and_else_by_variables() {
    let by_uuid = format!("/ping/{UUID}");
    let (api, slug) = (("HC_API_URL", "URL"), ("CHECK_SLUG", "variable"));
    let (key, other) = (("PING_KEY", "new"), ("HC_PING_KEY", "old"));
    for (flags, variables, named) in [
        // Where pings go, and by what.
        (&["--api-url", "URL", "--uuid", UUID][..], &[][..], by_uuid.as_str()),
        (&["--uuid", UUID], &[api], &by_uuid),
        (
            &["--api-url", "URL"],
            &[("HC_API_URL", "http://127.0.0.1:9/"), ("CHECK_UUID", UUID)],
            &by_uuid,
        ),
        (&["--uuid", UUID], &[api, ("CHECK_UUID", "other")], &by_uuid),
        (&["--uuid", "file:uuid"], &[api], &by_uuid),
        (&[], &[api, ("CHECK_UUID", "file:uuid")], &by_uuid),
        (&["--slug", "flag", "--ping-key", "k"], &[api], "/ping/k/flag"),
        (&["--slug", "flag", "--ping-key", "k"], &[api, slug, key, other], "/ping/k/flag"),
        (&["--slug", "flag"], &[api, other], "/ping/old/flag"),
        (&["--slug", "flag"], &[api, key, other], "/ping/new/flag"),
        (&["--slug", "flag"], &[api, ("PING_KEY", ""), other], "/ping/old/flag"),
        (&["--slug", "flag"], &[api, ("PING_KEY", "file:key")], "/ping/in-file/flag"),
        (&["--slug", "flag", "--ping-key", "file:key"], &[api], "/ping/in-file/flag"),
        (&["--ping-key", "k"], &[api, slug], "/ping/k/variable"),
        (&[], &[api, slug, key], "/ping/new/variable"),
        // A flag for one way counts more than a variable for the other.
        (&[], &[api, slug, key, ("CHECK_UUID", UUID)], &by_uuid),
        (&["--slug", "flag"], &[api, key, ("CHECK_UUID", UUID)], "/ping/new/flag"),
        // As runitor has them.
        (&["-api-url", "URL", "-uuid", UUID], &[], &by_uuid),
        (&["-api-url=URL", "-slug", "flag", "-ping-key=k"], &[], "/ping/k/flag"),
    ] {
        let expected = [format!("{named}/start"), named.to_owned()];
        assert_eq!(pings(flags, variables, 0).0, expected, "{flags:?} {variables:?}");
    }
}

#[test]
fn each_flag_changes_what_it_says_and_nothing_else() {
    let slug = ["--api-url", "URL", "--slug", "s", "--ping-key", "k"];
    let usual = |action: &str| vec!["/ping/k/s/start".to_owned(), format!("/ping/k/s{action}")];
    let all = |flags: &[&str], exit_code: u8| pings(&[&slug, flags].concat(), &[], exit_code);
    assert_eq!(all(&[], 0).0, usual(""));
    assert_eq!(all(&[], 3).0, usual("/3"));
    for (kind, well, ill) in [
        ("exit-code", "/0", "/3"),
        ("success", "", ""),
        ("fail", "/fail", "/fail"),
        ("log", "/log", "/log"),
    ] {
        assert_eq!(all(&["--on-success", kind], 0).0, usual(well), "{kind}");
        assert_eq!(all(&["--on-success", kind], 3).0, usual("/3"), "{kind}");
        assert_eq!(all(&["-on-nonzero-exit", kind], 3).0, usual(ill), "{kind}");
        assert_eq!(all(&["-on-nonzero-exit", kind], 0).0, usual(""), "{kind}");
        let (host, server) = (host(), taking());
        let output = super::ping::run(&host, &server, &["--on-exec-fail", kind, "./missing"]);
        assert_eq!(output.status.code(), Some(127), "{output:?}");
        let told = if kind == "exit-code" { "/127" } else { ill };
        assert_eq!(paths(&server)[1], format!("/ping/{UUID}{told}?"));
    }
    let created = ["/ping/k/s/start?create=1", "/ping/k/s?create=1"];
    assert_eq!(all(&["--create"], 0).0, created);
    assert_eq!(all(&["--no-start-ping"], 0).0, ["/ping/k/s"]);
    let mut lines: Vec<_> = all(&[], 0).1.lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["err", "out"]);
    assert_eq!(all(&["--no-output-in-ping"], 0).1, "");
    assert_eq!(all(&["--quiet"], 0).1, "err\n");
    assert_eq!(all(&["--silent"], 0).1, "");
    // How it ended is no output.
    let (host, server) = (host(), taking());
    super::ping::run(
        &host,
        &server,
        &["--no-output-in-ping", "--", "sh", "-c", "echo a; kill -9 $$"],
    );
    let body = server.asked()[1].body.clone();
    assert!(body.starts_with("teawatch: it was killed by signal 9"), "{body}");
}

#[test]
fn quiet_and_silent_throw_outputs_away_also_where_a_command_is_reported() {
    let host = host();
    for (flags, out, err) in
        [(&[][..], true, true), (&["--quiet"], false, true), (&["--silent"], false, false)]
    {
        let script = ["--", "sh", "-c", "echo out; echo err >&2; exit 3"];
        let output = host.run(&[&["run"], flags, &script].concat());
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let has = |bytes: &[u8], line: &str| text(bytes).lines().any(|it| it == line);
        assert_eq!(
            (has(&output.stdout, "out"), has(&output.stderr, "err")),
            (out, err),
            "{flags:?}"
        );
    }
}

#[test]
fn how_often_and_how_long_is_tried_has_a_default_and_a_limit() {
    let host = host();
    let tries = |flags: &[&str]| {
        let server = StandIn::start(|_, _| Say::Answer {
            status: 503,
            headers: "retry-after: 0\r\n".to_owned(),
            body: String::new(),
        });
        let flags = [flags, &["--no-start-ping", "true"]].concat();
        assert_eq!(super::ping::run(&host, &server, &flags).status.code(), Some(0));
        server.asked().len()
    };
    assert_eq!(tries(&[]), 3);
    assert_eq!(tries(&["--retries", "0"]), 1);
    assert_eq!(tries(&["-api-retries", "1"]), 2);
    assert_eq!(tries(&["--retries=100"]), 101);
    let hangs = |flags: &[&str]| {
        let server = StandIn::start(|_, _| Say::Hang);
        let flags = [flags, &["--retries", "0", "--no-start-ping", "true"]].concat();
        let began = Instant::now();
        assert_eq!(super::ping::run(&host, &server, &flags).status.code(), Some(0));
        began.elapsed()
    };
    assert!(hangs(&[]) >= Duration::from_secs(5));
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(5)).contains(&hangs(&["-api-timeout=1s"]))
    );
    assert!(hangs(&["--timeout", "1s"]) < Duration::from_secs(5));
}

#[test]
fn a_flag_that_makes_no_sense_is_a_wrong_call_and_runs_nothing() {
    let host = host();
    for flags in [
        &["--uuid", UUID, "--slug", "s"][..],
        &["--uuid", UUID, "--ping-key", "k"],
        &["--uuid", UUID, "--create"],
        &["--retries", "101"],
        &["--retries", "-1"],
        &["--timeout", "0s"],
        &["--ping-body-limit", "10000001"],
        &["--on-success", "sing"],
        &["--repeat", "0s"],
        &["-sing"],
    ] {
        let output = host.run(&[&["run"], flags, &["--", "touch", "ran"]].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {output:?}");
        assert!(!host.path("ran").exists(), "{flags:?}");
        let told = text(&output.stderr);
        assert!(!told.contains(UUID), "{flags:?}: {told}");
    }
}

#[test]
fn where_nobody_can_be_pinged_the_command_runs_and_that_is_told_in_one_line() {
    let host = host();
    let api = ("HC_API_URL", "http://127.0.0.1:9/ping");
    for (flags, variables, words) in [
        (&["--uuid", UUID][..], &[][..], "no --api-url and no HC_API_URL says where"),
        (&["--slug", "s"], &[api], "a slug needs --ping-key"),
        (&["--ping-key", "hunter2"], &[api], "no check is named"),
        (&["--create"], &[api], "no check is named"),
        (&["--api-url", "http://h/"], &[], "no check is named"),
        (&["--create"], &[api, ("CHECK_UUID", UUID)], "CHECK_UUID names one by its UUID"),
        (&["--uuid", UUID, "--api-url", "h/ping"], &[], "pings need an http:// or https://"),
        (&["--uuid", UUID, "--api-url", "https://:hunter2"], &[], "pings need an http://"),
        (&["--uuid", "file:nowhere"], &[api], "cannot read nowhere"),
        (&["--uuid", "file:empty"], &[api], "empty is empty"),
    ] {
        let mut command = host.command(&[&["run"], flags, &["--", "sh", "-c", "exit 7"]].concat());
        let output = command.envs(variables.iter().copied()).output_in_time();
        assert_eq!(output.status.code(), Some(7), "{flags:?}: {output:?}");
        let told = text(&output.stderr);
        assert!(told.contains(words) && told.contains("is told to nobody"), "{flags:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!told.contains(UUID) && !told.contains("hunter"), "{told}");
    }
    assert!(!host.path("data/spool").exists(), "it was reported instead");
}

#[test]
fn variables_that_name_no_check_are_for_others_and_the_command_is_reported() {
    let server = StandIn::start(|_, _| answer_of(200, r#"{"accepted":1,"duplicate":false}"#));
    let host = Host::new(&format!("server = \"{}\"\n", server.url));
    let mut command = host.command(&["run", "--", "true"]);
    command.env("HC_API_URL", &server.url).env("PING_KEY", "k").env("HC_PING_KEY", "k");
    let output = command.env("CHECK_UUID", "").output_in_time();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(server.asked().iter().all(|asked| asked.path() == "/api/v1/reports"));
    assert!(!server.asked().is_empty());
}

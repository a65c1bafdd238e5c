//! `teawatch run` and `teawatch beat` with pings: what arrives, and where.

use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Host, SOURCE, text};
use crate::pings::{check, key};
use crate::support::{
    Asked, Gitea, InTime as _, StandIn, Teawatch, answer_of, eventually, tls_fixture,
};

pub const UUID: &str = "8116e449-d71c-4112-8f5d-a66f60902091";

/// A server that takes every ping.
pub fn taking() -> StandIn {
    StandIn::start(|_, _| answer_of(200, "OK"))
}

/// Runs with pings of the check `UUID` at a server.
pub fn run(host: &Host, server: &StandIn, arguments: &[&str]) -> Output {
    let api_url = format!("{}ping", server.url);
    host.command(&["run", "--api-url", &api_url, "--uuid", UUID]).args(arguments).output_in_time()
}

/// What was asked for, without what is random.
pub fn paths(server: &StandIn) -> Vec<String> {
    let path = |asked: &Asked| asked.path().split("rid=").next().unwrap().to_owned();
    server.asked().iter().map(path).collect()
}

fn rid(asked: &Asked) -> String {
    asked.path().split_once("rid=").unwrap().1.to_owned()
}

#[test]
fn a_run_pings_its_start_and_its_end_as_one_run_and_the_command_does_not_notice() {
    let (host, server) = (Host::new(""), taking());
    let output = run(&host, &server, &["--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("out\n".into(), "err\n".into()));
    assert_eq!(paths(&server), [format!("/ping/{UUID}/start?"), format!("/ping/{UUID}/7?")]);
    let asked = server.asked();
    assert_eq!(rid(&asked[0]), rid(&asked[1]));
    assert_eq!((rid(&asked[0]).len(), &rid(&asked[0])[14..15]), (36, "4"));
    for asked in &asked {
        assert_eq!((asked.method(), asked.header("content-type")), ("POST", Some("text/plain")));
    }
    assert_eq!(asked[0].body, "");
    assert!(["out\nerr\n", "err\nout\n"].contains(&asked[1].body.as_str()), "{:?}", asked[1].body);
    // Nothing is reported besides.
    assert!(!host.path("data").exists());
}

#[test]
fn pings_trust_the_roots_of_the_agent_and_those_that_a_flag_or_a_variable_names() {
    let server = StandIn::with_tls(|_, _| answer_of(200, "OK"));
    let root = tls_fixture("ca.pem").display().to_string();
    let agents = format!("ca_file = \"{root}\"\nping_url = \"{}agent\"\n", server.url);
    let check = "[[command]]\nname = \"c\"\ncommand = [\"true\"]\n";
    let (bare, knowing) = (Host::new(""), Host::new(&agents));
    let api_url = format!("{}ping", server.url);
    let target = ["--api-url", &api_url, "--uuid", UUID, "--retries=0"];
    let run = |host: &Host, flags: &[&str], variable: Option<&str>| {
        let mut command = host.command(&["run", "--no-start-ping"]);
        let command = command.args(target).args(flags).args(["--", "true"]);
        command.envs(variable.map(|path| ("TEAWATCH_CA_FILE", path))).output_in_time()
    };
    let beat = |host: &Host, flags: &[&str]| {
        let mut command = host.command(&["beat", "job", "--interval=1h", "--dir=beats"]);
        command.args(target).args(flags).output_in_time()
    };
    for output in [run(&bare, &[], None), beat(&bare, &[])] {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = text(&output.stderr);
        assert!(told.lines().count() == 1, "{told}");
        assert!(told.contains("nobody trusts here; --ca-file names more roots"), "{told}");
    }
    assert!(server.asked().is_empty());
    let flag = format!("--ca-file={root}");
    let pinged = [
        run(&bare, &[&flag], None),
        run(&bare, &[], Some(&root)),
        run(&knowing, &[], None),
        beat(&bare, &[&flag]),
        beat(&knowing, &[]),
    ];
    for output in &pinged {
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    assert_eq!(server.asked().len(), pinged.len());
    // A flag counts more than the agent's file.
    let output = run(&knowing, &["--ca-file=nowhere.pem"], None);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains("cannot read nowhere.pem"), "{output:?}");
    // Nor is whoever watches the agent asked without them.
    let knowing = Host::new(&format!("server = \"{}\"\n{agents}{check}", server.url));
    let output = knowing.run(&["agent", "--quiet"]);
    assert!(!text(&output.stderr).contains("the ping of"), "{output:?}");
    assert_eq!(server.asked().last().unwrap().path(), "/agent");
}

#[test]
fn each_end_of_a_command_has_a_ping_that_tells_it() {
    let host = Host::new("");
    host.write("plain", "text");
    for (command, code, action, words) in [
        (&["--", "true"][..], 0, "", ""),
        (&["--", "sh", "-c", "echo a; exit 255"], 255, "/255", "a\n"),
        (&["--", "./missing"], 127, "/fail", "teawatch: it cannot be started: No such file"),
        (&["--", "./plain"], 126, "/fail", "teawatch: it cannot be started: Permission denied"),
        (
            &["--", "sh", "-c", "printf a; kill -9 $$"],
            137,
            "/137",
            "a\nteawatch: it was killed by signal 9 after ",
        ),
        (
            &["--limit", "1s", "--", "sh", "-c", "echo a; exec sleep 1000"],
            143,
            "/143",
            "a\nteawatch: it was killed at its limit of 1s\n",
        ),
        (
            &[
                "--limit",
                "1s",
                "--",
                "sh",
                "-c",
                "trap 'exit 0' TERM; while :; do sleep 0.05; done",
            ],
            124,
            "/124",
            "teawatch: it was killed at its limit of 1s\n",
        ),
    ] {
        let server = taking();
        let output = run(&host, &server, command);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {output:?}");
        assert_eq!(
            paths(&server),
            [format!("/ping/{UUID}/start?"), format!("/ping/{UUID}{action}?")],
            "{command:?}"
        );
        let body = &server.asked()[1].body;
        assert!(body.contains(words), "{command:?}: {body:?}");
        assert_eq!(body.is_empty(), words.is_empty(), "{command:?}: {body:?}");
    }
}

#[test]
fn a_start_that_is_answered_slowly_holds_up_no_command_and_arrives_before_the_end() {
    let host = Host::new("");
    let ran = host.path("ran");
    let (answered, in_order) = <(AtomicBool, AtomicBool)>::default();
    let server = StandIn::start(move |_, before| {
        if before == 0 {
            // The command is there although its start is not yet known.
            eventually("the command has run", || ran.exists());
            std::thread::sleep(std::time::Duration::from_millis(300));
            answered.store(true, Ordering::SeqCst);
        } else {
            in_order.store(answered.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        answer_of(if before == 0 || in_order.load(Ordering::SeqCst) { 200 } else { 400 }, "")
    });
    let output = run(&host, &server, &["--", "touch", "ran"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn the_ping_door_of_a_server_takes_what_a_run_pings() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    // A host of which teawatch knows no more than its key.
    let host = Host::new("");
    std::fs::remove_file(host.path("teawatch-agent.toml")).unwrap();
    let key = key(SOURCE);
    host.write("key", &format!("{key}\n"));
    let run = |arguments: &[&str]| {
        let mut command = host.command(&["run", "--slug", "backup", "--ping-key", "file:key"]);
        command.args(["--api-url", &format!("{}/ping", teawatch.url)]).args(arguments);
        command
    };
    let missing = run(&["--", "sh", "-c", "exit 4"]).output_in_time();
    assert_eq!(missing.status.code(), Some(4));
    let told = text(&missing.stderr);
    assert!(told.contains("answered 404 Not Found") && told.contains("--create makes"), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");

    let mut running = run(&["--create", "--", "sh", "-c", "read x; echo no room; exit 3"]);
    let mut running =
        running.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it is seen to run", || check(&teawatch, "backup")["running_since"].is_string());
    assert_eq!(gitea.open(), 0);
    let output = running.output_in_time();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), String::new()));
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(gitea.issue(1).title, "[watchdog] web1/backup: exit status 3: no room");
    assert!(check(&teawatch, "backup")["running_since"].is_null());

    let output = run(&["--", "true"]).output_in_time();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    eventually("it is closed", || gitea.open() == 0);
    assert!(!teawatch.log().contains(&key));
}

#[test]
fn a_beat_pings_a_success_besides_its_file() {
    let (host, server) = (Host::new(""), taking());
    let beat = ["beat", "job", "--interval", "1h", "--dir", "beats"];
    let api_url = format!("{}ping", server.url);
    let of = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = host.command(&[&beat, more].concat());
        command.env("HC_API_URL", &api_url).envs(variables.iter().copied());
        let output = command.output_in_time();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(host.path("beats/job.last").exists());
        std::fs::remove_dir_all(host.path("beats")).unwrap();
        text(&output.stderr)
    };
    // A job may have the variables of the command that runs it: they alone are not enough.
    assert_eq!(of(&[], &[("CHECK_UUID", UUID)]), "");
    assert_eq!(server.asked().len(), 0);
    assert_eq!(of(&["--ping"], &[("CHECK_UUID", UUID)]), "");
    assert_eq!(of(&["--uuid", UUID], &[]), "");
    assert_eq!(of(&["--slug", "job", "--create"], &[("PING_KEY", "web1.KEY")]), "");
    let expected = [
        format!("/ping/{UUID}"),
        format!("/ping/{UUID}"),
        "/ping/web1.KEY/job?create=1".to_owned(),
    ];
    assert_eq!(paths(&server), expected);
    assert!(server.asked().iter().all(|asked| asked.body.is_empty() && asked.method() == "POST"));
    let told = of(&["--ping"], &[]);
    assert!(told.contains("no check is named") && told.lines().count() == 1, "{told}");
}

//! What the agent makes of a server's answers.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::{Host, signal, text, waiting};
use crate::support::{
    Gitea, InTime as _, PATIENCE, Say, StandIn, Teawatch, Told, answer_of, eventually, refused,
    taken,
};

const CHECK: &str = "[[command]]\nname = \"c\"\ncommand = [\"true\"]\n";

fn host_of(server: &str) -> Host {
    Host::new(&format!("server = \"{server}\"\n{CHECK}"))
}

/// A host on which so many reports wait, and which knows this server now.
fn host_with_waiting(count: usize, server: &str) -> Host {
    let host = host_of("http://127.0.0.1:9/");
    for _ in 0..count {
        assert!(host.run(&["agent", "--quiet"]).status.success());
    }
    assert_eq!(waiting(&host), count);
    host.configure(&format!("server = \"{server}\"\n{CHECK}"));
    host
}

#[test]
fn each_answer_keeps_the_report_or_throws_it_away_and_is_one_line() {
    let page = "<html>Sign in to the hotel's network</html>";
    let (kept, gone) = (1, 0);
    let cases: Vec<(Say, usize, &str)> = vec![
        (taken(), gone, ""),
        (refused(400, "incomplete"), kept, "400 Bad Request: it is incomplete (do this)"),
        (refused(401, "unproven"), kept, "401 Unauthorized: it is unproven (do this)"),
        (refused(401, "generation"), kept, "it is generation (do this)"),
        // A clock without the server's time says nothing about ours.
        (refused(401, "clock"), kept, "it is clock (do this)"),
        (refused(403, "denied"), kept, "it is denied (do this)"),
        (refused(403, "other_source"), kept, "it is other_source (do this)"),
        (refused(404, "missing"), kept, "it is missing (do this)"),
        (refused(405, "method"), kept, "it is method (do this)"),
        (refused(413, "too_long"), gone, "a report was thrown away: it is too_long (do this)"),
        (refused(422, "bad_body"), gone, "a report was thrown away: it is bad_body (do this)"),
        (refused(429, "too_many"), kept, "it is too_many (do this)"),
        (refused(503, "busy"), kept, "it is busy (do this)"),
        (answer_of(200, page), kept, "is `server` its address"),
        (answer_of(204, ""), kept, "is `server` its address"),
        (answer_of(400, page), kept, "is `server` its address"),
        (answer_of(401, page), kept, "is `server` its address"),
        (answer_of(403, page), kept, "is `server` its address"),
        (answer_of(404, page), kept, "is `server` its address"),
        (answer_of(413, page), kept, "is `server` its address"),
        (answer_of(422, page), kept, "is `server` its address"),
        (answer_of(502, &"x".repeat(10_000_000)), kept, "is `server` its address"),
        (
            Say::Answer {
                status: 301,
                headers: "location: https://teawatch.test/\r\n".to_owned(),
                body: String::new(),
            },
            kept,
            "it points to https://teawatch.test/: set `server`",
        ),
        (
            answer_of(503, r#"{"error":{"code":"x","message":"two\nlines \u001b[31m"}}"#),
            kept,
            "two lines  [31m",
        ),
        (Say::HangUp, kept, "cannot be reached"),
    ];
    for (say, left, words) in cases {
        let once = std::sync::Mutex::new(Some(say));
        let server = StandIn::start(move |_, _| once.lock().unwrap().take().unwrap());
        let host = host_of(&server.url);
        let output = host.run(&["agent", "--quiet"]);
        assert_eq!(output.status.code(), Some(0), "{words}: {output:?}");
        let told = text(&output.stderr);
        assert_eq!(waiting(&host), left, "{words}: {told}");
        assert_eq!(told.lines().count(), usize::from(!words.is_empty()), "{words}: {told}");
        assert!(told.contains(words) && told.len() < 1_000, "{words}: {told}");
        assert!(!told.contains(Teawatch::secret(super::SOURCE).expose()), "{told}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn a_server_that_hangs_is_given_up_and_the_report_waits() {
    let server = StandIn::start(|_, _| Say::Hang);
    let host = host_with_waiting(2, &server.url);
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains("timed out"), "{output:?}");
    assert_eq!((waiting(&host), server.asked().len()), (3, 1));
}

/// What teawatch says when it is busy, with a pause that it asks for.
fn busy(pause: &str) -> Say {
    let Say::Answer { status, body, .. } = refused(503, "busy") else { unreachable!() };
    Say::Answer { status, headers: format!("retry-after: {pause}\r\n"), body }
}

#[test]
fn a_short_pause_that_the_server_asks_for_is_waited_for_once() {
    let server = StandIn::start(|_, before| if before == 0 { busy("1") } else { taken() });
    let host = host_with_waiting(1, &server.url);
    let began = Instant::now();
    let output = host.run(&["agent", "--quiet"]);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!((server.seqs(), waiting(&host)), (vec![2, 2, 1], 0));
    // Whoever asks again and again is left alone.
    let server = StandIn::start(|_, _| busy("0"));
    let host = host_with_waiting(1, &server.url);
    let told = text(&host.run(&["agent", "--quiet"]).stderr);
    assert!(told.contains("it is busy") && told.lines().count() == 1, "{told}");
    assert_eq!((server.seqs(), waiting(&host)), (vec![2, 2], 2));
}

#[test]
fn a_long_pause_that_the_server_asks_for_is_kept_by_those_whom_cron_starts_as_well() {
    let server = StandIn::start(|_, before| if before == 0 { busy("599") } else { taken() });
    let host = host_of(&server.url);
    host.run(&["agent", "--quiet"]);
    for call in [&["agent", "--quiet"][..], &["beat", "job", "--interval=1h", "--dir=b", "--post"]]
    {
        let told = text(&host.run(call).stderr);
        assert!(told.contains("has asked for a pause, of which 5"), "{call:?}: {told}");
    }
    assert_eq!((server.asked().len(), waiting(&host)), (1, 3));
    // Another server has asked for nothing.
    let other = StandIn::start(|_, _| taken());
    host.configure(&format!("server = \"{}\"\n{CHECK}", other.url));
    let output = host.run(&["agent", "--quiet"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!((other.asked().len(), waiting(&host)), (4, 0));
    // Nor does a pause hold that is over, or one that no clock explains, or half of one.
    let rest = host.path("data/spool/rest.json");
    let kept = std::fs::read_to_string(&rest).unwrap();
    host.configure(&format!("server = \"{}\"\n{CHECK}", server.url));
    let until = |year: &str| kept.replacen("\"until\":\"20", &format!("\"until\":\"{year}"), 1);
    for other in [until("19"), until("21"), kept[..kept.len() / 2].to_owned(), String::new()] {
        assert_ne!(other, kept);
        std::fs::write(&rest, &other).unwrap();
        let output = host.run(&["agent", "--quiet"]);
        assert!(output.stderr.is_empty() && waiting(&host) == 0, "{other}: {output:?}");
    }
}

#[test]
fn for_a_long_pause_that_the_server_asks_for_everything_waits_and_then_goes() {
    let asked_for = Duration::from_secs(6);
    let server = StandIn::start(|_, before| if before == 0 { busy("6") } else { taken() });
    let host = host_of(&server.url);
    let began = Instant::now();
    let mut agent = host.command(&["agent", "--quiet", "--watch", "--interval", "300ms"]);
    let agent = Told::start(&mut agent);
    eventually("it has been told", || server.asked().len() == 1);
    eventually("reports wait", || waiting(&host) >= 4);
    assert_eq!(server.asked().len(), 1, "the server is not left alone");
    eventually("all of it goes", || server.asked().len() > 4 && waiting(&host) == 0);
    assert!(began.elapsed() >= asked_for);
    agent.signal(Signal::TERM);
    let (_, _, told) = agent.end(PATIENCE);
    assert!(told.contains("has asked for a pause, of which "), "{told}");
}

#[test]
fn a_report_that_is_refused_for_what_it_is_holds_up_no_other() {
    let server = StandIn::start(|asked, _| match asked.json()["id"]["seq"].as_u64() {
        Some(3) => answer_of(403, "the firewall does not like this"),
        _ => taken(),
    });
    let host = host_with_waiting(3, &server.url);
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!(server.seqs(), [4, 3, 2, 1]);
    assert_eq!((waiting(&host), text(&output.stderr).lines().count()), (1, 1), "{output:?}");
    // Where nothing goes through, not all of it is tried.
    let server = StandIn::start(|_, _| answer_of(403, "the firewall likes nothing"));
    let host = host_with_waiting(5, &server.url);
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!(server.seqs(), [6, 5, 4]);
    assert_eq!((waiting(&host), text(&output.stderr).lines().count()), (6, 1), "{output:?}");
}

#[test]
fn what_waits_under_a_former_name_holds_up_nothing_and_asks_once() {
    let server = StandIn::start(|asked, _| match asked.header("teawatch-source") {
        Some(super::SOURCE) => refused(401, "unproven"),
        _ => taken(),
    });
    let host = host_with_waiting(3, &server.url);
    let output = host.run(&["agent", "--quiet", "--source", "web2"]);
    assert_eq!(server.seqs(), [4, 3]);
    assert_eq!((waiting(&host), text(&output.stderr).lines().count()), (3, 1), "{output:?}");
}

#[test]
fn a_report_whose_answer_is_lost_is_sent_again_as_the_same_and_counts_once() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let url = teawatch.url.clone();
    let server = StandIn::start(move |asked, before| {
        let answer = asked.hand_on(&url);
        if before == 0 { Say::HangUp } else { answer }
    });
    let host = host_of(&server.url);
    assert!(text(&host.run(&["agent", "--quiet"]).stderr).contains("waits"));
    let output = host.run(&["agent", "--quiet"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!((server.seqs(), waiting(&host)), (vec![1, 2, 1], 0));
    let asked = server.asked();
    assert_eq!(asked[0].header("webhook-id"), asked[2].header("webhook-id"));
    assert_eq!(asked[0].body, asked[2].body);
    let checks = teawatch.get("/api/v1/checks").1;
    let check = checks["items"].as_array().unwrap().iter().find(|check| check["name"] == "c");
    assert_eq!(check.unwrap()["results"], 2, "{checks:#}");
}

#[test]
fn after_one_word_about_the_clock_all_the_rest_is_signed_by_the_servers() {
    let day = 86_400;
    let server = StandIn::start(move |asked, _| {
        let at: i64 = asked.header("webhook-timestamp").unwrap().parse().unwrap();
        let server_time = jiff::Timestamp::now().as_second() + day;
        if (server_time - at).abs() < 300 {
            return taken();
        }
        let error = json!({ "code": "clock", "message": "off", "server_time": server_time });
        answer_of(401, &json!({ "error": error }).to_string())
    });
    let host = host_with_waiting(2, &server.url);
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!((server.seqs(), waiting(&host)), (vec![3, 3, 2, 1], 0));
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("behind the server's: set it"), "{told}");
}

#[test]
fn a_certificate_that_nobody_knows_is_told_and_with_its_root_the_report_goes() {
    let server = StandIn::with_tls(|_, _| taken());
    let host = host_of(&server.url);
    let told = text(&host.run(&["agent", "--quiet"]).stderr);
    assert!(told.lines().count() == 1 && told.contains("`ca_file` names more roots"), "{told}");
    assert_eq!((server.asked().len(), waiting(&host)), (0, 1));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/gitea/tls/ca.pem");
    host.configure(&format!("server = \"{}\"\nca_file = \"{root}\"\n{CHECK}", server.url));
    let output = host.run(&["agent", "--quiet"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!((server.asked().len(), waiting(&host)), (2, 0));
}

#[test]
fn without_tls_no_certificates_are_needed_on_the_machine() {
    let server = StandIn::start(|_, _| taken());
    let host = Host::new(&format!("server = \"{0}\"\nping_url = \"{0}ping\"\n{CHECK}", server.url));
    let mut command = host.command(&["agent", "--quiet"]);
    let none = host.write("none.pem", "");
    let output = command.env("SSL_CERT_FILE", none).env("SSL_CERT_DIR", "nowhere").output_in_time();
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!((server.asked().len(), waiting(&host)), (2, 0));
}

#[test]
fn the_address_of_the_server_may_have_a_path_and_shows_no_password() {
    let server = StandIn::start(|_, _| refused(503, "busy"));
    let address = server.url.replace("http://", "http://me:hunter2@");
    let host = host_of(&format!("{address}behind/a?token=hunter3"));
    let told = text(&host.run(&["agent", "--quiet"]).stderr);
    assert!(!told.contains("hunter") && told.contains("/behind/a/api/v1/reports"), "{told}");
    let host = host_of("web1:8710");
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("must be an http:// or https:// address"), "{output:?}");
}

#[test]
fn an_agent_that_ends_in_the_middle_of_sending_loses_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let url = teawatch.url.clone();
    // The server has the second that comes, and its answer never does.
    let server = StandIn::start(move |asked, before| {
        let answer = asked.hand_on(&url);
        if before % 2 == 0 { answer } else { Say::Hang }
    });
    let host = host_with_waiting(2, &server.url);
    for (how, already) in [(Signal::TERM, 2), (Signal::KILL, 4)] {
        let mut child = host.command(&["agent", "--quiet"]).stderr(Stdio::piped()).spawn().unwrap();
        eventually("it is sending", || server.asked().len() == already);
        signal(&child, how);
        let output = child.output_in_time();
        assert_eq!(output.status.code(), (how == Signal::TERM).then_some(0));
        // It did not wait for the answer.
        assert!(output.stderr.is_empty(), "{output:?}");
        assert_eq!(waiting(&host), 2);
    }
    host.configure(&format!("server = \"{}\"\n{CHECK}", teawatch.url));
    assert!(host.run(&["agent", "--quiet"]).stderr.is_empty());
    assert_eq!((server.seqs(), waiting(&host)), (vec![3, 2, 4, 2], 0));
    let checks = teawatch.get("/api/v1/checks").1;
    let check = checks["items"].as_array().unwrap().iter().find(|check| check["name"] == "c");
    assert_eq!(check.unwrap()["results"], 3, "{checks:#}");
}

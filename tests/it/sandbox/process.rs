//! `teawatch sandbox`, the real process, as a newcomer starts it.

use std::net::TcpListener;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;
use teawatch::sandbox::BOT_TOKEN;

use super::{ALERTS, ISSUES};
use crate::support::{Answer, PATIENCE, Told, ask, client};

/// A sandbox on a free port.
fn sandbox(flags: &[&str]) -> Told {
    sandbox_on("127.0.0.1:0", flags)
}

fn sandbox_on(address: &str, flags: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().args(["sandbox", "--listen", address]).args(flags);
    Told::start(&mut command)
}

/// What follows these words on their line, up to the next blank or comma.
fn told(sandbox: &Told, words: &str) -> String {
    let line = sandbox.line(words);
    let (_, rest) = line.split_once(words).unwrap();
    rest.split([' ', ',']).find(|word| !word.is_empty()).unwrap().to_owned()
}

fn get(url: &str, token: &str) -> Answer {
    ask(client().get(url).header("authorization", format!("token {token}")))
}

#[test]
fn a_sandbox_says_where_it_is_and_the_token_that_it_prints_is_that_of_the_bot() {
    let sandbox = sandbox(&[]);
    let url = told(&sandbox, "is at ");
    assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{url}");
    assert!(sandbox.line("is at ").starts_with("A stand-in for Gitea 1.26.3 "));
    let (bot, token) = (told(&sandbox, "  bot "), told(&sandbox, ", token "));
    assert_eq!(bot, "teawatch");
    assert_eq!(token, BOT_TOKEN, "the one that is known, so that examples hold");
    let user = get(&format!("{url}/api/v1/user"), &token);
    assert_eq!((user.status, &user.body["login"]), (200, &json!(bot)));

    let repository = told(&sandbox, "  repository ");
    assert_eq!(repository, ALERTS);
    let found = get(&format!("{url}/api/v1/repos/{repository}"), &token);
    assert_eq!((found.status, &found.body["full_name"]), (200, &json!(repository)));
    let opened = client()
        .post(format!("{url}/api/v1/repos/{repository}/issues"))
        .header("authorization", format!("token {token}"))
        .json(&json!({ "title": "seen on the page that was printed" }));
    assert_eq!(ask(opened).status, 201);
    let issues = told(&sandbox, "  issues ");
    let page = client().get(issues).send().unwrap().text().unwrap();
    assert!(page.contains("seen on the page that was printed"), "{page}");
    let faults = told(&sandbox, "  faults ");
    let ordered = ask(client().get(format!("{faults}/faults")));
    assert_eq!((ordered.status, ordered.body), (200, json!([])));
}

#[test]
fn the_pages_of_a_sandbox_are_as_long_as_its_flags_say() {
    let sandbox = sandbox(&["--page-size", "2", "--max-page-size", "3"]);
    let url = told(&sandbox, "is at ");
    let settings = get(&format!("{url}/api/v1/settings/api"), BOT_TOKEN).body;
    assert_eq!(
        (&settings["default_paging_num"], &settings["max_response_items"]),
        (&json!(2), &json!(3))
    );
    for number in 1..=5 {
        let opened = client()
            .post(format!("{url}{ISSUES}"))
            .header("authorization", format!("token {BOT_TOKEN}"))
            .json(&json!({ "title": format!("issue {number}") }));
        assert_eq!(ask(opened).status, 201);
    }
    for (query, items) in [("", 2), ("?limit=1", 1), ("?limit=50", 3), ("?page=3", 1)] {
        let listed = get(&format!("{url}{ISSUES}{query}"), BOT_TOKEN);
        assert_eq!(listed.body.as_array().unwrap().len(), items, "{query}");
        assert_eq!(listed.headers["x-total-count"], "5", "{query}");
    }
}

#[test]
fn a_sandbox_ends_well_on_sigint_and_sigterm_and_its_address_is_free_again() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = sandbox(&[]);
        let url = told(&sandbox, "is at ");
        sandbox.signal(signal);
        let (code, _, errors) = sandbox.end(PATIENCE);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{signal:?}");
        let gone = client().get(format!("{url}/api/v1/version")).send().unwrap_err();
        assert!(gone.is_connect(), "{gone:?}");
    }
}

#[test]
fn a_sandbox_ends_although_a_client_waits_for_an_answer_that_never_comes() {
    let sandbox = sandbox(&[]);
    let url = told(&sandbox, "is at ");
    let fault = json!({ "action": { "do": "do-and-stall" }, "matcher": { "route": "user" } });
    assert_eq!(ask(client().post(format!("{url}/-/admin/faults")).json(&fault)).status, 201);
    let waiting = std::thread::spawn({
        let user = format!("{url}/api/v1/user");
        move || client().get(user).send().unwrap_err()
    });
    crate::support::eventually("the request stalls", || {
        let requests = ask(client().get(format!("{url}/-/admin/requests"))).body;
        requests["log"][0]["outcome"] == "stalled"
    });
    sandbox.signal(Signal::TERM);
    assert_eq!(sandbox.end(PATIENCE).0, Some(0));
    assert!(!waiting.join().unwrap().is_timeout());
}

#[test]
fn an_address_that_is_taken_or_elsewhere_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = (taken.local_addr().unwrap().to_string(), taken);
    for (address, reason) in [
        (taken.0.as_str(), "in use"),
        ("0.0.0.0:0", "listens on loopback only"),
        ("192.0.2.1:3000", "listens on loopback only"),
    ] {
        let (code, told, errors) = sandbox_on(address, &[]).end(PATIENCE);
        assert_eq!((code, told.as_str()), (Some(1), ""), "{address}");
        assert!(errors.starts_with("teawatch: the sandbox "), "{errors}");
        assert!(errors.contains(address) && errors.contains(reason), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

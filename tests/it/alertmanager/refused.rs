//! What is not taken, told as Alertmanager understands it.

use serde_json::{Value, json};

use super::{SOURCE, checks, message, request, send, tell};
use crate::support::{Gitea, Teawatch, ask};

#[test]
fn who_does_not_prove_to_be_a_source_is_refused() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("agents.deny", "stolen"), ("agents.generation", "old=3")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let body = message("firing").to_string();
    let new = |query: &str| request(&teawatch, query, body.clone());
    let secret = |source: &str| Teawatch::secret(source).expose().to_owned();
    let basic = |user: &str, of: &str| new("").basic_auth(user, Some(secret(of)));
    for (request, status, code, words) in [
        (new(""), 401, "unproven", "neither Basic nor Bearer"),
        (new("").basic_auth(SOURCE, Some("wrong")), 401, "unproven", "does not match"),
        (basic("prom2", SOURCE), 401, "unproven", "does not match"),
        (basic("a b", "a b"), 401, "unproven", "names no source"),
        (new("").header("authorization", "Basic !!!"), 401, "unproven", "not well formed"),
        (new("").header("authorization", "Basic YWJj"), 401, "unproven", "not well formed"),
        (new("").bearer_auth(secret(SOURCE)), 401, "unproven", "needs `?source=`"),
        (new("?source=prom2").bearer_auth(secret(SOURCE)), 401, "unproven", "does not match"),
        (basic("old", "old"), 401, "unproven", "does not match"),
        (basic("stolen", "stolen"), 403, "denied", "may not report"),
    ] {
        let answer = ask(request);
        assert_eq!(answer.error(), (status, code), "{words}: {answer:?}");
        assert!(answer.message().contains(words), "{words}: {answer:?}");
        assert!(!answer.body.to_string().contains(&secret(SOURCE)));
    }
    assert!(checks(&teawatch).is_empty());
    assert!(!teawatch.log().contains(&secret(SOURCE)));
}

#[test]
fn what_is_no_message_of_version_4_is_refused_and_leaves_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let with = |field: &str, value: Value| {
        let mut message = message("firing");
        message[field] = value;
        message
    };
    for (message, words) in [
        (json!({ "text": "a payload of one's own" }), "version: must be \"4\""),
        (with("version", json!("3")), "version: must be \"4\""),
        (with("version", json!(4)), "version: invalid type"),
        (with("receiver", Value::Null), "receiver: invalid type"),
        (with("status", json!("burning")), "status: unknown variant"),
        (with("alerts", json!({})), "alerts: invalid type"),
        (
            with("alerts", json!([{ "status": "firing", "labels": { "a": 1 } }])),
            "alerts[0].labels.a",
        ),
        (with("groupLabels", json!([1])), "groupLabels"),
        (with("truncatedAlerts", json!(-1)), "truncatedAlerts: invalid value"),
        (with("alerts", json!([["firing"]])), "alerts[0]: invalid type: sequence"),
        (json!(["4"]), "the body: invalid type: sequence, expected an object in braces"),
    ] {
        let answer = send(&teawatch, &message);
        assert_eq!(answer.error(), (400, "bad_body"), "{words}: {answer:?}");
        assert!(answer.message().contains(words), "{words}: {answer:?}");
    }
    for body in [&b""[..], b"{", b"\xff\xfe", b"{\"version\":\"4\"}"] {
        let request = request(&teawatch, "", body);
        let answer = ask(request.basic_auth(SOURCE, Some(Teawatch::secret(SOURCE).expose())));
        assert_eq!(answer.error(), (400, "bad_body"), "{answer:?}");
    }
    assert!(checks(&teawatch).is_empty());
    // Alertmanager tells of the status alone.
    let log = teawatch.log();
    assert!(log.contains("is not taken") && log.contains("version: must be"), "{log}");
    tell(&teawatch, &message("firing"));
}

#[test]
fn a_message_may_be_as_long_as_it_is_said_and_not_a_byte_longer() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut text = message("firing").to_string();
    text.push_str(&" ".repeat((4 << 20) - text.len()));
    let send = |text: &str| {
        let request = request(&teawatch, "", text);
        ask(request.basic_auth(SOURCE, Some(Teawatch::secret(SOURCE).expose())))
    };
    assert_eq!(send(&text).status, 200);
    text.push(' ');
    assert_eq!(send(&text).error(), (413, "too_long"));
    assert_eq!(send(&" ".repeat(10 << 20)).error(), (413, "too_long"));
    assert_eq!(checks(&teawatch).len(), 1);
}

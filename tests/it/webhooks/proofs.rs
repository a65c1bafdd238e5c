//! Who may tell us something.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use reqwest::blocking::RequestBuilder;
use sha2::Sha256;
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::store::Memory;

use super::{SECRET, deliveries, is_quiet, post, serve};
use crate::support::{
    Answer, CHECK, Gitea, InTime as _, Inside, Teawatch, ask, client, failing, figure,
};

const PUSH: &str = r#"{"ref":"refs/heads/main"}"#;
const OTHER_SECRET: &str = "another secret of a webhook";

pub fn signature(secret: &str, payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(payload.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A push, with what else it carries.
fn push(teawatch: &Teawatch, headers: &[(&str, &str)]) -> Answer {
    let request = post(teawatch).header("x-gitea-event", "push");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    ask(request.body(PUSH))
}

fn server() -> (tempfile::TempDir, Gitea, Teawatch) {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = serve(data.path(), &gitea, &[]);
    (data, gitea, teawatch)
}

#[test]
fn any_of_the_three_signatures_is_enough_and_a_wrong_one_beside_it_is_not() {
    let (_data, _gitea, teawatch) = server();
    let right = signature(SECRET, PUSH);
    let hub = format!("sha256={right}");
    for header in [
        ("x-gitea-signature", &*right),
        ("x-forgejo-signature", &*right),
        ("x-hub-signature-256", &*hub),
    ] {
        assert_eq!(push(&teawatch, &[header]).status, 200, "{header:?}");
        for wrong in ["", &right[1..], &signature(OTHER_SECRET, PUSH), "sha1=00"] {
            let headers = [header, ("x-gitea-signature", wrong)];
            assert_eq!(push(&teawatch, &headers).error(), (401, "unproven"), "{headers:?}");
        }
    }
}

#[test]
fn what_is_not_signed_is_refused_whatever_it_says() {
    let (_data, gitea, teawatch) = server();
    is_quiet(&teawatch, &gitea);
    let right = signature(SECRET, PUSH);
    let sha1 = format!("sha1={}", &right[..40]);
    let prefixed = format!("sha256={right}");
    for headers in [
        &[][..],
        // As Gitea signs without a secret.
        &[("x-gitea-signature", ""), ("x-hub-signature-256", "sha256=")],
        &[("x-gitea-signature", "")],
        &[("x-hub-signature-256", "")],
        &[("x-hub-signature-256", "sha256=")],
        &[("x-hub-signature-256", &*right)],
        &[("x-hub-signature", &*sha1)],
        &[("x-gitea-signature", &*prefixed)],
        &[("authorization", SECRET)],
        &[("authorization", "Bearer s3cret-hook")],
    ] {
        let answer = push(&teawatch, headers);
        assert_eq!(answer.error(), (401, "unproven"), "{headers:?}");
    }
    assert_eq!(deliveries(&teawatch).len(), 0);
    assert_eq!(gitea.world().log().len(), 0);
    let series = r#"teawatch_deliveries_total{event="push",outcome="unproven"}"#;
    assert_eq!(figure(&teawatch.url, series), 10.0);
}

#[test]
fn a_payload_is_not_read_before_its_signature() {
    let (_data, _gitea, teawatch) = server();
    let post = |secret: &str| {
        let request = post(&teawatch).header("x-gitea-event", "issues");
        let request = request.header("x-gitea-signature", signature(secret, "{"));
        ask(request.body("{"))
    };
    assert_eq!(post(OTHER_SECRET).error(), (401, "unproven"));
    assert_eq!(post(SECRET).error(), (422, "bad_body"));
    assert_eq!(deliveries(&teawatch).len(), 0);
}

#[test]
fn a_form_without_its_field_proves_nothing() {
    let (_data, _gitea, teawatch) = server();
    let form = |body: &str| {
        let request = post(&teawatch).header("x-gitea-event", "push");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("x-gitea-signature", signature(SECRET, PUSH));
        ask(request.body(body.to_owned())).status
    };
    assert_eq!(form(PUSH), 401);
    assert_eq!(form(""), 401);
    assert_eq!(form("payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D"), 200);
    // The first one counts, for the signature as for the reader.
    assert_eq!(form("payload=%7B%7D&payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D"), 401);
}

/// A server with further secrets, from its environment.
fn with(variables: &[(&str, &str)]) -> (tempfile::TempDir, Gitea, Teawatch) {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut command = Teawatch::command(data.path(), &gitea, &[]);
    command.envs(variables.iter().copied());
    let teawatch = Teawatch::launch(command);
    (data, gitea, teawatch)
}

fn signed_push(teawatch: &Teawatch, secret: &str, headers: &[(&str, &str)]) -> u16 {
    let signature = signature(secret, PUSH);
    let headers: Vec<_> =
        [("x-gitea-signature", &*signature)].into_iter().chain(headers.iter().copied()).collect();
    push(teawatch, &headers).status
}

#[test]
fn two_secrets_live_while_one_is_replaced_by_the_other() {
    let both =
        [("TEAWATCH_WEBHOOK_SECRET", OTHER_SECRET), ("TEAWATCH_PREVIOUS_WEBHOOK_SECRET", SECRET)];
    let (_data, _gitea, teawatch) = with(&both);
    assert_eq!(signed_push(&teawatch, OTHER_SECRET, &[]), 200);
    assert_eq!(signed_push(&teawatch, SECRET, &[]), 200);
    assert_eq!(signed_push(&teawatch, "a third secret", &[]), 401);
    drop(teawatch);
    let (_data, _gitea, teawatch) = with(&both[..1]);
    assert_eq!(signed_push(&teawatch, OTHER_SECRET, &[]), 200);
    assert_eq!(signed_push(&teawatch, SECRET, &[]), 401);
}

#[test]
fn an_authorization_is_asked_for_besides_the_signature() {
    let value = "Bearer of good news";
    let (_data, _gitea, teawatch) =
        with(&[("TEAWATCH_WEBHOOK_SECRET", SECRET), ("TEAWATCH_WEBHOOK_AUTHORIZATION", value)]);
    assert_eq!(signed_push(&teawatch, SECRET, &[("authorization", value)]), 200);
    assert_eq!(signed_push(&teawatch, SECRET, &[]), 401);
    assert_eq!(signed_push(&teawatch, SECRET, &[("authorization", "Bearer of bad news")]), 401);
    assert_eq!(push(&teawatch, &[("authorization", value)]).status, 401);
}

#[test]
fn without_a_secret_the_door_is_shut_and_says_which_setting_opens_it() {
    let (_data, _gitea, teawatch) = with(&[]);
    let answer = push(&teawatch, &[("x-gitea-signature", &*signature("", PUSH))]);
    assert_eq!(answer.error(), (404, "off"));
    let hint = answer.body["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("TEAWATCH_WEBHOOK_SECRET") && hint.contains("webhooks.secret_file"));
}

/// A push whose body has so many bytes.
fn push_of(teawatch: &Teawatch, bytes: usize) -> RequestBuilder {
    let body = "x".repeat(bytes);
    let request = post(teawatch).header("x-gitea-event", "push");
    request.header("x-gitea-signature", signature(SECRET, &body)).body(body)
}

#[test]
fn a_message_may_be_as_long_as_its_limit_and_no_longer() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = serve(data.path(), &gitea, &[("limits.webhook_bytes", "2048")]);
    assert_eq!(ask(push_of(&teawatch, 2_048)).status, 200);
    assert_eq!(ask(push_of(&teawatch, 2_049)).error(), (413, "too_long"));
    assert_eq!(deliveries(&teawatch).len(), 1);
}

#[test]
fn what_makes_no_sense_without_a_secret_is_a_fault_of_the_configuration() {
    for variable in ["TEAWATCH_PREVIOUS_WEBHOOK_SECRET", "TEAWATCH_WEBHOOK_AUTHORIZATION"] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let mut command = Teawatch::command(data.path(), &gitea, &[]);
        command.env(variable, "0123456789");
        let output = command.output_in_time();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("is of no use without `webhooks.secret_file`"), "{said}");
        assert!(!said.contains("0123456789"), "{said}");
    }
}

#[test]
fn two_thousand_at_once_are_taken_and_the_next_has_to_wait() {
    let began = Timestamp::now();
    let millis = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&millis);
    let clock =
        Clock::from_fn(move || began + SignedDuration::from_millis(read.load(Ordering::SeqCst)));
    let inside = Inside::hooked(&Memory::new(), &clock, Settings::default(), Some(SECRET));
    // Proven, and then found to make no sense: that costs no commit.
    let send = |secret: &str| {
        let request = client().post(format!("{}/webhooks/gitea", inside.url));
        let request = request.header("x-gitea-event", "issues");
        ask(request.header("x-gitea-signature", signature(secret, "{")).body("{"))
    };
    for n in 0..2_000 {
        assert_eq!(send(SECRET).status, 422, "{n}");
    }
    let answer = send(SECRET);
    assert_eq!(answer.error(), (429, "too_many"));
    assert_eq!(answer.headers["retry-after"], "1");
    // Whoever proves nothing uses nothing up, and agents have rates of their own.
    assert_eq!(send(OTHER_SECRET).status, 401);
    inside.report(&failing(CHECK));
    millis.store(2, Ordering::SeqCst);
    assert_eq!([send(SECRET).status, send(SECRET).status], [422, 429]);
    let series = r#"teawatch_deliveries_total{event="issues",outcome="too_many"}"#;
    assert_eq!(figure(&inside.url, series), 2.0);
}

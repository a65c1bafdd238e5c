//! Webhooks: what a receiver gets, and what may befall it on the way.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use teawatch::sandbox::{Mishap, PostFault};

use super::*;
use crate::support::{Asked, StandIn, answer_of};

const HOOKS: &str = "/api/v1/repos/ops/alerts/hooks";
const SECRET: &str = "a secret of a hook";

/// A sandbox with a hook that points to a receiver.
struct Scene {
    sandbox: Sandbox,
    receiver: StandIn,
}

impl Scene {
    async fn with(content_type: &str, events: &[&str]) -> Self {
        let sandbox = Sandbox::start().await;
        let receiver = StandIn::start(|_, _| answer_of(200, ""));
        let hook = json!({
            "type": "gitea", "active": true, "events": events,
            "config": { "url": receiver.url, "content_type": content_type, "secret": SECRET },
            "authorization_header": "Bearer b",
        });
        let made = sandbox.ask(ALICE_TOKEN, "POST", HOOKS, hook).await;
        assert_eq!(made.status, 201, "{made:?}");
        Self { sandbox, receiver }
    }

    async fn with_mishap(mishap: Mishap) -> Self {
        let scene = Self::with("json", &["issues"]).await;
        let fault = PostFault { mishap, event_type: None, skip: 0, times: Some(1) };
        scene.sandbox.world().order_mishap(fault);
        scene
    }

    /// What came, as soon as it is this much.
    async fn received(&self, count: usize) -> Vec<Asked> {
        for _ in 0..1_000 {
            let asked = self.receiver.asked();
            if asked.len() >= count {
                assert_eq!(asked.len(), count);
                return asked;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {} of {count} came", self.receiver.asked().len());
    }

    /// The titles of the issues that were told of, in the order in which they came.
    async fn titles(&self, count: usize) -> Vec<String> {
        let title = |asked: &Asked| asked.json()["issue"]["title"].as_str().unwrap().to_owned();
        self.received(count).await.iter().map(title).collect()
    }

    async fn ids(&self, count: usize) -> Vec<String> {
        let id = |asked: &Asked| asked.header("x-gitea-delivery").unwrap().to_owned();
        self.received(count).await.iter().map(id).collect()
    }
}

fn signature(payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(payload.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_hook_is_told_who_did_what_and_the_body_is_signed() {
    let scene = Scene::with("json", &["issues"]).await;
    scene.sandbox.open("a").await;
    let message = &scene.received(1).await[0];
    let told = message.json();
    assert_eq!((&told["action"], &told["number"]), (&json!("opened"), &json!(1)));
    assert_eq!(told["sender"]["login"], "teawatch");
    assert_eq!(message.header("x-gitea-event"), Some("issues"));
    assert_eq!(message.header("x-gitea-event-type"), Some("issues"));
    assert_eq!(message.header("content-type"), Some("application/json"));
    assert_eq!(message.header("authorization"), Some("Bearer b"));
    assert_eq!(message.header("x-gitea-signature"), Some(&*signature(&message.body)));
    assert!(message.body.starts_with("{\n  \"action\""), "{}", message.body);
}

#[tokio::test]
async fn a_form_holds_the_payload_and_the_payload_is_signed() {
    let scene = Scene::with("form", &["issues"]).await;
    scene.sandbox.open("a & b").await;
    let message = &scene.received(1).await[0];
    assert_eq!(message.header("content-type"), Some("application/x-www-form-urlencoded"));
    let mut fields = url::form_urlencoded::parse(message.body.as_bytes());
    let (name, payload) = fields.next().unwrap();
    assert_eq!(name, "payload");
    assert_eq!(message.header("x-gitea-signature"), Some(&*signature(&payload)));
    let told: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(told["issue"]["title"], "a & b");
}

#[tokio::test]
async fn people_are_told_of_as_well_and_a_hook_gets_only_what_it_wants() {
    let scene = Scene::with("json", &["issue_comment"]).await;
    {
        let mut world = scene.sandbox.world();
        let now = scene.sandbox.now();
        world.open_as("bob", ALERTS, "a", "", now).unwrap();
        world.comment_as("bob", ALERTS, 1, "/ack", now).unwrap();
    }
    let told = scene.received(1).await[0].json();
    assert_eq!((&told["action"], &told["comment"]["body"]), (&json!("created"), &json!("/ack")));
    assert_eq!(told["sender"]["login"], "bob");
}

#[tokio::test]
async fn a_test_pushes_to_a_hook_that_wants_pushes_and_to_no_other() {
    let scene = Scene::with("json", &["issues", "push"]).await;
    let test = scene.sandbox.ask(ALICE_TOKEN, "POST", &format!("{HOOKS}/1/tests"), NULL).await;
    assert_eq!(test.status, 204);
    assert_eq!(scene.received(1).await[0].header("x-gitea-event"), Some("push"));
    // All that is left out is reset: only pushes are wanted now.
    let edited = json!({ "active": true, "events": ["issues"] });
    let edited = scene.sandbox.ask(ALICE_TOKEN, "PATCH", &format!("{HOOKS}/1"), edited).await;
    assert_eq!((edited.status, &edited.json()["authorization_header"]), (200, &json!("")));
    scene.sandbox.ask(ALICE_TOKEN, "POST", &format!("{HOOKS}/1/tests"), NULL).await;
    scene.sandbox.open("a").await;
    assert_eq!(scene.received(2).await[1].header("x-gitea-event"), Some("issues"));
}

#[tokio::test]
async fn a_message_can_get_lost() {
    let scene = Scene::with_mishap(Mishap::Drop).await;
    for title in ["a", "b"] {
        scene.sandbox.open(title).await;
    }
    assert_eq!(scene.titles(1).await, ["b"]);
}

#[tokio::test]
async fn a_message_can_come_twice_under_one_id_or_under_two() {
    let scene = Scene::with_mishap(Mishap::Double).await;
    scene.sandbox.open("a").await;
    let ids = scene.ids(2).await;
    assert_eq!(ids[0], ids[1]);
    let scene = Scene::with_mishap(Mishap::Replay).await;
    scene.sandbox.open("a").await;
    let ids = scene.ids(2).await;
    assert_ne!(ids[0], ids[1]);
    let [first, again] = scene.received(2).await.try_into().unwrap();
    assert_eq!(first.body, again.body);
}

#[tokio::test]
async fn a_message_can_be_overtaken() {
    for mishap in [Mishap::Reorder, Mishap::Delay { after_ms: 200 }] {
        let scene = Scene::with_mishap(mishap).await;
        for title in ["a", "b"] {
            scene.sandbox.open(title).await;
        }
        assert_eq!(scene.titles(2).await, ["b", "a"], "{mishap:?}");
    }
}

#[tokio::test]
async fn what_is_held_back_goes_out_when_the_mishaps_are_cleared() {
    let scene = Scene::with("json", &["issues"]).await;
    let mishaps = "/-/admin/mishaps";
    let order = json!({ "mishap": { "do": "reorder" }, "event_type": "issues" });
    assert_eq!(scene.sandbox.post(mishaps, order).await.status, 201);
    assert_eq!(scene.sandbox.get(mishaps).await.json().as_array().unwrap().len(), 1);
    scene.sandbox.open("a").await;
    let cleared = scene.sandbox.ask(BOT_TOKEN, "DELETE", mishaps, NULL).await;
    assert_eq!(cleared.status, 204);
    assert_eq!(scene.titles(1).await, ["a"]);
    let sent = scene.sandbox.get("/-/admin/deliveries").await.json();
    assert_eq!(sent[0]["event_type"], "issues");
}

#[tokio::test]
async fn a_receiver_that_is_away_or_unwilling_gets_no_second_attempt() {
    let scene = Scene::with("json", &["issues"]).await;
    let broken = StandIn::start(|_, _| answer_of(500, "no"));
    let away = "http://127.0.0.1:1/";
    for url in [broken.url.as_str(), away] {
        let hook = json!({
            "type": "gitea", "active": true, "events": ["issues"],
            "config": { "url": url, "content_type": "json" },
        });
        assert_eq!(scene.sandbox.ask(ALICE_TOKEN, "POST", HOOKS, hook).await.status, 201);
    }
    for title in ["a", "b"] {
        scene.sandbox.open(title).await;
    }
    assert_eq!(scene.titles(2).await, ["a", "b"]);
    scene.sandbox.until("all were handed out", |world| world.deliveries().len() == 6).await;
    let asked = broken.asked();
    let ids: std::collections::BTreeSet<_> =
        asked.iter().map(|asked| asked.header("x-gitea-delivery").unwrap()).collect();
    assert_eq!(ids.len(), asked.len());
    // The one without a secret is signed with nothing.
    assert_eq!(asked[0].header("x-gitea-signature"), Some(""));
}

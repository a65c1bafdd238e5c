//! `hook install` and `hook remove`: one webhook, or none.

use serde_json::json;
use teawatch::sandbox::{ALICE_TOKEN, BOB_TOKEN};

use super::*;
use crate::support::{ask, client, eventually};

fn hook(desk: &Desk, what: &str) -> Command {
    let mut command = desk.command(&["hook", what]);
    command.env("TEAWATCH_HOOK_TOKEN", ALICE_TOKEN);
    command
}

/// Makes a hook by hand.
fn by_hand(desk: &Desk, url: &str) {
    let hook = json!({
        "type": "gitea", "active": false, "events": ["push"],
        "config": { "url": url, "content_type": "form" },
    });
    let made = client()
        .post(format!("{}api/v1/repos/{REPOSITORY}/hooks", desk.gitea.url))
        .header("authorization", format!("token {ALICE_TOKEN}"))
        .json(&hook);
    assert_eq!(ask(made).status, 201);
}

#[test]
fn however_often_it_is_installed_there_is_one_and_removing_leaves_those_of_others() {
    let desk = Desk::new();
    well(&mut desk.init());
    by_hand(&desk, "https://elsewhere.example/webhooks/gitea");
    // Made by somebody who forgot half of it, twice.
    for _ in 0..2 {
        by_hand(&desk, "http://127.0.0.1:8710/webhooks/gitea");
    }
    for _ in 0..2 {
        let told = well(&mut hook(&desk, "install"));
        assert!(told.contains("ok       webhook"), "{told}");
        let [other, ours] = desk.hooks().try_into().unwrap();
        assert!(other.url.contains("elsewhere") && ours.is_active && !ours.is_form);
        assert!(ours.events.contains("issue_comment") && ours.events.contains("push"));
    }
    let told = well(&mut hook(&desk, "remove"));
    assert!(told.contains("is removed"), "{told}");
    let told = well(&mut hook(&desk, "remove"));
    assert!(told.contains("is not there"), "{told}");
    let [other] = desk.hooks().try_into().unwrap();
    assert!(other.url.contains("elsewhere"));
}

#[test]
fn a_changed_secret_gets_to_gitea_by_installing_again() {
    let desk = Desk::new();
    well(&mut desk.init_with_hook());
    let signed = || {
        let now = desk.gitea.now();
        let mut world = desk.gitea.world();
        world.open_as("alice", REPOSITORY, "a", "", now).unwrap();
        drop(world);
        let count = desk.gitea.issues().len();
        eventually("it is sent", || desk.gitea.world().deliveries().len() == count);
        let delivery = desk.gitea.world().deliveries().last().unwrap().clone();
        let secret = desk.read("webhook-secret");
        delivery.signature == hmac_of(secret.trim(), &delivery.payload)
    };
    assert!(signed());
    std::fs::write(desk.path("webhook-secret"), "another secret\n").unwrap();
    assert!(!signed());
    well(&mut hook(&desk, "install"));
    assert!(signed());
}

#[test]
fn the_header_that_is_asked_for_besides_gets_to_gitea_and_goes_again() {
    let desk = Desk::new();
    well(&mut desk.init());
    let value = "Bearer of good news";
    std::fs::write(desk.path("webhook-authorization"), format!("{value}\n")).unwrap();
    let file = ["--set", "webhooks.authorization_file=webhook-authorization"];
    let told = well(hook(&desk, "install").args(file));
    assert!(!told.contains(value), "{told}");
    let sent = || {
        let now = desk.gitea.now();
        desk.gitea.world().open_as("alice", REPOSITORY, "a", "", now).unwrap();
        let count = desk.gitea.issues().len();
        eventually("it is sent", || desk.gitea.world().deliveries().len() == count);
        desk.gitea.world().deliveries().last().unwrap().authorization.clone()
    };
    assert_eq!(sent(), value);
    well(&mut hook(&desk, "install"));
    assert_eq!(sent(), "");
}

fn hmac_of(secret: &str, payload: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(payload.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[test]
fn what_is_missing_is_told() {
    let desk = Desk::new();
    well(&mut desk.init());
    let told = fails(hook(&desk, "install").env_remove("TEAWATCH_HOOK_TOKEN"));
    assert!(told.contains("TEAWATCH_HOOK_TOKEN"), "{told}");
    let told = fails(hook(&desk, "install").env("TEAWATCH_HOOK_TOKEN", BOB_TOKEN));
    assert!(told.contains("administers ops/alerts"), "{told}");
    let told = fails(hook(&desk, "install").args(["--listen", "0.0.0.0:8710"]));
    assert!(told.contains("tokens") || told.contains("token is needed"), "{told}");
    std::fs::remove_file(desk.path("webhook-secret")).unwrap();
    let told = fails(&mut hook(&desk, "install"));
    assert!(told.contains("webhooks.secret_file"), "{told}");
    assert!(desk.hooks().is_empty());
}

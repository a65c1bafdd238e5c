//! However often, late, early or never a message comes, the end is the same.

use http::Method;
use serde_json::{Value, json};
use teawatch::sandbox::{Action, Fault, Mishap, PostFault, Route};

use super::{SECRET, Scene, post, proofs::signature, serve};
use crate::support::{
    CHECK, REPOSITORY, Teawatch, all_is_told, ask, eventually, failing, passing, turns,
};

/// A message about an issue of the repository, as Gitea would sign it.
fn tell(teawatch: &Teawatch, id: &str, event: &str, mut payload: Value) -> (u16, Value) {
    payload["repository"]["id"] = json!(1);
    if payload["repository"]["full_name"].is_null() {
        payload["repository"]["full_name"] = json!(REPOSITORY);
    }
    if payload["sender"].is_null() {
        payload["sender"] = json!({ "id": 1, "login": "alice" });
    }
    let payload = payload.to_string();
    let request = post(teawatch).header("x-gitea-delivery", id).header("x-gitea-event-type", event);
    let request = request.header("x-gitea-signature", signature(SECRET, &payload)).body(payload);
    let answer = ask(request);
    (answer.status, answer.body)
}

fn about(number: u64) -> Value {
    json!({ "action": "edited", "number": number, "issue": { "number": number, "state": "open" } })
}

impl Scene {
    fn mishap(&self, mishap: Mishap) {
        let fault = PostFault { mishap, event_type: None, skip: 0, times: Some(1) };
        self.gitea.world().order_mishap(fault);
    }

    fn alice_closes(&self) {
        let now = self.gitea.now();
        self.gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    }

    fn alice_reopens(&self) {
        let now = self.gitea.now();
        self.gitea.world().reopen_as("alice", REPOSITORY, 1, now).unwrap();
    }

    fn is_closed_by_hand(&self) -> bool {
        !self.alert()["closed_by_hand_at"].is_null()
    }
}

#[test]
fn what_comes_twice_under_one_id_or_two_or_from_several_hooks_has_one_effect() {
    let scene = Scene::without_hook(&[("alerts.on_manual_close", "reopen")]);
    // Those of the repository, of its organisation and of the whole server.
    for _ in 0..3 {
        scene.add_hook("json");
    }
    scene.mishap(Mishap::Double);
    scene.mishap(Mishap::Replay);
    scene.alice_closes();
    eventually("it is reopened", || scene.gitea.open() == 1);
    // One of five came twice, and is known as such; our own reopening is told as well.
    scene.all_are_looked_into(4 + 3);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened"]);
    let comments = scene.gitea.comments(1);
    assert_eq!(comments.len(), 1, "{comments:#?}");
}

#[test]
fn what_is_overtaken_late_or_lost_leads_to_the_same_end() {
    for mishap in [Mishap::Reorder, Mishap::Delay { after_ms: 400 }, Mishap::Drop] {
        let scene = Scene::start();
        // The first of two is struck: what counts is how the issue is.
        scene.mishap(mishap);
        scene.alice_closes();
        scene.alice_reopens();
        let count = if mishap == Mishap::Drop { 1 } else { 2 };
        scene.all_are_looked_into(count);
        assert!(!scene.is_closed_by_hand(), "{mishap:?}");
        scene.alice_closes();
        eventually("it is noticed", || scene.is_closed_by_hand());
        scene.teawatch.report(&passing(CHECK));
        all_is_told(&scene.teawatch, &scene.gitea);
        assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened", "closed"], "{mishap:?}");
    }
}

#[test]
fn a_message_is_not_believed() {
    let scene = Scene::without_hook(&[]);
    for (id, action, state) in [("a", "closed", "closed"), ("b", "deleted", "open")] {
        let payload =
            json!({ "action": action, "number": 1, "issue": { "number": 1, "state": state } });
        assert_eq!(tell(&scene.teawatch, id, "issues", payload).0, 200);
        scene.all_are_looked_into(1);
    }
    let newest = &scene.deliveries()[0];
    assert_eq!(newest["outcome"], "the issue was looked at: it is open");
    assert!(!scene.is_closed_by_hand() && scene.alert()["deleted_at"].is_null());
}

#[test]
fn looks_at_one_issue_are_merged() {
    let scene = Scene::without_hook(&[("webhooks.look_every", "1s")]);
    scene.gitea.world().forget_requests();
    for number in 0..50 {
        assert_eq!(tell(&scene.teawatch, &number.to_string(), "issues", about(1)).0, 200);
    }
    scene.all_are_looked_into(50);
    let [looks, _] = scene.asked();
    assert!((1..=5).contains(&looks), "{looks}");
    // Nobody is looked at more often than once a second.
    let world = scene.gitea.world();
    let looks: Vec<_> = world.log().filter(|entry| entry.route == Route::Issue).collect();
    let pause = jiff::SignedDuration::from_millis(900);
    assert!(looks.is_sorted_by(|a, b| b.at.duration_since(a.at) >= pause));
}

#[test]
fn what_was_taken_is_looked_into_after_a_crash() {
    let scene = Scene::start();
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issue).until_cleared());
    // Nothing else would show that it is gone.
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    eventually("it is told", || scene.deliveries().len() == 1);
    eventually("somebody has looked", || scene.asked()[0] > 0);
    assert_eq!(scene.deliveries()[0]["outcome"], "not looked at yet");
    let Scene { gitea, teawatch, data } = scene;
    teawatch.kill();
    gitea.world().clear_faults();
    let teawatch = serve(data.path(), &gitea, &[("reconcile.every", "0s")]);
    let scene = Scene { gitea, teawatch, data };
    eventually("it is noticed", || !scene.alert()["deleted_at"].is_null());
    assert_eq!(scene.deliveries()[0]["outcome"], "the issue was looked at: it is deleted");
    // What was settled once stays so.
    let Scene { gitea, teawatch, data } = scene;
    teawatch.kill();
    gitea.world().forget_requests();
    let teawatch = serve(data.path(), &gitea, &[("reconcile.every", "0s")]);
    let scene = Scene { gitea, teawatch, data };
    assert_eq!(scene.deliveries().len(), 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.asked(), [0, 0]);
}

#[test]
fn while_gitea_cannot_be_asked_what_it_told_waits() {
    let scene = Scene::start();
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issue).until_cleared());
    scene.alice_closes();
    eventually("somebody has looked, twice", || scene.asked()[0] > 1);
    assert!(!scene.is_closed_by_hand());
    scene.gitea.world().clear_faults();
    eventually("it is noticed", || scene.is_closed_by_hand());
}

#[test]
fn an_issue_that_cannot_be_looked_at_holds_up_no_other() {
    let scene = Scene::start();
    scene.teawatch.report(&failing("db1/other"));
    eventually("there are two", || scene.gitea.open() == 2);
    scene.teawatch.settles(&scene.gitea);
    let refusal = Action::Refuse { status: 500, retry_after: None, body: Default::default() };
    let fault = Fault::new(refusal).on(&Method::GET, Route::Issue).at("issues/1");
    scene.gitea.order(fault.until_cleared());
    assert_eq!(tell(&scene.teawatch, "a", "issues", about(1)).0, 200);
    eventually("somebody has looked", || scene.asked()[0] > 0);
    let now = scene.gitea.now();
    scene.gitea.world().close_as("alice", REPOSITORY, 2, now).unwrap();
    let other = || {
        let alerts = scene.teawatch.get("/api/v1/alerts").1["items"].clone();
        alerts.as_array().unwrap().iter().find(|it| it["issue"] == 2).unwrap().clone()
    };
    eventually("the other is noticed", || !other()["closed_by_hand_at"].is_null());
}

#[test]
fn a_look_that_our_own_writes_cross_says_nothing_about_people() {
    let scene = Scene::start();
    for _ in 0..3 {
        let stall = Fault::new(Action::StallAndDo { after_ms: Some(60) });
        scene.gitea.order(stall.on(&Method::GET, Route::Issue));
        let now = scene.gitea.now();
        scene.gitea.world().edit_title_as("alice", REPOSITORY, 1, "mine", now).unwrap();
        scene.teawatch.report(&passing(CHECK));
        eventually("it is closed", || scene.gitea.open() == 0);
        scene.gitea.world().edit_title_as("alice", REPOSITORY, 1, "mine again", now).unwrap();
        scene.teawatch.report(&failing(CHECK));
        eventually("it is open", || scene.gitea.open() == 1);
    }
    scene.teawatch.settles(&scene.gitea);
    scene.all_are_looked_into(6);
    assert!(!scene.is_closed_by_hand());
    assert_eq!(turns(&scene.gitea.issue(1)).len(), 6);
    let comments = scene.gitea.comments(1).concat();
    assert!(!comments.contains("somebody"), "{comments}");
}

#[test]
fn what_people_do_to_an_issue_before_we_know_that_it_is_ours_is_noticed() {
    let scene = Scene::start();
    scene.gitea.order(Fault::new(Action::DoAndStall).on(&Method::POST, Route::Issues));
    scene.teawatch.report(&failing("db1/other"));
    eventually("it is open, though nobody has told us", || scene.gitea.open() == 2);
    let now = scene.gitea.now();
    scene.gitea.world().close_as("alice", REPOSITORY, 2, now).unwrap();
    eventually("it is adopted, and what she did is noticed", || {
        let alerts = scene.teawatch.get("/api/v1/alerts").1["items"].clone();
        let is_noticed =
            |alert: &Value| alert["issue"] == 2 && !alert["closed_by_hand_at"].is_null();
        alerts.as_array().unwrap().iter().any(is_noticed)
    });
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(2)), ["closed"]);
    assert_eq!(scene.gitea.issues().len(), 2);
}

#[test]
fn what_we_do_ourselves_hides_nothing_that_people_did() {
    let scene = Scene::start();
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issue).until_cleared());
    scene.alice_closes();
    eventually("it is told", || scene.deliveries().len() == 1);
    // Gitea sends what we did before her closing after it.
    let mut ours = about(1);
    ours["sender"] = json!({ "id": 2, "login": "teawatch" });
    assert_eq!(tell(&scene.teawatch, "a", "issues", ours).0, 200);
    let outcome = "our own doing: nothing was asked";
    eventually("it is known as ours", || scene.deliveries()[0]["outcome"] == outcome);
    scene.gitea.world().clear_faults();
    eventually("hers is noticed", || scene.is_closed_by_hand());
}

#[test]
fn what_somebody_does_with_our_own_user_is_noticed() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    scene.gitea.world().close_as("teawatch", REPOSITORY, 1, now).unwrap();
    eventually("it is noticed", || scene.is_closed_by_hand());
}

#[test]
fn only_so_many_are_kept_and_what_waits_is_not_forgotten() {
    let scene = Scene::without_hook(&[("webhooks.kept", "10")]);
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issue).until_cleared());
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    tell(&scene.teawatch, "first", "issues", about(1));
    for number in 0..9 {
        assert_eq!(tell(&scene.teawatch, &number.to_string(), "push", json!({})).0, 200);
    }
    assert_eq!(scene.deliveries().len(), 10);
    tell(&scene.teawatch, "last", "push", json!({}));
    let ids: Vec<_> =
        scene.deliveries().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["last", "8", "7", "6", "5", "4", "3", "2", "1", "first"]);
    scene.gitea.world().clear_faults();
    eventually("it is noticed", || !scene.alert()["deleted_at"].is_null());
}

#[test]
fn a_repository_that_is_renamed_is_asked_for_and_its_new_name_remembered() {
    let scene = Scene::without_hook(&[]);
    scene.gitea.world().rename_repository(REPOSITORY, "alarms").unwrap();
    let payload = json!({ "action": "renamed", "repository": { "full_name": "ops/alarms" } });
    assert_eq!(tell(&scene.teawatch, "a", "repository", payload).0, 200);
    scene.all_are_looked_into(1);
    assert_eq!(scene.deliveries()[0]["outcome"], "the repository was asked: it takes issues");
    // By its id it is ours under any name.
    let payload = json!({ "issue": { "number": 1 }, "repository": { "full_name": "ops/alarms" } });
    scene.gitea.world().forget_requests();
    assert_eq!(tell(&scene.teawatch, "b", "issues", payload).0, 200);
    scene.all_are_looked_into(2);
    assert_eq!(scene.deliveries()[0]["outcome"], "the issue was looked at: it is open");
    assert_eq!(scene.asked(), [1, 0], "nobody is redirected");
}

#[test]
fn a_repository_that_is_archived_or_deleted_is_asked_for_once() {
    let scene = Scene::without_hook(&[]);
    scene.gitea.world().archive(REPOSITORY, true).unwrap();
    tell(&scene.teawatch, "a", "repository", json!({ "action": "archived" }));
    scene.all_are_looked_into(1);
    let outcome = "the repository was asked: the repository is archived";
    assert_eq!(scene.deliveries()[0]["outcome"], outcome);
}

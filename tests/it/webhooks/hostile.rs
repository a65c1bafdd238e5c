//! What strangers do in our repository costs nothing, and changes nothing.

use serde_json::Value;

use super::{Scene, outcomes};
use crate::support::{CHECK, REPOSITORY, eventually, passing, turns};

#[test]
fn ten_thousand_comments_on_a_strangers_issue_cost_no_request_and_each_is_counted() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    scene.gitea.world().open_as("bob", REPOSITORY, "mine", "", now).unwrap();
    scene.gitea.world().forget_requests();
    for thousand in 1..=10 {
        {
            let mut world = scene.gitea.world();
            for _ in 0..1_000 {
                world.comment_as("bob", REPOSITORY, 2, "/close", now).unwrap();
            }
        }
        eventually("the last is told", || {
            let number = &scene.teawatch.get("/api/v1/deliveries?limit=1").1["items"][0]["number"];
            number.as_u64() == Some(thousand * 1_000 + 1)
        });
    }
    scene.all_are_looked_into(500);
    let is_known = |it: &Value| {
        let outcome = it["outcome"].as_str().unwrap();
        outcome.starts_with("not about an issue of ours") || outcome.starts_with("a later")
    };
    assert!(scene.deliveries().iter().all(is_known));
    assert_eq!(scene.gitea.world().log().len(), 0);
    assert_eq!(scene.teawatch.get("/readyz").0, 200);
    let counted = outcomes(&scene);
    let strangers = counted["stranger"] + counted["merged"];
    assert_eq!((strangers, counted.values().sum()), (10_001, 10_001), "{counted:?}");
}

#[test]
fn a_marker_of_ours_in_a_strangers_issue_makes_it_none_of_ours() {
    let scene = Scene::start();
    let body = scene.gitea.issue(1).body;
    let now = scene.gitea.now();
    scene.gitea.world().open_as("bob", REPOSITORY, "mine", &body, now).unwrap();
    scene.gitea.world().comment_as("bob", REPOSITORY, 1, &body, now).unwrap();
    scene.gitea.world().close_as("bob", REPOSITORY, 2, now).unwrap();
    scene.all_are_looked_into(3);
    assert!(scene.alert()["closed_by_hand_at"].is_null());
    let theirs = scene.deliveries().into_iter().filter(|it| it["issue"] == 2);
    for delivery in theirs {
        let outcome = delivery["outcome"].as_str().unwrap();
        assert!(outcome.starts_with("not about an issue") || outcome.starts_with("a later"));
    }
    let counted = outcomes(&scene);
    assert!(counted["stranger"] > 0 && counted["stranger"] + counted["merged"] >= 2, "{counted:?}");
    scene.teawatch.report(&passing(CHECK));
    eventually("ours is closed", || turns(&scene.gitea.issue(1)) == ["closed"]);
    assert_eq!(turns(&scene.gitea.issue(2)), ["closed"]);
    assert_eq!(scene.gitea.issue(2).comments().count(), 0);
}

#[test]
fn a_comment_of_a_mebibyte_is_taken_and_nothing_of_it_is_kept() {
    for content_type in ["json", "form"] {
        let scene = Scene::without_hook(&[]);
        scene.add_hook(content_type);
        let now = scene.gitea.now();
        let long = "<&>\u{fc}\n".repeat((1 << 20) / 6);
        scene.gitea.world().comment_as("bob", REPOSITORY, 1, &long, now).unwrap();
        scene.all_are_looked_into(1);
        let [delivery] = &scene.deliveries()[..] else { panic!("there is one") };
        assert_eq!(delivery["event"], "issue_comment");
        assert_eq!(delivery["outcome"], "the issue was looked at: it is open");
        assert!(delivery.to_string().len() < 1_000, "{delivery}");
    }
}

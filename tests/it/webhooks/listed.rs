//! What was told, and what came of it, can be read.

use serde_json::Value;
use teawatch::sandbox::ALICE_TOKEN;

use super::{Scene, outcomes};
use crate::support::{REPOSITORY, client, eventually, text};

#[test]
fn deliveries_are_listed_the_newest_first_and_page_by_page() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    for title in ["a", "b", "c"] {
        scene.gitea.world().edit_title_as("alice", REPOSITORY, 1, title, now).unwrap();
    }
    scene.all_are_looked_into(3);
    let page = |query: &str| scene.teawatch.get(&format!("/api/v1/deliveries{query}")).1;
    let numbers = |page: &Value| {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|it| it["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let first = page("?limit=2");
    assert_eq!((numbers(&first), &first["next"]), (vec![3, 2], &"2".into()));
    let second = page("?limit=2&after=2");
    assert_eq!((numbers(&second), &second["next"]), (vec![1], &Value::Null));
    assert_eq!(scene.teawatch.get("/api/v1/deliveries?after=x").0, 400);

    let listed = scene.teawatch.cli(&["hook", "deliveries", "--json"]);
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed, page("")["items"].as_array().unwrap().clone());
    let shown = scene.teawatch.cli(&["hook", "deliveries"]);
    let shown = text(&shown.stdout);
    let mut lines = shown.lines();
    assert!(lines.next().unwrap().ends_with("WHAT CAME OF IT"), "{shown}");
    let newest = lines.next().unwrap();
    let about = "issues edited  ops/alerts#1  the issue was looked at: it is open";
    assert!(newest.ends_with(about), "{newest}");
    assert_eq!(lines.count(), 2);
}

#[test]
fn when_the_last_one_came_is_told_and_how_the_looks_are() {
    let scene = Scene::start();
    assert!(scene.teawatch.get("/readyz").1["engine"]["last_delivery"].is_null());
    let now = scene.gitea.now();
    scene.gitea.world().edit_title_as("alice", REPOSITORY, 1, "mine", now).unwrap();
    scene.all_are_looked_into(1);
    let readiness = scene.teawatch.get("/readyz").1;
    assert_eq!(readiness["engine"]["last_delivery"], scene.deliveries()[0]["at"]);
    eventually("its task is well", || {
        let said = crate::support::status(scene.data.path()).1;
        said.lines().any(|line| line.starts_with("webhooks ") && line.contains(" well "))
    });
}

#[test]
fn what_came_of_deliveries_is_counted() {
    let scene = Scene::start();
    let figures = || outcomes(&scene);
    // Every class is there from the start.
    assert_eq!((figures().len(), figures().values().sum::<u64>()), (9, 0));
    let now = scene.gitea.now();
    for deed in 0..4 {
        {
            let mut world = scene.gitea.world();
            match deed {
                0 => world.edit_title_as("alice", REPOSITORY, 1, "mine", now).unwrap(),
                1 => world.close_as("alice", REPOSITORY, 1, now).unwrap(),
                2 => drop(world.open_as("bob", REPOSITORY, "not ours", "", now).unwrap()),
                _ => world.delete_issue(REPOSITORY, 1).unwrap(),
            }
        }
        scene.all_are_looked_into(deed + 1);
    }
    // A push is nothing to anybody from the start.
    let hook = *scene.gitea.world().repository(REPOSITORY).unwrap().hooks.keys().next().unwrap();
    let url = format!("{}api/v1/repos/{REPOSITORY}/hooks/{hook}/tests", scene.gitea.url);
    let tested = client().post(url).header("authorization", format!("token {ALICE_TOKEN}"));
    assert!(tested.send().unwrap().status().is_success());
    scene.all_are_looked_into(5);
    let mut counted = figures();
    counted.retain(|_, count| *count > 0);
    let expected =
        ["closed", "deleted", "nothing", "open", "stranger"].map(|class| (class.to_owned(), 1));
    assert_eq!(counted, expected.into());
}

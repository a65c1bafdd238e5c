//! What may surprise in creating and changing issues, comments and labels.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_patch_is_answered_with_201_and_the_same_state_changes_nothing() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let issue = format!("{ISSUES}/1");
    sandbox.turn_clock(60);
    let closed = sandbox.patch(&issue, json!({ "state": "closed" })).await;
    assert_eq!(closed.status, 201);
    assert_eq!(closed.json()["closed_at"], "2026-01-02T03:05:05Z");
    sandbox.turn_clock(60);
    let again = sandbox.patch(&issue, json!({ "state": "closed" })).await;
    assert_eq!((again.status, again.json()), (201, closed.json()));
    let types = |answer: Answer| {
        let json = answer.json();
        let events = json.as_array().unwrap().iter();
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(types(sandbox.get(&format!("{issue}/timeline")).await), ["close"]);
    let opened = sandbox.patch(&issue, json!({ "state": "open" })).await.json();
    assert_eq!((&opened["state"], &opened["closed_at"]), (&json!("open"), &NULL));
    assert_eq!(types(sandbox.get(&format!("{issue}/timeline")).await), ["close", "reopen"]);
}

#[tokio::test]
async fn every_edit_of_a_body_counts_and_a_stale_one_is_refused() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let issue = format!("{ISSUES}/1");
    for version in 0..2 {
        let edit = json!({ "body": "same", "content_version": version });
        let edited = sandbox.patch(&issue, edit).await;
        assert_eq!((edited.status, &edited.json()["content_version"]), (201, &json!(version + 1)));
    }
    let stale =
        sandbox.patch(&issue, json!({ "body": "x", "title": "x", "content_version": 1 })).await;
    assert_eq!(stale.status, 409);
    let issue = sandbox.get(&issue).await.json();
    assert_eq!((&issue["body"], &issue["title"]), (&json!("same"), &json!("a")));
}

#[tokio::test]
async fn an_unknown_assignee_breaks_a_patch_in_the_middle() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let edit = json!({ "title": "new", "assignees": ["nobody"], "state": "closed" });
    assert_eq!(sandbox.patch(&format!("{ISSUES}/1"), edit).await.status, 500);
    let issue = sandbox.get(&format!("{ISSUES}/1")).await.json();
    assert_eq!((&issue["title"], &issue["state"]), (&json!("new"), &json!("open")));
}

#[tokio::test]
async fn long_titles_are_cut_and_blanks_are_trimmed() {
    let sandbox = Sandbox::start().await;
    let cut = format!("{}…", "t".repeat(252));
    let kept = "ü".repeat(255);
    for (title, stored) in [
        ("t".repeat(255), "t".repeat(255)),
        ("t".repeat(256), cut.clone()),
        (kept.clone(), kept),
        ("\n two\nlines ".to_owned(), "two\nlines".to_owned()),
        ("   ".to_owned(), String::new()),
    ] {
        assert_eq!(sandbox.open(&title).await["title"], stored);
    }
    let renamed = sandbox.patch(&format!("{ISSUES}/1"), json!({ "title": "t".repeat(300) })).await;
    assert_eq!(renamed.json()["title"], cut);
}

#[tokio::test]
async fn comments_are_edited_and_deleted_by_their_author_or_a_writer() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let bobs = sandbox.world().comment_as("bob", ALERTS, 1, "bob", sandbox.now()).unwrap();
    let path = format!("{ISSUES}/comments/{bobs}");
    sandbox.turn_clock(5);
    let same = sandbox.patch(&path, json!({ "body": "bob" })).await.json();
    assert_eq!((&same["updated_at"], &same["user"]), (&same["created_at"], &NULL));
    let edited = sandbox.patch(&path, json!({ "body": "other" })).await;
    assert_eq!(
        (edited.status, &edited.json()["updated_at"]),
        (200, &json!("2026-01-02T03:04:10Z"))
    );
    assert_eq!(sandbox.get(&path).await.json()["body"], "other");
    assert_eq!(sandbox.ask(BOT_TOKEN, "DELETE", &path, NULL).await.status, 204);
    assert_eq!(sandbox.ask(BOT_TOKEN, "DELETE", &path, NULL).await.status, 404);
    assert_eq!(sandbox.get(&format!("{ISSUES}/comments")).await.text, "[]");
}

#[tokio::test]
async fn labels_may_share_a_name_and_unknown_ones_vanish_without_a_word() {
    let sandbox = Sandbox::start().await;
    let make = |body: Value| async { sandbox.post(LABELS, body).await };
    let first = make(json!({ "name": "bug", "color": "#ABC" })).await.json();
    assert_eq!((&first["id"], &first["color"]), (&json!(1), &json!("aabbcc")));
    assert_eq!(make(json!({ "name": "bug", "color": "ee0701" })).await.status, 201);
    make(json!({ "name": "kind/a", "color": "#00aabb", "exclusive": true })).await;
    make(json!({ "name": "kind/b", "color": "#00aabb", "exclusive": true })).await;
    assert_eq!(sandbox.get(LABELS).await.names(), ["bug", "bug", "kind/a", "kind/b"]);
    assert_eq!(sandbox.get(&format!("{LABELS}/kind%2Fb")).await.json()["id"], 4);

    let issue = sandbox.post(ISSUES, json!({ "title": "a", "labels": [1, 99] })).await.json();
    assert_eq!(issue["labels"].as_array().unwrap().len(), 1);
    let labels = format!("{ISSUES}/1/labels");
    let change = |method: &'static str, wanted: Value| {
        let labels = labels.clone();
        let sandbox = &sandbox;
        async move {
            let said = sandbox.ask(BOT_TOKEN, method, &labels, json!({ "labels": wanted })).await;
            assert_eq!(said.status, 200, "{said:?}");
            said.names()
        }
    };
    assert_eq!(change("POST", json!([3])).await, ["bug", "kind/a"]);
    assert_eq!(change("POST", json!(["kind/b", "nothing"])).await, ["bug", "kind/b"]);
    assert_eq!(change("POST", json!(["Bug"])).await, ["bug", "kind/b"]);
    assert_eq!(change("POST", json!([])).await, ["bug", "kind/b"]);
    assert_eq!(change("PUT", json!([2, 99])).await, ["bug"]);
    let one = format!("{labels}/2");
    for _ in 0..2 {
        assert_eq!(sandbox.ask(BOT_TOKEN, "DELETE", &one, NULL).await.status, 204);
    }
    assert_eq!(sandbox.get(&labels).await.text, "[]");
    change("PUT", json!([1, 3])).await;
    assert_eq!(sandbox.ask(BOT_TOKEN, "DELETE", &labels, NULL).await.status, 204);
    assert!(sandbox.world().labels_of(ALERTS, 1).is_empty());
}

#[tokio::test]
async fn labels_and_assignees_of_a_mere_reader_are_dropped() {
    let sandbox = Sandbox::start().await;
    sandbox.world().add_label(ALERTS, "bug", "#fff").unwrap();
    let body = json!({ "title": "a", "labels": [1], "assignees": ["alice", "nobody"] });
    let issue = sandbox.ask(BOB_TOKEN, "POST", ISSUES, body).await;
    assert_eq!(issue.status, 201);
    assert_eq!((&issue.json()["labels"], &issue.json()["assignees"]), (&json!([]), &NULL));
    let assigned = sandbox.post(ISSUES, json!({ "title": "b", "assignees": ["bob"] })).await;
    assert_eq!(assigned.json()["assignee"]["login"], "bob");
    sandbox.world().add_user("eve");
    let refused = sandbox.post(ISSUES, json!({ "title": "c", "assignee": "eve" })).await;
    assert_eq!(
        refused.message(),
        "user doesn't have access to repo [user_id: 5, repo_name: alerts]"
    );
    assert_eq!((refused.status, sandbox.world().issues(ALERTS).count()), (422, 2));
}

#[tokio::test]
async fn a_reaction_is_new_once() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let comment = sandbox.world().comment_as("alice", ALERTS, 1, "/ack", sandbox.now()).unwrap();
    for path in [format!("{ISSUES}/1/reactions"), format!("{ISSUES}/comments/{comment}/reactions")]
    {
        let eyes = json!({ "content": "eyes" });
        assert_eq!(sandbox.post(&path, eyes.clone()).await.status, 201);
        assert_eq!(sandbox.post(&path, eyes.clone()).await.status, 200);
        assert_eq!(sandbox.get(&path).await.json()[0]["content"], "eyes");
        assert_eq!(sandbox.ask(BOT_TOKEN, "DELETE", &path, eyes).await.status, 204);
        assert_eq!(sandbox.get(&path).await.text, "[]");
    }
}

#[tokio::test]
async fn labels_that_exclude_each_other_are_both_there_if_an_issue_opens_with_them() {
    let sandbox = Sandbox::start().await;
    for name in ["kind/a", "kind/b"] {
        sandbox.post(LABELS, json!({ "name": name, "color": "#0ab", "exclusive": true })).await;
    }
    let opened = sandbox.post(ISSUES, json!({ "title": "a", "labels": [1, 2, 2] })).await.json();
    assert_eq!(opened["labels"].as_array().unwrap().len(), 2);
    let labels = format!("{ISSUES}/1/labels");
    assert_eq!(sandbox.get(&labels).await.names(), ["kind/a", "kind/b"]);
}

#[tokio::test]
async fn an_event_that_is_no_comment_is_passed_over_in_silence() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    sandbox.patch(&format!("{ISSUES}/1"), json!({ "state": "closed" })).await;
    let timeline = format!("{ISSUES}/1/timeline");
    let closed = sandbox.get(&timeline).await.json()[0]["id"].clone();
    let event = format!("{ISSUES}/comments/{closed}");
    let text = json!({ "body": "x" });
    for (method, body) in [("GET", NULL), ("PATCH", text.clone()), ("DELETE", NULL)] {
        let refused = sandbox.ask(BOB_TOKEN, method, &event, body).await;
        let expected = if method == "GET" { 204 } else { 403 };
        assert_eq!((refused.status, refused.text.as_str()), (expected, ""), "{method}");
    }
    let edited = sandbox.patch(&event, text).await;
    assert_eq!((edited.status, edited.text.as_str()), (204, ""));
    assert_eq!(sandbox.get(&timeline).await.json()[0]["body"], "");
    // Reactions do not ask what it is.
    let eyes = json!({ "content": "eyes" });
    assert_eq!(sandbox.post(&format!("{event}/reactions"), eyes).await.status, 201);
    assert_eq!(sandbox.ask(BOT_TOKEN, "DELETE", &event, NULL).await.status, 204);
    assert_eq!(sandbox.get(&timeline).await.json(), NULL);
    assert_eq!(sandbox.get(&event).await.status, 404);
}

#[tokio::test]
async fn a_comment_of_another_repository_is_not_found_and_nothing_is_said_of_it() {
    let sandbox = Sandbox::start().await;
    let other = {
        let mut world = sandbox.world();
        world.add_repository("alice", "other").unwrap();
        world.open_as("alice", "alice/other", "a", "", sandbox.now()).unwrap();
        world.comment_as("alice", "alice/other", 1, "c", sandbox.now()).unwrap()
    };
    let found = sandbox.get(&format!("{ISSUES}/comments/{other}")).await;
    assert_eq!((found.status, found.text.as_str()), (404, ""));
}

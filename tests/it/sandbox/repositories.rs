//! What happens to a repository, and who may do what in it.

use serde_json::json;
use teawatch::sandbox::Right;

use super::*;

#[tokio::test]
async fn an_archive_refuses_new_issues_and_comments_but_not_a_close() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    sandbox.world().add_label(ALERTS, "bug", "#fff").unwrap();
    sandbox.post(&format!("{ISSUES}/1/comments"), json!({ "body": "c" })).await;
    sandbox.world().archive(ALERTS, true).unwrap();
    assert_eq!(sandbox.get(REPOSITORY).await.json()["archived"], true);
    for (method, path, body, status) in [
        ("POST", ISSUES.to_owned(), json!({ "title": "x" }), 423),
        ("POST", format!("{ISSUES}/1/comments"), json!({ "body": "x" }), 423),
        ("PATCH", format!("{ISSUES}/comments/1"), json!({ "body": "x" }), 423),
        ("PATCH", format!("{ISSUES}/1"), json!({ "state": "closed" }), 201),
        ("POST", format!("{ISSUES}/1/labels"), json!({ "labels": [1] }), 200),
        ("POST", LABELS.to_owned(), json!({ "name": "x", "color": "#fff" }), 201),
    ] {
        let said = sandbox.ask(BOT_TOKEN, method, &path, body).await;
        assert_eq!(said.status, status, "{method} {path}");
        if status == 423 {
            assert_eq!(said.message(), "ops/alerts is archived");
        }
    }
}

#[tokio::test]
async fn a_renamed_repository_redirects_every_method_without_a_host() {
    let sandbox = Sandbox::start().await;
    sandbox.world().rename_repository(ALERTS, "new").unwrap();
    let new = "/api/v1/repos/ops/new";
    let moved = sandbox.get(&format!("{ISSUES}?page=2")).await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some(format!("{new}/issues?page=2").as_str()))
    );
    let moved = sandbox.post(ISSUES, json!({ "title": "x" })).await;
    assert_eq!((moved.status, moved.text.as_str()), (301, ""));
    assert_eq!(moved.header("location"), Some(format!("{new}/issues").as_str()));
    assert_eq!(sandbox.get("/api/v1/repos/OPS/New").await.json()["full_name"], "ops/new");
    assert_eq!(sandbox.get("/api/v1/repositories/1").await.json()["full_name"], "ops/new");
    sandbox.world().rename_user("ops", "infra").unwrap();
    let moved = sandbox.get(new).await;
    assert_eq!((moved.status, moved.header("location")), (307, Some("/api/v1/repos/infra/new")));
    assert_eq!(sandbox.world().issues("infra/new").count(), 0);
}

#[tokio::test]
async fn a_repository_made_again_has_another_id_and_starts_at_one() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let bot = {
        let mut world = sandbox.world();
        world.delete_repository(ALERTS).unwrap();
        world.add_repository("ops", "alerts").unwrap();
        world.set_rights(ALERTS, "teawatch", Some(Right::Write)).unwrap();
        BOT_TOKEN
    };
    let again = sandbox.ask(bot, "GET", REPOSITORY, NULL).await.json();
    assert_eq!(again["id"], 2);
    let issue = sandbox.open("b").await;
    assert_eq!((&issue["number"], &issue["id"]), (&json!(1), &json!(2)));
    assert_eq!(sandbox.get("/api/v1/repositories/1").await.status, 404);
}

#[tokio::test]
async fn issues_that_are_switched_off_are_not_found() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    sandbox.world().disable_issues(ALERTS).unwrap();
    let repository = sandbox.get(REPOSITORY).await.json();
    assert_eq!(
        (&repository["has_issues"], repository.get("internal_tracker")),
        (&json!(false), None)
    );
    assert_eq!(sandbox.get(&format!("{ISSUES}/1")).await.status, 404);
    assert_eq!(sandbox.get(&format!("{ISSUES}?type=issues")).await.status, 404);
    assert_eq!(sandbox.get(ISSUES).await.text, "[]");
    let comment = sandbox.post(&format!("{ISSUES}/1/comments"), json!({ "body": "x" })).await;
    assert_eq!(comment.status, 404);
    assert_eq!(sandbox.post(ISSUES, json!({ "title": "x" })).await.status, 403);
    // An administrator creates an issue that nobody can read.
    let hidden = sandbox.ask(ALICE_TOKEN, "POST", ISSUES, json!({ "title": "x" })).await;
    assert_eq!(hidden.status, 201);
    sandbox.world().set_units(ALERTS, false, false).unwrap();
    assert_eq!(sandbox.get(ISSUES).await.status, 404);
}

#[tokio::test]
async fn who_may_write_is_listed_for_everybody_and_told_one_by_one_to_administrators_only() {
    let sandbox = Sandbox::start().await;
    let listed = sandbox.get(&format!("{REPOSITORY}/assignees")).await.json();
    let logins: Vec<_> = listed.as_array().unwrap().iter().map(|user| &user["login"]).collect();
    assert_eq!(logins, ["alice", "teawatch"]);
    let permission = format!("{REPOSITORY}/collaborators/bob/permission");
    assert_eq!(sandbox.get(&permission).await.status, 403);
    let told = sandbox.ask(ALICE_TOKEN, "GET", &permission, NULL).await.json();
    assert_eq!(told["permission"], "read");
    sandbox.world().set_rights(ALERTS, "teawatch", None).unwrap();
    for path in [REPOSITORY, ISSUES] {
        assert_eq!(sandbox.get(path).await.status, 404);
    }
}

#[tokio::test]
async fn a_locked_issue_is_closed_to_those_who_may_only_read() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    sandbox.world().lock_issue("alice", ALERTS, 1, true, sandbox.now()).unwrap();
    let comments = format!("{ISSUES}/1/comments");
    let refused = sandbox.ask(BOB_TOKEN, "POST", &comments, json!({ "body": "x" })).await;
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (403, "You cannot comment on a locked issue.")
    );
    assert_eq!(sandbox.post(&comments, json!({ "body": "x" })).await.status, 201);
    assert_eq!(sandbox.get(&format!("{ISSUES}/1")).await.json()["is_locked"], true);
}

#[tokio::test]
async fn a_deleted_issue_is_gone_and_its_number_is_not_used_again() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let path = format!("{ISSUES}/1");
    assert_eq!(sandbox.ask(ALICE_TOKEN, "DELETE", &path, NULL).await.status, 204);
    assert_eq!(sandbox.get(&path).await.status, 404);
    assert_eq!(sandbox.open("b").await["number"], 2);
}

#[tokio::test]
async fn labels_are_made_by_who_may_write_to_issues_or_pull_requests() {
    let sandbox = Sandbox::start().await;
    let label = json!({ "name": "x", "color": "#fff" });
    for (issues, pulls, bot, admin) in
        [(true, true, 201, 201), (false, true, 201, 201), (false, false, 403, 201)]
    {
        sandbox.world().set_units(ALERTS, issues, pulls).unwrap();
        for (token, status) in [(BOT_TOKEN, bot), (ALICE_TOKEN, admin), (BOB_TOKEN, 403)] {
            let made = sandbox.ask(token, "POST", LABELS, label.clone()).await;
            assert_eq!(made.status, status, "issues {issues}, pulls {pulls}: {made:?}");
        }
    }
}

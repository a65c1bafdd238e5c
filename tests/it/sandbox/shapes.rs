//! The keys of every shape, as a Gitea 1.26.3 sent them.

use serde_json::json;

use super::*;

const ISSUE: &str = "id url html_url number user original_author original_author_id title body ref \
    assets labels milestone assignee assignees state is_locked comments created_at updated_at \
    closed_at due_date time_estimate pull_request repository pin_order content_version";
const META: &str = "id name owner full_name";
const PULL: &str = "merged merged_at draft html_url";
const USER: &str = "id login login_name source_id full_name email avatar_url html_url language \
    is_admin last_login created restricted active prohibit_login location website description \
    visibility followers_count following_count starred_repos_count username";
const LABEL: &str = "id name exclusive is_archived color description url";
const COMMENT: &str = "id html_url pull_request_url issue_url user original_author \
    original_author_id body assets created_at updated_at";
const WHOLE_REPOSITORY: &str = "id owner name full_name description empty private fork template mirror \
    size language languages_url html_url url link ssh_url clone_url original_url website \
    stars_count forks_count watchers_count branch_count open_issues_count open_pr_counter \
    release_counter default_branch archived created_at updated_at archived_at permissions has_code \
    has_issues internal_tracker has_wiki has_pull_requests has_projects projects_mode has_releases \
    has_packages has_actions ignore_whitespace_conflicts allow_merge_commits allow_rebase \
    allow_rebase_explicit allow_squash_merge allow_fast_forward_only_merge allow_rebase_update \
    allow_manual_merge autodetect_manual_merge default_delete_branch_after_merge \
    default_merge_style default_allow_maintainer_edit avatar_url internal mirror_interval \
    object_format_name mirror_updated topics licenses";
const REACTION: &str = "user content created_at";
const EVENT: &str = "id type html_url pull_request_url issue_url user body created_at updated_at \
    old_project_id project_id old_milestone milestone tracked_time old_title new_title old_ref \
    new_ref ref_issue ref_comment ref_action ref_commit_sha review_id label assignee assignee_team \
    removed_assignee resolve_doer dependent_issue";
const SETTINGS: &str = "max_response_items default_paging_num default_git_trees_per_page \
    default_max_blob_size default_max_response_size";

#[track_caller]
fn has_keys(value: &Value, keys: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut wanted: Vec<&str> = keys.split_ascii_whitespace().collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn every_shape_has_the_keys_that_a_real_server_sent() {
    let sandbox = Sandbox::start().await;
    let label = sandbox.post(LABELS, json!({ "name": "alert", "color": "#e11d21" })).await.json();
    has_keys(&label, LABEL);
    let full = json!({
        "title": "a", "body": "b", "labels": [label["id"]], "assignees": ["alice"],
    });
    let issue = sandbox.post(ISSUES, full).await.json();
    has_keys(&issue, ISSUE);
    has_keys(&issue["user"], USER);
    has_keys(&issue["assignee"], USER);
    has_keys(&issue["assignees"][0], USER);
    has_keys(&issue["labels"][0], LABEL);
    has_keys(&issue["repository"], META);
    let comment = sandbox.post(&format!("{ISSUES}/1/comments"), json!({ "body": "c" })).await;
    has_keys(&comment.json(), COMMENT);
    has_keys(&comment.json()["user"], USER);
    let eyes = json!({ "content": "eyes" });
    let reaction = sandbox.post(&format!("{ISSUES}/1/reactions"), eyes).await.json();
    has_keys(&reaction, REACTION);
    has_keys(&reaction["user"], USER);
    let timeline = sandbox.get(&format!("{ISSUES}/1/timeline")).await.json();
    for event in timeline.as_array().unwrap() {
        has_keys(event, EVENT);
    }
    for path in [REPOSITORY, "/api/v1/repositories/1"] {
        let repository = sandbox.get(path).await.json();
        has_keys(&repository, WHOLE_REPOSITORY);
        has_keys(&repository["owner"], USER);
        has_keys(&repository["permissions"], "admin push pull");
        has_keys(
            &repository["internal_tracker"],
            "enable_time_tracker allow_only_contributors_to_track_time enable_issue_dependencies",
        );
    }
    has_keys(&sandbox.get("/api/v1/user").await.json(), USER);
    has_keys(&sandbox.get("/api/v1/users/alice").await.json(), USER);
    has_keys(&sandbox.get(&format!("{REPOSITORY}/assignees")).await.json()[0], USER);
    has_keys(&sandbox.get("/api/v1/settings/api").await.json(), SETTINGS);
    sandbox.world().set_pull(ALERTS, 1, true).unwrap();
    has_keys(&sandbox.get(&format!("{ISSUES}/1")).await.json()["pull_request"], PULL);
    sandbox.world().set_zero(ALERTS, 1, true).unwrap();
    let zero = &sandbox.get(ISSUES).await.json()[0];
    has_keys(zero, ISSUE);
    assert_eq!((&zero["id"], &zero["number"], &zero["user"]), (&json!(0), &json!(0), &json!(null)));
}

#[tokio::test]
async fn a_bare_issue_reads_like_a_recorded_one() {
    let sandbox = Sandbox::start().await;
    let issue = sandbox.post(ISSUES, json!({ "title": "disk <full>", "body": "b" })).await.json();
    let expected = json!({
        "id": 1, "number": 1, "title": "disk <full>", "body": "b", "state": "open",
        "url": "http://gitea.sandbox.invalid/api/v1/repos/ops/alerts/issues/1",
        "html_url": format!("{}/ops/alerts/issues/1", sandbox.url),
        "original_author": "", "original_author_id": 0, "ref": "", "assets": [], "labels": [],
        "milestone": null, "assignee": null, "assignees": null, "is_locked": false,
        "comments": 0, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
        "closed_at": null, "due_date": null, "time_estimate": 0, "pull_request": null,
        "repository": { "id": 1, "name": "alerts", "owner": "ops", "full_name": "ops/alerts" },
        "pin_order": 0, "content_version": 0, "user": issue["user"],
    });
    assert_eq!(issue, expected);
    assert_eq!((&issue["user"]["id"], &issue["user"]["login"]), (&json!(2), &json!("teawatch")));
}

#[tokio::test]
async fn a_user_sees_itself_otherwise_than_others_do() {
    let sandbox = Sandbox::start().await;
    let alice = "/api/v1/users/alice";
    let seen = |user: Value| {
        let text = |key: &str| user[key].as_str().unwrap().to_owned();
        (user["active"] == true, text("email"), text("last_login"))
    };
    let (mail, placeholder) =
        ("alice@gitea.sandbox.invalid", "1+alice@noreply.gitea.sandbox.invalid");
    let (never, once) = ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z");
    let as_itself = sandbox.ask(ALICE_TOKEN, "GET", "/api/v1/user", NULL).await.json();
    assert_eq!(seen(as_itself), (true, mail.to_owned(), once.to_owned()));
    let as_somebody = sandbox.get(alice).await.json();
    assert_eq!(seen(as_somebody), (false, mail.to_owned(), never.to_owned()));
    let as_nobody = sandbox.ask("", "GET", alice, NULL).await.json();
    assert_eq!(seen(as_nobody), (false, placeholder.to_owned(), never.to_owned()));
    sandbox.world().set_site_admin("teawatch", true).unwrap();
    let as_administrator = sandbox.get(alice).await.json();
    assert_eq!(seen(as_administrator), (true, mail.to_owned(), once.to_owned()));
}

#[tokio::test]
async fn a_comment_points_to_the_page_of_its_issue_or_pull_request() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let comments = format!("{ISSUES}/1/comments");
    let comment = sandbox.post(&comments, json!({ "body": "c" })).await.json();
    let page = format!("{}/ops/alerts/issues/1", sandbox.url);
    assert_eq!(comment["issue_url"], page);
    assert_eq!(comment["html_url"], format!("{page}#issuecomment-{}", comment["id"]));
    sandbox.world().set_pull(ALERTS, 1, true).unwrap();
    let comment = &sandbox.get(&comments).await.json()[0];
    let pull = format!("{}/ops/alerts/pulls/1", sandbox.url);
    assert_eq!((&comment["issue_url"], &comment["pull_request_url"]), (&json!(""), &json!(pull)));
}

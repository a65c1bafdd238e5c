//! What is refused, in which words, and what every answer has.

use serde_json::json;
use teawatch::sandbox::Request;

use super::*;

/// Status and message of refused requests, made as somebody in a world with the open issue
/// 1 by the bot, with the comment 1.
#[tokio::test]
async fn refusals_have_the_status_and_words_that_were_recorded() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    sandbox.post(&format!("{ISSUES}/1/comments"), json!({ "body": "c" })).await;
    let narrow = "narrow";
    sandbox.world().add_token("teawatch", narrow, &["read:issue"]).unwrap();
    let none = "there is no such comment or issue";
    let table: &[(&str, &str, &str, Value, u16, &str)] = &[
        ("bad", "GET", "/api/v1/version", NULL, 401, "invalid username, password or token"),
        ("bad", "POST", ISSUES, json!({"title": "x"}), 401, "invalid username, password or token"),
        ("", "GET", "/api/v1/user", NULL, 401, "token is required"),
        (
            narrow,
            "GET",
            "/api/v1/user",
            NULL,
            403,
            "token does not have at least one of required scope(s), required=[read:user], token scope=read:issue",
        ),
        (
            narrow,
            "POST",
            ISSUES,
            json!({"title": "x"}),
            403,
            "token does not have at least one of required scope(s), required=[write:issue], token scope=read:issue",
        ),
        (
            narrow,
            "GET",
            REPOSITORY,
            NULL,
            403,
            "token does not have at least one of required scope(s), required=[read:repository], token scope=read:issue",
        ),
        ("", "GET", REPOSITORY, NULL, 404, "not found"),
        (BOT_TOKEN, "GET", "/api/v1/repos/nobody/x", NULL, 404, "GetUserByName"),
        (BOT_TOKEN, "GET", "/api/v1/repos/ops/x", NULL, 404, "not found"),
        (BOT_TOKEN, "GET", "/api/v1/repositories/99", NULL, 404, "not found"),
        (
            BOT_TOKEN,
            "GET",
            "/api/v1/users/nobody",
            NULL,
            404,
            "user redirect does not exist [name: nobody]",
        ),
        (BOT_TOKEN, "GET", &format!("{ISSUES}/99"), NULL, 404, "not found"),
        (BOT_TOKEN, "GET", &format!("{ISSUES}/abc"), NULL, 404, "not found"),
        (BOT_TOKEN, "PATCH", &format!("{ISSUES}/99"), json!({}), 404, "not found"),
        (BOT_TOKEN, "GET", &format!("{ISSUES}?created_by=nobody"), NULL, 404, "not found"),
        (
            BOT_TOKEN,
            "GET",
            &format!("{ISSUES}?since=yesterday"),
            NULL,
            422,
            "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\"",
        ),
        (
            BOT_TOKEN,
            "GET",
            &format!("{ISSUES}?since=2026-01-02T03:04:05+01:00"),
            NULL,
            422,
            "parsing time \"2026-01-02T03:04:05 01:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"2026-01-02T03:04:05 01:00\" as \"2006\"",
        ),
        (BOT_TOKEN, "POST", ISSUES, json!({}), 422, "[Title]: Required"),
        (BOT_TOKEN, "POST", ISSUES, json!({"title": ""}), 422, "[Title]: Required"),
        (
            BOT_TOKEN,
            "POST",
            ISSUES,
            json!([1]),
            422,
            "[]: json: cannot unmarshal array into Go value of type structs.CreateIssueOption",
        ),
        (
            BOT_TOKEN,
            "POST",
            ISSUES,
            json!({"title": 7}),
            422,
            "[]: json: cannot unmarshal number into Go struct field CreateIssueOption.title of type string",
        ),
        (
            BOT_TOKEN,
            "POST",
            ISSUES,
            json!({"title": "x", "labels": ["a"]}),
            422,
            "[]: json: cannot unmarshal string into Go struct field CreateIssueOption.labels of type int64",
        ),
        (
            BOT_TOKEN,
            "POST",
            ISSUES,
            json!({"title": "x", "assignees": ["nobody"]}),
            422,
            "Assignee does not exist: [name: user does not exist [uid: 0, name: nobody]]",
        ),
        (
            BOT_TOKEN,
            "PATCH",
            &format!("{ISSUES}/1"),
            json!({"state": "frob"}),
            412,
            "unknown state: frob",
        ),
        (
            BOT_TOKEN,
            "PATCH",
            &format!("{ISSUES}/1"),
            json!({"body": "x", "content_version": 9}),
            409,
            "the issue is already changed",
        ),
        (BOT_TOKEN, "POST", &format!("{ISSUES}/1/comments"), json!({}), 422, "[Body]: Required"),
        (
            BOT_TOKEN,
            "POST",
            &format!("{ISSUES}/1/comments"),
            json!({"body": ""}),
            422,
            "[Body]: Required",
        ),
        (BOT_TOKEN, "POST", &format!("{ISSUES}/99/comments"), json!({"body": "x"}), 500, ""),
        (BOT_TOKEN, "GET", &format!("{ISSUES}/99/comments"), NULL, 500, ""),
        (BOT_TOKEN, "GET", &format!("{ISSUES}/comments/99"), NULL, 404, "not found"),
        (
            BOT_TOKEN,
            "PATCH",
            &format!("{ISSUES}/comments/1"),
            json!({"body": ""}),
            422,
            "[Body]: Required",
        ),
        (
            BOT_TOKEN,
            "POST",
            LABELS,
            json!({"name": "x", "color": "Red"}),
            422,
            "invalid color: #red",
        ),
        (
            BOT_TOKEN,
            "POST",
            LABELS,
            json!({"name": "x", "color": "#reddish"}),
            422,
            "invalid color: #reddish",
        ),
        (BOT_TOKEN, "POST", LABELS, json!({"color": "#fff"}), 422, "[Name]: Required"),
        (BOT_TOKEN, "POST", LABELS, json!({"name": "x"}), 422, "[Color]: Required"),
        (BOT_TOKEN, "GET", &format!("{LABELS}/99"), NULL, 404, "not found"),
        (
            BOT_TOKEN,
            "DELETE",
            &format!("{ISSUES}/1/labels/99"),
            NULL,
            422,
            "label does not exist [label_id: 0]",
        ),
        (
            BOT_TOKEN,
            "POST",
            &format!("{ISSUES}/99/labels"),
            json!({"labels": [1]}),
            404,
            "not found",
        ),
        (
            BOT_TOKEN,
            "POST",
            &format!("{ISSUES}/1/labels"),
            json!({"labels": [1, "a"]}),
            400,
            "labels should be an array of strings or integers",
        ),
        (
            BOT_TOKEN,
            "POST",
            &format!("{ISSUES}/1/reactions"),
            json!({"content": "frob"}),
            403,
            "'frob' is not an allowed reaction",
        ),
        (
            BOT_TOKEN,
            "DELETE",
            &format!("{ISSUES}/1"),
            NULL,
            403,
            "user should be an owner or a collaborator with admin write of a repository",
        ),
        (
            BOB_TOKEN,
            "POST",
            LABELS,
            json!({"name": "x", "color": "#fff"}),
            403,
            "user should have a permission to write to a repo",
        ),
        (
            BOB_TOKEN,
            "POST",
            &format!("{ISSUES}/1/labels"),
            json!({"labels": [1]}),
            403,
            "write permission is required",
        ),
    ];
    for (token, method, path, body, status, message) in table {
        let said = sandbox.ask(token, method, path, body.clone()).await;
        assert_eq!(said.status, *status, "{method} {path}: {said:?}");
        assert_eq!(said.message(), *message, "{method} {path}");
        assert_eq!(said.json()["url"], format!("{ROOT}/api/swagger"));
        assert_eq!(said.header("content-type"), Some("application/json;charset=utf-8"));
    }
    let mut bare = vec![
        ("PATCH", format!("{ISSUES}/1"), json!({"state": "closed"})),
        ("PATCH", format!("{ISSUES}/comments/1"), json!({"body": "x"})),
        ("DELETE", format!("{ISSUES}/comments/1"), NULL),
    ];
    for (method, path, body) in bare.drain(..) {
        let said = sandbox.ask(BOB_TOKEN, method, &path, body).await;
        assert_eq!((said.status, said.text.as_str()), (403, ""), "{method} {path}");
    }
    let world = sandbox.world();
    assert_eq!(world.issues(ALERTS).count(), 1, "{none}");
    assert!(world.issue(ALERTS, 1).unwrap().is_open);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_before_anything_else() {
    let sandbox = Sandbox::start().await;
    let unknown = sandbox.get("/api/v1/frobnicate").await;
    assert_eq!((unknown.status, unknown.text.as_str()), (404, "404 page not found\n"));
    let method = sandbox.ask(BOT_TOKEN, "PUT", ISSUES, json!({})).await;
    assert_eq!((method.status, method.text.as_str()), (405, ""));
    assert_eq!(sandbox.world().unknown_requests(), 1);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_gitea_and_its_time() {
    let sandbox = Sandbox::start().await;
    let version = sandbox.ask("", "GET", "/api/v1/version", NULL).await;
    assert_eq!((version.status, version.json()), (200, json!({ "version": "1.26.3" })));
    assert_eq!(version.header("date"), Some("Fri, 02 Jan 2026 03:04:05 GMT"));
    assert_eq!(version.header("x-content-type-options"), Some("nosniff"));
    let cache = version.header("cache-control");
    assert_eq!(cache, Some("max-age=0, private, must-revalidate, no-transform"));
}

#[tokio::test]
async fn schemes_of_authorization_are_read_in_any_case_and_others_count_as_none() {
    let sandbox = Sandbox::start().await;
    for (header, status) in [
        (format!("token {BOT_TOKEN}"), 200),
        (format!("TOKEN {BOT_TOKEN}"), 200),
        (format!("Bearer {BOT_TOKEN}"), 200),
        (format!("Frob {BOT_TOKEN}"), 401),
        ("Basic dGVhd2F0Y2g6c2VjcmV0".to_owned(), 401),
        ("token".to_owned(), 401),
    ] {
        let request = sandbox.request("GET", "/api/v1/user", "").header("authorization", &header);
        assert_eq!(answer(request).await.status, status, "{header}");
    }
    sandbox.world().revoke_token(BOT_TOKEN);
    assert_eq!(sandbox.get("/api/v1/user").await.status, 401);
}

#[tokio::test]
async fn a_body_without_content_type_is_refused_on_post_and_ignored_on_patch() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let send = |method: &'static str, path: String, kind: &'static str, body: &'static str| {
        let request = sandbox.request(method, &path, BOT_TOKEN).body(body);
        answer(if kind.is_empty() { request } else { request.header("content-type", kind) })
    };
    let issue = format!("{ISSUES}/1");
    let said = send("POST", ISSUES.to_owned(), "", r#"{"title":"x"}"#).await;
    assert_eq!((said.status, said.message().as_str()), (422, "[]: Empty Content-Type"));
    let said = send("POST", ISSUES.to_owned(), "text/plain", "x").await;
    assert_eq!((said.status, said.message().as_str()), (422, "[]: Unsupported Content-Type"));
    let said = send("POST", ISSUES.to_owned(), "application/json", r#"{"title":"#).await;
    assert_eq!((said.status, said.message().as_str()), (422, "[]: unexpected EOF"));
    let form =
        send("POST", ISSUES.to_owned(), "application/x-www-form-urlencoded", "title=form+title")
            .await;
    assert_eq!((form.status, &form.json()["title"]), (201, &json!("form title")));
    let said = send("PATCH", issue, "", r#"{"state":"closed"}"#).await;
    assert_eq!((said.status, &said.json()["state"]), (201, &json!("open")));
}

#[tokio::test]
async fn a_sandbox_listens_on_loopback_only() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let error = sandbox::bind(&Options { listen, ..Options::default() }).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");
}

#[test]
fn the_model_answers_without_http_and_the_same_every_time() {
    let now = Timestamp::from_second(START).unwrap();
    let play = || {
        let mut world = World::demo();
        let create = Request::new(Method::POST, ISSUES).token(BOT_TOKEN);
        let created = world.answer(&create.json(&json!({ "title": "a" })), now);
        let list = Request::new(Method::GET, &format!("{ISSUES}?state=all")).token(BOT_TOKEN);
        (created, world.answer(&list, now))
    };
    let (created, listed) = play();
    assert_eq!((created.status.as_u16(), listed.status.as_u16()), (201, 200));
    assert_eq!(listed.read::<Value>().unwrap()[0], created.read::<Value>().unwrap());
    assert_eq!(play(), (created, listed));
}

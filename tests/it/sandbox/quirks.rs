//! What Gitea does that a client would not expect.

use serde_json::json;
use teawatch::sandbox::{Request, Right};

use super::*;

const NULL: Value = Value::Null;
const ROOT: &str = "http://gitea.sandbox.invalid";

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
            json!({"name": "x", "color": "red"}),
            422,
            "invalid color: red",
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
async fn lists_show_open_issues_and_pulls_newest_first_unless_asked_otherwise() {
    let sandbox = Sandbox::start().await;
    for title in ["one", "two", "three", "four"] {
        sandbox.open(title).await;
    }
    {
        let mut world = sandbox.world();
        let now = sandbox.now();
        world.close_as("alice", ALERTS, 2, now).unwrap();
        world.set_pull(ALERTS, 3, true).unwrap();
        world.open_as("bob", ALERTS, "five", "", now).unwrap();
    }
    let table: [(&str, &[u64]); 12] = [
        ("", &[5, 4, 3, 1]),
        ("?state=frob&type=frob", &[5, 4, 3, 1]),
        ("?state=closed", &[2]),
        ("?state=all", &[5, 4, 3, 2, 1]),
        ("?type=issues", &[5, 4, 1]),
        ("?type=pulls", &[3]),
        ("?created_by=teawatch&state=all&type=issues", &[4, 2, 1]),
        ("?created_by=BOB", &[5]),
        ("?assigned_by=alice", &[]),
        ("?q=FOUR", &[4]),
        ("?sort=oldest", &[5, 4, 3, 1]),
        ("?page=9", &[]),
    ];
    for (query, numbers) in table {
        assert_eq!(sandbox.get(&format!("{ISSUES}{query}")).await.numbers(), numbers, "{query}");
    }
}

#[tokio::test]
async fn since_and_before_include_their_second_and_look_at_updates() {
    let sandbox = Sandbox::start().await;
    sandbox.open("one").await;
    sandbox.turn_clock(10);
    sandbox.open("two").await;
    let numbers = async |query: &str| sandbox.get(&format!("{ISSUES}?{query}")).await.numbers();
    assert_eq!(numbers("since=2026-01-02T03:04:15Z").await, [2]);
    assert_eq!(numbers("since=2026-01-02T03:04:15.9Z").await, [2]);
    assert_eq!(numbers("since=2026-01-02T03:04:16Z").await, [0; 0]);
    assert_eq!(numbers("since=2026-01-02T04:04:05%2B01:00").await, [2, 1]);
    assert_eq!(numbers("before=2026-01-02T03:04:05Z").await, [1]);
    sandbox.turn_clock(10);
    sandbox.world().touch(ALERTS, 1, sandbox.now()).unwrap();
    assert_eq!(numbers("since=2026-01-02T03:04:16Z").await, [1]);
    let comments = format!("{ISSUES}/1/comments");
    sandbox.turn_clock(10);
    sandbox.post(&comments, json!({ "body": "c" })).await;
    assert_eq!(numbers("since=2026-01-02T03:04:35Z").await, [1]);
    let found = async |query: &str| {
        let list = sandbox.get(&format!("{comments}?{query}")).await.json();
        list.as_array().unwrap().len()
    };
    assert_eq!(found("since=2026-01-02T03:04:35Z").await, 1);
    assert_eq!(found("since=2026-01-02T03:04:36Z").await, 0);
}

#[tokio::test]
async fn pages_are_clamped_and_links_lead_to_the_servers_own_address() {
    let sandbox = Sandbox::start().await;
    sandbox.world().set_page_size(2, 3);
    for number in 1..=7 {
        sandbox.open(&format!("issue {number}")).await;
    }
    let link =
        |page: u64, rel: &str| format!("<{ROOT}{ISSUES}?limit=9&page={page}>; rel=\"{rel}\"");
    let table: [(&str, &[u64], Option<String>); 6] = [
        ("?limit=0", &[7, 6], None),
        ("?limit=-1&page=abc", &[7, 6], None),
        ("?limit=9", &[7, 6, 5], Some([link(2, "next"), link(3, "last")].join(","))),
        (
            "?limit=9&page=2",
            &[4, 3, 2],
            Some([link(3, "next"), link(3, "last"), link(1, "first"), link(1, "prev")].join(",")),
        ),
        ("?limit=9&page=3", &[1], Some([link(1, "first"), link(2, "prev")].join(","))),
        ("?limit=9&page=999", &[], Some([link(1, "first"), link(2, "prev")].join(","))),
    ];
    for (query, numbers, links) in table {
        let list = sandbox.get(&format!("{ISSUES}{query}")).await;
        assert_eq!(list.numbers(), numbers, "{query}");
        assert_eq!(list.header("x-total-count"), Some("7"));
        if let Some(links) = links {
            assert_eq!(list.header("link"), Some(links.as_str()), "{query}");
        }
    }
    let single = sandbox.get(&format!("{ISSUES}?state=closed")).await;
    assert_eq!((single.text.as_str(), single.header("link")), ("[]", None));
    let settings = sandbox.get("/api/v1/settings/api").await.json();
    assert_eq!(
        (&settings["max_response_items"], &settings["default_paging_num"]),
        (&json!(3), &json!(2))
    );
}

#[tokio::test]
async fn comments_of_an_issue_have_no_pages_while_those_of_a_repository_have() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    for number in 0..5 {
        sandbox.post(&format!("{ISSUES}/1/comments"), json!({ "body": number.to_string() })).await;
    }
    let bodies = |answer: &Answer| {
        let json = answer.json();
        let comments = json.as_array().unwrap().iter();
        comments.map(|c| c["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = sandbox.get(&format!("{ISSUES}/1/comments?limit=2&page=2")).await;
    assert_eq!(bodies(&all), ["0", "1", "2", "3", "4"]);
    assert_eq!((all.header("x-total-count"), all.header("link")), (Some("5"), None));
    let page = sandbox.get(&format!("{ISSUES}/comments?limit=2&page=2")).await;
    assert_eq!(bodies(&page), ["2", "3"]);
    assert_eq!((page.header("x-total-count"), page.header("link")), (Some("5"), None));
    assert_eq!(sandbox.get(&format!("{ISSUES}/comments?page=9")).await.text, "[]");
    let timeline = sandbox.get(&format!("{ISSUES}/1/timeline?limit=2")).await;
    assert_eq!((bodies(&timeline).len(), timeline.header("x-total-count")), (2, Some("2")));
    let past = sandbox.get(&format!("{ISSUES}/1/timeline?page=9")).await;
    assert_eq!(
        (past.status, past.text.as_str(), past.header("x-total-count")),
        (200, "null", Some("0"))
    );
}

#[tokio::test]
async fn comments_are_edited_and_deleted_by_their_author_or_a_writer() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let bobs = sandbox.world().comment_as("bob", ALERTS, 1, "bob", sandbox.now()).unwrap();
    let path = format!("{ISSUES}/comments/{bobs}");
    sandbox.turn_clock(5);
    let same = sandbox.patch(&path, json!({ "body": "bob" })).await.json();
    assert_eq!(same["updated_at"], same["created_at"]);
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
async fn a_filter_by_labels_drops_unknown_names_and_joins_the_others() {
    let sandbox = Sandbox::start().await;
    for name in ["bug", "db"] {
        sandbox.post(LABELS, json!({ "name": name, "color": "#fff" })).await;
    }
    for labels in [json!([]), json!([1]), json!([1, 2])] {
        sandbox.post(ISSUES, json!({ "title": "a", "labels": labels })).await;
    }
    for (names, numbers) in [
        ("bug", vec![3, 2]),
        ("bug,db", vec![3]),
        ("bug,nothing", vec![3, 2]),
        ("nothing", vec![3, 2, 1]),
        ("1", vec![3, 2, 1]),
        ("", vec![3, 2, 1]),
    ] {
        let list = sandbox.get(&format!("{ISSUES}?labels={names}")).await;
        assert_eq!(list.numbers(), numbers, "{names}");
    }
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
async fn a_deleted_issue_is_gone_and_its_number_is_not_used_again() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let path = format!("{ISSUES}/1");
    assert_eq!(sandbox.ask(ALICE_TOKEN, "DELETE", &path, NULL).await.status, 204);
    assert_eq!(sandbox.get(&path).await.status, 404);
    assert_eq!(sandbox.open("b").await["number"], 2);
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

#[test]
fn the_model_answers_without_http_and_the_same_every_time() {
    let now = Timestamp::from_second(START).unwrap();
    let play = || {
        let mut world = World::demo();
        let create = Request::new(http::Method::POST, ISSUES).token(BOT_TOKEN);
        let created = world.answer(&create.json(&json!({ "title": "a" })), now);
        let list = Request::new(http::Method::GET, &format!("{ISSUES}?state=all")).token(BOT_TOKEN);
        (created, world.answer(&list, now))
    };
    let (created, listed) = play();
    assert_eq!((created.status.as_u16(), listed.status.as_u16()), (201, 200));
    assert_eq!(listed.read::<Value>().unwrap()[0], created.read::<Value>().unwrap());
    assert_eq!(play(), (created, listed));
}

#[tokio::test]
async fn a_sandbox_listens_on_loopback_only() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let error = sandbox::bind(&Options { listen, ..Options::default() }).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");
}

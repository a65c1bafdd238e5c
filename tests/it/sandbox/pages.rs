//! The pages for people.

use super::*;

#[tokio::test]
async fn what_comes_from_outside_is_escaped_and_markers_do_not_show() {
    let sandbox = Sandbox::start().await;
    let evil = "<script>alert(1)</script>";
    let now = sandbox.now();
    {
        let mut world = sandbox.world();
        let body = format!("{evil}\n\n**bold**\n\n<!-- teawatch:v1 secret-marker -->");
        let number = world.open_as("teawatch", ALERTS, evil, &body, now).unwrap();
        world
            .comment_as("bob", ALERTS, number, &format!("text {evil} <!-- secret-marker -->"), now)
            .unwrap();
        world.add_label(ALERTS, evil, "#c00").unwrap();
        world.add_label_as("alice", ALERTS, number, evil, now).unwrap();
    }
    for path in ["/ops/alerts/issues", "/ops/alerts/issues/1"] {
        let page = sandbox.ask("", "GET", path, Value::Null).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("<script>"), "{}", page.text);
        assert!(page.text.contains("&lt;script&gt;alert(1)"), "{}", page.text);
        assert!(!page.text.contains("secret-marker"), "{}", page.text);
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
    let page = sandbox.ask("", "GET", "/ops/alerts/issues/1", Value::Null).await;
    assert!(page.text.contains("<strong>bold</strong>"), "{}", page.text);
}

#[tokio::test]
async fn people_comment_close_and_reopen_with_buttons() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    let here = "/ops/alerts/issues/1";
    let press = |what: &str, body: &'static str| {
        let kind = "application/x-www-form-urlencoded";
        let request = sandbox.request("POST", &format!("{here}/{what}"), "");
        answer(request.header("content-type", kind).header("origin", &sandbox.url).body(body))
    };
    let page = sandbox.ask("", "GET", here, Value::Null).await.text;
    assert!(page.contains("Close issue") && page.contains("/ops/alerts/issues/1/close"));

    let pressed = press("comments", "body=%2Fack+2h%0D%0Aplease").await;
    assert_eq!((pressed.status, pressed.header("location")), (303, Some(here)));
    press("comments", "body=++").await;
    press("close", "").await;
    {
        let world = sandbox.world();
        let issue = world.issue(ALERTS, 1).unwrap();
        let comments: Vec<_> =
            issue.comments().map(|c| (world.login(c.user), c.body.as_str())).collect();
        assert_eq!(comments, [("alice", "/ack 2h\r\nplease")]);
        assert!(!issue.is_open);
    }
    let page = sandbox.ask("", "GET", here, Value::Null).await.text;
    assert!(page.contains("Reopen issue") && page.contains("closed this"), "{page}");
    press("reopen", "").await;
    assert!(sandbox.world().issue(ALERTS, 1).unwrap().is_open);
}

#[tokio::test]
async fn buttons_on_the_page_of_another_do_nothing() {
    let sandbox = Sandbox::start().await;
    sandbox.open("a").await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = sandbox.request("POST", "/ops/alerts/issues/1/close", "").header(name, value);
        assert_eq!(answer(request).await.status, 403, "{name}: {value}");
    }
    assert!(sandbox.world().issue(ALERTS, 1).unwrap().is_open);
}

#[tokio::test]
async fn the_list_has_tabs_with_counts_and_what_is_missing_is_missing() {
    let sandbox = Sandbox::start().await;
    for title in ["one", "two", "three"] {
        sandbox.open(title).await;
    }
    sandbox.world().close_as("alice", ALERTS, 2, sandbox.now()).unwrap();
    let page = |path: &'static str| sandbox.ask("", "GET", path, Value::Null);
    let open = page("/ops/alerts/issues").await.text;
    assert!(open.contains("2 Open") && open.contains("1 Closed"), "{open}");
    assert!(open.contains("three") && !open.contains(">two<"), "{open}");
    let closed = page("/ops/alerts/issues?state=closed").await.text;
    assert!(closed.contains(">two<") && !closed.contains("three"), "{closed}");
    assert!(page("/").await.text.contains("2 open of 3 issues"));
    assert_eq!(page("/ops/alerts").await.header("location"), Some("/ops/alerts/issues"));
    for path in ["/ops/nothing/issues", "/ops/alerts/issues/9"] {
        assert_eq!(page(path).await.status, 404, "{path}");
    }
    for path in ["/-/sandbox.css", "/-/sandbox.js"] {
        assert_eq!(page(path).await.status, 200, "{path}");
    }
}

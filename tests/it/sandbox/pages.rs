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
    for path in ["/ops/nothing/issues", "/ops/alerts/issues/9", "/ops/nothing"] {
        assert_eq!(page(path).await.status, 404, "{path}");
    }
    // What decodes to the address of another leads nobody there.
    let lure = page("/%2Fevil.example/x").await;
    assert_eq!((lure.status, lure.header("location")), (404, None));
    let empty = sandbox.request("POST", "/%2Fevil.example/x/issues/1/comments", "").body("body=");
    let empty = answer(empty).await;
    assert_eq!((empty.status, empty.header("location")), (404, None));
    for path in ["/-/sandbox.css", "/-/sandbox.js"] {
        assert_eq!(page(path).await.status, 200, "{path}");
    }
}

/// Where the form on a page leads that has this button.
#[track_caller]
fn action(page: &str, button: &str) -> String {
    let (before, _) = page.split_once(&format!(">{button}</button>")).unwrap();
    let (_, form) = before.rsplit_once("<form").unwrap();
    let (_, action) = form.split_once("action=\"").unwrap();
    action.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn an_issue_shows_who_said_what_its_labels_and_its_state() {
    let sandbox = Sandbox::start().await;
    let now = sandbox.now();
    {
        let mut world = sandbox.world();
        world.open_as("teawatch", ALERTS, "The disk is full", "Only 3 bytes left.", now).unwrap();
        world.comment_as("bob", ALERTS, 1, "I shall buy a larger one.", now).unwrap();
        world.comment_as("alice", ALERTS, 1, "Please do not.", now).unwrap();
        world.add_label(ALERTS, "storage", "#c00").unwrap();
        world.add_label(ALERTS, "unused-label", "#0c0").unwrap();
        world.add_label_as("alice", ALERTS, 1, "storage", now).unwrap();
    }
    let page = sandbox.ask("", "GET", "/ops/alerts/issues/1", Value::Null).await.text;
    let at = |words: &str| {
        assert_eq!(page.matches(words).count(), 1, "`{words}` in\n{page}");
        page.find(words).unwrap()
    };
    let in_order = [
        at("<title>The disk is full #1</title>"),
        at("<h1>The disk is full <span class=\"number\">#1</span></h1>"),
        at("<span class=\"state open\">Open</span>"),
        at("<b>teawatch</b> opened this, "),
        at("</time> <span class=\"label red\">storage</span></p>"),
        at("<article><header><b>teawatch</b> "),
        at("<p>Only 3 bytes left.</p>"),
        at("<article><header><b>bob</b> "),
        at("<p>I shall buy a larger one.</p>"),
        at("<article><header><b>alice</b> "),
        at("<p>Please do not.</p>"),
        at("<b>alice</b> added the label <span class=\"label red\">storage</span>, "),
        at("Write as <b>alice</b>"),
    ];
    assert!(in_order.is_sorted(), "{in_order:?}\n{page}");
    assert!(!page.contains("unused-label") && !page.contains("state closed"), "{page}");

    let list = sandbox.ask("", "GET", "/ops/alerts/issues", Value::Null).await.text;
    for words in ["The disk is full", "#1 by teawatch, ", ", 2 comments", ">storage</span>"] {
        assert_eq!(list.matches(words).count(), 1, "`{words}` in\n{list}");
    }
    assert!(!list.contains("unused-label"), "{list}");

    sandbox.world().close_as("bob", ALERTS, 1, now).unwrap();
    let page = sandbox.ask("", "GET", "/ops/alerts/issues/1", Value::Null).await.text;
    assert!(page.contains("<span class=\"state closed\">Closed</span>"), "{page}");
    assert!(page.contains("<b>bob</b> closed this, ") && !page.contains("state open"), "{page}");
}

#[tokio::test]
async fn the_buttons_do_what_they_say_and_the_api_shows_it() {
    let sandbox = Sandbox::start().await;
    sandbox.open("first").await;
    sandbox.open("second").await;
    let here = format!("{}/ops/alerts/issues/2", sandbox.url);
    // As a browser does it: the form's own address, its fields, and the page that follows.
    let press = async |button: &str, fields: &[(&str, &str)]| {
        let page = sandbox.client.get(&here).send().await.unwrap().text().await.unwrap();
        let to = action(&page, button);
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = sandbox
            .request("POST", &to, "")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &sandbox.url)
            .header("sec-fetch-site", "same-origin")
            .body(body);
        let pressed = answer(request).await;
        assert_eq!(pressed.status, 303, "{button}: {pressed:?}");
        let next = pressed.header("location").unwrap().to_owned();
        sandbox.ask("", "GET", &next, Value::Null).await.text
    };
    let state = async |number: u64| {
        let issue = sandbox.get(&format!("{ISSUES}/{number}")).await.json();
        issue["state"].as_str().unwrap().to_owned()
    };

    let said = "/ack 2h & more: 100 % <sure>";
    let page = press("Comment", &[("body", said)]).await;
    assert!(page.contains("/ack 2h &amp; more: 100 % "), "{page}");
    let comments = sandbox.get(&format!("{ISSUES}/2/comments")).await.json();
    assert_eq!((&comments[0]["body"], &comments[1]), (&said.into(), &NULL));
    assert_eq!(comments[0]["user"]["login"], "alice");

    let page = press("Close issue", &[]).await;
    assert!(page.contains("<b>alice</b> closed this") && page.contains("Reopen issue"), "{page}");
    assert_eq!((state(2).await.as_str(), state(1).await.as_str()), ("closed", "open"));
    let page = press("Reopen issue", &[]).await;
    assert!(page.contains("<b>alice</b> reopened this") && page.contains("Close issue"), "{page}");
    assert_eq!(state(2).await, "open");
}

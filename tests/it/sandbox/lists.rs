//! Lists: defaults, filters, times and pages.

use serde_json::json;

use super::*;

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
    // A second label of a name hides the issues that have the first one only.
    sandbox.post(LABELS, json!({ "name": "bug", "color": "#000" })).await;
    assert_eq!(sandbox.get(&format!("{ISSUES}?labels=bug")).await.text, "[]");
    sandbox.post(ISSUES, json!({ "title": "a", "labels": [1, 3] })).await;
    assert_eq!(sandbox.get(&format!("{ISSUES}?labels=bug")).await.numbers(), [4]);
}

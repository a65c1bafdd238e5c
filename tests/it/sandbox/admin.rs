//! The door for whoever stages a play, over HTTP only: each fault is ordered and its effect
//! seen as a client sees it.

use reqwest::StatusCode;
use serde_json::json;

use super::*;

/// Orders, for the next issue that is opened, what this says.
async fn order(sandbox: &Sandbox, action: Value) {
    let order = json!({ "action": action, "matcher": { "method": "POST", "route": "issues" } });
    let ordered = sandbox.post("/-/admin/faults", order).await;
    assert_eq!(ordered.status, 201, "{ordered:?}");
}

/// How many issues there are.
async fn issues(sandbox: &Sandbox) -> usize {
    sandbox.get(&format!("{ISSUES}?state=all")).await.numbers().len()
}

/// Waits until this is so, for ten seconds at most.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {what}");
}

/// What became of the newest request for a new issue.
async fn outcome(sandbox: &Sandbox) -> Value {
    let log = sandbox.get("/-/admin/requests").await.json()["log"].clone();
    let mut creations = log.as_array().unwrap().iter().rev();
    let newest = creations.find(|entry| entry["method"] == "POST" && entry["route"] == "issues");
    newest.map_or(NULL, |newest| newest["outcome"].clone())
}

fn opening(sandbox: &Sandbox) -> RequestBuilder {
    sandbox.request("POST", ISSUES, BOT_TOKEN).json(&json!({ "title": "a" }))
}

async fn opened(sandbox: &Sandbox) -> Result<StatusCode, reqwest::Error> {
    opening(sandbox).send().await.map(|answer| answer.status())
}

#[tokio::test]
async fn a_refusal_that_is_ordered_has_its_status_its_time_and_its_kind_of_body() {
    let sandbox = Sandbox::start().await;
    for (status, retry_after, body, kind, start) in [
        (429, json!(7), "json", "application/json;charset=utf-8", r#"{"message":"Too Many"#),
        (503, json!(120), "html", "text/html", "<html>"),
        (502, NULL, "empty", "", ""),
    ] {
        let refuse = json!({
            "do": "refuse", "status": status, "retry_after": retry_after, "body": body,
        });
        order(&sandbox, refuse).await;
        let refused = answer(opening(&sandbox)).await;
        assert_eq!(refused.status, status);
        let seconds = retry_after.as_u64().map(|seconds| seconds.to_string());
        assert_eq!(refused.header("retry-after"), seconds.as_deref(), "{status}");
        assert_eq!(refused.header("content-type").unwrap_or_default(), kind);
        assert!(refused.text.starts_with(start), "{refused:?}");
        assert_eq!(issues(&sandbox).await, 0);
        assert_eq!(outcome(&sandbox).await, json!({ "answered": status }));
    }
    order(&sandbox, json!({ "do": "refuse", "status": 418 })).await;
    let refused = answer(opening(&sandbox)).await;
    assert_eq!((refused.status, refused.message().as_str()), (418, "I'm a teapot"));
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(opened(&sandbox).await.unwrap(), 201, "each strikes once");
}

#[tokio::test]
async fn a_hang_up_that_is_ordered_comes_before_or_after_the_work() {
    for (action, made) in [("hang-up", 0), ("do-and-hang-up", 1)] {
        let sandbox = Sandbox::start().await;
        order(&sandbox, json!({ "do": action })).await;
        let error = opened(&sandbox).await.unwrap_err();
        assert!(!error.is_timeout() && !error.is_connect(), "{action}: {error:?}");
        assert_eq!(issues(&sandbox).await, made, "{action}");
        assert_eq!(outcome(&sandbox).await, "hung-up");
    }
}

#[tokio::test]
async fn a_stall_that_is_ordered_does_the_work_and_never_answers_not_even_when_released() {
    let sandbox = Sandbox::start().await;
    order(&sandbox, json!({ "do": "do-and-stall" })).await;
    let look = async {
        until("the issue is there", async || issues(&sandbox).await == 1).await;
        assert_eq!(outcome(&sandbox).await, "stalled");
        assert_eq!(sandbox.post("/-/admin/release", NULL).await.status, 204);
    };
    let (stalled, ()) = tokio::join!(opened(&sandbox), look);
    let error = stalled.unwrap_err();
    assert!(!error.is_timeout(), "released, it hangs up: {error:?}");
    assert_eq!(issues(&sandbox).await, 1);
}

#[tokio::test]
async fn a_late_work_that_is_ordered_is_done_on_release_or_after_its_time() {
    let sandbox = Sandbox::start().await;
    order(&sandbox, json!({ "do": "stall-and-do" })).await;
    let look = async {
        until("the request is held", async || outcome(&sandbox).await == "held").await;
        assert_eq!(issues(&sandbox).await, 0, "nothing is done before");
        assert_eq!(sandbox.post("/-/admin/release", NULL).await.status, 204);
    };
    let (late, ()) = tokio::join!(opened(&sandbox), look);
    assert_eq!(late.unwrap(), 201);
    assert_eq!(issues(&sandbox).await, 1);

    order(&sandbox, json!({ "do": "stall-and-do", "after_ms": 50 })).await;
    assert_eq!(opened(&sandbox).await.unwrap(), 201);
    assert_eq!(outcome(&sandbox).await, "held");
    assert_eq!(issues(&sandbox).await, 2);
}

#[tokio::test]
async fn a_failure_after_the_commit_that_is_ordered_answers_500_and_the_issue_is_there() {
    let sandbox = Sandbox::start().await;
    order(&sandbox, json!({ "do": "do-and-fail" })).await;
    let failed = answer(opening(&sandbox)).await;
    assert_eq!((failed.status, failed.message().as_str()), (500, ""));
    assert_eq!(issues(&sandbox).await, 1);
    assert_eq!(outcome(&sandbox).await, json!({ "answered": 500 }));
}

#[tokio::test]
async fn a_clock_that_is_set_off_shows_in_dates_and_lists_until_it_is_set_right() {
    let sandbox = Sandbox::start().await;
    for (seconds, date, created) in [
        (-3_600, "Fri, 02 Jan 2026 02:04:05 GMT", "2026-01-02T02:04:05Z"),
        (86_400, "Sat, 03 Jan 2026 03:04:05 GMT", "2026-01-03T03:04:05Z"),
        (0, "Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:05Z"),
    ] {
        let set = json!({ "seconds": seconds });
        assert_eq!(sandbox.ask("", "PUT", "/-/admin/clock-offset", set).await.status, 204);
        let opened = answer(opening(&sandbox)).await;
        assert_eq!(opened.header("date"), Some(date));
        assert_eq!(opened.json()["created_at"], created);
    }
    let since = sandbox.get(&format!("{ISSUES}?since=2026-01-03T00:00:00Z")).await;
    assert_eq!(since.numbers(), [2]);
}

#[tokio::test]
async fn a_page_size_that_is_set_shows_in_the_settings_and_in_every_list() {
    let sandbox = Sandbox::start().await;
    for number in 1..=5 {
        sandbox.open(&format!("issue {number}")).await;
    }
    let settings = async || {
        let settings = sandbox.get("/api/v1/settings/api").await.json();
        (settings["default_paging_num"].clone(), settings["max_response_items"].clone())
    };
    assert_eq!(settings().await, (json!(30), json!(50)), "Gitea's own");
    let set = |size: Value| sandbox.ask("", "PUT", "/-/admin/page-size", size);
    assert_eq!(set(json!({ "default": 2, "max": 3 })).await.status, 204);
    assert_eq!(settings().await, (json!(2), json!(3)));
    for (query, numbers) in [
        ("", &[5, 4][..]),
        ("?page=2", &[3, 2]),
        ("?page=3", &[1]),
        ("?limit=50", &[5, 4, 3]),
        ("?limit=50&page=2", &[2, 1]),
        ("?limit=1", &[5]),
    ] {
        assert_eq!(sandbox.get(&format!("{ISSUES}{query}")).await.numbers(), numbers, "{query}");
    }
    for name in ["a", "b", "c"] {
        sandbox.post(LABELS, json!({ "name": name, "color": "#fff" })).await;
    }
    assert_eq!(sandbox.get(LABELS).await.names(), ["a", "b"]);
    assert_eq!(sandbox.get(&format!("{LABELS}?page=2")).await.names(), ["c"]);
    // A page always holds something, and its usual size is not beyond the largest.
    assert_eq!(set(json!({ "default": 0, "max": 0 })).await.status, 204);
    assert_eq!(settings().await, (json!(1), json!(1)));
    assert_eq!(set(json!({ "default": 9, "max": 4 })).await.status, 204);
    assert_eq!(settings().await, (json!(4), json!(4)));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::start().await;
    for (method, path, order) in [
        ("POST", "faults", json!({ "action": { "do": "frobnicate" } })),
        ("POST", "faults", json!({ "action": { "do": "refuse" } })),
        ("POST", "faults", json!({ "action": { "do": "refuse", "status": 503, "retry": 1 } })),
        ("POST", "faults", json!({ "action": { "do": "hang-up" }, "matcher": { "route": "x" } })),
        ("POST", "faults", json!({ "action": { "do": "hang-up" }, "matcher": { "verb": "GET" } })),
        ("POST", "faults", json!({ "action": { "do": "hang-up" }, "often": 2 })),
        ("POST", "faults", json!({})),
        ("POST", "faults", json!({ "action": { "do": "refuse", "status": 199 } })),
        ("POST", "faults", json!({ "action": { "do": "refuse", "status": 1000 } })),
        ("PUT", "page-size", json!({ "default": 2 })),
        ("PUT", "page-size", json!({ "default": -1, "max": 3 })),
        ("PUT", "clock-offset", json!({ "seconds": "much" })),
        ("POST", "deeds", json!({ "deed": "steal", "user": "alice" })),
    ] {
        let said = sandbox.ask("", method, &format!("/-/admin/{path}"), order.clone()).await;
        assert_eq!(said.status, 422, "{order}");
    }
    assert_eq!(sandbox.get("/-/admin/faults").await.json(), json!([]));
    assert_eq!(opened(&sandbox).await.unwrap(), 201);
    let settings = sandbox.get("/api/v1/settings/api").await.json();
    assert_eq!(settings["default_paging_num"], 30);
}

#[tokio::test]
async fn a_fault_that_is_ordered_for_no_request_strikes_none() {
    let sandbox = Sandbox::start().await;
    let order = json!({ "action": { "do": "hang-up" }, "times": 0 });
    assert_eq!(sandbox.post("/-/admin/faults", order).await.status, 201);
    assert_eq!(sandbox.get("/-/admin/faults").await.json(), json!([]));
    assert_eq!(opened(&sandbox).await.unwrap(), 201);
}

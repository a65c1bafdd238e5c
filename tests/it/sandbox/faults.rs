//! Every fault, seen from outside.

use serde_json::json;
use teawatch::sandbox::{Action, BodyKind, Fault, Outcome, Route};

use super::*;
use reqwest::StatusCode;

fn on_create(action: Action) -> Fault {
    Fault::new(action).on(&Method::POST, Route::Issues)
}

async fn create(sandbox: &Sandbox, title: &str) -> Result<StatusCode, reqwest::Error> {
    let body = json!({ "title": title });
    let sent = sandbox.request("POST", ISSUES, BOT_TOKEN).json(&body).send().await;
    sent.map(|response| response.status())
}

#[tokio::test]
async fn a_refusal_does_nothing_and_says_what_was_ordered() {
    let sandbox = Sandbox::start().await;
    for (body, start) in [
        (BodyKind::Json, r#"{"message":"Too Many Requests""#),
        (BodyKind::Html, "<html>"),
        (BodyKind::Empty, ""),
    ] {
        sandbox.world().order(on_create(Action::Refuse {
            status: 429,
            retry_after: Some(7),
            body,
        }));
        let refused = sandbox.post(ISSUES, json!({ "title": "a" })).await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("retry-after"), Some("7"));
        assert!(refused.text.starts_with(start), "{refused:?}");
    }
    assert_eq!(sandbox.world().issues(ALERTS).count(), 0);
    assert_eq!(create(&sandbox, "once only").await.unwrap(), 201);
}

#[tokio::test]
async fn hanging_up_closes_the_connection_before_or_after_the_work() {
    let sandbox = Sandbox::start().await;
    for (action, issues) in [(Action::HangUp, 0), (Action::DoAndHangUp, 1)] {
        sandbox.world().order(on_create(action));
        let error = create(&sandbox, "a").await.unwrap_err();
        assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
        assert_eq!(sandbox.world().issues(ALERTS).count(), issues);
    }
    assert_eq!(create(&sandbox, "another").await.unwrap(), 201);
}

#[tokio::test]
async fn a_stalled_answer_never_comes_whether_the_work_is_done_or_not() {
    let sandbox = Sandbox::start().await;
    for (action, issues) in [(Action::Stall, 0), (Action::DoAndStall, 1)] {
        sandbox.world().order(on_create(action));
        let impatient = client(Duration::from_millis(300));
        let request = impatient.post(format!("{}{ISSUES}", sandbox.url));
        let request = request.header("authorization", format!("token {BOT_TOKEN}"));
        let error = request.json(&json!({ "title": "a" })).send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(sandbox.world().issues(ALERTS).count(), issues);
        assert_eq!(sandbox.world().log().last().unwrap().outcome, Outcome::Stalled);
    }
}

#[tokio::test]
async fn a_held_request_is_done_when_it_is_released_and_then_answered() {
    let sandbox = Sandbox::start().await;
    sandbox.world().order(on_create(Action::StallAndDo { after_ms: None }));
    let release = async {
        sandbox.until("the request is held", |world| world.log().len() == 1).await;
        assert_eq!(sandbox.world().issues(ALERTS).count(), 0);
        let released = sandbox.post("/-/admin/release", json!(null)).await;
        assert_eq!(released.status, 204);
    };
    let (created, ()) = tokio::join!(create(&sandbox, "a"), release);
    assert_eq!(created.unwrap(), 201);
    assert_eq!(sandbox.world().issues(ALERTS).count(), 1);
}

#[tokio::test]
async fn a_held_request_is_done_late_although_its_client_has_left() {
    let sandbox = Sandbox::start().await;
    sandbox.world().order(on_create(Action::StallAndDo { after_ms: Some(400) }));
    let impatient = client(Duration::from_millis(100));
    let request = impatient.post(format!("{}{ISSUES}", sandbox.url));
    let request = request.header("authorization", format!("token {BOT_TOKEN}"));
    assert!(request.json(&json!({ "title": "a" })).send().await.unwrap_err().is_timeout());
    assert_eq!(sandbox.world().issues(ALERTS).count(), 0);
    sandbox.until("the issue is there", |world| world.issues(ALERTS).count() == 1).await;
}

#[tokio::test]
async fn a_failure_after_the_commit_is_a_500_without_a_word() {
    let sandbox = Sandbox::start().await;
    sandbox.world().order(on_create(Action::DoAndFail));
    let failed = sandbox.post(ISSUES, json!({ "title": "a" })).await;
    assert_eq!((failed.status, failed.message().as_str()), (500, ""));
    assert_eq!(sandbox.world().issues(ALERTS).count(), 1);
}

#[tokio::test]
async fn a_clock_that_is_off_shows_in_every_time() {
    let sandbox = Sandbox::start().await;
    let moved = sandbox.ask("", "PUT", "/-/admin/clock-offset", json!({ "seconds": -3_600 })).await;
    assert_eq!(moved.status, 204);
    let opened = sandbox.post(ISSUES, json!({ "title": "a" })).await;
    assert_eq!(opened.json()["created_at"], "2026-01-02T02:04:05Z");
    assert_eq!(opened.header("date"), Some("Fri, 02 Jan 2026 02:04:05 GMT"));
}

#[tokio::test]
async fn a_fault_waits_for_its_request_and_strikes_as_often_as_ordered() {
    let sandbox = Sandbox::start().await;
    let refuse = Action::Refuse { status: 503, retry_after: None, body: BodyKind::Json };
    sandbox.world().order(on_create(refuse.clone()).after(1).times(2));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        assert_eq!(sandbox.get(ISSUES).await.status, 200);
        statuses.push(create(&sandbox, "a").await.unwrap().as_u16());
    }
    assert_eq!(statuses, [201, 503, 503, 201]);

    sandbox.world().order(Fault::new(refuse).at("issues/1?x").until_cleared());
    for _ in 0..3 {
        assert_eq!(sandbox.get(&format!("{ISSUES}/1?x")).await.status, 503);
        assert_eq!(sandbox.get(&format!("{ISSUES}/1")).await.status, 200);
    }
    assert_eq!(sandbox.ask("", "DELETE", "/-/admin/faults", json!(null)).await.status, 204);
    assert_eq!(sandbox.get(&format!("{ISSUES}/1?x")).await.status, 200);
}

#[tokio::test]
async fn the_admin_door_orders_faults_acts_as_people_and_counts() {
    let sandbox = Sandbox::start().await;
    let order = json!({
        "action": { "do": "do-and-hang-up" },
        "matcher": { "method": "POST", "route": "issues" },
    });
    assert_eq!(sandbox.post("/-/admin/faults", order.clone()).await.status, 201);
    let listed = sandbox.get("/-/admin/faults").await.json();
    assert_eq!(listed[0]["action"], order["action"]);
    assert_eq!(listed[0]["times"], 1);
    create(&sandbox, "a").await.unwrap_err();
    assert_eq!(sandbox.get("/-/admin/faults").await.json(), json!([]));

    let deeds = [
        json!({"deed": "comment", "user": "alice", "repository": ALERTS, "issue": 1, "body": "/ack"}),
        json!({"deed": "close", "user": "alice", "repository": ALERTS, "issue": 1}),
        json!({"deed": "rename-repository", "repository": ALERTS, "name": "new"}),
    ];
    for deed in deeds {
        let done = sandbox.post("/-/admin/deeds", deed).await;
        assert_eq!(done.status, 200, "{done:?}");
    }
    let nobody = json!({"deed": "close", "user": "alice", "repository": ALERTS, "issue": 1});
    assert_eq!(sandbox.post("/-/admin/deeds", nobody).await.status, 404);
    let state = sandbox.get("/-/admin/state").await.json();
    let issue = &state["repositories"][0]["issues"][0];
    assert_eq!(
        (&issue["state"], &issue["comments"][0]["body"]),
        (&json!("closed"), &json!("/ack"))
    );

    let requests = sandbox.get("/-/admin/requests").await.json();
    assert_eq!(requests["counts"], json!([{ "method": "POST", "route": "issues", "count": 1 }]));
    assert_eq!(requests["log"][0]["outcome"], "hung-up");
    assert_eq!(sandbox.world().count(&Method::POST, Route::Issues), 1);
}

#[tokio::test]
async fn the_admin_door_takes_no_orders_from_the_page_of_another() {
    let sandbox = Sandbox::start().await;
    let order = json!({ "action": { "do": "hang-up" } });
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = sandbox.request("POST", "/-/admin/faults", "").header(name, value);
        assert_eq!(request.json(&order).send().await.unwrap().status(), 403);
    }
    assert!(sandbox.world().faults().is_empty());
}

#[tokio::test]
async fn a_sandbox_stops_although_requests_stall() {
    let sandbox = Sandbox::start().await;
    for action in [Action::DoAndStall, Action::StallAndDo { after_ms: None }] {
        sandbox.world().order(on_create(action));
    }
    let Sandbox { url, client, shared, stop, served, .. } = sandbox;
    let send = || {
        let request = client.post(format!("{url}{ISSUES}")).json(&json!({ "title": "a" }));
        request.header("authorization", format!("token {BOT_TOKEN}")).send()
    };
    let halt = async {
        while shared.lock().unwrap().log().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(stop);
        tokio::time::timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
    };
    let (first, second, ()) = tokio::join!(send(), send(), halt);
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(!error.is_timeout(), "{error:?}");
    }
}

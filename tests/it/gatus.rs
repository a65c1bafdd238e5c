//! Results as clients of Gatus push them to external endpoints.

use crate::pings::{check, key};
use crate::support::{Gitea, Teawatch, client, eventually};

/// What is answered to a push of the source `web1`.
fn push(teawatch: &Teawatch, path: &str, body: &str) -> (u16, String) {
    push_as(teawatch, &format!("Bearer {}", key("web1")), path, body)
}

fn push_as(teawatch: &Teawatch, authorization: &str, path: &str, body: &str) -> (u16, String) {
    let request = client().post(format!("{}/api/v1/endpoints/{path}", teawatch.url));
    let request = request.header("authorization", authorization).body(body.to_owned());
    let answer = request.send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

#[test]
fn a_result_makes_its_check_and_a_bad_one_an_issue() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let ok = (200, String::new());
    assert_eq!(push(&teawatch, "core_backup/external?success=true&duration=1m30.5s", ""), ok);
    let seen = check(&teawatch, "core_backup");
    assert_eq!((&seen["status"], &seen["source"]), (&"up".into(), &"web1".into()));
    assert_eq!(seen["latest"]["numbers"]["duration_seconds"], 90.5);
    // An error counts only where something is wrong.
    assert_eq!(push(&teawatch, "core_backup/external?success=true&error=no", ""), ok);
    assert_eq!(check(&teawatch, "core_backup")["status"], "up");

    assert_eq!(push(&teawatch, "core_backup/external?success=false&error=no%20space", ""), ok);
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(gitea.issue(1).title, "[watchdog] web1/core_backup: no space");
    assert_eq!(push(&teawatch, "core_backup/external?success=true&error=&duration=", ""), ok);
    eventually("it is closed", || gitea.open() == 0);
    for (body, words) in [
        (r#"{"error":"in the body"}"#, "in the body"),
        ("", "it says that it has failed"),
        ("not JSON", "it says that it has failed"),
    ] {
        assert_eq!(push(&teawatch, "core_backup/external?success=false", body), ok);
        assert_eq!(check(&teawatch, "core_backup")["latest"]["summary"], words, "{body}");
    }
}

#[test]
fn what_is_wrong_is_answered_as_gatus_does_and_changes_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("agents.deny", "stolen")]);
    let (key, long) = (key("web1"), "a".repeat(201));
    for (authorization, path, status) in [
        (format!("Bearer {key}"), "job/external", 400),
        (format!("Bearer {key}"), "job/external?success=yes", 400),
        (format!("Bearer {key}"), "job/external?success=", 400),
        (format!("Bearer {key}"), "job/external?success=true&duration=soon", 400),
        (format!("Bearer {key}"), "job/external?success=true&duration=10", 400),
        (format!("Bearer {key}x"), "job/external?success=true", 401),
        (format!("Bearer {}", self::key("stolen")), "job/external?success=true", 401),
        (format!("Bearer {}", Teawatch::secret("web1").expose()), "job/external?success=true", 401),
        ("Bearer ".to_owned(), "job/external?success=true", 401),
        (format!("Basic {key}"), "job/external?success=true", 401),
        (key.clone(), "job/external?success=true", 401),
        (format!("Bearer {key}"), "agent/external?success=true", 404),
        (format!("Bearer {key}"), &format!("{long}/external?success=true"), 404),
        (format!("Bearer {key}"), "job/internal?success=true", 404),
    ] {
        let (answered, words) = push_as(&teawatch, &authorization, path, "");
        assert_eq!(answered, status, "{authorization} {path}: {words}");
        assert!(!words.is_empty(), "{authorization} {path}");
    }
    let get = client().get(format!("{}/api/v1/endpoints/job/external?success=true", teawatch.url));
    assert_eq!(get.bearer_auth(&key).send().unwrap().status(), 405);
    assert_eq!(teawatch.get("/api/v1/checks").1["items"], serde_json::json!([]));
    assert!(!teawatch.log().contains(&key));
}

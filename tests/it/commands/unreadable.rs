//! One issue that cannot be read is no reason to read nothing else.

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    CHECK, OFTEN, OTHER, REPOSITORY, Scene, Teawatch, eventually, failing, readiness,
};

fn refusal() -> Fault {
    Fault::new(Action::Refuse { status: 500, retry_after: None, body: Default::default() })
}

impl Scene {
    /// With a second issue, #2, about [`OTHER`].
    #[track_caller]
    fn with_two(settings: &[(&str, &str)]) -> Self {
        let scene = Self::with(settings);
        scene.teawatch.report(&failing(OTHER));
        eventually("two are open", || scene.gitea.open() == 2);
        scene.teawatch.settles(&scene.gitea);
        scene
    }

    /// Alice writes on the second issue, and is obeyed.
    #[track_caller]
    fn the_second_obeys(&self) {
        let now = self.gitea.now();
        let id = self.gitea.world().comment_as("alice", REPOSITORY, 2, "/hold", now).unwrap();
        eventually("it reacts", || {
            let issue = self.gitea.issue(2);
            let comment = issue.comments().find(|comment| comment.id == id).unwrap();
            let reactions: Vec<_> = comment.reactions.iter().map(|it| &it.content).collect();
            reactions == ["eyes", "+1"]
        });
    }

    /// A comparison that lasted for long enough to be a trouble is none.
    #[track_caller]
    fn is_ready_with_a_note(&self, note: &str) {
        eventually("it is noted", || {
            readiness(&self.teawatch).1["notes"].to_string().contains(note)
        });
        for _ in 0..5 {
            self.is_compared();
            let (is_ready, body) = readiness(&self.teawatch);
            assert!(is_ready, "{body:#}");
            assert!(body["notes"].to_string().contains(note), "{body:#}");
        }
    }
}

#[test]
fn comments_that_cannot_be_read_hold_up_no_others_and_are_read_as_soon_as_they_can() {
    let scene = Scene::with_two(&[]);
    let comments = refusal().on(&Method::GET, Route::Comments).at("/issues/1/comments");
    scene.gitea.order(comments.until_cleared());
    let first = scene.writes("alice", "/hold");
    scene.the_second_obeys();
    scene.is_ready_with_a_note("#1 of ops/alerts cannot be read since");
    assert_eq!(scene.reactions(first).len(), 0);

    // It is not forgotten by a restart either.
    let Scene { data, gitea, teawatch } = scene;
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN]);
    let scene = Scene { data, gitea, teawatch };
    scene.is_ready_with_a_note("#1 of ops/alerts cannot be read since");
    scene.gitea.world().clear_faults();
    scene.reacts(first, "+1");
    eventually("the note is gone", || {
        readiness(&scene.teawatch).1["notes"] == serde_json::json!([])
    });
}

#[test]
fn while_no_comments_can_be_read_at_all_it_is_not_ready() {
    let scene = Scene::with_two(&[]);
    scene.gitea.order(refusal().on(&Method::GET, Route::Comments).until_cleared());
    let now = scene.gitea.now();
    let first = scene.writes("alice", "/hold");
    scene.gitea.world().comment_as("alice", REPOSITORY, 2, "/hold", now).unwrap();
    eventually("it is told", || {
        let (is_ready, body) = readiness(&scene.teawatch);
        !is_ready && body["reasons"].to_string().contains("cannot be read since")
    });
    scene.gitea.world().clear_faults();
    scene.reacts(first, "+1");
    scene.the_second_obeys();
}

#[test]
fn more_comments_than_can_be_read_at_once_count_as_read() {
    let scene = Scene::with_two(&[("gitea.timeout", "20s"), ("gitea.settle_wait", "40s")]);
    let text = "x".repeat(1 << 20);
    for _ in 0..33 {
        scene.writes("alice", &text);
    }
    scene.the_second_obeys();
    eventually("it is in the log", || {
        let log = scene.teawatch.log();
        log.contains("the newest comments on #1 of ops/alerts are too long to be read")
    });
    eventually("it is ready", || readiness(&scene.teawatch).0);
    assert_eq!(readiness(&scene.teawatch).1["notes"], serde_json::json!([]));
}

#[test]
fn an_issue_that_cannot_be_looked_at_holds_up_no_look_at_another() {
    let scene = Scene::with_two(&[("reconcile.look_every", "50ms")]);
    // No list of what has changed shows them.
    let long_ago = scene.gitea.now() - jiff::SignedDuration::from_hours(1);
    for number in [1, 2] {
        scene.gitea.world().touch(REPOSITORY, number, long_ago).unwrap();
    }
    scene.gitea.order(refusal().on(&Method::GET, Route::Issue).at("/issues/1").until_cleared());
    scene.is_ready_with_a_note("#1 of ops/alerts cannot be read since");
    scene.gitea.world().delete_issue(REPOSITORY, 2).unwrap();
    eventually("it is noticed", || {
        let alerts = scene.teawatch.get("/api/v1/alerts").1["items"].clone();
        let alerts = alerts.as_array().unwrap();
        let other = alerts.iter().find(|alert| alert["title"] == OTHER).unwrap();
        !other["deleted_at"].is_null()
    });
    scene.gitea.world().clear_faults();
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    eventually("that is noticed too", || !scene.alert()["deleted_at"].is_null());
    assert_eq!(scene.alert()["title"], CHECK);
}

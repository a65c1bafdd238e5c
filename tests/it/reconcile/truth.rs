//! Looks that our own writes cross, and what teawatch says of itself.

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    CHECK, LOOKS, REPOSITORY, Scene, eventually, failing, passing, readiness, status, task_state,
    turns,
};

#[test]
fn a_closing_of_ours_without_an_answer_is_not_taken_for_a_persons() {
    let scene = Scene::with(&[LOOKS, ("gitea.timeout", "1s")]);
    scene.gitea.order(Fault::new(Action::DoAndStall).on(&Method::PATCH, Route::Issue));
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed, though nobody has told us", || scene.gitea.open() == 0);
    // The relapse comes while the closing is in doubt, and is looked at all the time.
    scene.teawatch.report(&failing(CHECK));
    scene.is_compared();
    eventually("it is reopened", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    scene.is_compared();
    assert!(scene.alert()["closed_by_hand_at"].is_null());
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened"]);
    assert_eq!(scene.gitea.issues().len(), 1);
}

#[test]
fn turns_of_our_own_are_never_taken_for_a_persons_however_often_somebody_looks() {
    let scene = Scene::with(&[LOOKS, ("alerts.flapping.window", "0")]);
    for _ in 0..5 {
        let stall = Fault::new(Action::StallAndDo { after_ms: Some(30) });
        scene.gitea.order(stall.on(&Method::GET, Route::Issues));
        scene.teawatch.report(&passing(CHECK));
        eventually("it is closed", || scene.gitea.open() == 0);
        scene.teawatch.report(&failing(CHECK));
        eventually("it is open", || scene.gitea.open() == 1);
    }
    scene.teawatch.settles(&scene.gitea);
    scene.is_compared();
    assert!(scene.alert()["closed_by_hand_at"].is_null());
    let comments = scene.gitea.comments(1).concat();
    assert!(!comments.contains("somebody"), "{comments}");
    assert_eq!(turns(&scene.gitea.issue(1)).len(), 10);
    assert_eq!(scene.gitea.issues().len(), 1);
}

#[test]
fn when_gitea_cannot_be_asked_it_is_said_and_so_is_when_it_was_asked_last() {
    let scene = Scene::with(&[]);
    scene.is_compared();
    let (is_ready, body) = readiness(&scene.teawatch);
    assert!(is_ready, "{body}");
    assert!(body["reconcile"][REPOSITORY]["error"].is_null(), "{body}");
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issues).until_cleared());
    eventually("it is a reason", || {
        let (is_ready, body) = readiness(&scene.teawatch);
        !is_ready && body["reasons"].to_string().contains("502")
    });
    eventually("its task is failing, which is no second reason", || {
        let (_, body) = readiness(&scene.teawatch);
        let reasons = body["reasons"].as_array().unwrap().len();
        task_state(&body, "reconcile") == "failing" && reasons == 1
    });
    eventually("status says so", || {
        let (code, said) = status(scene.data.path());
        code == 1 && said.contains("the task `reconcile` is failing") && said.contains("502")
    });
    scene.gitea.world().clear_faults();
    scene.is_compared();
    eventually("all is well again", || status(scene.data.path()).0 == 0);
    scene.teawatch.settles(&scene.gitea);
}

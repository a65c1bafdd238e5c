//! An issue that a person deletes, which shows nowhere else.

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    CHECK, LOOKS, OFTEN, REPOSITORY, Scene, Teawatch, eventually, passing, readiness,
};

#[test]
fn a_deleted_issue_is_noticed_respected_and_replaced_once_after_mute_max() {
    let scene = Scene::with(&[LOOKS]);
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    eventually("it is noticed", || !scene.alert()["deleted_at"].is_null());
    scene.is_compared();
    assert_eq!(scene.gitea.issues().len(), 0, "it is respected");
    let Scene { data, gitea, teawatch } = scene;
    assert!(teawatch.stop().success());
    let settings = [OFTEN, LOOKS, ("alerts.mute_max", "1ms")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let scene = Scene { data, gitea, teawatch };
    eventually("there is a new one", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    scene.is_compared();
    let issues = scene.gitea.issues();
    assert_eq!(issues.iter().map(|issue| issue.number).collect::<Vec<_>>(), [2]);
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.count(&Method::POST, Route::Issues), 2);
}

#[test]
fn a_trouble_whose_issue_was_deleted_ends_without_a_word() {
    let scene = Scene::with(&[LOOKS]);
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    eventually("it is noticed", || !scene.alert()["deleted_at"].is_null());
    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.alert()["phase"], "inactive");
    assert_eq!(scene.gitea.issues().len(), 0);
}

#[test]
fn issues_that_are_switched_off_are_not_deleted() {
    let scene = Scene::with(&[LOOKS]);
    scene.gitea.world().disable_issues(REPOSITORY).unwrap();
    eventually("it fails", || {
        let (_, body) = readiness(&scene.teawatch);
        body["reconcile"][REPOSITORY]["error"].is_string()
    });
    eventually("and that is a reason", || {
        let (is_ready, body) = readiness(&scene.teawatch);
        !is_ready && body["reasons"].to_string().contains("what people did to issues")
    });
    assert!(scene.alert()["deleted_at"].is_null());
    scene.gitea.world().set_units(REPOSITORY, true, true).unwrap();
    scene.is_compared();
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.alert()["deleted_at"].is_null());
    assert_eq!((scene.gitea.issues().len(), scene.gitea.open()), (1, 1));
}

#[test]
fn a_repository_out_of_sight_has_no_deleted_issues() {
    let scene = Scene::with(&[LOOKS]);
    scene.gitea.world().set_rights(REPOSITORY, "teawatch", None).unwrap();
    eventually("it fails", || {
        let (_, body) = readiness(&scene.teawatch);
        body["reconcile"][REPOSITORY]["error"].is_string()
    });
    assert!(scene.alert()["deleted_at"].is_null());
    let right = teawatch::sandbox::Right::Write;
    scene.gitea.world().set_rights(REPOSITORY, "teawatch", Some(right)).unwrap();
    scene.is_compared();
    assert!(scene.alert()["deleted_at"].is_null());
    assert_eq!(scene.gitea.issues().len(), 1);
}

#[test]
fn a_missing_issue_is_deleted_only_if_its_repository_answers() {
    let scene = Scene::with(&[LOOKS]);
    // The list fails to show it, and the issue and its repository are out of sight.
    scene.gitea.world().set_zero(REPOSITORY, 1, true).unwrap();
    for route in [Route::Issue, Route::Repository] {
        let refusal = Action::Refuse { status: 404, retry_after: None, body: Default::default() };
        scene.gitea.order(Fault::new(refusal).on(&Method::GET, route).until_cleared());
    }
    eventually("it fails", || {
        let (_, body) = readiness(&scene.teawatch);
        body["reconcile"][REPOSITORY]["error"].is_string()
    });
    assert!(scene.alert()["deleted_at"].is_null());
    scene.gitea.world().clear_faults();
    scene.gitea.world().set_zero(REPOSITORY, 1, false).unwrap();
    scene.is_compared();
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.alert()["deleted_at"].is_null());
    assert_eq!(scene.gitea.open(), 1);
}

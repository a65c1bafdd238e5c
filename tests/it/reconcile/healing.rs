//! Two open issues for one trouble, and stores of which there are two.

use http::Method;
use teawatch::alert::marker::Marker;
use teawatch::alert::{Effect, EffectKind, Fingerprint, Group, Salt};
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    CHECK, Gitea, OFTEN, REPOSITORY, SALT, Scene, Teawatch, eventually, failing, passing,
    readiness, turns,
};

/// A request to open an issue takes effect after it was given up and repeated: #1 is the
/// issue, #2 is one too many.
fn two_issues() -> Scene {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN]);
    let held = Action::StallAndDo { after_ms: None };
    gitea.order(Fault::new(held).on(&Method::POST, Route::Issues));
    teawatch.report(&failing(CHECK));
    eventually("it is opened at the second try", || {
        gitea.open() == 1 && teawatch.outbox().is_empty()
    });
    Scene { data, gitea, teawatch }
}

#[test]
fn a_second_issue_is_closed_once_with_a_comment_that_names_the_one_that_stays() {
    let scene = two_issues();
    scene.gitea.release();
    eventually("there are two, and one is closed", || {
        scene.gitea.issues().len() == 2 && scene.gitea.open() == 1
    });
    eventually("all is told", || scene.teawatch.outbox().is_empty());
    assert!(scene.gitea.issue(1).is_open);
    let comments = scene.gitea.comments(2);
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].contains("It goes on in #1, and this one is closed."), "{comments:#?}");
    assert_eq!(scene.gitea.comments(1).len(), 0);

    // A person's reopening wins.
    scene.alice_reopens(2);
    scene.is_compared();
    assert_eq!(scene.gitea.open(), 2);
    assert_eq!(turns(&scene.gitea.issue(2)), ["closed", "reopened"]);
    scene.teawatch.report(&passing(CHECK));
    eventually("the issue of the record is closed", || !scene.gitea.issue(1).is_open);
    assert!(scene.gitea.issue(2).is_open);
}

#[test]
fn a_healing_whose_answers_are_lost_comments_once() {
    let scene = two_issues();
    scene.gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, Route::Comments));
    scene.gitea.order(Fault::new(Action::DoAndFail).on(&Method::PATCH, Route::Issue));
    scene.gitea.release();
    eventually("one of two is closed", || {
        scene.gitea.issues().len() == 2 && scene.gitea.open() == 1
    });
    eventually("all is told", || scene.teawatch.outbox().is_empty());
    assert_eq!(scene.gitea.comments(2).len(), 1);
    assert_eq!(turns(&scene.gitea.issue(2)), ["closed"]);
}

#[test]
fn a_second_issue_that_may_not_be_commented_is_closed_all_the_same() {
    let scene = two_issues();
    let refusal = Action::Refuse { status: 403, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(refusal).on(&Method::POST, Route::Comments));
    scene.gitea.release();
    eventually("one of two is closed", || {
        scene.gitea.issues().len() == 2 && scene.gitea.open() == 1
    });
    scene.teawatch.settles_but_for_markers();
    assert_eq!(scene.gitea.comments(2).len(), 0);
}

#[test]
fn a_second_issue_that_others_keep_open_is_parked_and_commented_once() {
    let scene = two_issues();
    let depends = Action::Refuse { status: 412, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(depends).on(&Method::PATCH, Route::Issue).until_cleared());
    scene.gitea.release();
    let parked = || {
        let outbox = scene.teawatch.outbox();
        outbox.into_iter().find(|entry| !entry["parked"].is_null())
    };
    eventually("it is parked", || parked().is_some());
    let entry = parked().unwrap();
    assert_eq!(entry["effect"]["kind"], "heal", "{entry:#}");
    let notes = readiness(&scene.teawatch).1["notes"].to_string();
    assert!(notes.contains("1 effect is parked"), "{notes}");
    scene.gitea.world().clear_faults();
    let retry = scene.teawatch.cli(&["outbox", "retry", &entry["seq"].to_string()]);
    assert!(retry.status.success(), "{retry:?}");
    eventually("one of two is closed", || scene.gitea.open() == 1);
    scene.teawatch.settles_but_for_markers();
    assert_eq!(scene.gitea.comments(2).len(), 1);
    assert_eq!(turns(&scene.gitea.issue(2)), ["closed"]);
}

#[test]
fn a_second_issue_that_cannot_be_closed_is_told_with_its_reason() {
    let scene = two_issues();
    let fails = Action::Refuse { status: 500, retry_after: None, body: Default::default() };
    scene.gitea.order(Fault::new(fails).on(&Method::PATCH, Route::Issue).until_cleared());
    scene.gitea.release();
    eventually("it is told", || {
        let (is_ready, body) = readiness(&scene.teawatch);
        let told = body["reasons"][0].as_str().unwrap_or_default();
        !is_ready && told.starts_with("the issue ops/alerts#2 could not be closed since 20")
    });
    scene.gitea.world().clear_faults();
    eventually("one of two is closed", || scene.gitea.open() == 1);
}

#[test]
fn an_issue_that_is_older_than_the_intent_is_never_closed() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let now = gitea.now();
    let older = gitea.world().open_as("teawatch", REPOSITORY, "by hand", "", now).unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN]);
    teawatch.report(&failing(CHECK));
    eventually("an issue is open", || gitea.open() == 2);
    teawatch.settles(&gitea);
    let body = gitea.issue(2).body;
    let now = gitea.now();
    gitea.world().edit_body_as("alice", REPOSITORY, older, &body, now).unwrap();
    let scene = Scene { data, gitea, teawatch };
    scene.is_compared();
    scene.teawatch.settles_but_for_markers();
    assert_eq!(scene.gitea.open(), 2);
}

#[test]
fn without_a_record_the_first_of_two_issues_stays_and_goes_on() {
    let scene = Scene::with(&[]);
    let Scene { data, gitea, teawatch } = scene;
    teawatch.kill();
    data.close().unwrap();
    let (now, first) = (gitea.now(), gitea.issue(1));
    gitea.world().open_as("teawatch", REPOSITORY, &first.title, &first.body, now).unwrap();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN]);
    eventually("the second is closed", || !gitea.issue(2).is_open);
    assert!(gitea.comments(2)[0].contains("It goes on in #1"), "{:#?}", gitea.comments(2));
    teawatch.report(&failing(CHECK));
    teawatch.settles_but_for_markers();
    assert!(gitea.issue(1).is_open);
    teawatch.report(&passing(CHECK));
    eventually("all are closed", || gitea.open() == 0);
    teawatch.settles_but_for_markers();
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn an_issue_of_a_copy_of_the_store_stops_all_writing() {
    let scene = Scene::with(&[]);
    let salt = Salt::new(SALT);
    let own = Marker::find(&salt, &scene.gitea.issue(1).body).unwrap();
    let group = Group::Check { source: "elsewhere".to_owned(), name: "disk".to_owned() };
    let effect = Effect { kind: EffectKind::Open, episode: 1, number: 0 };
    let fingerprint = Fingerprint::new(&salt, &group);
    let line = Marker { instance: own.instance, fingerprint, effect }.line(&salt);
    let now = scene.gitea.now();
    scene.gitea.world().open_as("teawatch", REPOSITORY, "of the copy", &line, now).unwrap();
    eventually("it says so", || {
        let (is_ready, body) = readiness(&scene.teawatch);
        !is_ready && body["reasons"].to_string().contains("a copy of this store runs elsewhere")
    });
    scene.teawatch.report(&passing(CHECK));
    eventually("it waits", || !scene.teawatch.outbox().is_empty());
    assert!(scene.gitea.issue(1).is_open);
    assert_eq!(scene.gitea.open(), 2);
}

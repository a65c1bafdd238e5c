//! An issue that a person reopens.

use crate::support::{CHECK, Scene, eventually, failing, passing, turns};

#[test]
fn what_is_reopened_while_all_is_well_is_closed_with_a_comment_that_says_so() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    let before = scene.gitea.comments(1).len();
    scene.alice_reopens(1);
    eventually("it is closed again", || {
        turns(&scene.gitea.issue(1)) == ["closed", "reopened", "closed"]
    });
    scene.teawatch.settles(&scene.gitea);
    scene.is_compared();
    let comments = scene.gitea.comments(1);
    assert_eq!(comments.len(), before + 1, "{comments:#?}");
    assert!(comments[before].contains("**All is well**"), "{comments:#?}");
    assert_eq!(turns(&scene.gitea.issue(1)).len(), 3);
    // And the next trouble is told there.
    scene.teawatch.report(&failing(CHECK));
    eventually("it is reopened", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.issues().len(), 1);
}

#[test]
fn what_is_reopened_while_the_check_fails_is_firing_again() {
    let scene = Scene::with(&[]);
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.alice_reopens(1);
    eventually("it is noticed", || scene.alert()["closed_by_hand_at"].is_null());
    assert_eq!(scene.alert()["phase"], "firing");
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened", "closed"]);
}

#[test]
fn an_issue_of_an_earlier_trouble_that_is_reopened_is_closed_once_and_says_where_it_goes_on() {
    let scene = Scene::with(&[]);
    // What a person has closed is not reopened by a later trouble.
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    scene.teawatch.report(&failing(CHECK));
    eventually("another one is open", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    let before = scene.gitea.comments(1).len();
    scene.alice_reopens(1);
    eventually("it is closed again", || !scene.gitea.issue(1).is_open);
    scene.teawatch.settles(&scene.gitea);
    let comments = scene.gitea.comments(1);
    assert_eq!(comments.len(), before + 1, "{comments:#?}");
    assert!(comments[before].contains("**Over**"), "{comments:#?}");
    assert!(comments[before].contains("is told in #2."), "{comments:#?}");
    assert!(scene.gitea.issue(2).is_open);
    assert_eq!(scene.gitea.comments(2).len(), 0);
    // Whoever insists keeps it.
    scene.alice_reopens(1);
    scene.is_compared();
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.gitea.issue(1).is_open);
}

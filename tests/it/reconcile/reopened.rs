//! An issue that a person reopens.

use super::Scene;
use crate::support::{CHECK, eventually, failing, passing, turns};

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

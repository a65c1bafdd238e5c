//! Labels, titles and whom an issue is assigned to belong to people.

use crate::support::{CHECK, LOOKS, REPOSITORY, Report, Scene, eventually, passing, turns};

#[test]
fn a_mute_label_silences_an_issue_until_recovery() {
    let scene = Scene::with(&[LOOKS]);
    let now = scene.gitea.now();
    {
        let mut world = scene.gitea.world();
        world.add_label(REPOSITORY, "wontfix", "#cccccc").unwrap();
        world.add_label_as("alice", REPOSITORY, 1, "wontfix", now).unwrap();
    }
    eventually("it is noticed", || scene.alert()["is_muted"] == true);
    let body = scene.gitea.issue(1).body;
    scene.teawatch.report(&Report::new("db1").check("disk", "failure", "it smokes"));
    scene.is_compared();
    assert!(scene.teawatch.outbox().is_empty());
    assert_eq!(scene.gitea.issue(1).body, body);
    assert_eq!(scene.gitea.comments(1).len(), 0);
    assert!(scene.gitea.issue(1).is_open);

    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    let comments = scene.gitea.comments(1);
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].contains("**Recovered**"), "{comments:#?}");
}

#[test]
fn without_its_mute_label_an_issue_hears_what_it_missed() {
    let scene = Scene::with(&[("alerts.mute_labels", "quiet, wontfix")]);
    let now = scene.gitea.now();
    {
        let mut world = scene.gitea.world();
        world.add_label(REPOSITORY, "quiet", "#cccccc").unwrap();
        world.add_label_as("alice", REPOSITORY, 1, "quiet", now).unwrap();
    }
    eventually("it is noticed", || scene.alert()["is_muted"] == true);
    scene.teawatch.report(&Report::new("db1").check("disk", "failure", "it smokes"));
    scene.is_compared();
    assert!(!scene.gitea.issue(1).body.contains("it smokes"));
    let now = scene.gitea.now();
    scene.gitea.world().remove_label_as("alice", REPOSITORY, 1, "quiet", now).unwrap();
    eventually("the table is up to date", || scene.gitea.issue(1).body.contains("it smokes"));
    scene.teawatch.settles(&scene.gitea);
}

#[test]
fn title_and_labels_stay_as_people_left_them_and_the_issue_stays_ours() {
    let scene = Scene::with(&[LOOKS]);
    let now = scene.gitea.now();
    {
        let mut world = scene.gitea.world();
        world.edit_title_as("alice", REPOSITORY, 1, "the new disk is late", now).unwrap();
        world.remove_label_as("alice", REPOSITORY, 1, "watchdog", now).unwrap();
    }
    scene.is_compared();
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    let issue = scene.gitea.issue(1);
    assert_eq!(issue.title, "the new disk is late");
    assert!(scene.gitea.world().labels_of(REPOSITORY, 1).is_empty());
    assert_eq!(turns(&issue), ["closed"]);
    assert_eq!(scene.gitea.issues().len(), 1);
}

//! An issue that a person closes while its check fails.

use crate::support::{
    CHECK, LOOKS, OFTEN, REPOSITORY, Scene, Teawatch, eventually, failing, passing, turns,
};

#[test]
fn u6_a_closing_by_hand_is_respected_until_recovery_which_is_one_comment() {
    let scene = Scene::with(&[("alerts.reminders", "100ms, 200ms, 300ms")]);
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    let before = scene.gitea.comments(1).len();
    for _ in 0..3 {
        scene.teawatch.report(&failing(CHECK));
        scene.is_compared();
    }
    assert_eq!(scene.alert()["phase"], "firing");
    assert_eq!((scene.gitea.comments(1).len(), scene.gitea.open()), (before, 0));

    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    let comments = scene.gitea.comments(1);
    assert_eq!(comments.len(), before + 1, "{comments:#?}");
    assert!(comments[before].contains("**Recovered**"), "{comments:#?}");
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed"]);

    // What a person closed is not reopened by a later relapse.
    scene.teawatch.report(&failing(CHECK));
    eventually("there is a new issue", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.gitea.issue(2).is_open);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed"]);
}

#[test]
fn u6_a_closing_by_hand_is_no_silence_for_ever_it_is_reopened_once_with_a_comment() {
    let scene = Scene::with(&[("alerts.mute_max", "1s")]);
    scene.alice_closes(1);
    eventually("it is reopened", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened"]);
    let comments = scene.gitea.comments(1);
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].contains("**Reopened**: somebody had closed this"), "{comments:#?}");
    assert!(comments[0].contains(&format!("**{CHECK} is down**")), "{comments:#?}");
    scene.is_compared();
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.issues().len(), 1);
}

#[test]
fn a_closing_by_hand_is_not_respected_where_the_settings_say_so() {
    let scene = Scene::with(&[("alerts.on_manual_close", "reopen")]);
    scene.alice_closes(1);
    eventually("it is reopened", || turns(&scene.gitea.issue(1)) == ["closed", "reopened"]);
    eventually("a comment says why", || scene.gitea.comments(1).len() == 1);
    scene.teawatch.settles(&scene.gitea);
}

#[test]
fn a_closing_by_hand_while_teawatch_was_down_is_noticed_at_the_start() {
    let scene = Scene::with(&[]);
    let Scene { data, gitea, teawatch } = scene;
    assert!(teawatch.stop().success());
    let now = gitea.now();
    gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    // Not again for hours.
    let teawatch = Teawatch::start(data.path(), &gitea, &[("reconcile.every", "6h")]);
    let scene = Scene { data, gitea, teawatch };
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed"]);
    assert_eq!(scene.gitea.comments(1).len(), 1);
}

#[test]
fn what_is_known_of_a_closing_outlives_a_kill() {
    let scene = Scene::with(&[]);
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    let at = scene.alert()["closed_by_hand_at"].clone();
    let Scene { data, gitea, teawatch } = scene;
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN, LOOKS]);
    let scene = Scene { data, gitea, teawatch };
    scene.is_compared();
    assert_eq!(scene.alert()["closed_by_hand_at"], at);
    assert_eq!(scene.gitea.open(), 0);
}

#[test]
fn what_a_person_closes_makes_room_for_another_issue() {
    let scene = Scene::with(&[("storm.max_open_issues", "1")]);
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.teawatch.report(&failing("db1/other"));
    eventually("it has an issue of its own", || !scene.gitea.issues_about("db1/other").is_empty());
    scene.teawatch.settles(&scene.gitea);
    // The room is taken again with what a person reopens.
    scene.alice_reopens(1);
    eventually("it is noticed", || scene.alert()["closed_by_hand_at"].is_null());
    scene.teawatch.report(&failing("db1/third"));
    eventually("the third has a row", || {
        scene.gitea.issues().iter().any(|issue| issue.title.contains("overflow of"))
    });
    scene.teawatch.settles(&scene.gitea);
}

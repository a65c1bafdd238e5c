//! What people do is noticed at once, with nobody asking Gitea by itself.

use http::Method;
use serde_json::Value;
use teawatch::sandbox::{Action, Fault, Route};

use super::{Scene, all_are_looked_into, serve};
use crate::support::{CHECK, REPOSITORY, Report, eventually, passing, turns};

#[test]
fn a_closing_by_hand_is_noticed() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    scene.gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.all_are_looked_into(1);
    assert_eq!(scene.deliveries()[0]["outcome"], "the issue was looked at: it is closed");
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.open(), 0);
}

#[test]
fn a_form_tells_the_same() {
    let scene = Scene::without_hook(&[]);
    scene.add_hook("form");
    let now = scene.gitea.now();
    scene.gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
}

#[test]
fn a_closing_that_is_not_respected_is_undone_at_once() {
    let scene = Scene::without_hook(&[("alerts.on_manual_close", "reopen")]);
    scene.add_hook("json");
    let now = scene.gitea.now();
    scene.gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is reopened", || turns(&scene.gitea.issue(1)) == ["closed", "reopened"]);
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.alert()["closed_by_hand_at"].is_null());
    assert_eq!(turns(&scene.gitea.issue(1)).len(), 2);
}

#[test]
fn a_reopening_is_noticed_while_the_check_fails_and_while_all_is_well() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    scene.gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.gitea.world().reopen_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is noticed", || scene.alert()["closed_by_hand_at"].is_null());
    assert_eq!(scene.alert()["phase"], "firing");
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);

    scene.gitea.world().reopen_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is closed again", || {
        turns(&scene.gitea.issue(1)) == ["closed", "reopened", "closed", "reopened", "closed"]
    });
    scene.teawatch.settles(&scene.gitea);
    let last = scene.gitea.comments(1).pop().unwrap();
    assert!(last.contains("**All is well**"), "{last}");
}

#[test]
fn a_deletion_is_noticed() {
    let scene = Scene::start();
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    eventually("it is noticed", || !scene.alert()["deleted_at"].is_null());
    scene.all_are_looked_into(1);
    assert_eq!(scene.deliveries()[0]["outcome"], "the issue was looked at: it is deleted");
    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.issues().len(), 0);
}

#[test]
fn a_mute_label_is_noticed_when_it_comes_and_when_it_goes() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    scene.gitea.world().add_label(REPOSITORY, "wontfix", "#cccccc").unwrap();
    scene.gitea.world().add_label_as("alice", REPOSITORY, 1, "wontfix", now).unwrap();
    eventually("it is noticed", || scene.alert()["is_muted"] == true);
    scene.teawatch.report(&Report::new("db1").check("disk", "failure", "it smokes"));
    scene.gitea.world().remove_label_as("alice", REPOSITORY, 1, "wontfix", now).unwrap();
    eventually("it is noticed", || scene.alert()["is_muted"] == false);
    eventually("the table is up to date", || scene.gitea.issue(1).body.contains("it smokes"));
    scene.teawatch.settles(&scene.gitea);
}

#[test]
fn labels_titles_and_texts_of_people_change_nothing() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    {
        let mut world = scene.gitea.world();
        world.remove_label_as("alice", REPOSITORY, 1, "watchdog", now).unwrap();
        world.edit_title_as("alice", REPOSITORY, 1, "the new disk is late", now).unwrap();
    }
    scene.all_are_looked_into(2);
    scene.teawatch.settles(&scene.gitea);
    let events = |it: &Value| it["event"].as_str().unwrap().to_owned();
    let deliveries = scene.deliveries();
    assert_eq!(deliveries.iter().map(events).collect::<Vec<_>>(), ["issues", "issue_label"]);
    assert_eq!(scene.alert()["phase"], "firing");
    assert!(scene.gitea.world().labels_of(REPOSITORY, 1).is_empty());
    assert_eq!(scene.gitea.issue(1).title, "the new disk is late");
}

#[test]
fn what_we_do_ourselves_is_told_and_nothing_follows() {
    let scene = Scene::start();
    let [issue, lists] = scene.asked();
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    let writes = scene.gitea.world().writes();
    // Its comment and its closing.
    scene.all_are_looked_into(2);
    for delivery in scene.deliveries() {
        let outcome = delivery["outcome"].as_str().unwrap();
        let is_expected = outcome.starts_with("our own doing") || outcome.starts_with("a later");
        assert!(is_expected, "{outcome}");
        assert_eq!(delivery["sender"], "teawatch");
    }
    // Whoever brings its table up to date reads it.
    assert_eq!(scene.asked(), [issue + 1, lists]);
    assert_eq!(scene.gitea.world().writes(), writes);
}

#[test]
fn a_command_is_obeyed_at_once() {
    let scene = Scene::start();
    let now = scene.gitea.now();
    scene.gitea.world().comment_as("alice", REPOSITORY, 1, "/help", now).unwrap();
    eventually("it is answered", || {
        scene.gitea.comments(1).iter().any(|comment| comment.contains("Each on a line of its own"))
    });
    scene.teawatch.settles(&scene.gitea);
}

#[test]
fn a_command_is_obeyed_soon_although_the_first_reading_fails_or_finds_another_name() {
    let scene = Scene::start();
    let comment = |repository: &str| {
        let now = scene.gitea.now();
        scene.gitea.world().comment_as("alice", repository, 1, "/help", now).unwrap();
    };
    let answers = |repository: &str| {
        let world = scene.gitea.world();
        let issue = world.issue(repository, 1).unwrap();
        issue.comments().filter(|it| it.body.contains("Each on a line of its own")).count()
    };
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    let fault = Fault::new(refusal).on(&Method::GET, Route::Issues);
    scene.gitea.order(fault.clone());
    comment(REPOSITORY);
    eventually("it is answered", || answers(REPOSITORY) == 1);
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.gitea.world().faults().is_empty());

    // What was told is looked into before the name changes, so that it is told once only.
    scene.gitea.order(fault.until_cleared());
    comment(REPOSITORY);
    eventually("it is told", || {
        let ours = |it: &Value| it["sender"] == "teawatch";
        scene.deliveries().iter().filter(|it| !ours(it)).count() == 2
    });
    all_are_looked_into(&scene.teawatch);
    {
        let mut world = scene.gitea.world();
        world.rename_repository(REPOSITORY, "alarms").unwrap();
        world.clear_faults();
    }
    eventually("it is answered as well", || answers("ops/alarms") == 2);
}

#[test]
fn a_command_is_obeyed_at_once_also_where_nobody_asks_by_itself() {
    let scene = Scene::without_hook(&[("reconcile.every", "0s")]);
    scene.add_hook("json");
    let lists = scene.asked()[1];
    let now = scene.gitea.now();
    scene.gitea.world().comment_as("alice", REPOSITORY, 1, "/help", now).unwrap();
    eventually("it is answered", || {
        scene.gitea.comments(1).iter().any(|comment| comment.contains("Each on a line of its own"))
    });
    scene.teawatch.settles(&scene.gitea);
    scene.all_are_looked_into(1);
    // Our own answer is no reason to read anything. One list is a page and an empty one.
    assert_eq!(scene.asked()[1], lists + 2);
}

#[test]
fn a_command_of_which_gitea_has_told_is_obeyed_after_a_crash_also_where_nobody_asks_by_itself() {
    let alone = [("reconcile.every", "0s")];
    let scene = Scene::without_hook(&alone);
    scene.add_hook("json");
    let stall = Fault::new(Action::StallAndDo { after_ms: None });
    scene.gitea.order(stall.on(&Method::GET, Route::Issues));
    let now = scene.gitea.now();
    scene.gitea.world().comment_as("alice", REPOSITORY, 1, "/help", now).unwrap();
    // The issue was looked at, and its comments are about to be read.
    eventually("it is asked for", || scene.gitea.world().faults().is_empty());
    scene.all_are_looked_into(1);
    let Scene { gitea, teawatch, data } = scene;
    teawatch.kill();
    gitea.release();
    let teawatch = serve(data.path(), &gitea, &alone);
    let scene = Scene { gitea, teawatch, data };
    eventually("it is answered", || {
        scene.gitea.comments(1).iter().any(|comment| comment.contains("Each on a line of its own"))
    });
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.comments(1).len(), 2, "once");
}

//! Who may not command, and what is no command: nothing is obeyed, nothing breaks, and each
//! leaves a trace.

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    CHECK, Gitea, OFTEN, REPOSITORY, Scene, Teawatch, eventually, failing, passing,
};

/// Nothing was obeyed, and all goes on as ever.
#[track_caller]
fn goes_on(scene: &Scene) {
    assert_eq!(scene.alert()["wishes"], serde_json::json!({}), "{}", scene.explanation());
    assert!(scene.gitea.issue(1).is_open);
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed on recovery", || !scene.gitea.issue(1).is_open);
    scene.teawatch.settles_but_for_markers();
}

#[test]
fn a_reader_is_told_once_that_nothing_is_obeyed() {
    let scene = Scene::with(&[]);
    scene.says("bob", "/close", "confused");
    scene.says("bob", "/hold\n/help", "confused");
    scene.says("bob", "/frobnicate", "confused");
    let answers = scene.answers();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(answers[0].starts_with("bob: Commands are obeyed of those who may write"));
    goes_on(&scene);
}

#[test]
fn a_stranger_is_asked_for_once_in_a_while() {
    let scene = Scene::with(&[]);
    scene.gitea.world().add_user("mallory");
    for _ in 0..3 {
        scene.says("mallory", "/close", "confused");
    }
    assert_eq!(scene.gitea.count(&Method::GET, Route::Assignees), 1);
    goes_on(&scene);
}

#[test]
fn the_bot_itself_is_not_obeyed() {
    let scene = Scene::with(&[]);
    let own = scene.writes("teawatch", "/close\n/hold");
    scene.is_compared();
    assert_eq!(scene.reactions(own).len(), 0);
    goes_on(&scene);
}

#[test]
fn a_deleted_user_is_not_obeyed() {
    let scene = Scene::with(&[("reconcile.every", "2s")]);
    let user = scene.gitea.world().add_user("gone");
    assert!(user > 0);
    let comment = scene.writes("gone", "/close");
    scene.gitea.world().delete_user("gone").unwrap();
    scene.reacts(comment, "confused");
    assert!(scene.answers()[0].contains("Nobody is known who has written this"));
    goes_on(&scene);
}

#[test]
fn what_nobody_can_tell_is_no() {
    let scene = Scene::with(&[]);
    let refuse =
        Action::Refuse { status: 403, retry_after: None, body: teawatch::sandbox::BodyKind::Json };
    scene.gitea.order(Fault::new(refuse).on(&Method::GET, Route::Assignees).until_cleared());
    scene.says("alice", "/close", "confused");
    assert!(scene.answers()[0].contains("Gitea does not say who may write"));
    scene.gitea.world().clear_faults();
    goes_on(&scene);
}

#[test]
fn what_cannot_be_asked_now_is_asked_again() {
    let scene = Scene::with(&[]);
    let refuse =
        Action::Refuse { status: 502, retry_after: None, body: teawatch::sandbox::BodyKind::Json };
    scene.gitea.order(Fault::new(refuse).on(&Method::GET, Route::Assignees).times(2));
    scene.says("alice", "/hold", "+1");
    assert!(scene.explanation().contains("alice keeps its issue open"));
}

#[test]
fn a_command_of_last_week_has_expired() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    // All of it began long ago.
    gitea.world().set_clock_offset(jiff::SignedDuration::from_hours(-24 * 7));
    let teawatch = Teawatch::start(data.path(), &gitea, &[("reconcile.every", "6h")]);
    teawatch.report(&failing(CHECK));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    let now = gitea.now();
    let comment = gitea.world().comment_as("alice", REPOSITORY, 1, "/close\n/silence 5d", now);
    assert!(teawatch.stop().success());
    gitea.world().set_clock_offset(jiff::SignedDuration::ZERO);
    let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN]);
    let scene = Scene { data, gitea, teawatch };
    scene.reacts(comment.unwrap(), "confused");
    let answers = scene.answers();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(answers[0].contains("`/close` was written 7 d"), "{answers:#?}");
    assert!(answers[0].contains("`/silence` was written 7 d"), "{answers:#?}");
    goes_on(&scene);
}

#[test]
fn the_first_start_reads_no_comment_from_before_it() {
    let scene = Scene::with(&[]);
    assert!(scene.teawatch.stop().success());
    let before = scene.gitea.now() - jiff::SignedDuration::from_secs(5);
    let old = scene.gitea.world().comment_as("alice", REPOSITORY, 1, "/close", before).unwrap();
    // The store is lost, and a new one finds the issue.
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &scene.gitea, &[OFTEN]);
    teawatch.report(&failing(CHECK));
    let scene = Scene { data, gitea: scene.gitea, teawatch };
    scene.says("alice", "/hold", "+1");
    assert_eq!((scene.reactions(old).len(), scene.gitea.open()), (0, 1));
}

#[test]
fn an_edit_makes_no_command_and_takes_none_back() {
    let scene = Scene::with(&[]);
    let words = scene.writes("alice", "nothing");
    let hold = scene.says("alice", "/hold", "+1");
    let edit = |id: u64, text: &str| {
        let path = format!("/api/v1/repos/{REPOSITORY}/issues/comments/{id}");
        let body = serde_json::json!({ "body": text });
        let request = teawatch::sandbox::Request::new(Method::PATCH, &path)
            .token(teawatch::sandbox::ALICE_TOKEN)
            .json(&body);
        let now = scene.gitea.now();
        assert!(scene.gitea.world().answer(&request, now).status.is_success());
    };
    edit(words, "/close");
    edit(hold, "/close");
    // Something else changes the issue, so that it is read again.
    scene.writes("bob", "hm");
    scene.is_compared();
    assert!(scene.explanation().contains("alice keeps its issue open"));
    assert_eq!((scene.reactions(words).len(), scene.reactions(hold).len()), (0, 2));
    assert_eq!(scene.gitea.open(), 1);
}

#[test]
fn a_thousand_commands_in_one_comment_are_none() {
    let scene = Scene::with(&[]);
    scene.says("alice", &"/close\n".repeat(1_000), "confused");
    assert!(scene.answers()[0].contains("more than 10 commands in one comment"));
    goes_on(&scene);
}

#[test]
fn a_comment_of_a_mebibyte_breaks_nothing() {
    let scene = Scene::with(&[]);
    let long = scene.writes("alice", &"x".repeat(1 << 20));
    scene.says("alice", &format!("/close\n{}", "> [`x\n".repeat(1 << 17)), "confused");
    assert!(scene.answers()[0].contains("The comment is longer than 64 KiB"));
    assert_eq!(scene.reactions(long).len(), 0);
    goes_on(&scene);
}

#[test]
fn a_quoted_marker_and_markup_tricks_do_nothing() {
    let scene = Scene::with(&[]);
    let body = scene.gitea.issue(1).body;
    let tricks =
        scene.writes("alice", &format!("{body}\n\n<!--\n/close\n-->\n> /close\n\n`/hold`"));
    scene.is_compared();
    assert_eq!(scene.reactions(tricks).len(), 0);
    goes_on(&scene);
}

#[test]
fn comments_on_other_issues_cost_no_request_and_do_nothing() {
    let scene = Scene::with(&[]);
    let now = scene.gitea.now();
    {
        let mut world = scene.gitea.world();
        let number = world.open_as("alice", REPOSITORY, "mine", "", now).unwrap();
        for _ in 0..10_000 {
            world.comment_as("alice", REPOSITORY, number, "/close", now).unwrap();
        }
    }
    scene.is_compared();
    assert_eq!(scene.gitea.count(&Method::GET, Route::Comments), 0);
    assert_eq!(scene.gitea.count(&Method::GET, Route::RepositoryComments), 0);
    goes_on(&scene);
}

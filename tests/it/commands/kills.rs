//! A command is obeyed once, also when teawatch is killed in between and when answers are
//! lost.

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{OFTEN, Scene, Teawatch, eventually, turns};

impl Scene {
    /// `kill -9`, and started again.
    fn killed(self) -> Self {
        let Self { data, gitea, teawatch } = self;
        teawatch.kill();
        gitea.world().clear_faults();
        gitea.release();
        let teawatch = Teawatch::start(data.path(), &gitea, &[OFTEN]);
        Self { data, gitea, teawatch }
    }
}

/// Waits until the one fault that was ordered has struck.
fn is_struck(scene: &Scene) {
    eventually("the request is in flight", || scene.gitea.world().faults().is_empty());
}

/// The whole of it happened, once.
fn ends_well(scene: &Scene, comment: u64) {
    scene.reacts(comment, "confused");
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    scene.is_compared();
    let answers = scene.answers();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(
        answers[0],
        "alice: There is no command `/frobnicate`; `/help` lists those that there are."
    );
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed"]);
    assert_eq!(scene.reactions(comment), ["eyes", "confused"]);
}

const WORDS: &str = "/close\n/frobnicate";

#[test]
fn killed_between_reading_and_obeying_it_is_obeyed_once_after_the_restart() {
    let scene = Scene::with(&[]);
    // Who may command is asked between the two.
    let stall = Fault::new(Action::StallAndDo { after_ms: None });
    scene.gitea.order(stall.on(&Method::GET, Route::Assignees));
    let comment = scene.writes("alice", WORDS);
    is_struck(&scene);
    ends_well(&scene.killed(), comment);
}

#[test]
fn killed_while_it_reacts_or_answers_or_closes_everything_happens_once() {
    let requests = [
        (Method::POST, Route::CommentReactions),
        (Method::POST, Route::Comments),
        (Method::PATCH, Route::Issue),
    ];
    std::thread::scope(|scope| {
        for (method, route) in requests {
            for action in [Action::StallAndDo { after_ms: None }, Action::DoAndStall] {
                let method = method.clone();
                scope.spawn(move || {
                    let scene =
                        Scene::with(&[("gitea.timeout", "20s"), ("gitea.settle_wait", "40s")]);
                    scene.gitea.order(Fault::new(action).on(&method, route));
                    let comment = scene.writes("alice", WORDS);
                    is_struck(&scene);
                    ends_well(&scene.killed(), comment);
                });
            }
        }
    });
}

#[test]
fn lost_answers_make_nothing_happen_twice() {
    let scene = Scene::with(&[]);
    for route in [Route::CommentReactions, Route::Comments] {
        scene.gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, route));
    }
    let comment = scene.writes("alice", WORDS);
    ends_well(&scene, comment);
    assert!(scene.gitea.world().faults().is_empty());
}

#[test]
fn what_was_obeyed_before_a_restart_is_not_obeyed_again() {
    let scene = Scene::with(&[]);
    scene.says("alice", "/close", "+1");
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.says("alice", "/reopen", "+1");
    eventually("it is open again", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    let scene = scene.killed();
    // Read once more, and nothing follows.
    let before = scene.gitea.count(&Method::GET, Route::Comments);
    eventually("it is read", || scene.gitea.count(&Method::GET, Route::Comments) > before);
    scene.is_compared();
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened"]);
    assert_eq!(scene.answers().len(), 0, "{:#?}", scene.answers());
    let comments: Vec<_> = scene.gitea.issue(1).comments().map(|it| it.id).collect();
    assert!(comments.iter().all(|&id| scene.reactions(id) == ["eyes", "+1"]));
}

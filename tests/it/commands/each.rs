//! Every command, as a person would write it.

use http::Method;
use teawatch::sandbox::{Action, BodyKind, Fault, Route};

use crate::support::{CHECK, OTHER, Report, Scene, eventually, failing, passing, turns};

#[test]
fn ack_ends_reminders_and_changes_are_still_told() {
    let scene =
        Scene::with(&[("alerts.reminders", "2s, 3s, 4s, 5s"), ("alerts.group_by", "source")]);
    // The issue is about the source then.
    let ack = scene.writes("alice", "I know.\r\n\r\n /ACK \r\n");
    scene.reacts(ack, "+1");
    scene.teawatch.report(&failing(OTHER));
    eventually("the change is told", || scene.answers().len() == 1);
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(4) {
        scene.is_compared();
    }
    assert_eq!(scene.answers().len(), 1, "{:#?}", scene.answers());
}

#[test]
fn silence_lets_nothing_be_written_and_unsilence_tells_what_still_fails() {
    let scene = Scene::with(&[]);
    let writes = scene.gitea.world().writes();
    scene.says("alice", "/silence 2h the disk is being changed", "+1");
    let explanation = scene.explanation();
    assert!(explanation.contains("alice has silenced it until"), "{explanation}");
    assert!(explanation.contains("(the disk is being changed)"), "{explanation}");
    for summary in ["one", "two"] {
        scene.teawatch.report(&passing(CHECK));
        scene.teawatch.report(&Report::new("db1").check("disk", "failure", summary));
        scene.is_compared();
    }
    // Two reactions, and nothing else.
    assert_eq!(scene.gitea.world().writes(), writes + 2);
    assert_eq!((scene.answers().len(), scene.gitea.open()), (0, 1));
    scene.says("alice", "/unsilence", "+1");
    eventually("it is told", || scene.answers().len() == 1);
    assert!(scene.answers()[0].starts_with("**The silence is over**"), "{:#?}", scene.answers());
}

#[test]
fn a_silence_ends_by_itself() {
    let scene = Scene::with(&[]);
    scene.says("alice", "/silence 3s", "+1");
    scene.teawatch.report(&passing(CHECK));
    scene.is_compared();
    assert_eq!((scene.alert()["phase"].as_str(), scene.gitea.open()), (Some("recovering"), 1));
    eventually("it is closed then", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    assert!(scene.answers()[0].starts_with("**Recovered**"), "{:#?}", scene.answers());
}

#[test]
fn hold_keeps_the_issue_open_on_recovery_and_unhold_closes_it() {
    let scene = Scene::with(&[]);
    scene.says("alice", "/hold", "+1");
    scene.teawatch.report(&passing(CHECK));
    eventually("the recovery is told", || scene.answers().len() == 1);
    assert!(scene.answers()[0].contains("It stays open: alice holds it."));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.open(), 1);
    assert!(scene.explanation().contains("alice keeps its issue open"));
    scene.says("alice", "/unhold", "+1");
    eventually("it is closed", || scene.gitea.open() == 0);
}

#[test]
fn close_is_respected_and_reopen_takes_it_back() {
    let scene = Scene::with(&[]);
    scene.says("alice", "/close", "+1");
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.report(&failing(CHECK));
    scene.is_compared();
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed"]);
    assert!(scene.explanation().contains("alice closed its issue at"), "{}", scene.explanation());
    scene.says("alice", "/reopen", "+1");
    eventually("it is open", || scene.gitea.open() == 1);
    assert_eq!(scene.answers().len(), 0, "{:#?}", scene.answers());
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed on recovery", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(turns(&scene.gitea.issue(1)), ["closed", "reopened", "closed"]);
}

#[test]
fn what_cannot_be_done_is_said_and_the_rest_is_done() {
    let scene = Scene::with(&[]);
    scene.says("alice", "/reopen\n/hold\n/silnce 2h", "confused");
    let answers = scene.answers();
    let expected = "alice: It is open already.\n\nThere is no command `/silnce`. Did you mean \
                    `/silence`?";
    assert_eq!(answers, [expected]);
    assert!(scene.explanation().contains("alice keeps its issue open"));
}

#[test]
fn status_and_help_are_one_comment() {
    let scene = Scene::with(&[]);
    scene.says("alice", "/hold\n/status\n/help", "+1");
    let answers = scene.answers();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(answers[0].contains("**db1/disk is down** since"), "{answers:#?}");
    assert!(answers[0].contains("alice keeps its issue open on recovery."), "{answers:#?}");
    assert!(answers[0].contains("- `/silence 2h [why]`: "), "{answers:#?}");
}

#[test]
fn several_commands_in_one_comment_are_done_in_their_order() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&passing(CHECK));
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.teawatch.settles(&scene.gitea);
    scene.says("alice", "/hold\n/reopen", "+1");
    eventually("it is open", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.alert()["phase"], "recovering");
}

#[test]
fn whom_the_configuration_names_is_obeyed() {
    let scene = Scene::with(&[("commands.allow", "carl,Bob")]);
    scene.says("bob", "/hold", "+1");
    assert!(scene.explanation().contains("bob keeps its issue open"));
}

#[test]
fn a_command_that_opens_another_issue_is_answered_where_it_stands() {
    let scene = Scene::with(&[("alerts.reopen_window", "0s")]);
    scene.says("alice", "/silence 1h", "+1");
    scene.teawatch.report(&passing(CHECK));
    scene.says("alice", "/unsilence", "+1");
    eventually("it is closed", || scene.gitea.open() == 0);
    scene.says("alice", "/silence 1h", "+1");
    scene.teawatch.report(&failing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.issues().len(), 1);
    // The reaction does not get through at first, so that all that the alert still has to say
    // of its old issue is said before it.
    let refusal = Action::Refuse { status: 502, retry_after: None, body: BodyKind::Json };
    scene.gitea.order(Fault::new(refusal).on(&Method::POST, Route::CommentReactions));
    scene.says("alice", "/unsilence\n/status", "+1");
    eventually("there is another issue", || scene.gitea.open() == 1);
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.issues().len(), 2);
    assert!(scene.gitea.world().faults().is_empty());
    let answers = scene.gitea.comments(1).into_iter().filter(|it| it.contains("/reply/")).count();
    assert_eq!(answers, 1, "{:#?}", scene.gitea.comments(1));
}

//! What Gitea does not take is left out and told, and nothing else is.

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{Gitea, Report, Teawatch, all_is_told, eventually, failing, passing};

fn refuse(status: u16) -> Fault {
    Fault::new(Action::Refuse { status, retry_after: None, body: Default::default() })
}

fn assigned(gitea: &Gitea, number: u64) -> Vec<String> {
    let issue = gitea.issue(number);
    issue.assignees.iter().map(|user| gitea.world().login(*user).to_owned()).collect()
}

#[test]
fn only_the_assignees_that_gitea_does_not_take_are_left_out_and_told() {
    // Of `carol` Gitea says no more than her id: she has no access. Nobody is called `dave`.
    for (assignees, missing, openings, questions) in [
        ("alice,dave", &["dave"][..], 2, 0),
        ("carol,alice", &["carol"], 2, 1),
        ("dave,alice,carol", &["dave", "carol"], 3, 1),
    ] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        gitea.world().add_user("carol");
        let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.assignees", assignees)]);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        assert_eq!(assigned(&gitea, 1), ["alice"], "{assignees}");
        assert_eq!(gitea.count(&Method::POST, Route::Issues), openings, "{assignees}");
        assert_eq!(gitea.count(&Method::GET, Route::Assignees), questions, "{assignees}");
        teawatch.report(&passing("db1/disk"));
        eventually("it is closed", || gitea.open() == 0);
        all_is_told(&teawatch, &gitea);
        let told = gitea.comments(1).concat();
        for login in ["alice", "carol", "dave"] {
            let is_told = told.contains(&format!("> {login} could not be assigned: "));
            assert_eq!(is_told, missing.contains(&login), "{login} of {assignees}: {told}");
        }
    }
}

#[test]
fn a_list_of_assignees_that_cannot_be_read_costs_the_assignees_and_not_the_alert() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.world().add_user("carol");
    gitea.order(refuse(500).on(&Method::GET, Route::Assignees).until_cleared());
    let settings = [("alerts.assignees", "alice,carol")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(assigned(&gitea, 1).is_empty());
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_list_of_assignees_that_cannot_be_read_once_costs_nobody_who_can_be_assigned() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.world().add_user("carol");
    gitea.order(refuse(500).on(&Method::GET, Route::Assignees));
    let settings = [("alerts.assignees", "carol,alice"), ("gitea.retry_first", "10ms")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(assigned(&gitea, 1), ["alice"]);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_comment_or_an_edit_that_gitea_refuses_is_left_out_at_once_and_told_in_the_next_text() {
    for status in [400, 403, 413, 422, 423] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        gitea.order(refuse(status).on(&Method::POST, Route::Comments));
        teawatch.report(&passing("db1/disk"));
        eventually("it is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
        assert_eq!(gitea.count(&Method::POST, Route::Comments), 1, "{status}");
        assert!(gitea.comments(1).is_empty());
        // For an edit 400 is how an older Gitea says that somebody was faster.
        if status != 400 {
            gitea.order(refuse(status).on(&Method::PATCH, Route::Issue).after(1));
        }
        teawatch.report(&failing("db1/disk"));
        eventually("it is open again", || gitea.open() == 1 && teawatch.outbox().is_empty());
        eventually("what could not be said is told", || {
            gitea.comments(1).iter().any(|comment| {
                comment.contains("> a comment could not be written: ")
                    && comment.contains(&status.to_string())
            })
        });
        teawatch.report(&Report::new("db1").check("disk", "failure", "another summary"));
        teawatch.report(&passing("db1/disk"));
        eventually("it is closed again", || gitea.open() == 0);
        all_is_told(&teawatch, &gitea);
        let told = gitea.comments(1).concat().contains("> an edit could not be written: ");
        assert_eq!(told, status != 400, "{status}: {:?}", gitea.comments(1));
    }
}

//! Two servers with different salts, one user and one repository: neither touches what the
//! other has written, whatever goes wrong.

use std::path::Path;

use http::Method;
use teawatch::sandbox::{Action, Fault, Issue, Route};

use crate::support::{CHECK, Deed, Gitea, SALT, Teawatch, eventually, failing, passing, turns};

/// Starts the server next door.
fn neighbour(data: &Path, gitea: &Gitea) -> Teawatch {
    let mut command = Teawatch::command(data, gitea, &[]);
    command.env("TEAWATCH_SALT", format!("another-salt-than-{SALT}"));
    Teawatch::launch(command)
}

/// Waits until both have told Gitea everything, and are content.
#[track_caller]
fn settle(both: [&Teawatch; 2], gitea: &Gitea) {
    for teawatch in both {
        teawatch.settles(gitea);
        let (_, ready) = teawatch.get("/readyz");
        assert_eq!(ready["notes"], serde_json::json!([]), "{ready:#}");
    }
}

/// The issues about the check, with how they turned and how many comments they have.
fn issues(gitea: &Gitea) -> Vec<(bool, Vec<&'static str>, usize)> {
    let told = |issue: &Issue| (issue.is_open, turns(issue), issue.comments().count());
    gitea.issues_about(CHECK).iter().map(told).collect()
}

#[test]
fn each_opens_closes_and_reopens_its_own_issue_alone() {
    let gitea = Gitea::start();
    let (data, next_door) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ours = Teawatch::start(data.path(), &gitea, &[]);
    ours.report(&failing(CHECK));
    ours.settles(&gitea);
    // A new store reads all open issues of its user first.
    let theirs = neighbour(next_door.path(), &gitea);
    theirs.report(&passing(CHECK));
    settle([&ours, &theirs], &gitea);
    assert_eq!(issues(&gitea), [(true, vec![], 0)]);
    theirs.report(&failing(CHECK));
    settle([&ours, &theirs], &gitea);
    assert_eq!(issues(&gitea), [(true, vec![], 0), (true, vec![], 0)]);
    ours.report(&passing(CHECK));
    settle([&ours, &theirs], &gitea);
    assert_eq!(issues(&gitea), [(false, vec!["closed"], 1), (true, vec![], 0)]);

    // Nor does a restart make one's of the other's.
    ours.kill();
    theirs.kill();
    let ours = Teawatch::start(data.path(), &gitea, &[]);
    let theirs = neighbour(next_door.path(), &gitea);
    ours.report(&failing(CHECK));
    theirs.report(&passing(CHECK));
    settle([&ours, &theirs], &gitea);
    let turned = [(true, vec!["closed", "reopened"], 2), (false, vec!["closed"], 1)];
    assert_eq!(issues(&gitea), turned);
}

/// Both have the same trouble with the same title, and the opening of one gets lost: the
/// issue that appears meanwhile is not its own.
#[test]
fn an_opening_in_doubt_is_not_taken_for_done_because_of_the_issue_of_another() {
    let gitea = Gitea::start();
    let (data, next_door) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ours = Teawatch::start(data.path(), &gitea, &[]);
    let theirs = neighbour(next_door.path(), &gitea);
    gitea.order(Deed::Open.fault(Action::HangUp));
    // Held, so that it sees what has come meanwhile.
    gitea.order(
        Fault::new(Action::StallAndDo { after_ms: None })
            .on(&Method::GET, Route::Issues)
            .at("state=all"),
    );
    ours.report(&failing(CHECK));
    eventually("it looks for its issue", || gitea.world().faults().is_empty());
    theirs.report(&failing(CHECK));
    theirs.settles(&gitea);
    gitea.release();
    settle([&ours, &theirs], &gitea);
    assert_eq!(issues(&gitea), [(true, vec![], 0), (true, vec![], 0)]);
    theirs.report(&passing(CHECK));
    settle([&ours, &theirs], &gitea);
    assert_eq!(issues(&gitea), [(false, vec!["closed"], 1), (true, vec![], 0)]);
}

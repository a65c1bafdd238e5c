//! Rewriting the table of an issue in which people write as well, where Gitea has no
//! `content_version` to protect them.

use http::Method;
use jiff::SignedDuration;
use teawatch::sandbox::{Outcome, Route, World};

use crate::support::{
    Gitea, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing,
};

/// A Gitea before 1.26.
fn old_gitea() -> Gitea {
    let mut world = World::demo();
    world.set_content_versions(false);
    Gitea::with(world)
}

fn changed() -> Report {
    Report::new("db1").check("disk", "failure", "another summary")
}

#[test]
fn without_content_version_an_edit_waits_until_people_are_done_and_keeps_what_they_wrote() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), old_gitea());
    let settings = [("gitea.edit_quiet", "4s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let body = format!("We are on it.\n\n{}\n\nSee the wiki.", gitea.issue(1).body);
    let touched = gitea.now();
    gitea.world().edit_body_as("alice", REPOSITORY, 1, &body, touched).unwrap();
    teawatch.report(&changed());
    eventually("the edit waits", || {
        let edit = teawatch.outbox().into_iter().find(|entry| entry["effect"]["kind"] == "edit");
        edit.is_some_and(|edit| {
            let error = edit["last_error"].as_str().unwrap_or_default();
            error == "the issue was changed a moment ago" && edit["attempts"] == 0
        })
    });
    assert_eq!(gitea.issue(1).body, body);
    eventually("the table is up to date", || gitea.issue(1).body.contains("another summary"));
    all_is_told(&teawatch, &gitea);
    let edits: Vec<_> = {
        let world = gitea.world();
        let is_edit = |entry: &&teawatch::sandbox::Entry| {
            entry.method == Method::PATCH.as_str() && entry.route == Route::Issue
        };
        world.log().filter(is_edit).cloned().collect()
    };
    assert_eq!(edits.len(), 1, "{edits:?}");
    assert_eq!(edits[0].outcome, Outcome::Answered(201));
    // Gitea's times are whole seconds.
    let waited = edits[0].at.duration_since(touched);
    assert!(waited >= SignedDuration::from_secs(3), "{waited:?}");
    let body = gitea.issue(1).body;
    assert!(body.starts_with("We are on it.\n") && body.contains("\nSee the wiki."), "{body}");
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn an_edit_waits_no_longer_because_the_clock_of_gitea_was_put_back() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), old_gitea());
    let settings = [("gitea.edit_quiet", "1s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().set_clock_offset(SignedDuration::from_secs(-40));
    teawatch.report(&changed());
    eventually("the edit is looked at", || gitea.count(&Method::GET, Route::Issue) > 0);
    // As long as Gitea's clock lags behind, the issue looks as if it was just changed.
    let waits = teawatch.outbox();
    let until = waits.iter().find_map(|entry| entry["not_before"].as_str());
    if let Some(until) = until {
        let until: jiff::Timestamp = until.parse().unwrap();
        let wait = until.duration_since(gitea.now());
        assert!(wait <= SignedDuration::from_secs(1), "{wait:?}");
    }
    gitea.world().set_clock_offset(SignedDuration::ZERO);
    eventually("the table is up to date", || gitea.issue(1).body.contains("another summary"));
    all_is_told(&teawatch, &gitea);
}

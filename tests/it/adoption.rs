//! Stores that are lost, and stores of which there are two.

use std::path::Path;

use http::Method;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{CHECK, Deed, Gitea, OTHER, Report, Teawatch, eventually, failing, passing};

/// All checks of a rack share an issue.
const ROUTES: &str = "[[route]]\nmatch.source = \"rack*\"\ngroup_by = \"source\"\n";

/// A data directory with nothing but the configuration in it.
fn directory() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("teawatch.toml"), ROUTES).unwrap();
    data
}

/// What two checks of a rack say.
fn rack(power: &str, fan: &str) -> Report {
    Report::new("rack1").check("power", power, "the power").check("fan", fan, "the fan")
}

/// Three alerts fire, one of them over two checks; then the store is gone.
fn lose_the_store(gitea: &Gitea) -> tempfile::TempDir {
    let data = directory();
    let teawatch = Teawatch::start(data.path(), gitea, &[]);
    for report in [failing(CHECK), failing(OTHER), rack("failure", "failure")] {
        teawatch.report(&report);
    }
    teawatch.settles(gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (3, 3));
    teawatch.kill();
    data.close().unwrap();
    directory()
}

#[test]
fn a_store_that_was_deleted_goes_on_with_the_issues_that_are_open() {
    let gitea = Gitea::start();
    let data = lose_the_store(&gitea);
    let comments = || gitea.issues().iter().map(|issue| issue.comments().count()).sum::<usize>();
    let before = comments();

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for report in [failing(CHECK), rack("failure", "failure")] {
        teawatch.report(&report);
    }
    teawatch.settles(&gitea);
    let notes = teawatch.get("/readyz").1["notes"].to_string();
    assert!(notes.contains("no check has claimed"), "{notes}");
    assert_eq!((gitea.issues().len(), gitea.open()), (3, 3));
    // The rack is well only when both of its checks are; the third is well at its first word.
    for report in [passing(CHECK), passing(OTHER), rack("success", "failure")] {
        teawatch.report(&report);
    }
    teawatch.settles(&gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (3, 1));
    teawatch.report(&rack("success", "success"));
    teawatch.settles(&gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (3, 0));
    assert_eq!(gitea.count(&Method::POST, Route::Issues), 3);
    for issue in gitea.issues() {
        let last = issue.comments().last().map(|comment| comment.body.clone());
        let last = last.unwrap_or_default();
        assert!(last.contains("**Recovered**"), "#{}: {last}", issue.number);
    }
    assert!(comments() > before + 3, "the rack's half recovery is told as well");
}

#[test]
fn a_new_store_opens_nothing_before_it_has_read_what_is_open() {
    let gitea = Gitea::start();
    let data = lose_the_store(&gitea);
    let refusal = Action::Refuse { status: 503, retry_after: None, body: Default::default() };
    gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issues).until_cleared());

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for report in [failing(CHECK), failing(OTHER), rack("failure", "success")] {
        teawatch.report(&report);
    }
    teawatch.report(&failing("db2/new"));
    eventually("it cannot read", || teawatch.get("/readyz").0 == 503);
    assert_eq!(teawatch.outbox().len(), 4);
    gitea.world().clear_faults();
    teawatch.settles(&gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (4, 4));
    assert_eq!(gitea.count(&Method::POST, Route::Issues), 4);
    Deed::Open.goes_on(&teawatch, &gitea);
}

#[test]
fn a_store_that_was_copied_stops_writing_once_it_sees_what_the_copy_wrote() {
    let gitea = Gitea::start();
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    teawatch.settles(&gitea);
    assert!(teawatch.stop().success());
    copy_directory(data.path(), copy.path());

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let other = Teawatch::start(copy.path(), &gitea, &[]);
    other.report(&failing(OTHER));
    other.settles(&gitea);
    // A lost answer makes the original look, and there is what it never wrote.
    gitea.order(Deed::Open.fault(Action::DoAndHangUp));
    teawatch.report(&failing("db1/third"));
    eventually("the copy is noticed", || teawatch.get("/readyz").0 == 503);
    let reasons = teawatch.get("/readyz").1["reasons"].to_string();
    assert!(reasons.contains("a copy of this store runs elsewhere"), "{reasons}");

    let writes = gitea.world().writes();
    Deed::Close.cause(&teawatch);
    teawatch.report(&failing("db1/fourth"));
    assert!(teawatch.outbox().len() >= 4);
    // Both were in the outbox before a further question was asked and answered.
    let questions = || gitea.count(&Method::GET, Route::Repository);
    let before = questions();
    eventually("Gitea is asked further questions", || questions() >= before + 2);
    assert!(teawatch.stop().success());
    assert_eq!(gitea.world().writes(), writes);
    assert!(gitea.issues_about(CHECK)[0].is_open);

    // The copy has seen nothing of the original's, and is none the worse.
    Deed::Close.cause(&other);
    eventually("the copy goes on", || Deed::Close.is_done(&gitea));
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

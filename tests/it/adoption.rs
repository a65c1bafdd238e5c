//! Stores that are lost, and stores of which there are two.

use std::path::Path;

use http::Method;
use teawatch::sandbox::{Action, Fault, Issue, Route};

use crate::support::{
    CHECK, Deed, Gitea, OTHER, Report, Teawatch, eventually, failing, passing, turns,
};

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

/// Three failures in a row, a "cannot tell" and three checks that share an issue.
const SLOW: &[(&str, &str)] = &[("alerts.fail_after", "3"), ("alerts.unknown_after", "300ms")];

fn say(teawatch: &Teawatch, check: &str, kind: &str) {
    let (source, name) = check.split_once('/').unwrap();
    teawatch.report(&Report::new(source).check(name, kind, "seen"));
}

const RACK: [&str; 3] = ["rack1/power", "rack1/fan", "rack1/door"];

/// An issue of a check, of a group of three and of a check that nobody can tell; then the
/// store is gone.
fn lose_a_slow_store(gitea: &Gitea) -> tempfile::TempDir {
    let data = directory();
    let teawatch = Teawatch::start(data.path(), gitea, SLOW);
    for _ in 0..3 {
        say(&teawatch, CHECK, "failure");
        RACK.iter().for_each(|check| say(&teawatch, check, "failure"));
    }
    say(&teawatch, OTHER, "unknown");
    eventually("all three are open", || gitea.open() == 3);
    teawatch.settles(gitea);
    teawatch.kill();
    data.close().unwrap();
    directory()
}

/// The issue of the group.
fn the_rack(gitea: &Gitea) -> Issue {
    gitea.issues().into_iter().find(|issue| issue.title.contains("rack1: ")).unwrap()
}

fn firing(teawatch: &Teawatch) -> u64 {
    teawatch.get("/readyz").1["engine"]["firing"].as_u64().unwrap()
}

/// Nothing was closed so far, and nothing was opened twice.
#[track_caller]
fn all_go_on(gitea: &Gitea) {
    assert_eq!((gitea.issues().len(), gitea.open()), (3, 3));
    let turned: Vec<_> = gitea.issues().iter().flat_map(turns).collect();
    assert_eq!(turned, Vec::<&str>::new());
}

#[test]
fn the_first_words_after_a_store_was_lost_close_nothing_that_still_fails() {
    let gitea = Gitea::start();
    let data = lose_a_slow_store(&gitea);
    let teawatch = Teawatch::start(data.path(), &gitea, SLOW);
    // One failure is not yet enough to be down, and one success of three says nothing of
    // the others.
    say(&teawatch, CHECK, "failure");
    say(&teawatch, RACK[0], "success");
    say(&teawatch, OTHER, "unknown");
    eventually("its table says what is known", || {
        let body = the_rack(&gitea).body;
        body.contains("| rack1/fan | **not heard of** |") && body.contains("| rack1/power | well |")
    });
    eventually("all go on", || firing(&teawatch) == 3);
    teawatch.settles(&gitea);
    all_go_on(&gitea);

    // The same when it is started again meanwhile.
    assert!(teawatch.stop().success());
    let teawatch = Teawatch::start(data.path(), &gitea, SLOW);
    for _ in 0..3 {
        say(&teawatch, CHECK, "failure");
        say(&teawatch, RACK[1], "failure");
    }
    say(&teawatch, RACK[1], "success");
    teawatch.settles(&gitea);
    all_go_on(&gitea);

    say(&teawatch, RACK[2], "success");
    eventually("the group is closed", || gitea.open() == 2);
    say(&teawatch, OTHER, "success");
    eventually("somebody can tell", || gitea.open() == 1);
    say(&teawatch, CHECK, "success");
    eventually("all are closed", || gitea.open() == 0);
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 3);
    let comments = gitea.comments(the_rack(&gitea).number).concat();
    assert!(comments.contains("teawatch had lost what it knew"), "{comments}");
    for issue in gitea.issues() {
        assert_eq!(turns(&issue), ["closed"], "#{}", issue.number);
    }
}

#[test]
fn a_success_that_is_not_yet_believed_closes_no_issue_of_a_lost_store() {
    let gitea = Gitea::start();
    let data = lose_a_slow_store(&gitea);
    let settings = [SLOW, &[("alerts.recover_after", "2")]].concat();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    say(&teawatch, CHECK, "success");
    eventually("it goes on", || firing(&teawatch) == 1);
    teawatch.settles(&gitea);
    all_go_on(&gitea);
    say(&teawatch, CHECK, "success");
    eventually("it is believed", || gitea.open() == 2);
}

#[test]
fn a_group_whose_other_checks_are_never_heard_of_again_closes_after_a_while_with_a_word() {
    let gitea = Gitea::start();
    let data = lose_a_slow_store(&gitea);
    let settings = [SLOW, &[("alerts.reopen_window", "500ms")]].concat();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    say(&teawatch, RACK[0], "success");
    eventually("it is closed", || gitea.open() == 2);
    let rack = the_rack(&gitea);
    eventually("and told", || gitea.comments(rack.number).concat().contains("**Recovered**"));
    let comments = gitea.comments(rack.number).concat();
    let word = "no trouble was heard of since the store was lost, and is waited for no longer: \
                rack1/door, rack1/fan";
    assert!(comments.contains(word), "{comments}");
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

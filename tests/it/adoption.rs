//! Stores that are lost, and stores of which there are two.

use std::path::Path;

use http::Method;
use teawatch::alert::marker::{Instance, Marker};
use teawatch::alert::{Effect, EffectKind, Fingerprint, Group, Salt};
use teawatch::check::{Kind, Observation};
use teawatch::engine::settings::Settings;
use teawatch::engine::{Core, Found};
use teawatch::observation::ReportId;
use teawatch::sandbox::{Action, Fault, Issue, Right, Route};
use teawatch::store::Memory;

use crate::support::{
    CHECK, Deed, Gitea, OTHER, REPOSITORY, Report, SALT, Teawatch, eventually, failing, passing,
    turns,
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

/// What `/readyz` says of issues that no check has claimed.
fn unclaimed(teawatch: &Teawatch, repository: &str) -> Vec<u64> {
    let (_, answer) = teawatch.get("/readyz");
    let found = answer["engine"]["unclaimed"][repository].as_array().cloned().unwrap_or_default();
    found.iter().map(|issue| issue["number"].as_u64().unwrap()).collect()
}

#[test]
fn an_alert_that_has_its_issue_keeps_it_when_an_older_one_is_found_elsewhere() {
    let gitea = Gitea::start();
    gitea.world().add_repository("ops", "databases").unwrap();
    gitea.world().set_rights("ops/databases", "teawatch", Some(Right::Write)).unwrap();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.kill();

    // The store is lost, the route has moved, and where it was cannot be read yet.
    let data = tempfile::tempdir().unwrap();
    let refusal = Action::Refuse { status: 503, retry_after: None, body: Default::default() };
    let fault = Fault::new(refusal).on(&Method::GET, Route::Issues).at(REPOSITORY);
    gitea.order(fault.until_cleared());
    let routes = "[[route]]\nmatch.source = 'db1'\nrepository = 'ops/databases'\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], routes);
    teawatch.report(&failing(CHECK));
    let moved = || gitea.world().issues("ops/databases").cloned().collect::<Vec<_>>();
    eventually("it has an issue there", || moved().len() == 1 && teawatch.outbox().is_empty());
    gitea.world().clear_faults();
    eventually("the old one is closed", || !gitea.issue(1).is_open);
    let comments = gitea.comments(1).concat();
    assert!(comments.contains("The trouble goes on in ops/databases#1"), "{comments}");
    assert!(moved()[0].is_open);
    teawatch.report(&passing(CHECK));
    eventually("its own is closed", || !moved()[0].is_open && teawatch.outbox().is_empty());
    assert_eq!(unclaimed(&teawatch, REPOSITORY), [0; 0]);
    assert_eq!(gitea.comments(1).len(), 1);
}

#[test]
fn of_two_open_issues_of_one_alert_the_newest_goes_on_and_the_other_is_closed() {
    let gitea = Gitea::start();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.kill();
    // Another store with the same salt has opened one, too, and a copy of that. With one marker
    // in all of them only the first would stay.
    let (title, now) = (gitea.issue(1).title, gitea.now());
    let own = Marker::find(&Salt::new(SALT), &gitea.issue(1).body).unwrap();
    let instance = Instance { id: "feedfeedfeedfeed".to_owned(), generation: 0 };
    let body = Marker { instance, ..own }.line(&Salt::new(SALT));
    for _ in 0..2 {
        gitea.world().open_as("teawatch", REPOSITORY, &title, &body, now).unwrap();
    }

    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("they are found", || !unclaimed(&teawatch, REPOSITORY).is_empty());
    teawatch.report(&failing(CHECK));
    eventually("the others are closed", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(gitea.issue(2).is_open);
    let comments = gitea.comments(1).concat();
    assert!(comments.contains("The trouble goes on in #2, and this one is closed"), "{comments}");
    assert_eq!(unclaimed(&teawatch, REPOSITORY), [0; 0]);
    teawatch.report(&passing(CHECK));
    eventually("it is closed as well", || gitea.open() == 0 && teawatch.outbox().is_empty());
}

#[test]
fn a_repository_that_goes_by_two_names_lists_no_issue_that_goes_on() {
    let gitea = Gitea::start();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.kill();
    gitea.world().rename_repository(REPOSITORY, "alarms").unwrap();

    let routes = "[[route]]\nmatch.source = 'web1'\nrepository = 'ops/alarms'\n";
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], routes);
    let by = |name| unclaimed(&teawatch, name);
    eventually("it is found twice", || (by(REPOSITORY), by("ops/alarms")) == (vec![1], vec![1]));
    teawatch.report(&failing(CHECK));
    assert_eq!((by(REPOSITORY), by("ops/alarms")), (vec![], vec![]));
    eventually("all is told", || teawatch.outbox().is_empty());
    let renamed = gitea.world().issues("ops/alarms").cloned().collect::<Vec<_>>();
    assert_eq!((renamed.len(), renamed[0].is_open), (1, true));
}

#[test]
fn an_issue_that_goes_on_is_not_found_again_by_another_name_of_its_repository() {
    let salt = Salt::new("salt");
    let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    let (mut memory, instance) = (Memory::new(), "0123456789abcdef".to_owned());
    let settings = Settings::default();
    let mut core = Core::load(&mut memory, settings, salt.clone(), None, instance, now).unwrap();
    let report = teawatch::observation::Report {
        source: "db1".to_owned(),
        id: ReportId { epoch: "e".to_owned(), seq: 1 },
        interval: None,
        unseen: Vec::new(),
        observations: vec![("disk".to_owned(), Observation::new(Kind::Failure, "bad"))],
    };
    core.accept(&report, now);
    let group = Group::Check { source: "db1".to_owned(), name: "disk".to_owned() };
    let marker = Marker {
        instance: Instance { id: "0000000000000000".to_owned(), generation: 0 },
        fingerprint: Fingerprint::new(&salt, &group),
        effect: Effect { kind: EffectKind::Open, episode: 1, number: 0 },
    };
    let found = [Found { number: 3, marker, members: Vec::new() }];
    core.adopt("ops/alerts", Some(7), &found, now);
    assert_eq!(core.alerts_page(None, 9).items[0].issue, Some(3));
    core.adopt("ops/alarms", Some(7), &found, now);
    assert_eq!(core.health().unclaimed, [].into());
    // The same number in another repository is another issue, and one too many.
    core.adopt("ops/others", Some(8), &found, now);
    let closings = core.outbox_page(None, 9).items.into_iter();
    let closings: Vec<_> = closings.filter(|it| it.effect.kind == EffectKind::Heal).collect();
    assert_eq!(closings.len(), 1, "{closings:#?}");
    assert_eq!((closings[0].repository.as_str(), closings[0].effect.number), ("ops/others", 3));
}

#[test]
fn the_overflow_of_a_repository_goes_on_and_closes_although_it_was_renamed() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("storm.max_new_issues", "1")]);
    teawatch.report(&failing(CHECK));
    teawatch.report(&failing(OTHER));
    eventually("one and the overflow are open", || gitea.open() == 2);
    teawatch.settles(&gitea);
    gitea.world().rename_repository(REPOSITORY, "alarms").unwrap();
    let renamed = || gitea.world().issues("ops/alarms").cloned().collect::<Vec<_>>();
    teawatch.report(&failing("db1/third"));
    eventually("it has a row", || {
        renamed().iter().any(|issue| issue.body.contains("| db1/third |"))
    });
    for check in [CHECK, OTHER, "db1/third"] {
        teawatch.report(&passing(check));
    }
    eventually("all are closed", || renamed().iter().all(|issue| !issue.is_open));
    assert_eq!(renamed().len(), 2);
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

//! A Gitea that refuses: nothing is lost, nothing is written twice, and whoever asks is
//! told why it takes so long.

use std::time::Instant;

use http::Method;
use teawatch::sandbox::{
    Action, BOT_TOKEN, BodyKind, EventKind, Fault, Matcher, Outcome, Right, Route, World,
};

use crate::support::{
    Gitea, PATIENCE, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing,
    readiness,
};

/// With these, some seconds hold as many attempts as an hour or two with the defaults.
const HOURS: &[(&str, &str)] = &[
    ("gitea.rate", "2000"),
    ("gitea.burst", "2000"),
    ("gitea.retry_first", "5ms"),
    ("gitea.retry_max", "10ms"),
    ("gitea.probe_first", "5ms"),
    ("gitea.probe_max", "10ms"),
];

/// Attempts in an hour of the defaults: six probes. A hundred are more than enough.
const ATTEMPTS: u64 = 100;

fn refuse(status: u16) -> Fault {
    Fault::new(Action::Refuse { status, retry_after: None, body: BodyKind::Json })
}

fn requests(gitea: &Gitea) -> u64 {
    gitea.world().counts().map(|(.., count)| count).sum()
}

fn closings(gitea: &Gitea, number: u64) -> usize {
    let issue = gitea.issue(number);
    issue.timeline.iter().filter(|event| event.kind == EventKind::Close).count()
}

/// `db1/disk` has an issue and `db1/cpu` is failing when Gitea begins to refuse; while it
/// does, one recovers and another falls ill. Afterwards all is as if nothing had been.
#[track_caller]
fn nothing_is_lost(reason: &str, begin: impl FnOnce(&mut Gitea), end: impl FnOnce(&mut Gitea)) {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());

    begin(&mut gitea);
    teawatch.report(&failing("db1/cpu"));
    eventually("the refusal is told", || !readiness(&teawatch).0);
    teawatch.report(&passing("db1/disk"));
    teawatch.report(&failing("db1/fan"));
    let before = requests(&gitea);
    let began = Instant::now();
    // While nobody listens, attempts cannot be counted; our questions must do.
    let mut asked = 0;
    while requests(&gitea) + if gitea.is_away() { asked } else { 0 } < before + ATTEMPTS {
        asked += 1;
        assert!(began.elapsed() < PATIENCE, "teawatch has given up");
        let (ready, body) = readiness(&teawatch);
        assert!(!ready, "it lasts: {body}");
        let told = body["reasons"][0].as_str().unwrap();
        assert!(told.starts_with("ops/alerts refuses since 20") && told.contains(reason), "{told}");
        assert_eq!(body["engine"]["parked"], 0);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(teawatch.outbox().len() >= 3);
    teawatch.report(&passing("db1/fan"));

    end(&mut gitea);
    eventually("the new one is open", || {
        let issues = gitea.issues();
        issues.iter().any(|issue| issue.is_open && issue.title.contains("db1/cpu"))
    });
    eventually("the old one is closed", || !gitea.issue(1).is_open);
    eventually("its recovery is told", || gitea.comments(1).len() == 1);
    assert!(gitea.comments(1)[0].contains("**Recovered**"), "{}", gitea.comments(1)[0]);
    all_is_told(&teawatch, &gitea);
    teawatch.report(&passing("db1/cpu"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 2, "what came and went meanwhile needs no issue");
    assert_eq!((closings(&gitea, 1), closings(&gitea, 2)), (1, 1));
    assert_eq!(gitea.world().labels_of(REPOSITORY, 2), ["watchdog"]);
}

fn world(act: impl FnOnce(&mut World)) -> impl FnOnce(&mut Gitea) {
    move |gitea| act(&mut gitea.world())
}

#[test]
fn an_hour_of_401_loses_nothing() {
    nothing_is_lost(
        "401",
        world(|world| world.revoke_token(BOT_TOKEN)),
        world(|world| world.add_token("teawatch", BOT_TOKEN, &["all"]).unwrap()),
    );
}

#[test]
fn an_hour_of_403_loses_nothing() {
    // The token may read and no longer write, so that every probe goes well.
    nothing_is_lost(
        "403",
        world(|world| {
            let scopes = ["read:issue", "read:user", "read:repository"];
            world.add_token("teawatch", BOT_TOKEN, &scopes).unwrap();
        }),
        world(|world| world.add_token("teawatch", BOT_TOKEN, &["all"]).unwrap()),
    );
}

#[test]
fn an_hour_without_the_right_to_see_the_repository_loses_nothing() {
    nothing_is_lost(
        "404",
        world(|world| world.set_rights(REPOSITORY, "teawatch", None).unwrap()),
        world(|world| world.set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap()),
    );
}

#[test]
fn an_hour_in_the_archive_loses_nothing() {
    nothing_is_lost(
        "archived",
        world(|world| world.archive(REPOSITORY, true).unwrap()),
        world(|world| world.archive(REPOSITORY, false).unwrap()),
    );
}

#[test]
fn an_hour_with_issues_switched_off_loses_nothing() {
    nothing_is_lost(
        "issues are switched off in the repository",
        world(|world| world.disable_issues(REPOSITORY).unwrap()),
        world(|world| world.set_units(REPOSITORY, true, true).unwrap()),
    );
}

#[test]
fn an_hour_of_a_page_in_the_way_loses_nothing() {
    let page = Action::Refuse { status: 200, retry_after: None, body: BodyKind::Html };
    nothing_is_lost(
        "is this address a Gitea?",
        world(|world| world.order(Fault::new(page).until_cleared())),
        world(World::clear_faults),
    );
}

#[test]
fn an_hour_without_a_gitea_loses_nothing() {
    nothing_is_lost("cannot read the repository", Gitea::go_away, Gitea::come_back);
}

#[test]
fn an_hour_of_502_loses_nothing_and_makes_nothing_twice() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings: Vec<_> = HOURS.iter().copied().chain([("gitea.settle_wait", "2s")]).collect();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.order(refuse(502).until_cleared());
    teawatch.report(&passing("db1/disk"));
    teawatch.report(&failing("db1/cpu"));
    let before = requests(&gitea);
    eventually("it was tried often", || requests(&gitea) > before + ATTEMPTS);
    assert_eq!(teawatch.outbox().len(), 4);
    gitea.world().clear_faults();
    eventually("the old one is closed and the new one open", || {
        gitea.issues().iter().map(|issue| issue.is_open).collect::<Vec<_>>() == [false, true]
    });
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.comments(1).len(), closings(&gitea, 1)), (2, 1, 1));
}

#[test]
fn one_single_401_proves_nothing_and_is_not_told() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    gitea.order(refuse(401).on(&Method::POST, Route::Issues));
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || {
        let (ready, body) = readiness(&teawatch);
        assert!(ready, "{body}");
        gitea.open() == 1
    });
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 2);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_renamed_repository_is_followed_by_its_id_and_back() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let renamed = "ops/old-alerts";
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().rename_repository(REPOSITORY, "old-alerts").unwrap();
    // A POST, a PATCH and a comment find it.
    teawatch.report(&failing("db1/cpu"));
    eventually("an issue is open there", || gitea.world().issue(renamed, 2).is_some());
    teawatch.report(&passing("db1/disk"));
    eventually("the old one is closed", || !gitea.world().issue(renamed, 1).unwrap().is_open);
    all_is_told(&teawatch, &gitea);
    assert!(teawatch.stop().success());
    // A restart remembers the name.
    gitea.world().forget_requests();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("db1/cpu"));
    eventually("the other one is closed", || !gitea.world().issue(renamed, 2).unwrap().is_open);
    all_is_told(&teawatch, &gitea);
    assert!(!gitea.world().log().any(|entry| entry.outcome == Outcome::Answered(301)));
    gitea.world().rename_repository(renamed, "alerts").unwrap();
    teawatch.report(&failing("db1/fan"));
    eventually("the next one is open under the old name", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 3);
}

#[test]
fn a_renamed_owner_is_followed() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().rename_user("ops", "operations").unwrap();
    teawatch.report(&passing("db1/disk"));
    let issue = || gitea.world().issue("operations/alerts", 1).unwrap().clone();
    eventually("it is closed", || !issue().is_open);
    eventually("the recovery is told", || issue().comments().count() == 1);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_locked_issue_takes_no_comment_and_closes_all_the_same() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let now = gitea.now();
    gitea.world().lock_issue("alice", REPOSITORY, 1, true, now).unwrap();
    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Read)).unwrap();
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    assert_eq!(gitea.comments(1).len(), 0);
    assert!(readiness(&teawatch).0);
    gitea.world().lock_issue("alice", REPOSITORY, 1, false, now).unwrap();
    teawatch.report(&failing("db1/disk"));
    eventually("it is open again", || gitea.open() == 1);
    eventually("what could not be said is told", || {
        gitea.comments(1).iter().any(|comment| {
            comment.contains("> a comment could not be written: ")
                && comment.contains("You cannot comment on a locked issue.")
        })
    });
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed again", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn a_deleted_issue_is_respected_until_mute_max_and_then_there_is_a_new_one() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.mute_max", "1s")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    let change = Report::new("db1").check("disk", "failure", "another summary");
    teawatch.report(&change);
    eventually("teawatch has noticed", || teawatch.log().contains("the issue was deleted"));
    assert_eq!(gitea.issues().len(), 0);
    eventually("a new issue is open", || gitea.open() == 1);
    assert!(gitea.issue(2).body.contains("The last time was #1."), "{}", gitea.issue(2).body);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_deleted_issue_needs_no_closing_and_the_next_trouble_has_a_new_one() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    teawatch.report(&passing("db1/disk"));
    eventually("teawatch has noticed", || teawatch.log().contains("the issue was deleted"));
    all_is_told(&teawatch, &gitea);
    teawatch.report(&failing("db1/disk"));
    eventually("the relapse has a new issue", || gitea.open() == 1);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().iter().map(|issue| issue.number).collect::<Vec<_>>(), [2]);
}

#[test]
fn another_repository_of_the_same_name_is_refused_until_ours_is_back() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let now = gitea.now();
    {
        let mut world = gitea.world();
        world.rename_repository(REPOSITORY, "ours").unwrap();
        world.add_repository("ops", "alerts").unwrap();
        world.set_rights(REPOSITORY, "teawatch", Some(Right::Read)).unwrap();
        world.open_as("alice", REPOSITORY, "Not ours", "", now).unwrap();
    }
    teawatch.report(&failing("db1/cpu"));
    eventually("the refusal is told", || !readiness(&teawatch).0);
    teawatch.report(&passing("db1/disk"));
    let before = requests(&gitea);
    eventually("it is asked for often", || requests(&gitea) > before + ATTEMPTS);
    let (ready, body) = readiness(&teawatch);
    assert!(!ready && body["engine"]["parked"] == 0, "{body}");
    let told = body["reasons"][0].as_str().unwrap();
    assert!(told.contains("the repository has the id 2, and it was 1 before"), "{told}");
    // At most one issue went there before its id was seen, and nothing else.
    assert!(gitea.issues().len() <= 2);
    assert!(gitea.issue(1).is_open && gitea.comments(1).is_empty());
    {
        let mut world = gitea.world();
        world.rename_repository(REPOSITORY, "not-ours").unwrap();
        world.rename_repository("ops/ours", "alerts").unwrap();
    }
    eventually("the old one is closed and the new one open", || {
        gitea.issues().iter().map(|issue| issue.is_open).collect::<Vec<_>>() == [false, true]
    });
    eventually("the recovery is told", || gitea.comments(1).len() == 1);
    teawatch.report(&passing("db1/cpu"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn a_closing_answered_by_another_repository_is_not_believed() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let now = gitea.now();
    {
        let mut world = gitea.world();
        world.rename_repository(REPOSITORY, "ours").unwrap();
        world.add_repository("ops", "alerts").unwrap();
        world.set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap();
        world.open_as("alice", REPOSITORY, "Not ours", "Mine alone.", now).unwrap();
    }
    teawatch.report(&passing("db1/disk"));
    eventually("the refusal is told", || !readiness(&teawatch).0);
    assert!(gitea.comments(1).is_empty() && gitea.issue(1).body == "Mine alone.");
    {
        let mut world = gitea.world();
        world.rename_repository(REPOSITORY, "not-ours").unwrap();
        world.rename_repository("ops/ours", "alerts").unwrap();
    }
    eventually("ours is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    eventually("the recovery is told", || gitea.comments(1).len() == 1);
    all_is_told(&teawatch, &gitea);
    let world = gitea.world();
    let theirs = world.issue("ops/not-ours", 1).unwrap();
    assert_eq!((theirs.body.as_str(), theirs.comments().count()), ("Mine alone.", 0));
}

#[test]
fn a_repository_that_was_made_again_is_taken_by_a_new_store_which_adopts_what_is_there() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    {
        let mut world = gitea.world();
        world.delete_repository(REPOSITORY).unwrap();
        world.add_repository("ops", "alerts").unwrap();
        world.set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap();
    }
    teawatch.report(&failing("db1/cpu"));
    eventually("the refusal is told", || {
        let (ready, body) = readiness(&teawatch);
        !ready && body["reasons"][0].as_str().unwrap().contains("it is another one")
    });
    teawatch.report(&passing("db1/disk"));
    assert!(!teawatch.outbox().is_empty() && readiness(&teawatch).1["engine"]["parked"] == 0);
    // That this is the repository now, a person says by beginning with a new store.
    assert!(teawatch.stop().success());
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/cpu"));
    eventually("an issue is open", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
    teawatch.report(&passing("db1/cpu"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn retry_after_is_honoured_for_429_and_503() {
    for status in [429, 503] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        gitea.world().forget_requests();
        let busy = Action::Refuse { status, retry_after: Some(1), body: BodyKind::Html };
        gitea.order(Fault::new(busy).on(&Method::PATCH, Route::Issue));
        teawatch.report(&passing("db1/disk"));
        eventually("it is closed", || gitea.open() == 0);
        all_is_told(&teawatch, &gitea);
        // The closing comes first; what is behind it waits for it.
        let log: Vec<_> = gitea.world().log().cloned().collect();
        let refused = log.iter().position(|entry| entry.outcome == Outcome::Answered(status));
        let [refused, next, ..] = &log[refused.unwrap()..] else { panic!("{log:?}") };
        let pause = next.at.duration_since(refused.at).as_millis();
        assert!(pause >= 1_000, "{pause} ms before {next:?}");
        assert_eq!((gitea.issues().len(), closings(&gitea, 1)), (1, 1));
    }
}

#[test]
fn an_edit_that_is_never_answered_well_is_given_up_and_holds_nothing_up() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.order(refuse(500).on(&Method::PATCH, Route::Issue).until_cleared());
    teawatch.report(&Report::new("db1").check("disk", "failure", "another summary"));
    eventually("the edit is tried", || gitea.count(&Method::PATCH, Route::Issue) > 8);
    // Until something else gets through, Gitea may as well be away.
    assert_eq!(teawatch.outbox().len(), 1);
    teawatch.report(&failing("db1/cpu"));
    eventually("another issue is open", || gitea.open() == 2);
    eventually("it is given up", || teawatch.outbox().is_empty());
    gitea.world().clear_faults();
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 1);
    eventually("what was given up is told", || {
        gitea.comments(1).iter().any(|comment| comment.contains("an edit was given up after "))
    });
    all_is_told(&teawatch, &gitea);
}

#[test]
fn an_outage_of_many_attempts_costs_no_text() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    // As a proxy answers whose Gitea is away.
    gitea.order(refuse(502).until_cleared());
    let before = requests(&gitea);
    teawatch.report(&Report::new("db1").check("disk", "failure", "another summary"));
    eventually("many attempts have failed", || requests(&gitea) >= before + ATTEMPTS);
    gitea.world().clear_faults();
    eventually("the table is new", || gitea.issue(1).body.contains("another summary"));
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_bot_that_is_renamed_asks_who_it_is_and_finds_what_it_has_opened() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().rename_user("teawatch", "watchtower").unwrap();
    let asked = gitea.count(&Method::GET, Route::User);
    gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, Route::Issues));
    teawatch.report(&failing("db1/cpu"));
    eventually("both are open", || gitea.open() == 2);
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.count(&Method::POST, Route::Issues)), (2, 2));
    assert!(gitea.count(&Method::GET, Route::User) > asked, "it did not ask");
    teawatch.report(&passing("db1/cpu"));
    eventually("it is closed", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn labels_that_can_neither_be_read_nor_made_hold_up_no_opening_for_ever() {
    for method in [Method::GET, Method::POST] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
        gitea.order(refuse(500).on(&method, Route::Labels).until_cleared());
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        // They are tried for some time first, and no longer when it is clear.
        assert_eq!(gitea.count(&method, Route::Labels), 4, "{method}");
        assert!(gitea.world().labels_of(REPOSITORY, 1).is_empty());
        gitea.world().clear_faults();
        teawatch.report(&passing("db1/disk"));
        eventually("it is closed", || gitea.open() == 0);
        eventually("what it lacks is told", || {
            let told = "> the labels watchdog could not be had: cannot ";
            gitea.comments(1).iter().any(|comment| comment.contains(told))
        });
        all_is_told(&teawatch, &gitea);
        assert_eq!((gitea.issues().len(), gitea.count(&Method::POST, Route::Issues)), (1, 1));
    }
}

#[test]
fn an_opening_that_gets_nowhere_is_told_with_its_reason() {
    for (status, method) in [(502, Method::POST), (422, Method::GET)] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
        eventually("it has read what is open", || gitea.count(&Method::GET, Route::Issues) > 0);
        gitea.order(refuse(status).on(&method, Route::Issues).until_cleared());
        if method == Method::GET {
            // The answer is lost, and the looks for it are refused.
            gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, Route::Issues));
        }
        let is_told = |opening: &str| {
            let (ready, body) = readiness(&teawatch);
            let told = body["reasons"][0].as_str().unwrap_or_default();
            !ready && told.starts_with(opening) && told.contains(&status.to_string())
        };
        teawatch.report(&failing("db1/disk"));
        let one = "the issue of db1/disk could not be opened since 20";
        eventually("it is told", || is_told(one));
        // One look is for all that are in doubt, and counts for the oldest alone.
        let openings = if method == Method::POST { 2 } else { 1 };
        if openings == 2 {
            teawatch.report(&failing("db1/other"));
            let two = "2 issues could not be opened so far, the issue of db1/disk since 20";
            eventually("both are told", || is_told(two));
        }
        gitea.world().clear_faults();
        eventually("all is open", || gitea.open() == openings);
        all_is_told(&teawatch, &gitea);
        assert_eq!(gitea.issues().len(), openings);
    }
}

#[test]
fn a_closing_and_a_reopening_that_get_nowhere_are_told_with_their_reason() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, HOURS);
    let is_told = |beginning: &str| {
        let (ready, body) = readiness(&teawatch);
        let told = body["reasons"][0].as_str().unwrap_or_default();
        !ready && told.starts_with(beginning) && told.contains("500")
    };
    for check in ["db1/disk", "db1/other"] {
        teawatch.report(&failing(check));
    }
    eventually("two are open", || gitea.open() == 2 && teawatch.outbox().is_empty());
    let fails = || refuse(500).on(&Method::PATCH, Route::Issue).until_cleared();
    gitea.order(fails());
    teawatch.report(&passing("db1/disk"));
    let closing = "the issue of db1/disk could not be closed since 20";
    eventually("it is told", || is_told(closing));
    gitea.world().clear_faults();
    eventually("it is closed", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);

    gitea.order(fails());
    teawatch.report(&failing("db1/disk"));
    eventually("it is told", || is_told("the issue of db1/disk could not be reopened since 20"));
    teawatch.report(&passing("db1/other"));
    let two = "2 issues could not be closed or reopened so far, the issue of db1/disk since 20";
    eventually("both are told", || is_told(two));
    gitea.world().clear_faults();
    eventually("one is reopened and one is closed", || {
        let open = |number| gitea.issue(number).is_open;
        gitea.open() == 1 && (open(1) == gitea.issue(1).title.contains("db1/disk"))
    });
    all_is_told(&teawatch, &gitea);
}

#[test]
fn the_closing_of_a_deleted_issue_makes_room_for_one_issue_only() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("storm.max_open_issues", "2")]);
    for check in ["db1/a", "db1/b"] {
        teawatch.report(&failing(check));
    }
    eventually("two are open", || gitea.open() == 2 && teawatch.outbox().is_empty());
    gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    let (deleted, other) = if gitea.issue(2).title.contains("db1/b:") {
        ("db1/a", "db1/b")
    } else {
        ("db1/b", "db1/a")
    };
    teawatch.report(&passing(deleted));
    eventually("teawatch has noticed", || teawatch.log().contains("the issue was deleted"));
    all_is_told(&teawatch, &gitea);
    teawatch.report(&failing("db1/c"));
    eventually("there is room for one", || !gitea.issues_about("db1/c").is_empty());
    teawatch.report(&failing("db1/d"));
    eventually("the next one is a row", || {
        gitea.issues().iter().any(|issue| issue.title.contains("overflow"))
    });
    assert!(gitea.issues_about("db1/d").is_empty());
    for check in [other, "db1/c", "db1/d"] {
        teawatch.report(&passing(check));
    }
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn effects_that_are_refused_for_ever_hold_up_no_others_of_their_repository() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    // A probe goes well after a while each time, and that is far from often.
    let probes = [("gitea.probe_first", "100ms"), ("gitea.probe_max", "1h")];
    let teawatch = Teawatch::start(data.path(), &gitea, &[HOURS, &probes].concat());
    let sick = ["db1/a", "db1/b", "db1/c"];
    sick.iter().for_each(|check| teawatch.report(&failing(check)));
    eventually("their issues are open", || gitea.open() == 3 && teawatch.outbox().is_empty());
    let issue_of = |check: &str| {
        let issues = gitea.issues();
        issues.iter().find(|issue| issue.title.contains(check)).unwrap().number
    };
    // As many as may be under way at once.
    for check in &sick[..2] {
        let path = Some(format!("issues/{}", issue_of(check)));
        let matcher = Matcher { method: Some("PATCH".to_owned()), path, ..Matcher::default() };
        gitea.order(Fault { matcher, times: None, ..refuse(403) });
        teawatch.report(&passing(check));
    }
    eventually("both are refused", || {
        let refused = teawatch.outbox();
        refused.iter().filter(|entry| entry["last_error"].to_string().contains("403")).count() == 2
    });
    for n in 0..5 {
        let check = format!("db2/{n}");
        teawatch.report(&failing(&check));
        eventually("it is opened", || gitea.open() == 4);
        teawatch.report(&passing(&check));
        eventually("and closed", || gitea.open() == 3);
    }
    assert!(readiness(&teawatch).1["reasons"].to_string().contains("403"), "it is told");
    gitea.world().clear_faults();
    sick.iter().for_each(|check| teawatch.report(&passing(check)));
    eventually("all is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

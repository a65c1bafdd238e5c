//! What shares an issue, where it goes, and what it wears.

use http::Method;
use serde_json::json;
use teawatch::sandbox::{Action, Fault, Issue, Right, Route, World};

use crate::support::{
    Gitea, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing,
};

const DATABASES: &str = "ops/databases";

/// The demo's world with a second repository that the bot may write to.
fn two_repositories() -> Gitea {
    let mut world = World::demo();
    world.add_repository("ops", "databases").unwrap();
    world.set_rights(DATABASES, "teawatch", Some(Right::Write)).unwrap();
    world.set_rights(DATABASES, "alice", Some(Right::Admin)).unwrap();
    Gitea::with(world)
}

fn issues(gitea: &Gitea, repository: &str) -> Vec<Issue> {
    gitea.world().issues(repository).cloned().collect()
}

fn assignees(gitea: &Gitea, issue: &Issue) -> Vec<String> {
    issue.assignees.iter().map(|user| gitea.world().login(*user).to_owned()).collect()
}

#[test]
fn r35_the_label_is_made_once_and_on_every_issue_although_many_open_at_once() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("gitea.in_flight", "8")]);
    // The making takes so long that the others find no label either.
    let stall = Fault::new(Action::StallAndDo { after_ms: Some(300) });
    gitea.order(stall.on(&Method::POST, Route::Labels));
    let all = |kind: &str| {
        (0..8).fold(Report::new("db1"), |report, n| report.check(&format!("c{n}"), kind, kind))
    };
    teawatch.report(&all("failure"));
    eventually("all are open", || gitea.open() == 8);
    all_is_told(&teawatch, &gitea);
    for number in 1..=8 {
        assert_eq!(gitea.world().labels_of(REPOSITORY, number), ["watchdog"]);
    }
    assert_eq!(gitea.world().repository(REPOSITORY).unwrap().labels.len(), 1);
    assert_eq!(gitea.world().count(&Method::POST, Route::Labels), 1);
    teawatch.report(&all("success"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn r35_a_label_that_somebody_deleted_is_made_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    // Somebody unknown is assigned as well, which must not cost the label.
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.assignees", "nobody")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.world().delete_label(REPOSITORY, "watchdog").unwrap();
    teawatch.report(&failing("db1/cpu"));
    eventually("another is open", || gitea.open() == 2 && teawatch.outbox().is_empty());
    assert_eq!(gitea.world().labels_of(REPOSITORY, 2), ["watchdog"]);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn r22_titles_begin_with_the_prefix_that_is_set() {
    for (prefix, title) in [
        (None, "[watchdog] db1/disk: it is broken"),
        (Some("ALARM:"), "ALARM: db1/disk: it is broken"),
        (Some(""), "db1/disk: it is broken"),
    ] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let settings: Vec<_> =
            prefix.map(|prefix| ("alerts.title_prefix", prefix)).into_iter().collect();
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1);
        assert_eq!(gitea.issue(1).title, title);
        all_is_told(&teawatch, &gitea);
    }
}

#[test]
fn all_checks_of_a_source_share_an_issue_when_they_are_grouped_by_source() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.group_by", "source")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(gitea.issue(1).title, "[watchdog] db1: disk: it is broken");
    let full = json!({ "name": "cpu", "kind": "failure", "summary": "hot", "details": "95 °C" });
    teawatch.report(&Report::new("db1").observation(full));
    eventually("the second check is told", || gitea.comments(1).len() == 1);
    let comment = gitea.comments(1).remove(0);
    assert!(comment.contains("**2 checks are in trouble**: db1/cpu, db1/disk."), "{comment}");
    assert!(comment.contains("95 °C") && comment.contains("it is broken"), "{comment}");
    teawatch.report(&failing("db2/disk"));
    eventually("another source has its own", || gitea.open() == 2);
    teawatch.report(&passing("db1/disk"));
    eventually("what is well is told", || gitea.comments(1).len() == 2);
    assert!(gitea.issue(1).is_open);
    teawatch.report(&passing("db1/cpu"));
    eventually("it closes when all are well", || !gitea.issue(1).is_open);
    teawatch.report(&passing("db2/disk"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn a_group_of_its_own_name_gathers_checks_from_everywhere() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let routes = r#"
        [[route]]
        match.name = "disk*"
        group_by = { named = "all the disks" }
    "#;
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], routes);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(gitea.issue(1).title, "[watchdog] all the disks: db1/disk: it is broken");
    teawatch.report(&failing("web1/disk/root"));
    teawatch.report(&failing("web1/cpu"));
    eventually("what is no disk has its own", || gitea.open() == 2);
    eventually("the second disk is told", || gitea.comments(1).len() == 1);
    teawatch.report(&passing("db1/disk"));
    teawatch.report(&passing("web1/disk/root"));
    teawatch.report(&passing("web1/cpu"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 2);
}

const ROUTES: &str = r#"
    [[route]]
    match.source = "db*"
    match.name = "disk*"
    match.labels = { team = "stor*" }
    repository = "ops/databases"
    labels = ["disk", "urgent"]
    assignees = ["alice"]
    intro = "Call **Alice** first: [the runbook](https://example.org/disks)."
    title_prefix = "[db]"

    [[route]]
    match.labels = { quiet = "yes" }
    open_after = "1h"
"#;

#[test]
fn routes_choose_repository_labels_assignees_and_words_by_source_name_and_labels() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), two_repositories());
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], ROUTES);
    let report = |source: &str, name: &str, labels: serde_json::Value| {
        let observation =
            json!({ "name": name, "kind": "failure", "summary": "bad", "labels": labels });
        teawatch.report(&Report::new(source).observation(observation));
    };
    report("db1", "disk/root", json!({ "team": "storage" }));
    report("db1", "disk/home", json!({ "team": "web" }));
    report("db1", "cpu", json!({ "team": "storage" }));
    report("web1", "disk", json!({ "team": "storage" }));
    report("web1", "load", json!({ "quiet": "yes" }));
    eventually("one is there", || issues(&gitea, DATABASES).len() == 1);
    eventually("three are here", || gitea.open() == 3);
    all_is_told(&teawatch, &gitea);
    let issue = issues(&gitea, DATABASES).remove(0);
    assert_eq!(issue.title, "[db] db1/disk/root: bad");
    assert_eq!(gitea.world().labels_of(DATABASES, 1), ["disk", "urgent"]);
    assert_eq!(assignees(&gitea, &issue), ["alice"]);
    let intro = "\n\nCall **Alice** first: [the runbook](https://example.org/disks).\n\n";
    assert!(issue.body.contains(intro), "{}", issue.body);
    let mut titles: Vec<_> = gitea.issues().into_iter().map(|issue| issue.title).collect();
    titles.sort();
    assert_eq!(
        titles,
        ["[watchdog] db1/cpu: bad", "[watchdog] db1/disk/home: bad", "[watchdog] web1/disk: bad"]
    );
    for issue in gitea.issues() {
        assert_eq!(assignees(&gitea, &issue), Vec::<String>::new());
        assert!(!issue.body.contains("Alice"));
    }
}

#[test]
fn an_episode_stays_where_it_began_and_the_next_goes_where_the_routes_say() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), two_repositories());
    let settings = [("alerts.reopen_window", "0s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    let routes = "[[route]]\nmatch.source = 'db*'\nrepository = 'ops/databases'\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &settings, routes);
    teawatch.report(&failing("db1/disk"));
    teawatch.report(&passing("db1/disk"));
    eventually("it closes where it is", || gitea.open() == 0);
    eventually("the recovery is told there", || gitea.comments(1).len() == 1);
    all_is_told(&teawatch, &gitea);
    assert_eq!(issues(&gitea, DATABASES).len(), 0);
    teawatch.report(&failing("db1/disk"));
    eventually("the next is elsewhere", || issues(&gitea, DATABASES).len() == 1);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || !issues(&gitea, DATABASES)[0].is_open);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn r41_an_unknown_assignee_costs_itself_and_is_told_in_the_next_text() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.assignees", "nobody")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(gitea.world().labels_of(REPOSITORY, 1), ["watchdog"]);
    teawatch.report(&passing("db1/disk"));
    eventually("the recovery is told", || gitea.comments(1).len() == 1);
    let comment = gitea.comments(1).remove(0);
    assert!(comment.contains("> nobody could not be assigned: "), "{comment}");
    assert!(comment.contains("Assignee does not exist"), "{comment}");
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn r41_without_the_right_to_write_the_alert_goes_without_labels_and_assignees_and_says_so() {
    // Once the label cannot be made, once it is there and dropped without a word.
    for exists in [false, true] {
        let mut world = World::demo();
        world.set_rights(REPOSITORY, "teawatch", Some(Right::Read)).unwrap();
        if exists {
            world.add_label(REPOSITORY, "watchdog", "#ffffff").unwrap();
        }
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::with(world));
        let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.assignees", "alice")]);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        assert_eq!(gitea.world().labels_of(REPOSITORY, 1), Vec::<&str>::new());
        teawatch.report(&passing("db1/disk"));
        eventually("the recovery is told", || gitea.comments(1).len() == 1);
        let comment = gitea.comments(1).remove(0);
        assert!(comment.contains("> alice could not be assigned"), "{comment}");
        let label = if exists {
            "> the labels could not be set: "
        } else {
            "> the label watchdog could not be made: "
        };
        assert!(comment.contains(label), "{comment}");
        assert_eq!(comment.matches("> [!NOTE]").count(), 2, "{comment}");
        eventually("it is closed", || gitea.open() == 0);
        all_is_told(&teawatch, &gitea);
        assert_eq!(gitea.issues().len(), 1);
    }
}

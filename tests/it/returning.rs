//! What was silent or deleted, and comes back.

use serde_json::json;

use crate::support::{
    Gitea, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing,
};
use crate::watching::status;

#[test]
fn after_a_silence_successes_are_counted_anew() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.recover_after", "2")]);
    let disk = |seconds: f64| {
        let disk = json!({ "name": "disk", "kind": "success", "interval_seconds": seconds });
        Report::new("db1").every(3_600.0).observation(disk)
    };
    teawatch.report(&disk(3_600.0));
    teawatch.report(&disk(0.2));
    eventually("its silence is told", || gitea.open() == 1);
    teawatch.report(&disk(3_600.0));
    assert_eq!(status(&teawatch, "db1/disk"), "down");
    teawatch.report(&disk(3_600.0));
    assert_eq!(status(&teawatch, "db1/disk"), "up");
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_relapse_whose_closed_issue_was_deleted_has_a_new_issue_at_once() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    teawatch.report(&failing("db1/disk"));
    eventually("there is a new one", || gitea.open() == 1);
    assert_eq!(gitea.issue(2).title, "[watchdog] db1/disk: it is broken");
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed as well", || gitea.open() == 0 && teawatch.outbox().is_empty());
    all_is_told(&teawatch, &gitea);
}

#[test]
fn a_relapse_whose_closed_issue_was_deleted_keeps_its_place_where_there_is_no_other() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("storm.max_open_issues", "1")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    teawatch.report(&failing("db1/disk"));
    eventually("there is a new one", || gitea.open() == 1);
    assert_eq!(gitea.issue(2).title, "[watchdog] db1/disk: it is broken");
    // There is no room for a second.
    teawatch.report(&failing("db1/other"));
    eventually("the rest has a row", || gitea.open() == 2);
    assert!(gitea.issue(3).title.starts_with("[watchdog] overflow of "));
    teawatch.report(&passing("db1/disk"));
    teawatch.report(&passing("db1/other"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

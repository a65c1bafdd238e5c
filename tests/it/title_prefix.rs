//! The label by which a check chooses what the titles of its issues begin with.

use serde_json::{Value, json};

use crate::support::{Gitea, Report, Teawatch, all_is_told, eventually};

fn wearing(source: &str, name: &str, kind: &str, prefix: &str) -> Report {
    let labels = json!({ "title_prefix": prefix });
    let seen = json!({ "name": name, "kind": kind, "summary": "it is broken", "labels": labels });
    Report::new(source).observation(seen)
}

#[test]
fn a_prefix_from_outside_is_made_harmless_and_leaves_room_for_what_is_wrong() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let long = "x".repeat(200);
    let cut = format!("{}…", "x".repeat(61));
    for (number, (prefix, shown)) in [
        ("[night]", "[night] "),
        ("@alice ops/alerts#7 !8", "@\u{200b}alice ops/alerts#\u{200b}7 !\u{200b}8 "),
        ("deadbeef0", "deadbe\u{200b}ef0 "),
        ("http://gitea/ops", "http:\u{200b}//gitea/ops "),
        ("a\u{202e}b\u{2066}", "a b "),
        (&long, &format!("{cut} ")),
        ("", ""),
        ("  \u{202e} ", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let (number, name) = (u64::try_from(number).unwrap() + 1, format!("c{number}"));
        teawatch.report(&wearing("db1", &name, "failure", prefix));
        eventually("an issue is open", || gitea.issues().len() == usize::try_from(number).unwrap());
        assert_eq!(gitea.issue(number).title, format!("{shown}db1/{name}: it is broken"));
    }
    let (status, _) = teawatch.send(&wearing("db1", "c", "failure", "two\nlines"));
    assert_eq!(status, 422);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn an_open_issue_keeps_its_title_when_its_check_changes_the_prefix() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alerts.reopen_window", "0s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&wearing("db1", "disk", "failure", "[one]"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.report(&wearing("db1", "disk", "failure", "[two]"));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issue(1).title, "[one] db1/disk: it is broken");
    teawatch.report(&wearing("db1", "disk", "success", "[three]"));
    eventually("the issue is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
    teawatch.report(&wearing("db1", "disk", "failure", "[four]"));
    eventually("the next has its own", || gitea.issues().len() == 2);
    assert_eq!(gitea.issue(2).title, "[four] db1/disk: it is broken");
    all_is_told(&teawatch, &gitea);
}

#[test]
fn the_issue_of_a_group_wears_the_prefix_of_its_first_check() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alerts.group_by", "source"), ("alerts.open_after", "300ms")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let mut report = wearing("db1", "cpu", "failure", "[cpu]");
    let disk = wearing("db1", "disk", "failure", "[disk]");
    let Value::Array(more) = disk.body["observations"].clone() else { panic!("no list") };
    more.into_iter().for_each(|one| report = report.clone().observation(one));
    teawatch.report(&report);
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(gitea.issue(1).title, "[cpu] db1: 2 checks in trouble");
    all_is_told(&teawatch, &gitea);
}

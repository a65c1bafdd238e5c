//! What becomes of them: one issue for a group, and its end.

use serde_json::{Value, json};
use teawatch::sandbox::Right;

use super::{GROUP, SOURCE, checks, message, request, send, tell};
use crate::support::{Gitea, REPOSITORY, Teawatch, ask, eventually, figure};

#[test]
fn a_group_is_one_issue_from_its_first_alert_to_its_last() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    tell(&teawatch, &message("firing"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    let issue = gitea.issue(1);
    assert_eq!(
        issue.title,
        format!("[watchdog] {SOURCE}/{GROUP}: 2 alerts: The disk is nearly full")
    );
    for words in [
        r#"firing since 2026-11-30 17:51 UTC instance="db1:9100""#,
        "  description: Only 3 % of /var are left on db1.\n    It fills in 2 h.\n",
        "runbook_url: https://wiki.example.com/disk",
        "http://prom.example.com/graph?g0.expr=disk",
        r#"firing since 2026-11-30 17:51 UTC instance="db2:9100""#,
        "Alertmanager: http://alerts.example.com:9093",
    ] {
        assert!(issue.body.contains(words), "no {words:?} in\n{}", issue.body);
    }

    // The other of a pair says the same, and so does the repetition hours later.
    tell(&teawatch, &message("firing"));
    tell(&teawatch, &message("partly_resolved"));
    eventually("its table says so", || !gitea.issue(1).body.contains("| 2 alerts: The disk"));
    assert_eq!(gitea.open(), 1);
    tell(&teawatch, &message("resolved"));
    eventually("it is closed", || gitea.open() == 0);
    eventually("that is told", || gitea.comments(1).concat().contains("**Recovered**"));
    tell(&teawatch, &message("resolved"));
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 1);
    // Nobody expects an agent there.
    let names: Vec<_> = checks(&teawatch).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [GROUP]);
}

#[test]
fn a_group_is_the_same_after_its_route_was_edited_and_another_by_other_labels() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut firing = message("firing");
    tell(&teawatch, &firing);
    firing["groupKey"] = json!("{}/{severity=\"critical\"}:{alertname=\"DiskFull\"}");
    firing["routeLabels"] = json!({ "new": "field" });
    tell(&teawatch, &firing);
    firing["groupLabels"]["job"] = json!("other");
    tell(&teawatch, &firing);
    eventually("two are open", || gitea.open() == 2);
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn each_alert_is_an_issue_of_its_own_where_that_is_wanted() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alertmanager.issue_per", "alert")]);
    tell(&teawatch, &message("firing"));
    eventually("two are open", || gitea.open() == 2);
    tell(&teawatch, &message("partly_resolved"));
    eventually("one of them is closed", || gitea.open() == 1);
    teawatch.settles(&gitea);
    let open: Vec<_> = gitea.issues().into_iter().filter(|issue| issue.is_open).collect();
    let name = r#"DiskFull{instance="db1:9100", job="node", severity="critical"}"#;
    assert_eq!(
        open[0].title,
        format!("[watchdog] {SOURCE}/tea.watch-1/{name}: The disk is nearly full")
    );
    tell(&teawatch, &message("resolved"));
    eventually("both are closed", || gitea.open() == 0);
}

#[test]
fn a_message_of_many_alerts_leaves_turns_to_others() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alertmanager.issue_per", "alert"), ("limits.report_observations", "2")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let turns = || figure(&teawatch.url, "teawatch_turns_total");
    let mut many = message("resolved");
    let alert = many["alerts"][0].clone();
    let alerts = (0..401).map(|number| {
        let mut alert = alert.clone();
        alert["labels"]["instance"] = json!(format!("db{number}:9100"));
        alert
    });
    many["alerts"] = alerts.collect();
    let before = turns();
    let answer = send(&teawatch, &many);
    assert_eq!((answer.status, &answer.body["accepted"]), (200, &json!(401)));
    assert!(turns() - before > 200.0, "two of them in one turn");
    assert_eq!(checks(&teawatch).len(), 401);
}

#[test]
fn routes_match_the_labels_that_all_of_its_alerts_wear() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.world().add_repository("ops", "pages").unwrap();
    gitea.world().set_rights("ops/pages", "teawatch", Some(Right::Write)).unwrap();
    let routes = "[[route]]\nmatch.labels.severity = 'critical'\nrepository = 'ops/pages'\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], routes);
    tell(&teawatch, &message("firing"));
    let open = || gitea.world().issues("ops/pages").filter(|issue| issue.is_open).count();
    eventually("it is open there", || open() == 1);
    assert_eq!(gitea.world().issues(REPOSITORY).count(), 0);
}

#[test]
fn one_message_is_enough_however_many_results_others_need() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let patient =
        [("alerts.fail_after", "3"), ("alerts.fail_for", "1h"), ("alerts.recover_after", "3")];
    let teawatch = Teawatch::start(data.path(), &gitea, &patient);
    tell(&teawatch, &message("firing"));
    eventually("an issue is open", || gitea.open() == 1);
    tell(&teawatch, &message("resolved"));
    eventually("it is closed", || gitea.open() == 0);
}

#[test]
fn what_is_not_said_again_is_taken_for_over_also_after_a_restart() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alertmanager.repeat_interval", "1s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    tell(&teawatch, &message("firing"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    eventually("it is closed", || gitea.open() == 0);
    teawatch.settles(&gitea);
    let comments = gitea.comments(1).concat();
    assert!(comments.contains("nobody has said it again"), "{comments}");
    assert_eq!(checks(&teawatch)[0].1["status"], "up");
    // It was not over after all.
    tell(&teawatch, &message("firing"));
    eventually("it is open again", || gitea.issue(1).is_open);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn what_was_cut_off_may_fire_and_closes_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut firing = message("firing");
    firing["truncatedAlerts"] = json!(7);
    tell(&teawatch, &firing);
    eventually("an issue is open", || gitea.open() == 1);
    assert!(gitea.issue(1).title.contains("2 alerts and 7 that were cut off"));
    let mut resolved = message("resolved");
    resolved["truncatedAlerts"] = json!(7);
    tell(&teawatch, &resolved);
    teawatch.settles(&gitea);
    let check = checks(&teawatch)[0].1.clone();
    assert_eq!((check["status"].as_str(), gitea.open()), (Some("unknown"), 1));
    assert!(check.to_string().contains("max_alerts"), "{check}");
    tell(&teawatch, &message("resolved"));
    eventually("it is closed", || gitea.open() == 0);
}

#[test]
fn nobody_waits_for_ever_to_hear_of_what_was_cut_off() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alertmanager.repeat_interval", "1s"), ("alerts.unknown_after", "1s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    tell(&teawatch, &message("firing"));
    let mut resolved = message("resolved");
    resolved["truncatedAlerts"] = json!(7);
    tell(&teawatch, &resolved);
    eventually("that nobody can tell is told", || gitea.issues().len() == 2);
    eventually("both are over", || gitea.open() == 0);
    teawatch.settles(&gitea);
    assert_eq!(checks(&teawatch)[0].1["status"], "up");
}

/// What always fires, or did.
fn watchdog(status: &str) -> Value {
    let mut watchdog = message("firing");
    for labels in ["groupLabels", "commonLabels"] {
        watchdog[labels] = json!({ "alertname": "Watchdog" });
    }
    watchdog["alerts"].as_array_mut().unwrap().truncate(1);
    watchdog["alerts"][0]["status"] = json!(status);
    watchdog["status"] = json!(status);
    watchdog
}

#[test]
fn the_silence_of_a_watchdog_is_the_trouble_and_its_end_is_no_success() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alertmanager.watchdog_interval", "1s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    tell(&teawatch, &watchdog("firing"));
    let check = checks(&teawatch)[0].1.clone();
    assert_eq!(
        (check["name"].as_str(), check["status"].as_str()),
        (Some("tea.watch-1/Watchdog"), Some("up"))
    );
    // Said again and again, and no success: it is silent all the same.
    eventually("its silence opens an issue", || {
        tell(&teawatch, &watchdog("resolved"));
        gitea.open() == 1
    });
    tell(&teawatch, &watchdog("firing"));
    eventually("it is closed", || gitea.open() == 0);
}

#[test]
fn a_bearer_token_will_do_with_the_source_in_the_address_or_a_header() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let secret = Teawatch::secret(SOURCE);
    let body = message("firing").to_string();
    let bearer = |query: &str| request(&teawatch, query, body.clone()).bearer_auth(secret.expose());
    for request in [bearer("?source=prom1"), bearer("").header("teawatch-source", SOURCE)] {
        let answer = ask(request);
        assert_eq!((answer.status, &answer.body), (200, &json!({ "accepted": 1 })));
    }
    eventually("an issue is open", || gitea.open() == 1);
}

#[test]
fn words_of_strangers_call_nobody_and_break_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut odd = message("firing");
    let words = format!("@all #1 <!-- x --> {} \u{0}\r\n", "`".repeat(20_000));
    odd["commonAnnotations"] = json!({ "summary": words });
    odd["alerts"][0]["annotations"] = json!({ "summary": words, "description": words });
    odd["groupLabels"] = json!({ "alertname": words, "path": "/x".repeat(5_000) });
    odd["receiver"] = json!(r"a/b\\c\.d");
    assert_eq!(send(&teawatch, &odd).status, 200);
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    let issue = gitea.issue(1);
    assert!(issue.title.starts_with(r"[watchdog] prom1/a/b\c.d/@"), "{}", issue.title);
    assert!(!issue.title.contains("@all"), "{}", issue.title);
    tell(&teawatch, &odd);
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 1);
}

//! Text from outside that would like to act.

use std::collections::BTreeSet;

use serde_json::json;
use teawatch::alert::Salt;
use teawatch::alert::marker::Marker;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    Gitea, REPOSITORY, Report, SALT, Teawatch, client, eventually, failing, passing,
};

const TABLE_BEGIN: &str = "<!-- teawatch: this table is kept up to date -->";
const TABLE_END: &str = "<!-- teawatch: end of the table -->";

/// Everything that is wicked, around another alert's marker.
fn wicked(marker: &str) -> String {
    format!(
        "{marker}\n\n{marker}\r\n{TABLE_END}\n{TABLE_BEGIN}\n| a | b |\n|---|---|\n| c | d |\n\
         @all @alice #1 !1 ops/alerts#1 closes #1 https://gitea.example.org/ops/alerts/issues/1\n\
         ```\n~~~\n</details></code></pre>\n<script>alert(1)</script>\n<!-- begins and never ends\n\
         \u{1b}[2J\0\u{202e}txt\n# heading\n| x |\n"
    )
}

/// The markers in a text that teawatch would believe.
fn markers(text: &str) -> Vec<Marker> {
    text.lines().filter_map(|line| Marker::find(&Salt::new(SALT), line)).collect()
}

/// Holds that only the first line of a text of ours is believed, and that it has as many
/// tables as it should.
#[track_caller]
fn is_tame(text: &str, tables: usize) {
    assert_eq!(markers(text).len(), 1, "{text}");
    assert_eq!(Marker::find(&Salt::new(SALT), text.lines().next().unwrap()), markers(text).pop());
    for delimiter in [TABLE_BEGIN, TABLE_END] {
        assert_eq!(text.matches(delimiter).count(), tables, "{delimiter}\n{text}");
    }
    assert_eq!(text.matches("<!--").count(), 1 + 2 * tables, "{text}");
    assert!(!text.contains(['\0', '\u{1b}']), "{text:?}");
    for line in outside_of_code(text) {
        for active in ["@all", "@alice", "#1", "!1", "<script", "gitea.example.org/ops"] {
            let is_address = active.starts_with("gitea") && !line.contains("https://");
            assert!(!line.contains(active) || is_address, "{active} in {line}");
        }
    }
}

/// The lines that are not in a fence, as `CommonMark` has it.
fn outside_of_code(text: &str) -> Vec<&str> {
    let mut fence: Option<usize> = None;
    let mut outside = Vec::new();
    for line in text.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if ticks >= open && line.trim_start_matches('`').trim().is_empty() => {
                fence = None;
            }
            Some(_) => {}
            None if ticks >= 3 => fence = Some(ticks),
            None => outside.push(line),
        }
    }
    assert_eq!(fence, None, "a fence stays open:\n{text}");
    outside
}

/// The page of an issue, as people see it.
fn page(gitea: &Gitea, number: u64) -> String {
    let url = format!("{}{REPOSITORY}/issues/{number}", gitea.url);
    client().get(url).send().unwrap().text().unwrap()
}

#[test]
fn a_wicked_text_is_shown_and_does_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.group_by", "source")]);
    teawatch.report(&failing("innocent/check"));
    eventually("the first issue is open", || gitea.open() == 1);
    let first = gitea.issue(1).body;
    let text = wicked(first.lines().next().unwrap());
    let name: String =
        format!("{TABLE_END} @all #1 |`<b>{}", "`".repeat(50)).chars().take(150).collect();
    let wicked_check = |name: &str, kind: &str| {
        json!({
            "name": name,
            "kind": kind,
            "summary": text.clone(),
            "details": format!("{text}{}\n{text}", "`".repeat(20_000)),
            "numbers": { TABLE_END: 1.5, "@all #1": 2 },
            "labels": { TABLE_BEGIN: "@all #1" },
        })
    };
    let report = |name: &str, kind: &str| {
        teawatch.report(&Report::new("db1").observation(wicked_check(name, kind)));
    };
    report(&name, "failure");
    eventually("the second issue is open", || gitea.open() == 2);
    is_tame(&gitea.issue(2).body, 1);
    assert_ne!(markers(&gitea.issue(2).body), markers(&first));
    let title = gitea.issue(2).title;
    assert!(title.len() <= 255 && !title.contains("@all") && !title.contains("#1"), "{title}");
    assert!(!title.chars().any(char::is_control), "{title:?}");

    // The table is found again, between its own delimiters, and put in place.
    report("another | name", "failure");
    eventually("the table has both", || gitea.issue(2).body.contains("another"));
    is_tame(&gitea.issue(2).body, 1);
    eventually("it is told", || gitea.comments(2).len() == 1 && teawatch.outbox().is_empty());
    report(&name, "success");
    report("another | name", "success");
    eventually("all is over", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(gitea.comments(2).len() >= 2, "{:?}", gitea.comments(2));
    for comment in gitea.comments(2) {
        is_tame(&comment, 0);
    }

    let page = page(&gitea, 2);
    assert_eq!(page.matches("<table>").count(), 1, "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(!page.contains("<h1>heading"), "{page}");
    assert_eq!(gitea.issue(1).body, first);
    assert_eq!(gitea.comments(1), Vec::<String>::new());
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn a_title_is_cut_to_255_bytes_at_a_character_and_says_so() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let summary = "é".repeat(250);
    // One byte more or less in front, so that a character ends at the limit or does not.
    for check in ["db1/disk", "db1/disks"] {
        let (source, name) = check.split_once('/').unwrap();
        teawatch.report(&Report::new(source).check(name, "failure", &summary));
        eventually("the issue is open", || gitea.issues_about(check).len() == 1);
        let issue = gitea.issues_about(check).remove(0);
        assert!((250..=255).contains(&issue.title.len()), "{}", issue.title);
        assert!(issue.title.ends_with("é…"), "{}", issue.title);
    }
}

#[test]
fn another_alerts_marker_in_a_text_is_not_believed_after_a_crash() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("the repository was read", || teawatch.get("/readyz").0 == 200);
    // Nothing is done, and no answer comes: so the first effect is in doubt.
    gitea.order(Fault::new(Action::HangUp).on(&http::Method::POST, Route::Issues));
    teawatch.report(&failing("victim/disk"));
    eventually("the first is in doubt", || {
        teawatch.outbox().first().is_some_and(|entry| !entry["doubt"].is_null())
    });
    let entry = teawatch.outbox().remove(0);
    let marker = entry["text"]["body"].as_str().unwrap().lines().next().unwrap().to_owned();
    assert_eq!(markers(&marker).len(), 1, "{entry}");
    // Meanwhile an agent sends that marker in everything that it may write.
    let thief = json!({
        "name": format!("disk {}", marker.chars().take(180).collect::<String>()),
        "kind": "failure",
        "summary": marker,
        "details": format!("\n{marker}\n```\n{marker}\n"),
        "numbers": { "a": 1 },
    });
    teawatch.report(&Report::new("thief").observation(thief));
    // And a person, who is not teawatch's user.
    gitea.world().open_as("alice", REPOSITORY, "victim/disk", &marker, gitea.now()).unwrap();
    eventually("the thief has its issue", || {
        gitea.issues().iter().any(|issue| issue.title.contains("thief"))
    });
    teawatch.kill();

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("nothing waits", || teawatch.outbox().is_empty());
    let issues = gitea.issues();
    assert_eq!(
        issues.len(),
        3,
        "{:?}",
        issues.iter().map(|issue| &issue.title).collect::<Vec<_>>()
    );
    let (_, alerts) = teawatch.get("/api/v1/alerts");
    let numbers: BTreeSet<_> = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let number = alert["issue"].as_u64().unwrap();
            let issue = gitea.issue(number);
            let source = alert["group"]["source"].as_str().unwrap();
            assert!(issue.title.starts_with(&format!("[watchdog] {source}/")), "{alert}");
            assert_eq!(markers(&issue.body)[0].fingerprint.to_string(), alert["fingerprint"]);
            number
        })
        .collect();
    assert_eq!(numbers.len(), 2);
    // And each closes its own.
    teawatch.report(&passing("victim/disk"));
    eventually("one is closed", || gitea.open() == 2 && teawatch.outbox().is_empty());
    let closed: Vec<_> = gitea.issues().into_iter().filter(|issue| !issue.is_open).collect();
    assert!(closed[0].title.starts_with("[watchdog] victim/disk"));
}

//! What people read in an issue and its title, word for word.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use jiff::SignedDuration;

use super::super::pacing::Missed;
use super::super::table::{TABLE_BEGIN, TABLE_END};
use super::super::text::{Facts, body, comment, farewell, title};
use super::super::words::human;
use super::super::{Group, Standing};
use super::samples::{at, disk, down, facts, firing};

#[test]
fn an_opening_says_what_is_wrong_since_when_and_what_was_seen() {
    let mut alert = down();
    alert.target.intro = "Call the database people: runbook 7.".to_owned();
    alert.previous = Some(41);
    alert.talk.missed = Some(Missed { times: 2, first: at(-600), last: at(-300) });
    let mut facts = facts(&alert);
    facts.absences = vec![(at(-900), at(-840))];
    let seen = facts.diagnostics.get_mut("db1/disk").unwrap().seen.as_mut().unwrap();
    seen.details = "Filesystem  Use%\n/dev/sda1   97%\n".to_owned();
    seen.numbers.insert("used_percent".to_owned(), 97.5);
    assert_snapshot!(title(&alert), @"db1/disk: 97 % full");
    assert_snapshot!(body(&facts), @r"
    <!-- marker -->

    Call the database people: runbook 7.

    **db1/disk is down** since 2026-01-02 03:04 UTC.

    <!-- teawatch: this table is kept up to date -->
    | check | state | since | last report |
    |---|---|---|---|
    | db1/disk | **down** | 2026-01-02 03:04 UTC | 97 % full |
    <!-- teawatch: end of the table -->

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full

    used\_percent = 97.5

    ```text
    Filesystem  Use%
    /dev/sda1   97%
    ```

    teawatch itself was not looking from 2026-01-02 02:49:05 UTC to 2026-01-02 02:50:05 UTC (1 min); that time counts against nobody.

    It was in trouble twice before, first at 2026-01-02 02:54 UTC, and well again before an issue could be opened.

    The last time was #41.

    ---
    teawatch keeps the table up to date, comments on what changes, and closes this issue on recovery. Write wherever else you like. [teawatch](https://watch.example/)
    ");
}

#[test]
fn each_kind_of_trouble_has_its_own_words() {
    let opening = |group, standing, summary| {
        let alert = firing(group, &[("db1/disk", standing, summary)]);
        let text = body(&facts(&alert));
        let lead = text.split("\n\n").nth(1).unwrap();
        format!("{}\n{lead}\n", title(&alert))
    };
    assert_snapshot!(opening(disk(), Standing::Silent, "fine"), @"
    db1/disk: silent
    **db1/disk is silent** since 2026-01-02 03:04 UTC: nothing was heard from it for longer than its interval and grace allow. It may be dead, stopped, or unable to reach teawatch.
    ");
    assert_snapshot!(opening(disk(), Standing::NeverSeen, ""), @"
    db1/disk: never heard of
    **db1/disk was never heard of**: the configuration expects it, and nothing had come by 2026-01-02 03:04 UTC. Does its agent run, and report under this name?
    ");
    assert_snapshot!(opening(disk(), Standing::Flapping, "fine"), @"
    db1/disk: flapping
    **db1/disk is flapping** since 2026-01-02 03:04 UTC: it changes so often between passing and failing that neither is believed.
    ");
    let blind = Group::Blind { source: "db1".to_owned(), name: "disk".to_owned() };
    assert_snapshot!(opening(blind, Standing::CannotTell, "no such program"), @r#"
    cannot tell: db1/disk: no such program
    **Nobody can tell how db1/disk is**, since 2026-01-02 03:04 UTC: its results say "unknown". This is not a failure of what is watched; look at whoever watches it: a missing program, missing rights, a timeout.
    "#);
    let source = Group::Source { source: "db1".to_owned() };
    assert_snapshot!(opening(source, Standing::Failing, "97 % full"), @"
    db1: disk: 97 % full
    **db1/disk is down** since 2026-01-02 03:04 UTC.
    ");
}

#[test]
fn a_group_names_its_checks_and_shows_the_well_ones_last() {
    let alert = firing(
        Group::Named { name: "shop".to_owned() },
        &[
            ("db1/disk", Standing::Failing, "97 % full"),
            ("web1/http", Standing::Well, "200 in 30 ms"),
            ("web2/http", Standing::Silent, "200 in 31 ms"),
        ],
    );
    assert_snapshot!(title(&alert), @"shop: 2 checks in trouble");
    assert_snapshot!(body(&facts(&alert)), @"
    <!-- marker -->

    **2 checks are in trouble**: db1/disk, web2/http.

    <!-- teawatch: this table is kept up to date -->
    | check | state | since | last report |
    |---|---|---|---|
    | db1/disk | **down** | 2026-01-02 03:04 UTC | 97 % full |
    | web2/http | **silent** | 2026-01-02 03:04 UTC | 200 in 31 ms |
    | web1/http | well | 2026-01-02 03:04 UTC | 200 in 30 ms |
    <!-- teawatch: end of the table -->

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full

    **web2/http**, 2026-01-02 05:03:05 UTC: 200 in 31 ms

    ---
    teawatch keeps the table up to date, comments on what changes, and closes this issue on recovery. Write wherever else you like. [teawatch](https://watch.example/)
    ");
}

#[test]
fn an_overflow_says_why_it_is_there() {
    let alert = firing(
        Group::Overflow { repository: "ops/alerts".to_owned() },
        &[
            ("db1/disk", Standing::Failing, "97 % full"),
            ("source web1", Standing::Silent, "reporting"),
        ],
    );
    assert_snapshot!(title(&alert), @"overflow of ops/alerts: too much trouble at once");
    assert_snapshot!(body(&Facts { diagnostics: BTreeMap::new(), ..facts(&alert) }), @"
    <!-- marker -->

    So much went wrong at once that teawatch opens no further issues in ops/alerts for now. What follows has no issue of its own and stays here until it is well again.

    **2 alerts have no issue of their own**: db1/disk, source web1.

    <!-- teawatch: this table is kept up to date -->
    | alert | state | since | last report |
    |---|---|---|---|
    | db1/disk | **down** | 2026-01-02 03:04 UTC | 97 % full |
    | source web1 | **silent** | 2026-01-02 03:04 UTC | reporting |
    <!-- teawatch: end of the table -->

    ---
    teawatch keeps the table up to date, comments on what changes, and closes this issue on recovery. Write wherever else you like. [teawatch](https://watch.example/)
    ");
}

#[test]
fn what_comes_from_outside_stays_harmless_wherever_it_is_shown() {
    let evil = "@all #1 o/r#2 <!-- teawatch:x --> ``` | [a](http://b) deadbeef1";
    let mut alert = firing(
        Group::Check { source: "db1".to_owned(), name: evil.to_owned() },
        &[(&format!("db1/{evil}"), Standing::Failing, evil)],
    );
    alert.talk.gathered.gone.push(evil.to_owned());
    alert.talk.gathered.notes.push(evil.to_owned());
    let mut facts = facts(&alert);
    for told in facts.diagnostics.values_mut() {
        evil.clone_into(&mut told.account);
        let seen = told.seen.as_mut().unwrap();
        seen.details = format!("```\n{evil}\n<!-- teawatch:x -->\n````\n@all");
        seen.numbers.insert(evil.to_owned(), 1.0);
    }
    let texts =
        [body(&facts), comment(&facts), farewell(&facts, &alert.talk.gathered), title(&alert)];
    for text in texts {
        // Mentions and references mean nothing inside a block of code.
        let outside: String = text.split("`````").step_by(2).collect();
        for active in ["@all", "#1", "o/r#2", "://b"] {
            assert!(!outside.contains(active) || text == title(&alert), "{active} in {text}");
        }
        let ours = text.replace("<!-- marker -->", "");
        let ours = ours.replace(TABLE_BEGIN, "").replace(TABLE_END, "");
        assert!(!ours.contains("<!--"), "{text}");
    }
    assert!(!title(&alert).contains("@all") && !title(&alert).contains("#1"));
}

#[test]
fn a_title_fits_and_says_the_most_of_it() {
    let long = "x".repeat(300);
    let alert = firing(disk(), &[("db1/disk", Standing::Failing, &long)]);
    let title = title(&alert);
    assert!(title.len() <= 255 && title.starts_with("db1/disk: xxx") && title.ends_with('…'));
}

#[test]
fn durations_are_said_as_people_say_them() {
    let said = [0, 59, 60, 61, 600, 601, 3_600, 3_660, 86_400, 90_000, -5]
        .map(|seconds| human(SignedDuration::from_secs(seconds)));
    assert_eq!(
        said,
        [
            "0 s",
            "59 s",
            "1 min",
            "1 min 1 s",
            "10 min",
            "10 min",
            "1 h",
            "1 h 1 min",
            "1 d",
            "1 d 1 h",
            "0 s"
        ]
    );
}

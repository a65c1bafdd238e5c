//! Every text that people read, word for word.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use super::super::pacing::{Gathered, Missed};
use super::super::table::{TABLE_BEGIN, TABLE_END, table, with_table};
use super::super::text::{Diagnostics, Facts, body, comment, farewell, title};
use super::super::words::human;
use super::super::{Alert, Group, Member, Phase, Standing};
use super::alert;

/// 2026-01-02T03:04:05Z and so many seconds.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_323_045 + second).unwrap()
}

fn disk() -> Group {
    Group::Check { source: "db1".to_owned(), name: "disk".to_owned() }
}

fn member(standing: Standing, summary: &str) -> Member {
    Member { standing, since: at(0), summary: summary.to_owned() }
}

/// An alert that has been firing since 03:04:05, with these members.
fn firing(group: Group, members: &[(&str, Standing, &str)]) -> Alert {
    let members = members
        .iter()
        .map(|&(name, standing, summary)| (name.to_owned(), member(standing, summary)));
    Alert {
        phase: Phase::Firing,
        episode: 1,
        fired_at: at(0),
        members: members.collect(),
        ..alert(group)
    }
}

fn down() -> Alert {
    firing(disk(), &[("db1/disk", Standing::Failing, "97 % full")])
}

/// Two hours later; each member was seen a minute ago.
fn facts(alert: &Alert) -> Facts<'_> {
    let seen = |(name, member): (&String, &Member)| {
        let diagnostics = Diagnostics {
            summary: member.summary.clone(),
            details: String::new(),
            numbers: BTreeMap::new(),
            at: at(7_140),
        };
        (name.clone(), diagnostics)
    };
    Facts {
        alert,
        now: at(7_200),
        diagnostics: alert.members.iter().map(seen).collect(),
        absences: Vec::new(),
        public_url: Some("https://watch.example"),
        marker: "<!-- marker -->".to_owned(),
    }
}

fn gathered(alert: Alert, gathered: Gathered) -> Alert {
    let mut alert = alert;
    alert.talk.gathered = gathered;
    alert
}

#[test]
fn an_opening_says_what_is_wrong_since_when_and_what_was_seen() {
    let mut alert = down();
    alert.target.intro = "Call the database people: runbook 7.".to_owned();
    alert.previous = Some(41);
    alert.talk.missed = Some(Missed { times: 2, first: at(-600), last: at(-300) });
    let mut facts = facts(&alert);
    facts.absences = vec![(at(-900), at(-840))];
    let seen = facts.diagnostics.get_mut("db1/disk").unwrap();
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
fn a_comment_sums_up_what_changed() {
    let alert = gathered(
        down(),
        Gathered {
            since: Some(at(6_600)),
            results: 12,
            failures: 7,
            began: 2,
            ended: 1,
            ..Gathered::default()
        },
    );
    assert_snapshot!(comment(&facts(&alert)), @"
    <!-- marker -->

    **db1/disk is down** since 2026-01-02 03:04 UTC.

    Since 2026-01-02 04:54:05 UTC: 12 results, 7 of them failing; into trouble twice, well again once.

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full
    ");
}

#[test]
fn a_reminder_says_how_long_it_has_lasted() {
    let alert = gathered(down(), Gathered { reminder: true, ..Gathered::default() });
    assert_snapshot!(comment(&facts(&alert)), @"
    <!-- marker -->

    **Still in trouble**, for 2 h.

    **db1/disk is down** since 2026-01-02 03:04 UTC.

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full
    ");
}

#[test]
fn a_recovery_says_when_and_after_how_long() {
    let mut alert = firing(disk(), &[("db1/disk", Standing::Well, "41 % full")]);
    alert.phase = Phase::Inactive;
    let alert = gathered(
        alert,
        Gathered {
            since: Some(at(5_430)),
            results: 1,
            ended: 1,
            fired_at: Some(at(0)),
            closed_at: Some(at(5_430)),
            ..Gathered::default()
        },
    );
    assert_snapshot!(comment(&facts(&alert)), @"
    <!-- marker -->

    **Recovered** at 2026-01-02 04:34 UTC: all is well again, after 1 h 30 min.

    Since 2026-01-02 04:34:35 UTC: 1 result, 0 of them failing.

    **db1/disk**, 2026-01-02 05:03:05 UTC: 41 % full
    ");
}

#[test]
fn a_relapse_is_told_after_the_recovery_that_it_follows() {
    let mut alert = down();
    alert.fired_at = at(6_000);
    alert.reopens = 1;
    let relapse = Gathered {
        since: Some(at(5_430)),
        fired_at: Some(at(0)),
        closed_at: Some(at(5_430)),
        reopened_at: Some(at(6_000)),
        began: 1,
        ended: 1,
        ..Gathered::default()
    };
    assert_snapshot!(comment(&facts(&gathered(alert, relapse))), @"
    <!-- marker -->

    **Recovered** at 2026-01-02 04:34 UTC: all is well again, after 1 h 30 min.

    **In trouble again** at 2026-01-02 04:44 UTC: the first relapse in this issue.

    **db1/disk is down** since 2026-01-02 03:04 UTC.

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full
    ");
}

#[test]
fn a_recovery_is_told_after_the_relapse_that_it_ends() {
    let mut alert = firing(disk(), &[("db1/disk", Standing::Well, "41 % full")]);
    alert.phase = Phase::Inactive;
    alert.reopens = 3;
    let relapse = Gathered {
        since: Some(at(6_000)),
        reopened_at: Some(at(6_000)),
        fired_at: Some(at(6_000)),
        closed_at: Some(at(6_090)),
        began: 1,
        ended: 1,
        ..Gathered::default()
    };
    assert_snapshot!(comment(&facts(&gathered(alert, relapse))), @"
    <!-- marker -->

    **In trouble again** at 2026-01-02 04:44 UTC: relapse number 3 in this issue.

    **Recovered** at 2026-01-02 04:45 UTC: all is well again, after 1 min 30 s.

    **db1/disk**, 2026-01-02 05:03:05 UTC: 41 % full
    ");
}

#[test]
fn silence_and_flapping_are_told_in_comments_too() {
    for (standing, text) in [
        (Standing::Silent, "db1/disk is silent"),
        (Standing::NeverSeen, "db1/disk was never heard of"),
        (Standing::Flapping, "db1/disk is flapping"),
        (Standing::CannotTell, "Nobody can tell how db1/disk is"),
    ] {
        let alert = firing(disk(), &[("db1/disk", standing, "")]);
        let alert = gathered(alert, Gathered { began: 1, ..Gathered::default() });
        let text = format!("**{text}");
        assert!(comment(&facts(&alert)).contains(&text), "{text}");
    }
}

#[test]
fn what_could_not_be_done_and_what_is_gone_is_told() {
    let alert = gathered(
        down(),
        Gathered {
            gone: vec!["db1/swap: a person said so".to_owned()],
            notes: vec!["carol could not be assigned".to_owned()],
            ..Gathered::default()
        },
    );
    assert_snapshot!(comment(&facts(&alert)), @"
    <!-- marker -->

    **db1/disk is down** since 2026-01-02 03:04 UTC.

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full

    No longer watched: db1/swap: a person said so

    > [!NOTE]
    > carol could not be assigned
    ");
}

#[test]
fn the_last_words_are_about_the_old_trouble_alone() {
    let alert = down();
    let last = Gathered {
        since: Some(at(-600)),
        ended: 1,
        fired_at: Some(at(-4_200)),
        closed_at: Some(at(-600)),
        ..Gathered::default()
    };
    assert_snapshot!(farewell(&facts(&alert), &last), @"
    <!-- marker -->

    **Recovered** at 2026-01-02 02:54 UTC: all is well again, after 1 h.

    It is in trouble again since, and that has an issue of its own.
    ");
}

#[test]
fn of_101_rows_100_are_shown_and_one_is_counted() {
    let names: Vec<_> = (0..101).map(|n| format!("db1/c{n:03}")).collect();
    let members: Vec<_> =
        names.iter().map(|name| (name.as_str(), Standing::Failing, "no")).collect();
    let alert = firing(Group::Source { source: "db1".to_owned() }, &members);
    let table = table(&facts(&alert));
    assert_eq!(table.matches("| **down** |").count(), 100);
    assert!(table.contains("\n\n… and 1 more.\n<!--"), "{table}");
    assert!(!table.contains("c100"));
    // The text names ten of them, and shows what five of them say.
    let body = body(&facts(&alert));
    assert!(body.contains("and 91 more.") && body.contains("… and 96 more."), "{body}");
}

#[test]
fn the_table_replaces_the_one_there_is_and_nothing_else() {
    let alert = down();
    let old = body(&facts(&alert));
    let alert = firing(disk(), &[("db1/disk", Standing::Well, "41 % full")]);
    let new = table(&facts(&alert));
    let edited = with_table(&format!("mine\n\n{old}\nalso mine"), &new);
    assert!(edited.starts_with("mine\n\n") && edited.ends_with("\nalso mine"));
    assert!(edited.contains("| well |") && !edited.contains("| **down** |"));
    assert_eq!(edited.matches("| state |").count(), 1);
    assert_eq!(with_table(&edited, &new), edited);
}

#[test]
fn a_table_whose_delimiters_are_gone_or_doubled_is_appended_once_and_kept_there() {
    let (begin, end) = (TABLE_BEGIN, TABLE_END);
    let alert = down();
    let (old, new) = (body(&facts(&alert)), table(&facts(&alert)).replace("97", "98"));
    for broken in [
        old.replace(begin, ""),
        old.replace(end, ""),
        old.replace(begin, &format!("{begin}\n{begin}")),
        old.replace(end, &format!("{end}\n{end}")),
        old.replace(begin, "").replace(end, ""),
        format!("{end}{begin}"),
        String::new(),
    ] {
        let edited = with_table(&broken, &new);
        assert!(edited.starts_with(broken.trim_end()), "nothing is deleted: {edited}");
        assert!(edited.ends_with(&new), "{edited}");
        assert_eq!(with_table(&edited, &new), edited);
        // The next edit is in the block at the end, not one more behind it.
        let newer = new.replace("98", "99");
        let again = with_table(&edited, &newer);
        assert_eq!(again.len(), edited.len(), "{again}");
        assert!(again.ends_with(&newer) && !again.contains("98 %"), "{again}");
    }
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
    for seen in facts.diagnostics.values_mut() {
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

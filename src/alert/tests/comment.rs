//! What people read in comments, word for word.

use insta::assert_snapshot;

use super::super::pacing::Gathered;
use super::super::text::{comment, farewell};
use super::super::{Phase, Silenced, Standing};
use super::samples::{at, disk, down, facts, firing, gathered};

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
fn what_follows_a_silence_says_whose_it_was_and_why() {
    let silenced = |why: &str| Silenced {
        by: "alice (silence 3)".to_owned(),
        until: at(7_000),
        why: why.to_owned(),
    };
    let silenced_for = |why| Gathered {
        unsilenced_at: Some(at(7_000)),
        silenced: Some(silenced(why)),
        ..Gathered::default()
    };
    assert_snapshot!(comment(&facts(&gathered(down(), silenced_for("a *new* disk")))), @r"
    <!-- marker -->

    **The silence is over**, and the trouble is not: 2 h.

    **db1/disk is down** since 2026-01-02 03:04 UTC.

    Nothing was written meanwhile: alice (silence 3) had silenced it (a \*new\* disk).

    **db1/disk**, 2026-01-02 05:03:05 UTC: 97 % full
    ");
    let text = comment(&facts(&gathered(down(), silenced_for(""))));
    assert!(text.contains("meanwhile: alice (silence 3) had silenced it.\n"), "{text}");
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

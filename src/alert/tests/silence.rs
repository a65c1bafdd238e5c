//! What patterns silence, and until when.

use insta::assert_snapshot;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::{Alert, Group, Phase, Placement, Rule};
use super::script::{Pattern, play_under, silenced};
use super::{alert, at};

/// The two checks of the scripts.
const A: &str = "db1/a";
const B: &str = "db1/b";

/// An issue is open.
const OPEN: &str = "0:x 0:b 0:d";

fn rule() -> Rule {
    Rule { reminders: Vec::new(), comment_interval: SignedDuration::ZERO, ..super::rule() }
}

fn source() -> Alert {
    alert(Group::Source { source: "db1".to_owned() })
}

fn ends(patterns: &[Pattern], script: &str) -> (Alert, String) {
    play_under(patterns, &rule(), Placement::Own, source(), script)
}

fn log(patterns: &[Pattern], script: &str) -> String {
    ends(patterns, script).1
}

fn until(patterns: &[Pattern], script: &str) -> Option<i64> {
    ends(patterns, script).0.silence().map(|silenced| silenced.until.as_second())
}

#[test]
fn trouble_under_a_pattern_is_told_at_its_end() {
    assert_snapshot!(log(&[(A, 0, 500)], "10:x 499:w 500:w"), @"
    10s pending []
    500s firing [tell open 1.0]
    ");
    assert_snapshot!(log(&[(A, 0, 500)], "10:x 20:. 500:w 510:x"), @"
    10s pending []
    20s inactive []
    510s firing [tell open 1.0]
    ");
}

#[test]
fn an_open_issue_is_told_nothing_and_is_closed_at_the_end() {
    let patterns = [(A, 100, 500)];
    let script = format!("{OPEN} 99:w 100:w 110:. 120:x 130:. 500:w");
    assert_snapshot!(log(&patterns, &script), @"
    0s firing [tell open 1.0]
    110s recovering []
    120s firing []
    130s recovering []
    500s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    ");
    let (alert, log) = ends(&patterns, &format!("{OPEN} 100:w 110:X 499:w 500:w"));
    // The other check is in trouble, too, and nothing silences that one.
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    110s firing [tell comment 1.1, tell edit 1.1]
    ");
    assert_eq!(alert.phase, Phase::Firing);
}

#[test]
fn a_pattern_that_begins_takes_back_what_nobody_has_begun_to_write() {
    assert_snapshot!(log(&[(A, 20, 500), (B, 20, 500)], &format!("{OPEN} 10:X 20:w 500:w")), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1, tell edit 1.1]
    20s firing [strike comment 1.1, strike edit 1.1]
    500s firing [tell comment 1.2, tell edit 1.2]
    ");
}

#[test]
fn it_is_silenced_while_each_of_its_checks_in_trouble_is() {
    let both = [(A, 0, 500), (B, 0, 300)];
    assert_eq!(until(&both, "1:x"), Some(500));
    assert_eq!(until(&both, "1:x 2:X"), Some(300));
    // Longer again, as soon as the shorter one is over.
    assert_eq!(until(&both, "1:x 2:X 3:, 300:w"), Some(500));
    assert_eq!(until(&both, "1:x 2:X 300:w"), None);
    assert_eq!(until(&[(A, 0, 500)], "1:X 2:x"), None);
    assert_eq!(until(&[(A, 0, 500)], "1:X 2:x 3:,"), Some(500));
    assert_eq!(until(&[(A, 0, 500)], "1:x 2:X 3:-"), None);
    assert_eq!(until(&[(B, 0, 500)], "1:x 2:X 3:-"), Some(500));
    // None is in trouble: then each of all.
    assert_eq!(until(&[(A, 0, 500)], "1:X 2:x 3:, 4:."), None);
    assert_eq!(until(&both, "1:X 2:x 3:, 4:."), Some(300));
}

#[test]
fn of_two_that_follow_each_other_the_silence_has_no_gap() {
    let patterns = [(A, 100, 300), (A, 300, 500)];
    assert_snapshot!(log(&patterns, &format!("{OPEN} 110:. 300:w 499:w 500:w")), @"
    0s firing [tell open 1.0]
    110s recovering []
    500s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    ");
    assert_eq!(until(&[(A, 0, 300), (A, 200, 500)], "1:x"), Some(300));
    assert_eq!(until(&[(A, 0, 300), (A, 200, 500)], "1:x 200:w"), Some(500));
}

#[test]
fn of_a_person_and_a_pattern_what_ends_later_counts() {
    let script = format!("{OPEN} 10:/silence_190s 100:w");
    let patterns = [(A, 100, 500)];
    let says = |script: &str| ends(&patterns, script).0.explanation(&rule(), None);
    assert!(says(&format!("{OPEN} 10:/silence_190s")).contains("alice has silenced it until"));
    assert_eq!(
        says(&script),
        "In trouble since 1970-01-01 00:00 UTC; bob has silenced it until 1970-01-01 00:08 UTC (a \
         new disk)."
    );
    assert_snapshot!(log(&patterns, &format!("{script} 200:w 210:/unsilence 499:w 500:w")), @"
    0s firing [tell open 1.0]
    500s firing [tell comment 1.1]
    ");
    assert_snapshot!(log(&patterns, &format!("{OPEN} 10:/silence_1000s 100:w 500:w 1009:w 1010:w")), @"
    0s firing [tell open 1.0]
    1010s firing [tell comment 1.1]
    ");
}

#[test]
fn the_end_of_a_pattern_is_told_no_sooner_than_the_next_comment_may_be() {
    let rule = Rule { comment_interval: SignedDuration::from_secs(100), ..rule() };
    let patterns = [(A, 20, 30), (A, 40, 50)];
    let script = format!("{OPEN} 10:X 10:b 10:d 20:, 30:w 50:w 109:w 110:w");
    let log = |patterns| play_under(patterns, &rule, Placement::Own, source(), &script).1;
    assert_snapshot!(log(&patterns), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1]
    109s firing [tell edit 1.1]
    110s firing [tell comment 1.2]
    ");
}

#[test]
fn a_clock_that_was_set_back_moves_the_end() {
    let mut alert = ends(&[(A, 0, 5_000)], "4000:x").0;
    alert.rewind(SignedDuration::from_secs(3_000));
    assert_eq!(alert.silence().unwrap().until, at(2_000));
}

fn pattern() -> impl Strategy<Value = Pattern> {
    (prop::sample::select(vec![A, B]), 0..900_i64, 1..600_i64)
        .prop_map(|(member, from, lasts)| (member, from, from + lasts))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever is remembered to spare work: it is silenced exactly while each check in
    /// trouble is.
    #[test]
    fn what_is_remembered_is_what_is_so(
        patterns in prop::collection::vec(pattern(), 1..6),
        events in prop::collection::vec(
            (0..60_i64, prop::sample::select(vec!["x", ".", "X", ",", "w", "-"])),
            1..40,
        ),
    ) {
        let (mut alert, mut now) = (source(), 0);
        for (passed, event) in events {
            now += passed;
            let script = format!("{now}:{event}");
            alert = play_under(&patterns, &rule(), Placement::Own, alert, &script).0;
            let in_trouble = |member: &&str| {
                alert.members.get(*member).is_some_and(|it| it.standing.is_trouble())
            };
            let mut troubled: Vec<_> = [A, B].into_iter().filter(in_trouble).collect();
            if troubled.is_empty() {
                let members = alert.members.keys();
                troubled = members.map(|name| if name == A { A } else { B }).collect();
            }
            let by = troubled.iter().map(|member| silenced(&patterns, member, at(now)));
            let by: Option<Vec<_>> = by.collect();
            let is_silenced = by.is_some_and(|by| !by.is_empty());
            prop_assert_eq!(alert.silence().is_some(), is_silenced, "{:?}", alert);
        }
    }
}

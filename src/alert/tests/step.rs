//! The life of an alert, as scripts of events tell it.

use insta::assert_snapshot;
use jiff::SignedDuration;

use super::super::{Alert, Group, Phase, Placement, Rule};
use super::script::play;
use super::{alert, at, rule};

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn check() -> Alert {
    alert(Group::Check { source: "db1".to_owned(), name: "a".to_owned() })
}

fn log(rule: &Rule, script: &str) -> String {
    play(rule, Placement::Own, check(), script).1
}

#[test]
fn trouble_opens_an_issue_and_its_end_closes_it() {
    assert_snapshot!(log(&rule(), "0:x 1:b 2:d 100:. 101:b 102:d 103:b 104:d"), @"
    0s firing [tell open 1.0]
    100s inactive [tell close 1.0, tell comment 1.1]
    ");
}

#[test]
fn trouble_that_does_not_last_bothers_nobody() {
    let rule = Rule { open_after: secs(60), ..rule() };
    assert_snapshot!(log(&rule, "0:x 59:w 59:. 100:x 160:w"), @"
    0s pending []
    59s inactive []
    100s pending []
    160s firing [tell open 1.0]
    ");
}

#[test]
fn a_relapse_in_the_grace_period_keeps_the_issue_open() {
    let rule = Rule { close_after: secs(60), comment_interval: secs(10_000), ..rule() };
    assert_snapshot!(log(&rule, "0:x 1:b 2:d 10:. 69:x 100:. 160:w"), @"
    0s firing [tell open 1.0]
    10s recovering [tell comment 1.1]
    69s firing []
    100s recovering []
    160s inactive [tell close 1.0]
    ");
}

#[test]
fn a_relapse_within_the_window_reopens_and_after_it_opens_anew() {
    let rule = Rule { reopen_window: secs(60), comment_interval: secs(10_000), ..rule() };
    let script = "0:x 0:b 0:d 1:. 1:b 1:d 1:b 1:d";
    assert_snapshot!(log(&rule, &format!("{script} 61:x")), @"
    0s firing [tell open 1.0]
    1s inactive [tell close 1.0, tell comment 1.1]
    61s firing [tell reopen 1.1]
    ");
    assert_snapshot!(log(&rule, &format!("{script} 62:x")), @"
    0s firing [tell open 1.0]
    1s inactive [tell close 1.0, tell comment 1.1]
    62s firing [tell comment 1.2, tell open 2.0]
    ");
}

#[test]
fn an_opening_that_was_certainly_not_carried_out_is_struck() {
    // Untried, refused, and in doubt.
    assert_snapshot!(log(&rule(), "0:x 1:."), @"
    0s firing [tell open 1.0]
    1s inactive [strike open 1.0]
    ");
    assert_snapshot!(log(&rule(), "0:x 1:b 2:r 3:."), @"
    0s firing [tell open 1.0]
    3s inactive [strike open 1.0]
    ");
    assert_snapshot!(log(&rule(), "0:x 1:b 3:."), @"
    0s firing [tell open 1.0]
    3s inactive [tell close 1.0, tell comment 1.1]
    ");
    let (alert, _) = play(&rule(), Placement::Own, check(), "0:x 1:. 10:x 11:. 20:x");
    let missed = alert.talk.missed.unwrap();
    assert_eq!((missed.times, missed.first, missed.last), (2, at(0), at(10)));
}

#[test]
fn a_closing_or_reopening_is_struck_when_its_reason_has_gone() {
    let rule = Rule { comment_interval: secs(1), ..rule() };
    // The closing is untried, and then in doubt.
    assert_snapshot!(log(&rule, "0:x 0:b 0:d 10:. 11:x"), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    11s firing [strike close 1.0]
    ");
    assert_snapshot!(log(&rule, "0:x 0:b 0:d 10:. 10:b 11:x 12:."), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    11s firing [tell reopen 1.1]
    12s inactive [strike reopen 1.1]
    ");
}

#[test]
fn one_comment_in_an_interval_sums_up_what_happened_in_it() {
    let rule = Rule { comment_interval: secs(600), ..rule() };
    let script = "0:x 0:b 0:d 10:X 10:b 10:d 20:, 30:X 40:, 600:w 610:w";
    let (alert, log) = play(&rule, Placement::Own, check(), script);
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1]
    600s firing [tell edit 1.1]
    610s firing [tell comment 1.2]
    ");
    assert_eq!((alert.talk.gathered.began, alert.talk.gathered.ended), (1, 2));
}

#[test]
fn while_a_comment_is_under_way_changes_gather() {
    let rule = Rule { comment_interval: secs(10), ..rule() };
    assert_snapshot!(log(&rule, "0:x 0:b 0:d 10:X 10:b 30:, 40:X 50:d 51:w"), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1, tell edit 1.1]
    50s firing [tell comment 1.2]
    ");
}

#[test]
fn reminders_come_after_1_2_4_8_16_and_24_hours_and_then_daily() {
    let rule = Rule { comment_interval: secs(1), ..rule() };
    let (mut alert, _) = play(&rule, Placement::Own, check(), "0:x 0:b 0:d");
    let mut hours = Vec::new();
    while hours.len() < 9 {
        let due = alert.deadline(&rule, None).unwrap();
        let second = due.as_second();
        hours.push(second / 3_600);
        let log;
        (alert, log) = play(&rule, Placement::Own, alert, &format!("{second}:w"));
        assert!(log.contains("tell comment"), "{log}");
        (alert, _) = play(&rule, Placement::Own, alert, &format!("{second}:b {second}:d"));
    }
    assert_eq!(hours, [1, 2, 4, 8, 16, 24, 48, 72, 96]);
}

#[test]
fn reminders_that_were_missed_together_are_one() {
    let rule = Rule { comment_interval: secs(1), ..rule() };
    let script = format!("0:x 0:b 0:d {0}:w {0}:b {0}:d {1}:w", 5 * 3_600, 8 * 3_600);
    assert_snapshot!(log(&rule, &script), @"
    0s firing [tell open 1.0]
    18000s firing [tell comment 1.1]
    28800s firing [tell comment 1.2]
    ");
}

#[test]
fn several_checks_share_an_issue_until_the_last_is_well() {
    assert_snapshot!(log(&rule(), "0:x 0:b 0:d 5:X 10:. 20:,"), @"
    0s firing [tell open 1.0]
    5s firing [tell comment 1.1]
    20s inactive [tell close 1.0]
    ");
}

#[test]
fn a_check_that_is_no_longer_watched_closes_its_issue_with_a_word() {
    let (alert, log) = play(&rule(), Placement::Own, check(), "0:x 0:b 0:d 700:-");
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    700s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    ");
    assert_eq!(alert.talk.gathered.gone, ["db1/a: a person said so"]);
}

#[test]
fn a_deleted_issue_is_respected_and_replaced_once_after_mute_max() {
    let rule = Rule { mute_max: secs(1_000), reminders: Vec::new(), ..rule() };
    // The comment finds that the issue is gone.
    assert_snapshot!(log(&rule, "0:x 0:b 0:d 10:X 10:b 20:g 30:, 1019:w 1020:w 1020:b 1020:d 5000:w"), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1]
    1020s firing [tell open 2.0]
    ");
    assert_snapshot!(log(&rule, "0:x 0:b 0:d 10:X 10:b 20:g 30:. 40:, 50:x"), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1]
    40s inactive []
    50s firing [tell open 2.0]
    ");
}

#[test]
fn a_relapse_whose_closed_issue_was_deleted_opens_anew_at_once() {
    let rule = Rule { comment_interval: secs(10_000), ..rule() };
    let script = "0:x 0:b 0:d 1:. 1:b 1:d 1:b 1:d 5:x 5:b 6:g";
    assert_snapshot!(log(&rule, script), @"
    0s firing [tell open 1.0]
    1s inactive [tell close 1.0, tell comment 1.1]
    5s firing [tell reopen 1.1]
    6s firing [tell open 2.0]
    ");
}

#[test]
fn a_relapse_that_was_over_when_its_issue_was_found_deleted_mutes_no_later_trouble() {
    let rule = Rule {
        comment_interval: secs(10_000),
        close_after: secs(10),
        reminders: Vec::new(),
        ..rule()
    };
    let script = "0:x 0:b 0:d 1:. 11:w 11:b 11:d 11:b 11:d 20:x 20:b 21:. 22:g 23:x";
    assert_snapshot!(log(&rule, script), @"
    0s firing [tell open 1.0]
    1s recovering [tell comment 1.1]
    11s inactive [tell close 1.0]
    20s firing [tell reopen 1.1]
    21s recovering []
    22s inactive []
    23s firing [tell open 2.0]
    ");
}

#[test]
fn a_row_orders_nothing_and_its_next_episode_may_have_an_issue() {
    let (alert, log) = play(&rule(), Placement::Row, check(), "0:x 10:X 20:. 30:,");
    assert_snapshot!(log, @"
    0s firing []
    30s inactive []
    ");
    assert_snapshot!(play(&rule(), Placement::Own, alert, "40:x").1, @"40s firing [tell open 2.0]");
}

#[test]
fn an_adopted_issue_goes_on_and_is_judged_when_its_check_has_spoken() {
    let rule = Rule { reminders: Vec::new(), ..rule() };
    let (alert, log) = play(&rule, Placement::Own, check(), "0:A 0:x 10:w");
    assert_snapshot!(log, @"0s firing [tell edit 3.1]");
    assert_eq!((alert.episode, alert.issue.unwrap().number), (3, 9));
    assert_eq!(alert.target.repository, "ops/old");
    // The check had spoken before the open issues were read: what it ordered is struck.
    assert_snapshot!(self::log(&rule, "0:x 1:A 1:x"), @"
    0s firing [tell open 1.0]
    1s firing [strike open 1.0, tell edit 3.1]
    ");
    assert_snapshot!(play(&rule, Placement::Own, check(), "0:A 0:w 9:.").1, @"
    0s firing [tell edit 3.1]
    9s inactive [tell close 3.0, tell comment 3.1]
    ");
}

#[test]
fn an_episode_that_ends_before_its_issue_is_known_can_still_close_it() {
    let rule = Rule { reopen_window: secs(0), comment_interval: secs(1), ..rule() };
    // The opening is in doubt when the next trouble begins.
    let (alert, log) = play(&rule, Placement::Own, check(), "0:x 0:b 10:. 20:x");
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    20s firing [strike edit 1.1, tell open 2.0]
    ");
    assert_eq!((alert.episode, alert.issue), (2, None));
    let (alert, _) = play(&rule, Placement::Own, alert, "30:d");
    assert_eq!(alert.issue_of(1).unwrap().number, 7);
    assert_eq!((alert.issue, alert.previous), (None, Some(7)));
    let (alert, _) = play(&rule, Placement::Own, alert, "31:b 31:d 32:b 32:d");
    assert_eq!((alert.former.len(), alert.undelivered.len()), (0, 1));
}

#[test]
fn the_last_words_go_before_the_next_issue_and_wait_for_no_interval() {
    let rule = Rule { reopen_window: secs(0), ..rule() };
    assert_snapshot!(log(&rule, "0:x 0:b 0:d 10:X 10:b 10:d 30:. 30:, 40:x"), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1]
    30s inactive [tell close 1.0]
    40s firing [tell comment 1.2, tell open 2.0]
    ");
}

#[test]
fn the_last_words_tell_of_their_own_episode() {
    let rule = Rule { reopen_window: secs(5), comment_interval: secs(600), ..rule() };
    let script = "0:x 0:b 0:d 10:X 10:b 10:d 20:. 30:, 30:b 30:d 40:x";
    let (alert, log) = play(&rule, Placement::Own, check(), script);
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1]
    30s inactive [tell close 1.0]
    40s firing [tell comment 1.2, tell open 2.0]
    ");
    let farewell = alert.talk.farewell.unwrap();
    assert_eq!(
        (farewell.ended, farewell.closed_at, farewell.fired_at),
        (2, Some(at(30)), Some(at(0)))
    );
    assert!(!alert.talk.gathered.is_news());
}

#[test]
fn what_may_land_late_is_remembered() {
    let (alert, _) = play(&rule(), Placement::Own, check(), "0:x 0:b 0:d 10:. 10:b 20:l");
    assert_eq!(alert.late_until, Some(at(1_000)));
}

#[test]
fn no_event_in_any_phase_and_at_any_time_is_too_much() {
    // Whatever comes in whatever order: it ends, and the last `.` and `,` end the trouble.
    let events = ["x", ".", "X", ",", "w", "-", "A", "o", "c", "m", "n"];
    for first in events {
        for second in events {
            for third in events {
                let script = format!("50:{first} 40:{second} 60:{third} 61:. 61:,");
                let (alert, _) = play(&rule(), Placement::Own, check(), &script);
                assert_eq!(alert.phase, Phase::Inactive, "{script}");
            }
        }
    }
}

#[test]
fn a_clock_that_was_set_back_changes_no_duration() {
    let rule = Rule { open_after: secs(60), ..rule() };
    let (mut alert, _) = play(&rule, Placement::Own, check(), "1000:x 1050:w");
    alert.rewind(secs(1_000));
    assert_snapshot!(play(&rule, Placement::Own, alert, "51:w 59:w 60:w").1, @"60s firing [tell open 1.0]");
}

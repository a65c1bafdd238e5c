//! What people do to the issue, and what follows.

use insta::assert_snapshot;
use jiff::SignedDuration;

use super::super::{Alert, Group, OnManualClose, Phase, Placement, Rule};
use super::script::play;
use super::{alert, at};

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn check() -> Alert {
    alert(Group::Check { source: "db1".to_owned(), name: "a".to_owned() })
}

/// A thousand seconds of respect.
fn rule() -> Rule {
    Rule { mute_max: secs(1_000), reminders: vec![secs(100)], ..super::rule() }
}

fn log(rule: &Rule, script: &str) -> String {
    play(rule, Placement::Own, check(), script).1
}

/// An issue is open.
const OPEN: &str = "0:x 0:b 0:d";

#[test]
fn u6_what_a_person_closes_stays_closed_until_recovery_which_is_one_comment() {
    let (alert, log) = play(
        &rule(),
        Placement::Own,
        check(),
        &format!("{OPEN} 10:c 20:X 30:c 150:w 200:, 700:w 900:. 900:b 900:d 2000:w 9000:w"),
    );
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    900s inactive [tell comment 1.1, tell edit 1.1]
    ");
    assert_eq!(alert.talk.gathered.closed_at, None, "it is told");
}

#[test]
fn u6_what_a_person_closed_is_reopened_once_with_a_comment_after_mute_max() {
    let script = format!("{OPEN} 10:c 1009:c 1010:w 1010:c 1011:b 1012:d 1012:b");
    let (alert, log) = play(&rule(), Placement::Own, check(), &script);
    // The comment waits for no interval, though for the reopening.
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    1010s firing [tell reopen 1.1]
    1012s firing [tell comment 1.1]
    ");
    assert_eq!((alert.shut_at, alert.reopens), (None, 1));
    let (alert, log) = play(&rule(), Placement::Own, alert, "1013:d 1014:o 1900:.");
    assert_snapshot!(log, @"1900s inactive [tell close 1.1, tell comment 1.2, tell edit 1.1]");
    assert_eq!(alert.phase, Phase::Inactive);
}

#[test]
fn a_reopening_after_mute_max_is_taken_back_when_the_trouble_ends_first() {
    // Untried, and in doubt.
    assert_snapshot!(log(&rule(), &format!("{OPEN} 10:c 1010:w 1011:. 1012:x")), @"
    0s firing [tell open 1.0]
    1010s firing [tell reopen 1.1]
    1011s inactive [strike reopen 1.1, tell comment 1.1, tell edit 1.1]
    1012s firing [strike edit 1.1, tell open 2.0]
    ");
    assert_snapshot!(log(&rule(), &format!("{OPEN} 10:c 1010:w 1010:b 1011:.")), @"
    0s firing [tell open 1.0]
    1010s firing [tell reopen 1.1]
    1011s inactive [tell close 1.1, tell comment 1.1, tell edit 1.1]
    ");
}

#[test]
fn a_relapse_after_an_issue_that_a_person_closed_is_a_new_episode() {
    let script = format!("{OPEN} 10:c 20:. 20:b 20:d 30:x");
    assert_snapshot!(log(&rule(), &script), @"
    0s firing [tell open 1.0]
    20s inactive [tell comment 1.1]
    30s firing [tell comment 1.2, tell open 2.0]
    ");
}

#[test]
fn a_closing_by_hand_may_be_answered_with_a_reopening_at_once() {
    let rule = Rule { on_manual_close: OnManualClose::Reopen, ..rule() };
    assert_snapshot!(log(&rule, &format!("{OPEN} 10:c 11:c 12:b 13:d")), @"
    0s firing [tell open 1.0]
    10s firing [tell reopen 1.1]
    13s firing [tell comment 1.1]
    ");
}

#[test]
fn what_a_person_reopens_is_firing_again() {
    let script = format!("{OPEN} 10:c 20:X 30:o 40:b 40:d 50:. 60:,");
    assert_snapshot!(log(&rule(), &script), @"
    0s firing [tell open 1.0]
    30s firing [tell comment 1.1]
    60s inactive [tell close 1.0]
    ");
}

#[test]
fn what_a_person_reopens_though_all_is_well_is_closed_again_with_a_word() {
    let over = format!("{OPEN} 10:. 10:b 10:d 10:b 10:d");
    assert_snapshot!(log(&rule(), &format!("{over} 11:o 12:o 13:b 13:d 13:b 13:d 14:c")), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1]
    11s inactive [tell close 1.1, tell comment 1.2]
    ");
    // The next trouble had begun already.
    let rule = Rule { open_after: secs(100), ..rule() };
    let over = "0:x 100:w 100:b 100:d 110:. 110:b 110:d 110:b 110:d";
    assert_snapshot!(log(&rule, &format!("{over} 200:x 210:o 220:.")), @"
    0s pending []
    100s firing [tell open 1.0]
    110s inactive [tell close 1.0, tell comment 1.1]
    200s pending []
    210s firing []
    220s inactive [tell close 1.1]
    ");
}

#[test]
fn a_deleted_issue_is_replaced_after_mute_max_and_never_in_a_loop() {
    assert_snapshot!(log(&rule(), &format!("{OPEN} 10:n 20:n 1009:w 1010:w 1010:b 1010:d 1020:n 1100:w")), @"
    0s firing [tell open 1.0]
    1010s firing [tell open 2.0]
    ");
    // Closed first, and deleted later: respected since the closing.
    assert_snapshot!(log(&rule(), &format!("{OPEN} 10:c 500:n 1009:w 1010:w")), @"
    0s firing [tell open 1.0]
    1010s firing [tell open 2.0]
    ");
    assert_snapshot!(log(&rule(), &format!("{OPEN} 10:n 20:. 30:x")), @"
    0s firing [tell open 1.0]
    20s inactive []
    30s firing [tell open 2.0]
    ");
}

#[test]
fn an_issue_that_was_thought_to_be_deleted_and_is_there_goes_on() {
    assert_snapshot!(log(&rule(), &format!("{OPEN} 10:n 20:o 2000:w 3000:.")), @"
    0s firing [tell open 1.0]
    2000s firing [tell comment 1.1]
    3000s inactive [tell close 1.0, tell edit 1.1]
    ");
}

#[test]
fn a_muted_issue_hears_nothing_until_recovery_and_a_relapse_is_a_new_episode() {
    let script = format!("{OPEN} 10:m 20:X 700:w 2000:w 2100:, 2200:.");
    let (alert, log) = play(&rule(), Placement::Own, check(), &script);
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    2200s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    ");
    assert_snapshot!(play(&rule(), Placement::Own, alert, "2201:x").1, @"2201s firing [strike edit 1.1, tell open 2.0]");
    // Without the label it hears what it missed.
    assert_snapshot!(self::log(&rule(), &format!("{OPEN} 10:m 20:X 700:o")), @"
    0s firing [tell open 1.0]
    700s firing [tell comment 1.1, tell edit 1.1]
    ");
}

#[test]
fn while_our_own_write_is_under_way_a_state_says_nothing_about_people() {
    // A closing, a reopening, and a closing that may still land.
    let script = format!("{OPEN} 10:. 11:o 11:c 12:b 12:d 12:b 12:d 13:x 14:c 14:o 15:b 15:d");
    let (alert, log) = play(&rule(), Placement::Own, check(), &script);
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1]
    13s firing [tell reopen 1.1]
    ");
    assert_eq!(alert.shut_at, None);
    let (alert, _) =
        play(&rule(), Placement::Own, check(), &format!("{OPEN} 10:. 10:b 20:l 20:x 30:c"));
    assert_eq!((alert.shut_at, alert.late_until), (None, Some(at(1_000))));
}

#[test]
fn a_clock_that_was_set_back_lengthens_no_respect() {
    let (mut alert, _) = play(&rule(), Placement::Own, check(), &format!("{OPEN} 5000:c"));
    alert.rewind(secs(5_000));
    assert_snapshot!(play(&rule(), Placement::Own, alert, "999:w 1000:w").1, @"1000s firing [tell reopen 1.1]");
}

#[test]
fn an_issue_takes_room_while_it_is_open_or_on_its_way_and_not_where_a_person_closed_it() {
    for (script, takes) in [
        ("", true),
        ("60:c", false),
        // The reopening that is under way takes the room again.
        ("60:c 10060:w", true),
        ("60:n", false),
    ] {
        let (alert, _) = play(&rule(), Placement::Own, check(), &format!("{OPEN} {script}"));
        assert_eq!(alert.takes_room(), takes, "{script}");
    }
}

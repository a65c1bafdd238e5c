//! What people ask for with commands, and what follows.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::commands::{Command, read};
use super::super::{
    Alert, COMMAND_AGE_MAX, Event, Group, OnManualClose, Phase, Placement, Rule, step,
};
use super::script::play;
use super::{alert, at};

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

pub(super) fn check() -> Alert {
    alert(Group::Check { source: "db1".to_owned(), name: "a".to_owned() })
}

/// A reminder after a hundred seconds, comments at once.
pub(super) fn rule() -> Rule {
    Rule {
        mute_max: secs(10_000),
        reminders: vec![secs(100), secs(200), secs(300), secs(400)],
        comment_interval: SignedDuration::ZERO,
        ..super::rule()
    }
}

fn log(script: &str) -> String {
    play(&rule(), Placement::Own, check(), script).1
}

pub(super) fn ends(script: &str) -> Alert {
    play(&rule(), Placement::Own, check(), script).0
}

/// An issue is open.
pub(super) const OPEN: &str = "0:x 0:b 0:d";
/// It was closed on recovery, and all is told.
pub(super) const OVER: &str = "0:x 0:b 0:d 10:. 10:b 10:d 10:b 10:d 10:b 10:d";

#[test]
fn an_acknowledged_trouble_is_not_reminded_of_and_changes_are_told() {
    // Of two reminders that were held back one is given.
    let script = format!("{OPEN} 10:/ack_240s 150:w 160:X 160:b 160:d 249:w 250:w");
    assert_snapshot!(log(&script), @"
    0s firing [tell open 1.0]
    160s firing [tell comment 1.1, tell edit 1.1]
    250s firing [tell comment 1.2]
    ");
}

#[test]
fn an_acknowledgement_without_an_end_ends_with_the_trouble() {
    let script = format!("{OPEN} 10:/ack 350:w 400:. 400:b 400:d 400:b 400:d 400:b 400:d");
    let (alert, log) = play(&rule(), Placement::Own, check(), &script);
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    400s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    ");
    assert!(alert.wishes.is_empty());
    assert_snapshot!(play(&rule(), Placement::Own, alert, "500:x 500:b 500:d 500:b 500:d 500:b 500:d 600:w").1, @"
    500s firing [tell reopen 1.1, tell comment 1.2, tell edit 1.2]
    600s firing [tell comment 1.3]
    ");
}

#[test]
fn a_silenced_alert_is_told_nothing_and_what_still_fails_is_told_once_at_its_end() {
    let script =
        format!("{OPEN} 10:X 10:/silence_500s 20:, 20:X 150:w 509:w 510:w 510:b 510:d 511:w");
    assert_snapshot!(log(&script), @"
    0s firing [tell open 1.0]
    10s firing [tell comment 1.1, tell edit 1.1]
    10s firing [strike comment 1.1, strike edit 1.1]
    510s firing [tell comment 1.2, tell edit 1.2]
    ");
    // The same when somebody ends it, and nothing when there was none.
    assert_snapshot!(log(&format!("{OPEN} 10:/silence_500s 20:/unsilence 20:b 20:d 30:/unsilence")), @"
    0s firing [tell open 1.0]
    20s firing [tell comment 1.1]
    ");
}

#[test]
fn a_silenced_alert_that_is_well_at_the_end_is_closed_then() {
    let script = format!("{OPEN} 10:/silence_500s 20:. 30:x 40:. 509:w 510:w");
    assert_snapshot!(log(&script), @"
    0s firing [tell open 1.0]
    20s recovering []
    30s firing []
    40s recovering []
    510s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    ");
}

#[test]
fn trouble_that_begins_in_a_silence_is_told_at_its_end_if_it_lasts() {
    assert_snapshot!(log(&format!("{OVER} 20:/silence_500s 30:x 40:. 50:x 519:w 520:w")), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    30s pending []
    40s inactive []
    50s pending []
    520s firing [tell reopen 1.1, tell comment 1.2, tell edit 1.2]
    ");
    assert_snapshot!(log(&format!("{OVER} 20:/silence_500s 30:x 40:. 520:w 600:x")), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    30s pending []
    40s inactive []
    520s inactive [tell edit 1.2]
    600s firing [tell reopen 1.1, tell comment 1.2]
    ");
}

#[test]
fn a_silence_outlasts_the_respect_for_a_closing_and_for_a_deletion() {
    for script in ["10:c 11:/silence_20000s 10010:w", "10:n 11:/silence_20000s 10010:w"] {
        let quiet = log(&format!("{OPEN} {script} 20010:w"));
        assert_eq!(quiet, "0s firing [tell open 1.0]\n");
        assert!(log(&format!("{OPEN} {script} 20011:w")).contains("20011s firing [tell "));
    }
}

#[test]
fn a_held_issue_is_not_closed_on_recovery_which_is_told() {
    let script = format!("{OPEN} 10:/hold 20:. 20:b 20:d 20:b 20:d 900:w 1000:/unhold");
    assert_snapshot!(log(&script), @"
    0s firing [tell open 1.0]
    20s recovering [tell comment 1.1, tell edit 1.1]
    1000s inactive [tell close 1.0, tell comment 1.2, tell edit 1.2]
    ");
    // A relapse is trouble in the same issue.
    assert_snapshot!(log(&format!("{OPEN} 10:/hold 20:. 20:b 20:d 20:b 20:d 30:x")), @"
    0s firing [tell open 1.0]
    20s recovering [tell comment 1.1, tell edit 1.1]
    30s firing [tell comment 1.2, tell edit 1.2]
    ");
    // Who closes it does not hold it.
    for closes in ["20:c", "20:/close 21:b 21:d"] {
        let alert = ends(&format!("{OPEN} 10:/hold {closes} 30:."));
        assert_eq!((alert.phase, alert.wishes.held_by), (Phase::Inactive, None), "{closes}");
    }
}

#[test]
fn a_closing_on_command_is_respected_like_one_by_hand() {
    let script = format!("{OPEN} 10:/close 11:b 11:d 20:X 150:w 9000:c 10010:w 10010:b 10010:d");
    assert_snapshot!(log(&script), @"
    0s firing [tell open 1.0]
    10s firing [tell close 1.0]
    10010s firing [tell reopen 1.1]
    10010s firing [tell comment 1.1, tell edit 1.1]
    ");
    assert_snapshot!(log(&format!("{OPEN} 10:/close 11:b 11:d 20:. 30:x")), @"
    0s firing [tell open 1.0]
    10s firing [tell close 1.0]
    20s inactive [tell comment 1.1, tell edit 1.1]
    30s firing [strike edit 1.1, tell open 2.0]
    ");
}

#[test]
fn a_closing_after_one_on_command_has_a_name_of_its_own() {
    // Reopened by hand, and on command.
    assert_snapshot!(log(&format!("{OPEN} 10:/close 11:b 11:d 20:o 30:.")), @"
    0s firing [tell open 1.0]
    10s firing [tell close 1.0]
    30s inactive [tell close 1.1, tell comment 1.1, tell edit 1.1]
    ");
    assert_snapshot!(log(&format!("{OPEN} 10:/close 11:b 11:d 20:/reopen 21:b 21:d 30:.")), @"
    0s firing [tell open 1.0]
    10s firing [tell close 1.0]
    20s firing [tell reopen 1.1]
    30s inactive [tell close 1.1, tell comment 1.1, tell edit 1.1]
    ");
}

#[test]
fn a_closing_on_command_that_nobody_has_begun_is_taken_back() {
    let (alert, log) =
        play(&rule(), Placement::Own, check(), &format!("{OPEN} 10:/close 11:/reopen"));
    assert_snapshot!(log, @"
    0s firing [tell open 1.0]
    10s firing [tell close 1.0]
    11s firing [strike close 1.0]
    ");
    assert_eq!((alert.shut_at, alert.wishes.is_empty()), (None, true));
}

#[test]
fn what_is_well_is_closed_on_command_although_it_is_held() {
    let script = format!("{OPEN} 10:/hold 20:. 20:b 20:d 20:b 20:d 30:/close");
    assert_snapshot!(log(&script), @"
    0s firing [tell open 1.0]
    20s recovering [tell comment 1.1, tell edit 1.1]
    30s inactive [tell close 1.0, tell comment 1.2, tell edit 1.2]
    ");
}

#[test]
fn what_is_over_is_reopened_on_command_and_stays_open_only_if_it_is_held() {
    assert_snapshot!(log(&format!("{OVER} 20:/hold 20:/reopen 900:w 901:/unhold")), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    20s recovering [tell reopen 1.1, tell edit 1.2]
    901s inactive [strike reopen 1.1]
    ");
    // By hand it is the same.
    assert_snapshot!(log(&format!("{OVER} 20:/hold 30:o")), @"
    0s firing [tell open 1.0]
    10s inactive [tell close 1.0, tell comment 1.1, tell edit 1.1]
    30s recovering []
    ");
}

fn objection(alert: &Alert, rule: &Rule, command: &str, age: SignedDuration) -> Option<String> {
    let command = read(command).remove(0).unwrap();
    let now = at(1_000_000);
    alert.objection(rule, &command, now.checked_sub(age).unwrap(), now)
}

#[test]
fn what_cannot_be_done_is_said() {
    let none = SignedDuration::ZERO;
    let says =
        |alert: &Alert, command: &str| objection(alert, &rule(), command, none).unwrap_or_default();
    let (open, over) = (ends(OPEN), ends(OVER));
    assert_eq!(says(&open, "/reopen"), "It is open already.");
    assert_eq!(says(&over, "/close"), "It is closed already.");
    assert!(says(&over, "/reopen").starts_with("All is well, so it stays closed."));
    assert!(says(&over, "/ack").starts_with("The issue is closed"));
    for command in ["/silence 2h", "/unsilence", "/hold", "/unhold", "/status", "/help"] {
        assert_eq!((says(&open, command), says(&over, command)), (String::new(), String::new()));
    }
    assert_eq!((says(&open, "/close"), says(&open, "/ack")), (String::new(), String::new()));
    let insists = Rule { on_manual_close: OnManualClose::Reopen, ..rule() };
    let said = objection(&open, &insists, "/close", none).unwrap();
    assert!(said.contains("alerts.on_manual_close"), "{said}");
}

#[test]
fn a_command_counts_from_when_it_was_written_and_expires() {
    let open = ends(OPEN);
    let expired = |command: &str, age| objection(&open, &rule(), command, age).is_some();
    assert!(!expired("/silence 2h", SignedDuration::from_secs(7_199)));
    assert!(expired("/silence 2h", SignedDuration::from_secs(7_200)));
    assert!(!expired("/ack 48h", SignedDuration::from_hours(47)));
    assert!(!expired("/close", COMMAND_AGE_MAX - secs(1)));
    assert!(expired("/close", COMMAND_AGE_MAX));
    let said = objection(&open, &rule(), "/close", SignedDuration::from_hours(170)).unwrap();
    assert_eq!(said, "`/close` was written 7 d 2 h ago and no longer holds.");
}

#[test]
fn what_lasts_does_so_from_when_it_was_written() {
    let mut alert = ends(OPEN);
    for command in ["/ack 240s", "/silence 500s"] {
        let command = read(command).remove(0).unwrap();
        let event = Event::Asked { command, by: "alice".to_owned(), at: at(100) };
        (alert, _) = step(&rule(), alert, &event, None, Placement::Own, at(160));
    }
    let acked = alert.wishes.acked.unwrap().until;
    assert_eq!((acked, alert.wishes.silenced.unwrap().until), (Some(at(340)), at(600)));
}

#[test]
fn a_clock_that_was_set_back_lengthens_no_silence() {
    let mut alert = ends(&format!("{OPEN} 5000:/silence_100s 5000:/ack_50s"));
    alert.rewind(secs(5_000));
    let Some(silenced) = &alert.wishes.silenced else { panic!("{alert:?}") };
    let acked = alert.wishes.acked.as_ref().unwrap().until;
    assert_eq!((silenced.until, acked), (at(100), Some(at(50))));
    assert_eq!(Command::Ack { lasts: None }.lasts(), None);
}

fn event() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => prop::sample::select(vec!["x", ".", "X", ",", "w"]),
        6 => prop::sample::select(vec!["b", "d", "r"]),
        2 => prop::sample::select(vec!["o", "c", "m", "n"]),
        4 => prop::sample::select(vec![
            "/ack", "/ack_90s", "/silence_150s", "/unsilence", "/hold", "/unhold", "/close",
            "/reopen", "/status",
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: nothing is written during a silence but what a
    /// person orders, no name is given twice, and when nobody wants anything any more, the
    /// end of the trouble is the end.
    #[test]
    fn people_and_checks_in_any_order(
        events in prop::collection::vec((0..120_i64, event()), 1..40),
        open_after in prop::sample::select(vec![0_i64, 30]),
        close_after in prop::sample::select(vec![0_i64, 30]),
    ) {
        let rule = Rule { open_after: secs(open_after), close_after: secs(close_after), ..rule() };
        let (mut alert, mut now, mut told) = (check(), 0, BTreeSet::new());
        let last = ["/unsilence", "/unhold", "x", "o", ".", ",", "w", "w"];
        let last = last.into_iter().map(|event| (100, event));
        for (passed, event) in events.into_iter().chain(last) {
            now += passed;
            // Commands stand in an issue.
            let lacks = match event {
                "b" | "d" | "r" => alert.undelivered.is_empty(),
                event => event.starts_with('/') && alert.issue.is_none(),
            };
            let event = if lacks { "w" } else { event };
            let silent = |alert: &Alert| {
                alert.wishes.silenced.as_ref().is_some_and(|silenced| silenced.until > at(now))
            };
            let was_silent = silent(&alert);
            let log;
            (alert, log) = play(&rule, Placement::Own, alert, &format!("{now}:{event}"));
            for order in log.split(['[', ',', ']']).map(str::trim) {
                // What was certainly not carried out may be ordered once more.
                if let Some(key) = order.strip_prefix("strike ") {
                    told.remove(key);
                }
                let Some(key) = order.strip_prefix("tell ") else { continue };
                prop_assert!(told.insert(key.to_owned()), "{key} once more: {log}");
                let is_wanted = matches!(event, "/close" | "/reopen");
                prop_assert!(is_wanted || !(was_silent && silent(&alert)), "{event} {log}");
            }
        }
        prop_assert_eq!(alert.phase, Phase::Inactive);
        prop_assert!(alert.wishes.acked.is_none() && alert.wishes.held_by.is_none());
    }
}

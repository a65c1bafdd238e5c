//! Pauses, and what people decide besides.

use insta::assert_snapshot;
use jiff::SignedDuration;

use super::super::{Absences, Check, Definition, Schedule, Status};
use super::{at, every_minute, log, new, play, policy};

/// Every minute, with a minute's grace.
fn defined(manual_resume: bool) -> Check {
    let minute = SignedDuration::from_secs(60);
    let schedule = Schedule::every(minute, minute);
    let definition = Definition { schedule, manual_resume, ..Definition::default() };
    Check { definition: Some(Box::new(definition)), ..new() }
}

fn status(check: Check, script: &str, second: i64) -> Status {
    let (check, _) = play(&policy(), &Absences::default(), check, script);
    check.status(&Absences::default(), at(second))
}

#[test]
fn a_paused_check_is_not_judged_until_its_next_ping() {
    assert_snapshot!(log(&policy(), defined(false), "0:. 10:p 1000:w 2000:."), @"");
    assert_snapshot!(log(&policy(), defined(false), "0:. 10:p 1000:x"), @"1000s down Failing, trouble Began");
    assert_snapshot!(log(&policy(), defined(false), "0:. 10:p 1000:. 1121:w"), @"1121s down Silent, trouble Began");
    assert_eq!(status(defined(false), "0:. 10:p 1000:w", 1000), Status::Paused);
    assert_eq!(status(defined(false), "0:. 10:p 20:.", 20), Status::Up);
    // That a run has begun says nothing of how it is.
    assert_eq!(status(defined(false), "0:. 10:p 20:s 1000:w", 1000), Status::Paused);
    assert_eq!(status(defined(false), "0:. 10:p 20:l 1000:w", 1000), Status::Paused);
}

#[test]
fn where_only_a_person_may_end_a_pause_nothing_else_does() {
    for check in [defined(true), every_minute()] {
        assert_eq!(status(check.clone(), "0:. 10:p 20:. 30:x 40:s", 40), Status::Paused);
        let (check, log) =
            play(&policy(), &Absences::default(), check, "0:. 10:p 20:x 30:p 1000:r");
        assert_eq!((log.as_str(), check.results), ("1000s NeverSeen\n", 1));
    }
}

#[test]
fn what_is_resumed_is_as_never_seen_and_has_its_whole_time_again() {
    assert_eq!(status(defined(false), "0:. 10:p 1000:r", 1000), Status::NeverSeen);
    assert_snapshot!(log(&policy(), defined(false), "0:. 10:p 1000:r 1120:w 1121:w"), @"
    1000s NeverSeen
    1121s down Silent, trouble Began
    ");
    assert_snapshot!(log(&policy(), defined(false), "0:. 10:p 1000:r 1100:. 1220:w"), @"
    1000s NeverSeen
    1100s Up
    ");
    // Resumed without having been paused.
    assert_snapshot!(log(&policy(), defined(false), "0:. 10:r 120:w"), @"");
}

#[test]
fn a_pause_ends_runs_and_what_was_told_of_the_check() {
    // Whoever pauses it has its alerts part with it, so nothing is told of the end.
    assert_snapshot!(log(&policy(), defined(false), "0:x 10:p"), @"
    0s down Failing, trouble Began
    10s Up
    ");
    let (check, _) = play(&policy(), &Absences::default(), defined(false), "0:s/1 10:p 1000:r");
    assert!(check.runs.open().is_empty());
    let (mut check, _) = play(&policy(), &Absences::default(), defined(false), "5:p");
    check.rewind(SignedDuration::from_secs(5));
    assert_eq!(check.paused_at().unwrap().get(), at(0));
}

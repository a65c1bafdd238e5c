//! The machine of one check, through one door: a script in, a log out.

mod news;
mod pauses;
mod random;
mod runs;
mod schedules;

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Absence, Absences, Changes, Check, CheckId, Flapping, Input, Kind, Observation, Policy, Status,
    Uuid, Verdict, step,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn policy() -> Policy {
    Policy { flapping: Flapping { window: 0, ..Flapping::default() }, ..Policy::default() }
}

fn new() -> Check {
    Check::new(CheckId::new("db1", "disk"), at(0))
}

/// A check that reports every minute, so that more than two minutes are silence.
fn every_minute() -> Check {
    Check { interval: Some(SignedDuration::from_secs(60)), ..new() }
}

/// The same as it is read after it was written.
fn kept(check: &Check) -> Check {
    let mut again: Check = through_json(check);
    check.runs.kept(0).for_each(|run| again.runs.take_up(through_json(&run)));
    again
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// Plays a script of `second:input` and writes down what changed. Inputs are `.` success,
/// `x` failure, `h` a failure that holds for a minute, `?` unknown, `s` start, `l` log, `w` woken,
/// and
/// `a` woken while unseen. What is about a run of a name has that behind a slash, as in `s/1`.
/// `p` pauses, `r` resumes.
///
/// The only place that calls [`step`]. After each step it wakes once more, which must
/// change nothing, and looks at the deadline, which must not be due. What is said to be no
/// news must be in the check's beat and in the runs that have newly ended.
fn play(policy: &Policy, absences: &Absences, check: Check, script: &str) -> (Check, String) {
    let mut check = check;
    let mut log = String::new();
    for entry in script.split_whitespace() {
        let (second, input) = entry.split_once(':').unwrap();
        let (input, run) = input.split_once('/').map_or((input, None), |(it, run)| (it, Some(run)));
        let rid = run.map(|run| Uuid::of([run.parse().unwrap(); 16]));
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(second.parse().unwrap());
        let observation = |kind| Observation { rid, ..Observation::new(kind, "") };
        let observation = match input {
            "." => Some(observation(Kind::Success)),
            "x" => Some(observation(Kind::Failure)),
            "h" => Some(Observation {
                holds_for: Some(SignedDuration::from_secs(60)),
                ..observation(Kind::Failure)
            }),
            "?" => Some(observation(Kind::Unknown)),
            "s" => Some(observation(Kind::Start)),
            "l" => Some(observation(Kind::Log)),
            _ => None,
        };
        let other = match input {
            "p" => Input::Paused,
            "r" => Input::Resumed,
            _ => Input::Woken,
        };
        let input = observation.as_ref().map_or(other, Input::Observed);
        let unseen = entry.ends_with('a');
        let before = check.clone();
        let changes: Changes;
        (check, changes) = step(policy, absences, check, unseen, input, now);
        if !changes.is_news {
            let beat = check.beat().filter(|_| changes.is_beat);
            let mut stored = before.clone();
            beat.into_iter().for_each(|beat| stored.beat_by(beat));
            check.runs.kept(before.runs.ended()).for_each(|run| stored.runs.take_up(run));
            assert_eq!(stored, check, "news at {second}");
        }
        if check.verdict != before.verdict
            || changes.trouble.is_some()
            || changes.blindness.is_some()
        {
            log += &format!("{second}s {}", say(check.verdict));
            log += &changes.trouble.map_or(String::new(), |turn| format!(", trouble {turn:?}"));
            log += &changes.blindness.map_or(String::new(), |turn| format!(", blind {turn:?}"));
            log += "\n";
        }
        let (again, none) = step(policy, absences, check.clone(), unseen, Input::Woken, now);
        assert_eq!((&again, none), (&check, Changes::default()), "woken twice at {second}");
        let deadline = check.deadline(policy, absences);
        assert!(deadline.is_none_or(|deadline| deadline > now), "{deadline:?} at {second}");
    }
    (check, log)
}

fn say(verdict: Verdict) -> String {
    match verdict {
        Verdict::Down(cause) => format!("down {cause:?}"),
        Verdict::Up | Verdict::NeverSeen => format!("{verdict:?}"),
    }
}

fn log(policy: &Policy, check: Check, script: &str) -> String {
    play(policy, &Absences::default(), check, script).1
}

#[test]
fn one_failure_is_enough_unless_the_policy_says_otherwise() {
    assert_snapshot!(log(&policy(), new(), "0:. 10:x 20:x 30:. 40:."), @"
    10s down Failing, trouble Began
    20s down Failing, trouble Continues
    30s Up, trouble Ended
    ");
}

#[test]
fn failures_and_successes_count_in_a_row_only() {
    let policy = Policy { fail_after: 3, recover_after: 2, ..policy() };
    assert_snapshot!(log(&policy, new(), "0:x 1:x 2:. 3:x 4:x 5:x 6:. 7:x 8:. 9:."), @"
    5s down Failing, trouble Began
    6s down Failing, trouble Continues
    7s down Failing, trouble Continues
    8s down Failing, trouble Continues
    9s Up, trouble Ended
    ");
}

#[test]
fn a_failure_that_holds_for_a_time_is_believed_at_once_and_over_when_it_is_not_said_again() {
    let policy = Policy {
        fail_after: 3,
        fail_for: SignedDuration::from_secs(30),
        recover_after: 3,
        ..policy()
    };
    let script = "0:h 60:w 60.5:h 120.5:w 120.6:w 130:w 200:h 270:a 280:w";
    assert_snapshot!(log(&policy, new(), script), @"
    0s down Failing, trouble Began
    60.5s down Failing, trouble Continues
    120.6s Up, trouble Ended
    200s down Failing, trouble Began
    ");
    // What nobody could have heard does not count.
    let absent = [Absence { from: at(10), until: at(110) }];
    let absences = absent.into_iter().fold(Absences::default(), |mut all, absence| {
        all.push(absence);
        all
    });
    assert_snapshot!(play(&policy, &absences, new(), "0:h 160:w 160.1:w").1, @"
    0s down Failing, trouble Began
    160.1s Up, trouble Ended
    ");
    let (check, _) = play(&policy, &Absences::default(), new(), "0:h 61:w");
    assert_eq!(
        &*check.latest.unwrap().summary,
        "nobody has said it again, and it is taken for over"
    );
}

#[test]
fn a_failure_that_lapses_where_silence_counts_ends_as_silence_and_stays_that() {
    // The configuration expects it besides.
    let (failing, _) = play(&policy(), &Absences::default(), new(), "0:h");
    let expected = Check { interval: Some(SignedDuration::from_secs(60)), ..failing };
    assert_snapshot!(log(&policy(), expected.clone(), "200:w 300:w 400:w"), @"
    200s down Silent, trouble Continues
    ");
    assert_snapshot!(log(&policy(), expected, "61:w 130:w 400:w"), @"
    61s Up, trouble Ended
    130s down Silent, trouble Began
    ");
}

#[test]
fn an_agent_that_fails_and_falls_silent_is_silent() {
    let agent = Check { id: CheckId::agent("db1"), ..every_minute() };
    assert_snapshot!(log(&policy(), agent, "0:x 120:w 121:w 200:w 300:x"), @"
    0s down Failing, trouble Began
    121s down Silent, trouble Continues
    300s down Failing, trouble Continues
    ");
}

#[test]
fn a_failure_must_last_where_the_policy_wants_it() {
    let policy = Policy { fail_for: SignedDuration::from_secs(30), ..policy() };
    assert_snapshot!(log(&policy, new(), "0:x 10:x 29.999:w 30:w"), @"30s down Failing, trouble Began");
    assert_snapshot!(log(&policy, new(), "0:x 10:. 20:x 30:x 50:x"), @"50s down Failing, trouble Began");
}

#[test]
fn an_unknown_result_neither_counts_nor_resets() {
    let policy = Policy { fail_after: 2, recover_after: 2, ..policy() };
    assert_snapshot!(log(&policy, new(), "0:x 1:? 2:x 3:. 4:? 5:."), @"
    2s down Failing, trouble Began
    3s down Failing, trouble Continues
    5s Up, trouble Ended
    ");
}

#[test]
fn unknown_for_longer_than_allowed_is_told_once_until_a_result_comes() {
    let policy = Policy { unknown_after: SignedDuration::from_secs(100), ..policy() };
    assert_snapshot!(log(&policy, new(), "0:? 50:? 100:w 100.001:w 150:? 200:. 210:? 250:x"), @"
    100.001s Up, blind Began
    200s Up, blind Ended
    250s down Failing, trouble Began
    ");
}

#[test]
fn silence_is_strictly_more_than_interval_and_grace() {
    assert_snapshot!(log(&policy(), every_minute(), "0:. 120:w 120.001:w 200:w 300:."), @"
    120.001s down Silent, trouble Began
    300s Up, trouble Ended
    ");
}

#[test]
fn a_start_is_no_result_and_does_not_make_the_wait_for_one_longer() {
    assert_snapshot!(log(&policy(), every_minute(), "0:. 60:s 120:w 121:w 130:."), @"
    121s down Silent, trouble Began
    130s Up, trouble Ended
    ");
    assert_snapshot!(log(&policy(), new(), "0:x 1:s 2:x 3:s 4:."), @"
    0s down Failing, trouble Began
    2s down Failing, trouble Continues
    4s Up, trouble Ended
    ");
    let running = |script| {
        let (check, _) = play(&policy(), &Absences::default(), new(), script);
        check.runs.open().iter().map(|run| run.began_at.get()).collect::<Vec<_>>()
    };
    assert_eq!(
        ["0:. 5:s", "5:s 6:s", "5:s 6:.", "5:s 6:?"].map(running),
        [vec![at(5)], vec![at(6)], vec![], vec![]]
    );
}

#[test]
fn late_is_shown_and_told_to_nobody() {
    let (check, log) = play(&policy(), &Absences::default(), every_minute(), "0:. 100:w");
    assert_eq!(log, "");
    let status = |second| check.status(&Absences::default(), at(second));
    assert_eq!([60, 61, 120].map(status), [Status::Up, Status::Late, Status::Late]);
}

#[test]
fn a_check_without_an_interval_is_never_silent() {
    assert_snapshot!(log(&policy(), new(), "0:. 1000000:w"), @"");
}

#[test]
fn a_check_that_fails_and_falls_silent_stays_down_as_failing() {
    assert_snapshot!(log(&policy(), every_minute(), "0:x 1000:w 1010:."), @"
    0s down Failing, trouble Began
    1010s Up, trouble Ended
    ");
}

#[test]
fn a_silent_check_that_passed_before_is_up_with_its_next_success() {
    assert_snapshot!(log(&policy(), every_minute(), "0:. 121:w 130:. 140:x 150:."), @"
    121s down Silent, trouble Began
    130s Up, trouble Ended
    140s down Failing, trouble Began
    150s Up, trouble Ended
    ");
}

#[test]
fn silence_breaks_a_row_of_successes() {
    let policy = Policy { recover_after: 2, ..policy() };
    assert_snapshot!(log(&policy, every_minute(), "0:. 60:. 181:w 190:. 200:."), @"
    181s down Silent, trouble Began
    190s down Silent, trouble Continues
    200s Up, trouble Ended
    ");
}

#[test]
fn what_is_expected_and_never_heard_of_goes_down_after_its_grace() {
    let check =
        || Check::expected(CheckId::new("db1", "disk"), SignedDuration::from_secs(60), at(0));
    assert_eq!(check().status(&Absences::default(), at(0)), Status::NeverSeen);
    assert_snapshot!(log(&policy(), check(), "0:w 120:w 121:w 130:."), @"
    121s down NeverSeen, trouble Began
    130s Up, trouble Ended
    ");
    assert_snapshot!(log(&policy(), check(), "10:. 131:w"), @"
    10s Up
    131s down Silent, trouble Began
    ");
    assert_snapshot!(log(&policy(), check(), "10:? 20:x"), @"
    10s Up
    20s down Failing, trouble Began
    ");
}

#[test]
fn what_is_unseen_is_not_judged_and_tells_nothing() {
    let (check, log) =
        play(&policy(), &Absences::default(), every_minute(), "0:. 121:a 500:a 1000:a");
    assert_eq!(log, "");
    assert_eq!(check.status(&Absences::default(), at(1_000)), Status::Unknown);
    assert_eq!(check.deadline(&policy(), &Absences::default()), None);
}

#[test]
fn a_check_that_is_seen_again_has_its_whole_grace_again() {
    assert_snapshot!(log(&policy(), every_minute(), "0:. 121:a 500:w 501:. 560:w"), @"");
    assert_snapshot!(log(&policy(), every_minute(), "0:. 121:a 500:w 620:w 621:w"), @"621s down Silent, trouble Began");
}

#[test]
fn time_unseen_makes_no_failure_and_no_ignorance_longer() {
    let limit = SignedDuration::from_secs(100);
    let policy = Policy { fail_for: limit, unknown_after: limit, ..policy() };
    assert_snapshot!(log(&policy, new(), "0:x 20:a 500:w 501:x 599:w 600:w"), @"600s down Failing, trouble Began");
    assert_snapshot!(log(&policy, new(), "0:? 20:a 500:w 501:? 600:w 601:w"), @"601s Up, blind Began");
}

#[test]
fn a_failing_check_stays_in_trouble_while_it_is_unseen() {
    assert_snapshot!(log(&policy(), every_minute(), "0:x 121:a 500:w 501:."), @"
    0s down Failing, trouble Began
    501s Up, trouble Ended
    ");
}

#[test]
fn time_in_which_nobody_looked_is_no_silence() {
    let mut absences = Absences::default();
    absences.push(Absence { from: at(60), until: at(360) });
    let (_, log) = play(&policy(), &absences, every_minute(), "0:. 420:w 421:w");
    assert_snapshot!(log, @"421s down Silent, trouble Began");
}

#[test]
fn ten_thousand_alternating_results_are_one_trouble_that_flaps() {
    let policy = Policy::default();
    let alternating = (0..10_000).map(|n| format!("{n}:{}", if n % 2 == 0 { "." } else { "x" }));
    let script = alternating.collect::<Vec<_>>().join(" ");
    let (check, log) = play(&policy, &Absences::default(), new(), &script);
    let began = log.lines().filter(|line| line.ends_with("Began")).count();
    // Until the window shows it, each failure is a trouble of its own.
    assert_eq!(began, 5, "{log}");
    assert_eq!(say(check.verdict), "down Flapping");
    let calm = (10_000..10_030).map(|n| format!("{n}:.")).collect::<Vec<_>>().join(" ");
    let (check, log) = play(&policy, &Absences::default(), check, &calm);
    assert_eq!(check.verdict, Verdict::Up);
    assert_eq!(log.lines().filter(|line| line.ends_with("Ended")).count(), 1, "{log}");
}

#[test]
fn a_clock_that_was_set_back_changes_no_duration() {
    let policy = Policy { fail_for: SignedDuration::from_secs(30), ..policy() };
    let (mut check, log) = play(&policy, &Absences::default(), every_minute(), "1000:x 1010:w");
    assert_eq!(log, "");
    check.rewind(SignedDuration::from_secs(1_000));
    let (_, log) = play(&policy, &Absences::default(), check, "15:w 29:w 30:w");
    assert_snapshot!(log, @"30s down Failing, trouble Began");
}

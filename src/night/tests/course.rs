//! How one check was, and for how long.

use jiff::{SignedDuration, Timestamp};

use super::super::course::{Course, Outages};
use super::super::{History, Measured, Period, Present, Span};
use super::{DOWN, SILENT, UP, at, disk, now_so, span};
use crate::check::Verdict;

/// What happened to `db1/disk`: its verdict from a second on, and what it was before since
/// another.
fn judged(history: &mut History, at_second: i64, verdict: Verdict, before: (Verdict, i64)) {
    history.judged(disk(), verdict, Some((before.0, at(before.1))), at(at_second));
}

/// How `db1/disk` was, at second 1,000.
fn course(history: &History, present: Option<Present>) -> Course {
    let turns = history.turns.get(&disk()).cloned().unwrap_or_default();
    Course::of(&turns, present.as_ref(), at(1_000))
}

/// For how many seconds of a window something is known, and for how many it was down.
fn measured(history: &History, present: Option<Present>, window: Span) -> Option<(i64, i64)> {
    let measured = course(history, present).measure(window, &history.absences());
    measured.map(|Measured { known, down }| (known.as_secs(), down.as_secs()))
}

/// Times, seconds, begin and end of the outages of a period.
fn outages(
    history: &History,
    present: Option<Present>,
    period: Span,
) -> Option<(usize, i64, i64, Option<i64>)> {
    let found = course(history, present).outages(period, &history.absences());
    found.map(|Outages { times, lasted, began, ended }| {
        (times, lasted.as_secs(), began.as_second(), ended.map(Timestamp::as_second))
    })
}

#[test]
fn a_check_to_which_nothing_happened_is_measured_since_it_is_known() {
    let none = History::new();
    let window = span(0, 1_000);
    assert_eq!(measured(&none, Some(now_so(UP, -50)), window), Some((1_000, 0)));
    assert_eq!(measured(&none, Some(now_so(UP, 900)), window), Some((100, 0)));
    assert_eq!(measured(&none, Some(now_so(DOWN, 400)), window), Some((600, 600)));
    // What was never heard of is not up, and what is expected is not yet anything.
    let unheard = Present { is_known: false, ..now_so(UP, 0) };
    assert_eq!(measured(&none, Some(unheard), window), None);
    assert_eq!(measured(&none, Some(now_so(Verdict::NeverSeen, 0)), window), None);
    assert_eq!(measured(&none, Some(now_so(UP, 1_000)), window), None);
    assert_eq!(measured(&none, None, window), None);
}

#[test]
fn an_outage_that_began_before_the_window_counts_from_its_begin() {
    let mut history = History::new();
    judged(&mut history, 600, UP, (DOWN, 200));
    let present = Some(now_so(UP, 600));
    assert_eq!(measured(&history, present, span(500, 1_000)), Some((500, 100)));
    // Nothing is known of the time before it, and what is not known is no time.
    assert_eq!(measured(&history, present, span(0, 1_000)), Some((800, 400)));
    assert_eq!(outages(&history, present, span(500, 900)), Some((1, 100, 200, Some(600))));
    assert_eq!(outages(&history, present, span(600, 900)), None);
}

#[test]
fn an_outage_that_goes_on_has_no_end_and_several_are_one_row() {
    let mut history = History::new();
    judged(&mut history, 100, DOWN, (UP, 0));
    judged(&mut history, 150, UP, (DOWN, 100));
    judged(&mut history, 300, DOWN, (UP, 150));
    // Down for another reason is down on.
    judged(&mut history, 350, SILENT, (DOWN, 300));
    let present = Some(now_so(SILENT, 300));
    assert_eq!(outages(&history, present, span(50, 400)), Some((2, 150, 100, None)));
    assert_eq!(outages(&history, present, span(50, 200)), Some((1, 50, 100, Some(150))));
    assert_eq!(measured(&history, present, span(0, 1_000)), Some((1_000, 750)));
}

#[test]
fn time_in_which_nobody_looked_or_could_tell_counts_for_nothing() {
    let mut history = History::new();
    judged(&mut history, 100, DOWN, (UP, 0));
    history.absent(span(150, 250));
    history.obscured(disk(), at(200));
    history.revealed(disk(), at(300));
    judged(&mut history, 400, UP, (DOWN, 100));
    let present = Some(now_so(UP, 400));
    // 150 to 300 is not known, and counted once.
    assert_eq!(measured(&history, present, span(0, 1_000)), Some((850, 150)));
    assert_eq!(outages(&history, present, span(0, 1_000)), Some((1, 150, 100, Some(400))));
    assert_eq!(measured(&history, present, span(160, 290)), None);
}

#[test]
fn what_nobody_can_tell_since_before_the_window_or_until_now_is_unknown() {
    let present = |is_obscured| Some(Present { is_obscured, ..now_so(UP, -10) });
    let window = span(0, 1_000);
    assert_eq!(measured(&History::new(), present(true), window), None);
    let mut history = History::new();
    history.revealed(disk(), at(700));
    assert_eq!(measured(&history, present(false), window), Some((300, 0)));
    history.obscured(disk(), at(800));
    assert_eq!(measured(&history, present(true), window), Some((100, 0)));
}

#[test]
fn a_clock_that_was_set_back_moves_what_happened_before() {
    let mut history = History::new();
    judged(&mut history, 2_100, DOWN, (UP, 2_000));
    history.absent(span(2_100, 2_150));
    history.rewound(SignedDuration::from_secs(1_900));
    judged(&mut history, 400, UP, (DOWN, 200));
    let present = Some(now_so(UP, 400));
    assert_eq!(outages(&history, present, span(0, 1_000)), Some((1, 150, 200, Some(400))));
    assert_eq!(measured(&history, present, span(0, 1_000)), Some((850, 150)));
    // Old stores did not write it down.
    let mut history = History::new();
    judged(&mut history, 2_100, DOWN, (UP, 0));
    judged(&mut history, 400, UP, (DOWN, 200));
    assert_eq!(measured(&history, present, span(0, 1_000)), Some((1_000, 0)));
}

#[test]
fn a_check_that_is_forgotten_is_nothing_until_it_is_back() {
    let mut history = History::new();
    judged(&mut history, 100, DOWN, (UP, 0));
    history.forgotten(disk(), at(200));
    let window = span(0, 1_000);
    assert_eq!(outages(&history, None, window), Some((1, 100, 100, Some(200))));
    assert_eq!(measured(&history, Some(now_so(UP, 700)), window), Some((500, 100)));
    judged(&mut history, 800, DOWN, (UP, 700));
    let present = Some(now_so(DOWN, 800));
    assert_eq!(measured(&history, present, window), Some((500, 300)));
    assert_eq!(outages(&history, present, window), Some((2, 300, 100, None)));
    // Where nobody wrote down that it was forgotten, nobody knows how long it was down.
    let mut history = History::new();
    judged(&mut history, 100, DOWN, (UP, 0));
    assert_eq!(measured(&history, None, window), Some((100, 0)));
}

#[test]
fn records_of_old_stores_tell_what_followed_and_not_what_was_before() {
    let mut history = History::new();
    history.judged(disk(), UP, None, at(400));
    assert_eq!(measured(&history, Some(now_so(UP, 400)), span(0, 1_000)), Some((600, 0)));
    history.judged(disk(), DOWN, None, at(900));
    assert_eq!(measured(&history, Some(now_so(DOWN, 900)), span(0, 1_000)), Some((600, 100)));
}

#[test]
fn what_the_history_does_not_reach_is_unknown() {
    let mut history = History::new();
    let month = Period::until(at(1_000), SignedDuration::from_secs(1_000)).span;
    assert_eq!(history.told(month), Some(month));
    history.begin(at(300));
    assert_eq!(history.told(month), Some(span(300, 1_000)));
    history.rewound(SignedDuration::from_secs(100));
    assert_eq!(history.told(month), Some(span(200, 1_000)));
    history.begin(at(1_000));
    assert_eq!(history.told(month), None);
}

#[test]
fn a_share_is_never_rounded_up_to_all() {
    let share = |known, down| {
        let [known, down] = [known, down].map(SignedDuration::from_secs);
        Measured { known, down }.share()
    };
    assert_eq!(share(86_400, 0), 10_000);
    assert_eq!(share(30 * 86_400, 1), 9_999);
    assert_eq!(share(100, 100), 0);
    assert_eq!(share(3, 1), 6_666);
}

//! The whole report: what it says, and how much of it.

use jiff::SignedDuration;

use super::super::{
    Draft, History, Parked, Period, Present, Quiet, ROWS_MAX, Report, Seen, State, Undone,
    markdown, title,
};
use super::{DOWN, UP, at, disk, now_so, span};
use crate::check::{CheckId, Status, Verdict};

const HOUR: i64 = 3_600;
/// 2026-12-01 00:00 UTC.
const MIDNIGHT: i64 = 1_796_083_200;

fn seen(name: &str, status: Status, verdict: Verdict, since: i64) -> Seen {
    Seen {
        id: CheckId::new("db1", name),
        status,
        present: now_so(verdict, since),
        trouble: None,
        beats: None,
        issue: None,
        summary: String::new(),
    }
}

/// The report at 07:00 of a night in which much went wrong.
fn bad_night() -> Report {
    let mut history = History::new();
    let backup = CheckId::new("db1", "backup");
    let old = MIDNIGHT - 40 * 24 * HOUR;
    history.absent(span(MIDNIGHT + HOUR, MIDNIGHT + HOUR + 120));
    history.judged(backup.clone(), DOWN, Some((UP, at(old))), at(MIDNIGHT + 2 * HOUR));
    history.judged(disk(), DOWN, Some((UP, at(old))), at(MIDNIGHT + 3 * HOUR));
    history.judged(backup, UP, Some((DOWN, at(MIDNIGHT + 2 * HOUR))), at(MIDNIGHT + 5 * HOUR));
    let gone = CheckId::new("web9", "cache | @all");
    history.judged(gone.clone(), DOWN, Some((UP, at(MIDNIGHT))), at(MIDNIGHT + 4 * HOUR));
    history.forgotten(gone, at(MIDNIGHT + 4 * HOUR + 90));
    let period = Period {
        day: Some("2026-12-01".parse().unwrap()),
        span: span(MIDNIGHT - 2 * HOUR, MIDNIGHT + 6 * HOUR),
    };
    let faults = vec!["ops/alerts refuses since 03:00: 403 #1".to_owned()];
    let now = at(MIDNIGHT + 7 * HOUR);
    let mut draft = Draft::new(period, history, faults, now);
    draft.check(Seen {
        beats: Some((SignedDuration::from_mins(1), Some(at(MIDNIGHT + 7 * HOUR - 20)))),
        ..seen("agent", Status::Up, UP, old)
    });
    draft.check(Seen {
        beats: Some((SignedDuration::from_hours(24), Some(at(MIDNIGHT + 5 * HOUR)))),
        ..seen("backup", Status::Up, UP, MIDNIGHT + 5 * HOUR)
    });
    draft.check(Seen {
        trouble: Some((State::Down, at(MIDNIGHT + 3 * HOUR))),
        issue: Some("ops/alerts#12".to_owned()),
        summary: "97 % used <!-- @all | `x`".to_owned(),
        ..seen("disk", Status::Down, DOWN, MIDNIGHT + 3 * HOUR)
    });
    let obscured = Present { is_obscured: true, ..now_so(UP, old) };
    draft.check(Seen { present: obscured, ..seen("load", Status::Unknown, UP, old) });
    draft.check(Seen {
        beats: Some((SignedDuration::from_hours(1), None)),
        present: Present { is_known: false, ..now_so(Verdict::NeverSeen, MIDNIGHT) },
        ..seen("new", Status::NeverSeen, Verdict::NeverSeen, MIDNIGHT)
    });
    draft.quiet(Quiet {
        alert: "db1/disk".to_owned(),
        why: "its issue was closed by hand".to_owned(),
        since: at(MIDNIGHT + 3 * HOUR),
    });
    draft.parked(Parked {
        number: 7,
        effect: "open".to_owned(),
        alert: "web1/http".to_owned(),
        repository: "ops/web".to_owned(),
        since: at(MIDNIGHT + 4 * HOUR),
        reason: "422: the title is empty".to_owned(),
    });
    draft.finish()
}

#[test]
fn r71_a_bad_night_is_told_with_the_worst_first() {
    // Blanks of no width are to be seen here.
    let body = markdown::body(&bad_night()).replace('\u{200b}', "·");
    insta::assert_snapshot!(body, @r"
    **Not well: 1 down, 1 unknown, 1 never seen, 2 up of 5 checks; 1 fault of teawatch itself, 1 effect parked; 3 were down in the night, 1 alert kept quiet, teawatch not looking for 2 min.**

    From 2026-11-30 22:00 UTC to 2026-12-01 06:00 UTC; as of 2026-12-01 07:00 UTC.

    ### teawatch itself

    - ops/alerts refuses since 03:00: 403 \#·1

    ### Not well now: 1

    | check | state | since | issue | last report |
    |---|---|---|---|---|
    | db1/disk | **down** | 2026-12-01 03:00 UTC (4 h) | ops/alerts\#·12 | 97 % used &lt;\!·-- \@·all \| \`x\` |

    ### Down in the period: 3

    | check | for | times | from | until |
    |---|---|---|---|---|
    | db1/backup | 3 h | 1 | 2026-12-01 02:00 UTC | 2026-12-01 05:00 UTC |
    | db1/disk | 3 h | 1 | 2026-12-01 03:00 UTC | **still down** |
    | web9/cache \| \@·all | 1 min 30 s | 1 | 2026-12-01 04:00 UTC | 2026-12-01 04:01 UTC, no longer watched |

    ### Kept quiet: 1

    | alert | since | why |
    |---|---|---|
    | db1/disk | 2026-12-01 03:00 UTC (4 h) | its issue was closed by hand |

    ### Parked: 1

    | number | effect | alert | repository | since | reason |
    |---|---|---|---|---|---|
    | 7 | open | web1/http | ops/web | 2026-12-01 04:00 UTC (3 h) | 422: the title is empty |

    ### teawatch was not looking: 1

    | from | until | for |
    |---|---|---|
    | 2026-12-01 01:00 UTC | 2026-12-01 01:02 UTC | 2 min |

    ### Heartbeats: 3

    | job | status | age | interval | ratio |
    |---|---|---|---|---|
    | db1/new | never seen | never | 1 h | - |
    | db1/agent | up | 20 s | 1 min | 0.3 |
    | db1/backup | up | 2 h | 1 d | 0.1 |

    ### Availability: 5

    | check | 1 d | 7 d | 30 d |
    |---|---|---|---|
    | db1/disk | 83.31 % | 97.61 % | 99.44 % |
    | db1/backup | 87.48 % | 98.21 % | 99.58 % |
    | db1/agent | 100 % | 100 % | 100 % |
    | db1/load | unknown | unknown | unknown |
    | db1/new | unknown | unknown | unknown |
    ");
}

#[test]
fn r72_r74_the_panel_of_heartbeats_stands_alone() {
    insta::assert_snapshot!(markdown::panel(&bad_night()), @r"
    ### Heartbeats: 3

    | job | status | age | interval | ratio |
    |---|---|---|---|---|
    | db1/new | never seen | never | 1 h | - |
    | db1/agent | up | 20 s | 1 min | 0.3 |
    | db1/backup | up | 2 h | 1 d | 0.1 |
    ");
}

#[test]
fn the_title_says_which_night_and_how_bad_it_was() {
    insta::assert_snapshot!(title(&bad_night(), "[watchdog]"), @"[watchdog] Night to 2026-12-01: Not well: 1 down, 1 unknown, 1 never seen, 2 up of 5 checks; 1 fault of teawatch itself, 1 effect parked; 3 were down in the night, 1 alert kept quiet, teawatch not looking for 2 min.");
}

/// The summary of checks in these statuses, of which nothing else is known.
fn summary(statuses: &[Status]) -> String {
    let now = at(MIDNIGHT);
    let period = Period::until(now, SignedDuration::from_hours(12));
    let mut draft = Draft::new(period, History::new(), Vec::new(), now);
    for status in statuses {
        draft.check(seen("disk", *status, UP, MIDNIGHT));
    }
    draft.finish().summary
}

#[test]
fn all_is_well_only_if_it_is_known_to_be() {
    use Status::{Down, Late, NeverSeen, Paused, Unknown, Up};
    let lines = [
        &[][..],
        &[Up, Late],
        &[Up],
        &[Up, Unknown],
        &[NeverSeen],
        &[Up, Up, Down],
        &[Up, Paused],
        &[Paused, Paused],
    ];
    insta::assert_snapshot!(lines.map(summary).join("\n"), @r"
    Nothing is watched yet.
    All is well now: 2 checks up; none was down in the last 12 h.
    All is well now: 1 check up; none was down in the last 12 h.
    It cannot be told whether all is well: 1 unknown, 1 up of 2 checks; none was down in the last 12 h.
    It cannot be told whether all is well: 1 never seen of 1 check; none was down in the last 12 h.
    Not well: 1 down, 2 up of 3 checks; none was down in the last 12 h.
    All is well now: 1 paused, 1 up of 2 checks; none was down in the last 12 h.
    It cannot be told whether all is well: 2 paused of 2 checks; none was down in the last 12 h.
    ");
}

#[test]
fn where_no_check_is_watched_what_happened_is_told_all_the_same() {
    let now = at(MIDNIGHT);
    let period = Period::until(now, SignedDuration::from_hours(12));
    let undone = Undone {
        job: "copy".to_owned(),
        state: "missed".to_owned(),
        at: at(MIDNIGHT - HOUR),
        slots: 1,
        why: String::new(),
    };
    let mut draft = Draft::new(period, History::new(), Vec::new(), now);
    draft.undone(undone);
    insta::assert_snapshot!(draft.finish().summary, @"It cannot be told whether all is well: none was down in the last 12 h, 1 run of a job went wrong.");

    let mut history = History::new();
    history.judged(disk(), DOWN, Some((UP, at(0))), at(MIDNIGHT - 2 * HOUR));
    history.forgotten(disk(), at(MIDNIGHT - HOUR));
    let draft = Draft::new(period, history, Vec::new(), now);
    insta::assert_snapshot!(draft.finish().summary, @"It cannot be told whether all is well: 1 was down in the last 12 h.");
}

#[test]
fn of_more_runs_that_went_wrong_than_are_told_the_newest_are_and_the_rest_is_counted() {
    let now = at(MIDNIGHT);
    let period = Period::until(now, SignedDuration::from_hours(12));
    let mut draft = Draft::new(period, History::new(), Vec::new(), now);
    // They come in the order in which they began.
    for n in (1..=250).rev() {
        let (state, why) = ("failed".to_owned(), String::new());
        draft.undone(Undone { job: n.to_string(), state, at: at(MIDNIGHT - n), slots: 1, why });
    }
    let report = draft.finish();
    let newest = (1..=100).map(|n| n.to_string());
    assert!(report.jobs.rows.iter().map(|row| row.job.clone()).eq(newest), "{:?}", report.jobs);
    assert_eq!(report.jobs.more, 150);
    let body = markdown::body(&report);
    assert!(body.contains(": 250\n") && body.contains("\n… and 150 more"), "{body}");
}

#[test]
fn the_longest_report_is_shorter_than_what_would_be_cut_and_says_how_much_is_left_out() {
    let name = |n: usize| format!("{n:04}{}", "<@".repeat(140));
    let now = at(MIDNIGHT);
    let period = Period::until(now, SignedDuration::from_hours(12));
    let mut history = History::new();
    for n in 0..300 {
        let check = CheckId::new("db1", name(n));
        history.judged(check, DOWN, Some((UP, at(0))), at(MIDNIGHT - HOUR));
        let from = MIDNIGHT - HOUR - 10 * i64::try_from(n).unwrap();
        history.absent(span(from, from + 5));
    }
    let faults = (0..300).map(name).collect();
    let mut draft = Draft::new(period, history, faults, now);
    for n in 0..300 {
        draft.check(Seen {
            trouble: Some((State::Down, at(MIDNIGHT - HOUR))),
            beats: Some((SignedDuration::from_mins(1), Some(at(MIDNIGHT - HOUR)))),
            issue: Some(name(n)),
            summary: name(n),
            ..seen(&name(n), Status::Down, DOWN, MIDNIGHT - HOUR)
        });
        draft.quiet(Quiet { alert: name(n), why: name(n), since: now });
        draft.parked(Parked {
            number: 1,
            effect: "open".to_owned(),
            alert: name(n),
            repository: name(n),
            since: now,
            reason: name(n),
        });
    }
    let report = draft.finish();
    assert_eq!((report.down.rows.len(), report.down.more), (ROWS_MAX, 200));
    assert_eq!(report.faults.len(), ROWS_MAX);
    let body = markdown::body(&report);
    assert!(body.len() < 60_000 - 500, "{}", body.len());
    for part in ["### Not well now: 300", "### Parked: 300", "### Availability: 300"] {
        assert!(body.contains(part), "{part}");
    }
    assert_eq!(body.matches("\n… and ").count(), 8, "{body}");
    assert!(!body.contains("@<"), "a mention is active");
}

#[test]
fn r72_a_ratio_counts_no_time_in_which_nobody_could_hear_it() {
    let mut history = History::new();
    history.absent(span(100, 400));
    let now = at(1_000);
    let period = Period::until(now, SignedDuration::from_secs(1_000));
    let mut draft = Draft::new(period, history, Vec::new(), now);
    let beats = [("a", 100, Some(0)), ("b", 0, Some(0)), ("c", 100, None), ("d", 100, Some(2_000))];
    for (name, interval, last) in beats {
        let beats = Some((SignedDuration::from_secs(interval), last.map(at)));
        draft.check(Seen { beats, ..seen(name, Status::Up, UP, 0) });
    }
    let shown = draft.finish().heartbeats.rows.into_iter();
    let shown: Vec<_> =
        shown.map(|beat| (beat.job, beat.age.map(|age| age.as_secs()), beat.ratio)).collect();
    let expected = [
        ("db1/b", Some(1_000), None),
        ("db1/c", None, None),
        ("db1/a", Some(1_000), Some(7.0)),
        ("db1/d", Some(0), Some(0.0)),
    ];
    assert_eq!(shown, expected.map(|(job, age, ratio)| (job.to_owned(), age, ratio)));
}

//! Schedules, against a table that was worked out by hand from the clocks of the zones.

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use super::super::{
    Absence, Absences, Check, Definition, Input, Kind, Observation, Policy, Schedule, Slots,
    Status, Verdict, step,
};
use super::{log, new, policy};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn at(expression: &str, zone: &str, grace: SignedDuration) -> Schedule {
    Schedule::at(Slots::new(expression, zone).unwrap(), grace)
}

/// A check of this schedule that was heard of at `heard`.
fn heard(schedule: Schedule, heard: &str) -> Check {
    let definition = Definition { schedule, ..Definition::default() };
    let check = Check { definition: Some(Box::new(definition)), ..new() };
    let seen = Observation::new(Kind::Success, "");
    step(&policy(), &<_>::default(), check, false, Input::Observed(&seen), time(heard)).0
}

/// When what was heard at `heard` is due next.
fn due(expression: &str, zone: &str, heard_at: &str) -> String {
    let check = heard(at(expression, zone, minutes(10)), heard_at);
    let due = check.late_at(&Absences::default());
    due.map_or("never".to_owned(), |due| due.to_string())
}

#[test]
fn results_are_due_when_the_clocks_say_so() {
    for (expression, zone, heard, expected) in [
        ("0 2 * * *", "UTC", "2026-01-31T02:00:05Z", "2026-02-01T02:00:00Z"),
        ("0 2 * * *", "UTC", "2026-01-31T01:59:59Z", "2026-01-31T02:00:00Z"),
        ("*/15 * * * *", "UTC", "2026-01-31T23:59:00Z", "2026-02-01T00:00:00Z"),
        // The end of the month, and the day of the leap year.
        ("0 0 31 * *", "UTC", "2026-03-31T00:00:01Z", "2026-05-31T00:00:00Z"),
        ("30 1 L * *", "UTC", "2026-01-31T02:00:00Z", "2026-02-28T01:30:00Z"),
        ("30 1 L * *", "UTC", "2028-01-31T02:00:00Z", "2028-02-29T01:30:00Z"),
        ("0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
        ("0 0 1 1 *", "UTC", "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("0 9 * * MON-FRI", "UTC", "2026-01-02T09:00:01Z", "2026-01-05T09:00:00Z"),
        // Berlin: one hour ahead in winter, two in summer. Forward on 29 March at 02:00 to
        // 03:00, back on 25 October at 03:00 to 02:00.
        ("0 2 * * *", "Europe/Berlin", "2026-03-27T01:00:01Z", "2026-03-28T01:00:00Z"),
        ("0 4 * * *", "Europe/Berlin", "2026-03-28T03:00:01Z", "2026-03-29T02:00:00Z"),
        // What is skipped is due when the clock has gone forward.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T01:30:01Z", "2026-03-29T01:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:01Z", "2026-03-30T00:30:00Z"),
        // What comes twice is due the first time, and not the second.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T00:30:01Z", "2026-10-25T00:30:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:01Z", "2026-10-26T01:30:00Z"),
        // What is due each hour is due in both.
        ("30 * * * *", "Europe/Berlin", "2026-10-25T00:30:01Z", "2026-10-25T01:30:00Z"),
        ("30 * * * *", "Europe/Berlin", "2026-10-25T01:30:01Z", "2026-10-25T02:30:00Z"),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T00:30:01Z", "2026-03-29T01:30:00Z"),
        // New York: five hours behind in winter, four in summer; forward on 8 March at 02:00.
        ("15 2 * * *", "America/New_York", "2026-03-07T07:15:01Z", "2026-03-08T07:00:00Z"),
        ("30 1 * * *", "America/New_York", "2026-10-31T05:30:01Z", "2026-11-01T05:30:00Z"),
        ("30 1 * * *", "America/New_York", "2026-11-01T05:30:01Z", "2026-11-02T06:30:00Z"),
        // Kathmandu is 5 h 45 min ahead; Lord Howe moves by half an hour.
        ("0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:15:01Z", "2026-01-02T00:15:00Z"),
        ("0 3 * * *", "Australia/Lord_Howe", "2026-04-03T16:00:01Z", "2026-04-04T16:30:00Z"),
        // Samoa had no 30 December 2011 at all.
        ("0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", "2012-12-29T22:00:00Z"),
    ] {
        assert_eq!(due(expression, zone, heard), expected, "{expression} in {zone} after {heard}");
    }
}

/// Plays wake-ups and results at times in a zone's clock and says when it went down.
fn downs(schedule: Schedule, absences: &Absences, from: &str, results: &[&str]) -> Vec<String> {
    let mut check = heard(schedule, from);
    let mut downs = Vec::new();
    let mut results: Vec<_> = results.iter().map(|text| time(text)).collect();
    results.push(time(from).checked_add(SignedDuration::from_hours(100)).unwrap());
    for result in results {
        // Whatever is due before the next result is woken at its time.
        while let Some(due) = check.deadline(&policy(), absences).filter(|due| *due < result) {
            let was_down = check.is_down();
            check = step(&policy(), absences, check, false, Input::Woken, due).0;
            if check.is_down() && !was_down {
                downs.push(due.to_string());
            }
        }
        let seen = Observation::new(Kind::Success, "");
        check = step(&policy(), absences, check, false, Input::Observed(&seen), result).0;
    }
    downs
}

#[test]
fn a_slot_is_missed_a_moment_after_its_grace() {
    let schedule = || at("0 2 * * *", "Europe/Berlin", minutes(30));
    let none = Absences::default();
    let missed = downs(schedule(), &none, "2026-03-28T01:05:00Z", &[]);
    // The clock goes forward that night: it is due when it has.
    assert_eq!(missed, ["2026-03-29T01:30:00.001Z"]);
    let missed = downs(schedule(), &none, "2026-03-28T01:05:00Z", &["2026-03-29T01:30:00Z"]);
    assert_eq!(missed, ["2026-03-30T00:30:00.001Z"]);
}

#[test]
fn a_slot_that_lay_wholly_in_an_absence_is_not_missed() {
    let schedule = || at("0 2 * * *", "UTC", minutes(30));
    let absence = |from: &str, until: &str| {
        let mut absences = Absences::default();
        absences.push(Absence { from: time(from), until: time(until) });
        absences
    };
    let missed = |absences: &Absences| {
        downs(schedule(), absences, "2026-01-01T02:05:00Z", &[]).into_iter().next()
    };
    for (from, until, expected) in [
        // To the end of its grace, and beyond it.
        ("2026-01-02T02:00:00Z", "2026-01-02T02:30:00Z", "2026-01-03T02:30:00.001Z"),
        ("2026-01-01T20:00:00Z", "2026-01-02T09:00:00Z", "2026-01-03T02:30:00.001Z"),
        // One that lay in it in part is as much later.
        ("2026-01-02T02:00:01Z", "2026-01-02T02:30:00Z", "2026-01-02T02:59:59.001Z"),
        ("2026-01-02T01:00:00Z", "2026-01-02T02:29:59Z", "2026-01-02T02:59:59.001Z"),
        // One before it is none of its business.
        ("2026-01-01T20:00:00Z", "2026-01-02T01:00:00Z", "2026-01-02T02:30:00.001Z"),
        // Two nights at once.
        ("2026-01-01T20:00:00Z", "2026-01-03T09:00:00Z", "2026-01-04T02:30:00.001Z"),
    ] {
        let missed = missed(&absence(from, until));
        assert_eq!(missed.as_deref(), Some(expected), "{from} to {until}");
    }
    // One after the other, each in its night.
    let mut absences = absence("2026-01-02T01:00:00Z", "2026-01-02T03:00:00Z");
    absences
        .push(Absence { from: time("2026-01-03T01:00:00Z"), until: time("2026-01-03T03:00:00Z") });
    assert_eq!(missed(&absences).as_deref(), Some("2026-01-04T02:30:00.001Z"));
    // Every minute, for ten days: nobody walks over each.
    let every = at("* * * * *", "UTC", minutes(1));
    let absences = absence("2026-01-02T00:00:00Z", "2026-01-12T00:00:00Z");
    let late = heard(every, "2026-01-01T23:59:59Z").late_at(&absences).unwrap();
    assert_eq!(late, time("2026-01-12T00:00:00Z"));
}

#[test]
fn what_comes_a_little_early_counts_for_its_slot_where_that_is_allowed() {
    let schedule = at("0 2 * * *", "UTC", minutes(30));
    let early = Schedule { early: Some(minutes(5)), ..schedule.clone() };
    let due = |schedule: &Schedule, at| {
        heard(schedule.clone(), at).late_at(&Absences::default()).unwrap().to_string()
    };
    assert_eq!(due(&schedule, "2026-01-01T01:59:00Z"), "2026-01-01T02:00:00Z");
    assert_eq!(due(&early, "2026-01-01T01:59:00Z"), "2026-01-02T02:00:00Z");
    assert_eq!(due(&early, "2026-01-01T01:55:00Z"), "2026-01-02T02:00:00Z");
    assert_eq!(due(&early, "2026-01-01T01:54:59Z"), "2026-01-01T02:00:00Z");
    let strict = Schedule { is_strict: true, ..early };
    let then = |at: &str| {
        let seen = Observation::new(Kind::Success, "done");
        let check = heard(strict.clone(), "2026-01-01T02:05:00Z");
        let check =
            step(&policy(), &<_>::default(), check, false, Input::Observed(&seen), time(at)).0;
        (check.is_down(), check.latest.unwrap().summary.into_string())
    };
    assert_eq!(then("2026-01-02T01:55:00Z"), (false, "done".to_owned()));
    assert_eq!(
        then("2026-01-02T01:54:59Z"),
        (true, "it came too early: the next is due at 2026-01-02 02:00:00 UTC (done)".to_owned())
    );
}

#[test]
fn an_interval_counts_from_the_last_word_and_its_grace_on_top() {
    let schedule = Schedule::every(minutes(10), minutes(1));
    let definition = Some(Box::new(Definition { schedule, ..Definition::default() }));
    let check = Check { definition, interval: Some(minutes(1)), ..new() };
    // What people decide counts more than what it says of itself.
    assert_snapshot!(log(&policy(), check.clone(), "0:. 660:w 661:w 700:."), @"
    661s down Silent, trouble Began
    700s Up, trouble Ended
    ");
    let (check, _) = super::play(&policy(), &Absences::default(), check, "0:.");
    let status = |second| check.status(&Absences::default(), super::at(second));
    assert_eq!([600, 601].map(status), [Status::Up, Status::Late]);
}

#[test]
fn a_zone_that_has_vanished_makes_a_check_unknown_and_no_record_unreadable() {
    let check = heard(at("0 2 * * *", "Europe/Berlin", minutes(30)), "2026-01-01T01:00:00Z");
    let json = serde_json::to_string(&check).unwrap();
    assert_eq!(serde_json::from_str::<Check>(&json).unwrap(), check);
    let json = json.replace("Europe/Berlin", "Mars/Olympus");
    let gone: Check = serde_json::from_str(&json).unwrap();
    assert_eq!(gone.schedule_trouble(), Some("there is no time zone \"Mars/Olympus\""));
    let now = time("2026-01-05T00:00:00Z");
    // It is looked at as soon as it is loaded, and then when that is to be told.
    assert!(gone.deadline(&policy(), &Absences::default()).is_some_and(|due| due < now));
    let wake = |check, now| step(&policy(), &<_>::default(), check, false, Input::Woken, now);
    let (gone, changes) = wake(gone, now);
    assert_eq!((gone.status(&Absences::default(), now), changes.trouble), (Status::Unknown, None));
    let later = gone.deadline(&policy(), &Absences::default()).unwrap();
    assert_eq!(later, time("2026-01-05T01:00:00.001Z"));
    let (gone, changes) = wake(gone, later);
    assert!(changes.blindness.is_some());
    assert!(gone.account(&Absences::default()).contains("no time zone \"Mars/Olympus\""));
    // Results do not tell when the next is due.
    let seen = Observation::new(Kind::Success, "");
    let hear =
        |check, now| step(&policy(), &<_>::default(), check, false, Input::Observed(&seen), now).0;
    let heard = hear(gone.clone(), later);
    assert!(heard.is_blind && heard.unknown_since == gone.unknown_since);
    // Written again it keeps the words.
    let again = serde_json::to_string(&heard).unwrap();
    assert!(again.contains("Mars/Olympus"), "{again}");
    // It is back: its next result tells how it is.
    let back: Check =
        serde_json::from_str(&again.replace("Mars/Olympus", "Europe/Berlin")).unwrap();
    let back = hear(back, later);
    assert_eq!((back.unknown_since, back.verdict), (None, Verdict::Up));
}

#[test]
fn a_schedule_says_what_it_asks_for_in_words() {
    let schedule = Schedule {
        start_grace: Some(minutes(5)),
        run_limit: Some(minutes(90)),
        run_least: Some(SignedDuration::from_secs(10)),
        gap_least: Some(minutes(60)),
        ..at("0 2 * * *", "Europe/Berlin", minutes(30))
    };
    assert_snapshot!(schedule.words(), @"due at 0 2 * * * by the clock of Europe/Berlin, at most 30m late, begun at most 5m late, each run at most 1h 30m, at least 10s, not more than once in 1h");
    assert_eq!(Schedule::default().words(), "");
    assert_eq!(Schedule::every(minutes(5), SignedDuration::ZERO).words(), "due every 5m");
    let check = heard(schedule, "2026-01-01T01:00:00Z");
    let start = Observation::new(Kind::Start, "");
    let now = time("2026-01-02T01:01:00Z");
    let (check, _) =
        step(&Policy::default(), &<_>::default(), check, false, Input::Observed(&start), now);
    assert_snapshot!(check.account(&Absences::default()), @"It is due at 0 2 * * * by the clock of Europe/Berlin, at most 30m late, begun at most 5m late, each run at most 1h 30m, at least 10s, not more than once in 1h. It was heard of last at 2026-01-01 01:00:00 UTC. The run began at 2026-01-02 01:01:00 UTC and goes on.");
}

//! Runs: each is watched by its name, from its start to its end.

use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::json;

use super::super::{
    Absence, Absences, Check, Definition, ENDED_MAX, Input, Kept, Kind, Moment, Observation,
    RUNS_MAX, Rhythm, Schedule, Uuid, step,
};
use super::{at, kept, log, new, play, policy};

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn kept_to(schedule: Schedule) -> Check {
    Check { definition: Some(Box::new(Definition { schedule, ..Definition::default() })), ..new() }
}

/// A run may take 100 s, and nothing is said of when one is due.
fn limited() -> Check {
    kept_to(Schedule { run_limit: Some(seconds(100)), ..Schedule::default() })
}

/// How the runs stand after a script: those that go on, and how long the last took.
fn runs(check: Check, script: &str) -> String {
    let (check, _) = play(&policy(), &Absences::default(), check, script);
    let open = check.runs.open().iter().map(|run| {
        let name = run.rid.map_or("-".to_owned(), |rid| rid.to_string()[..2].to_owned());
        format!(
            "{name} since {}{}",
            run.began_at.get().as_second(),
            ["", "!"][usize::from(run.is_over)]
        )
    });
    let open: Vec<_> = open.collect();
    let took = check.runs.last().and_then(|last| last.took);
    format!(
        "[{}] took {}",
        open.join(", "),
        took.map_or("-".to_owned(), |took| format!("{took:#}"))
    )
}

#[test]
fn a_result_ends_the_run_of_its_name_and_a_failure_ends_one_in_any_case() {
    for (script, expected) in [
        ("0:s 30:.", "[] took 30s"),
        ("0:s/1 30:./1", "[] took 30s"),
        // Both without a name count as equal, one with and one without do not.
        ("0:s/1 30:.", "[01 since 0] took -"),
        ("0:s 30:./1", "[- since 0] took -"),
        ("0:s/1 5:s/2 30:./1", "[02 since 5] took 30s"),
        ("0:s/1 30:x", "[] took 30s"),
        ("0:s/1 30:x/2", "[] took 30s"),
        ("0:s/1 5:s/2 30:x", "[01 since 0] took 25s"),
        ("0:s/1 5:s/2 30:x/1", "[02 since 5] took 30s"),
        ("0:s 5:s/2 30:x", "[02 since 5] took 30s"),
        // Without a name there is one at a time.
        ("0:s 5:s 30:.", "[] took 25s"),
        ("0:s/1 5:s 6:s 30:.", "[01 since 0] took 24s"),
    ] {
        assert_eq!(runs(limited(), script), expected, "{script}");
        assert_eq!(runs(new(), script), expected, "{script}");
    }
}

#[test]
fn what_is_said_of_a_run_twice_or_too_late_changes_nothing() {
    for (script, expected) in [
        // A doubled start, a late start, one that comes after the end for the first time.
        ("0:s/1 5:s/1 30:./1", "[] took 30s"),
        ("0:s/1 30:./1 31:s/1", "[] took 30s"),
        ("30:./1 31:s/1", "[] took -"),
        ("0:s/1 30:x/2 31:s/1 32:s/2", "[] took 30s"),
        // A repeated end keeps its duration, also long afterwards.
        ("0:s/1 30:./1 31:./1", "[] took 30s"),
        ("0:s/1 30:./1 3000:./1", "[] took 30s"),
        ("0:s 30:. 31:.", "[] took 30s"),
        ("0:s/1 30:x/1 31:x/1 32:s/2 33:x/1", "[02 since 32] took 30s"),
    ] {
        assert_eq!(runs(limited(), script), expected, "{script}");
    }
    let results = |script| {
        let (check, _) = play(&policy(), &Absences::default(), limited(), script);
        (check.results, check.last_seen.map(|seen| seen.get().as_second()))
    };
    assert_eq!(results("0:x/1 1:x/1 2:x/1 600:x/1"), (1, Some(0)));
    assert_eq!(results("0:x/1 601:x/1"), (2, Some(601)));
    assert_eq!(results("0:x/1 1:./1"), (2, Some(1)));
    assert_eq!(results("0:. 1:."), (2, Some(1)));
}

#[test]
fn a_run_that_takes_longer_than_it_may_is_down_until_the_next_success() {
    assert_snapshot!(log(&policy(), limited(), "0:s/1 100:w 100.5:w 200:w 230:./1"), @"
    100.5s down Overrun, trouble Began
    230s Up, trouble Ended
    ");
    // Each is watched, not only the newest.
    assert_snapshot!(log(&policy(), limited(), "0:s/1 90:s/2 101:w 150:./2 151:w"), @"
    101s down Overrun, trouble Began
    150s Up, trouble Ended
    ");
    assert_snapshot!(log(&policy(), limited(), "0:s/1 90:s/2 99:./1 190:w 190.5:w"), @"190.5s down Overrun, trouble Began");
    // Another success says nothing of one that may still go on.
    assert_snapshot!(log(&policy(), limited(), "0:s/1 50:./2 60:. 101:w"), @"101s down Overrun, trouble Began");
    // One without a name.
    assert_snapshot!(log(&policy(), limited(), "0:s 101:w 102:. 103:w 300:w"), @"
    101s down Overrun, trouble Began
    102s Up, trouble Ended
    ");
    // What took too long was said; what fails then is a failure.
    assert_snapshot!(log(&policy(), limited(), "0:s/1 101:w 120:x/1 130:./2"), @"
    101s down Overrun, trouble Began
    120s down Failing, trouble Continues
    130s Up, trouble Ended
    ");
}

#[test]
fn a_run_that_took_too_long_is_shown_until_it_ends_or_another_succeeds() {
    assert_eq!(runs(limited(), "0:s/1 101:w"), "[01 since 0!] took -");
    assert_eq!(runs(limited(), "0:s/1 101:w 110:./1"), "[] took 1m 50s");
    assert_eq!(runs(limited(), "0:s/1 101:w 110:s/2 120:./2"), "[] took 10s");
    // Its start that comes late does not bring it back.
    assert_eq!(runs(limited(), "0:s/1 101:w 110:./2 111:s/1"), "[] took -");
    // While the check is down for another reason it is marked without a word.
    assert_eq!(log(&policy(), limited(), "0:x 1:s/1 200:w").lines().count(), 1);
    assert_eq!(runs(limited(), "0:x 1:s/1 200:w"), "[01 since 1!] took -");
}

#[test]
fn a_check_without_a_schedule_never_runs_for_too_long() {
    assert_snapshot!(log(&policy(), new(), "0:s/1 1000000:w"), @"");
}

#[test]
fn of_too_many_runs_the_oldest_is_given_up_and_counted() {
    let starts = |runs: usize| (1..=runs).map(|run| format!("{run}:s/{run}")).collect::<Vec<_>>();
    let (check, _) = play(&policy(), &Absences::default(), limited(), &starts(RUNS_MAX).join(" "));
    assert_eq!((check.runs.open().len(), check.runs.given_up()), (RUNS_MAX, 0));
    let (check, _) =
        play(&policy(), &Absences::default(), limited(), &starts(RUNS_MAX + 2).join(" "));
    assert_eq!((check.runs.open().len(), check.runs.given_up()), (RUNS_MAX, 2));
    assert_eq!(check.runs.open()[0].rid, Some(Uuid::of([3; 16])));
    assert!(check.account(&Absences::default()).contains("2 of the oldest runs are not watched"));
}

#[test]
fn of_the_runs_that_have_ended_the_newest_are_remembered() {
    let ends: Vec<_> = (1..=ENDED_MAX + 1).map(|run| format!("{run}:./{run}")).collect();
    let ends = ends.join(" ");
    assert_eq!(runs(limited(), &format!("{ends} 50:s/2")), "[] took -");
    assert_eq!(runs(limited(), &format!("{ends} 50:s/1")), "[01 since 50] took -");
}

#[test]
fn without_a_limit_of_its_own_a_run_may_take_as_long_as_the_grace() {
    let schedule = Schedule::every(seconds(1000), seconds(100));
    let check = || kept_to(schedule.clone());
    // At the earlier of the next result that is due and the start, plus the grace.
    assert_snapshot!(log(&policy(), check(), "0:. 10:s 110:w 110.5:w"), @"110.5s down Overrun, trouble Began");
    assert_snapshot!(log(&policy(), check(), "0:. 1050:s 1100:w 1100.5:w"), @"1100.5s down Silent, trouble Began");
    // One that never succeeded but was started can go down.
    let awaiting = Check {
        definition: Some(Box::new(Definition {
            schedule: schedule.clone(),
            awaits_first: true,
            ..Definition::default()
        })),
        ..Check { verdict: super::Verdict::NeverSeen, ..new() }
    };
    assert_snapshot!(log(&policy(), awaiting.clone(), "5000:w"), @"");
    assert_snapshot!(log(&policy(), awaiting, "5000:s 5101:w 5200:."), @"
    5101s down Overrun, trouble Began
    5200s Up, trouble Ended
    ");
}

#[test]
fn a_start_in_time_is_enough_where_runs_have_a_limit_of_their_own() {
    let schedule = Schedule {
        rhythm: Some(Rhythm::Every(seconds(1000))),
        grace: seconds(60),
        run_limit: Some(seconds(500)),
        ..Schedule::default()
    };
    let check = || kept_to(schedule.clone());
    assert_snapshot!(log(&policy(), check(), "0:. 1050:s 1061:w 1550:w 1551:w"), @"1551s down Overrun, trouble Began");
    assert_snapshot!(log(&policy(), check(), "0:. 1050:s 1540:. 2600:w 2601:w"), @"2601s down Silent, trouble Began");
    assert_snapshot!(log(&policy(), check(), "0:. 1060:w 1061:w 1062:s 1070:."), @"
    1061s down Silent, trouble Began
    1070s Up, trouble Ended
    ");
    // It must begin sooner than it must have ended, where nothing limits its run.
    let begun = Schedule { run_limit: None, start_grace: Some(seconds(20)), ..schedule.clone() };
    assert_snapshot!(log(&policy(), kept_to(begun.clone()), "0:. 1020:w 1021:w"), @"1021s down Silent, trouble Began");
    assert_snapshot!(log(&policy(), kept_to(begun), "0:. 1010:s 1021:w 1060:w 1061:w"), @"1061s down Silent, trouble Began");
}

#[test]
fn a_success_that_comes_when_it_should_not_is_a_failure_that_says_why() {
    let told = |schedule: Schedule, script: &str| {
        let (check, log) = play(&policy(), &Absences::default(), kept_to(schedule), script);
        (log, check.latest.unwrap().summary.into_string())
    };
    let short = Schedule { run_least: Some(seconds(10)), ..Schedule::default() };
    let (log, why) = told(short.clone(), "0:s/1 9:./1");
    assert_eq!(log, "9s down Failing, trouble Began\n");
    assert_eq!(why, "it ended after 9s: too short, it must take 10s at least ()");
    assert_eq!(told(short.clone(), "0:s/1 10:./1").0, "");
    // Of one whose start was not heard nobody can tell.
    assert_eq!(told(short, "0:.").0, "");

    let often = Schedule { gap_least: Some(seconds(60)), ..Schedule::default() };
    let (log, why) = told(often.clone(), "0:. 59:. 100:. 160:.");
    assert_eq!(
        log,
        "59s down Failing, trouble Began\n100s down Failing, trouble Continues\n160s Up, trouble Ended\n"
    );
    assert_eq!(why, "");
    // What mends a failure of its own is welcome.
    let (log, _) = told(often, "0:x 1:.");
    assert_eq!(log, "0s down Failing, trouble Began\n1s Up, trouble Ended\n");
}

#[test]
fn time_in_which_nobody_looked_makes_no_run_longer() {
    let mut absences = Absences::default();
    absences.push(Absence { from: at(50), until: at(350) });
    let (_, log) = play(&policy(), &absences, limited(), "0:s/1 400:w 400.5:w");
    assert_snapshot!(log, @"400.5s down Overrun, trouble Began");
}

#[test]
fn a_clock_that_was_set_back_changes_no_run() {
    let (mut check, _) = play(&policy(), &Absences::default(), limited(), "1000:s/1 1010:./2");
    check.rewind(seconds(1000));
    assert_eq!(runs(check.clone(), "50:./1"), "[] took 50s");
    assert_snapshot!(log(&policy(), check, "100:w 100.5:w"), @"100.5s down Overrun, trouble Began");
}

#[test]
fn records_keep_runs_and_those_from_before_they_had_names_still_load() {
    let (check, _) = play(&policy(), &Absences::default(), limited(), "0:s/1 5:s 9:./1");
    assert_eq!(kept(&check), check);
    // Those that have ended were a list in the record of their check.
    let mut json = serde_json::to_value(&check).unwrap();
    let rid = Uuid::of([1; 16]);
    json["runs"]["ended"] = json!([[rid, "success", 9_000_000_000_i64, 9_000_000_000_i64]]);
    assert_eq!(serde_json::from_value::<Check>(json).unwrap(), check);
    // What has no runs says nothing of them.
    let (plain, _) = play(&policy(), &Absences::default(), new(), "0:. 5:x");
    let mut json = serde_json::to_value(&plain).unwrap();
    for field in ["runs", "definition", "is_untimely"] {
        assert!(json.get(field).is_none(), "{json}");
    }
    json["running_since"] = "1970-01-01T00:00:07Z".into();
    let old: Check = serde_json::from_value(json).unwrap();
    assert_eq!(old.runs.open().len(), 1);
    assert_eq!(old.runs.open()[0].began_at, Moment::from(at(7)));
    assert_eq!(old.runs.open()[0].rid, None);
}

#[test]
fn of_those_that_have_ended_the_newest_are_kept_whatever_order_they_are_read_in() {
    let ends: Vec<_> = (1..=ENDED_MAX + 5).map(|run| format!("{run}:./{run}")).collect();
    let (check, _) = play(&policy(), &Absences::default(), new(), &ends.join(" "));
    assert_eq!(check.runs.ended(), ENDED_MAX + 5);
    let numbers: Vec<_> = check.runs.kept(0).map(|kept| kept.number).collect();
    assert_eq!(numbers, (5..ENDED_MAX + 5).collect::<Vec<_>>());
    assert_eq!(check.runs.kept(ENDED_MAX + 4).count(), 1);
    // One that was read out of a list and is too old by now.
    let mut again = new();
    let old = Kept { number: 4, ..check.runs.kept(5).next().unwrap() };
    for kept in [old].into_iter().chain(check.runs.kept(15)).chain(check.runs.kept(0)) {
        again.runs.take_up(kept);
    }
    assert_eq!(again.runs, check.runs);
}

#[test]
fn a_run_and_its_words_are_news_and_plain_results_are_none() {
    let hear = |check, kind, rid, second| {
        let seen = Observation { rid, ..Observation::new(kind, "") };
        step(&policy(), &<_>::default(), check, false, Input::Observed(&seen), at(second))
    };
    let rid = Some(Uuid::of([1; 16]));
    let (check, _) = hear(new(), Kind::Success, None, 0);
    let (check, changes) = hear(check, Kind::Success, None, 1);
    assert!(!changes.is_news);
    let (check, changes) = hear(check, Kind::Start, rid, 2);
    assert!(changes.is_news);
    let (check, changes) = hear(check, Kind::Start, rid, 3);
    assert!(!changes.is_news);
    let (check, changes) = hear(check, Kind::Success, rid, 4);
    assert!(changes.is_news);
    let (check, changes) = hear(check, Kind::Success, rid, 5);
    assert!(!changes.is_news);
    // One whose start nobody heard is a record of its own, and no news of the check.
    let (check, changes) = hear(check, Kind::Success, Some(Uuid::of([2; 16])), 6);
    assert_eq!((changes.is_news, changes.is_beat), (false, true));
    assert_eq!(check.runs.ended(), 2);
}

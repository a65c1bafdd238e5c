//! Which slots a job has, and what becomes of those that are late.

use super::*;

#[test]
fn b7_a_time_without_an_offset_is_read_on_the_clock_of_its_zone() {
    let now = at("2026-03-01T12:00:00Z");
    for (text, zone, next) in [
        ("2026-12-01 22:00", "Europe/Berlin", "2026-12-01T21:00:00Z"),
        ("2026-07-01T22:00", "Europe/Berlin", "2026-07-01T20:00:00Z"),
        ("2026-07-01T22:00:00+05:00", "Europe/Berlin", "2026-07-01T17:00:00Z"),
        // One that the clock skips comes as much later as it skips; of two it is the first.
        ("2026-03-29 02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"),
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"),
    ] {
        let draft = Draft { zone: Some(zone.to_owned()), ..draft(text) };
        assert_eq!(job(&draft, now).next, Some(at(next)), "{text}");
    }
}

/// What a record says of a slot may be what a zone meant before its rules were changed.
#[test]
fn d14_a_slot_ahead_is_worked_out_anew_and_none_that_is_due_or_of_no_clock() {
    let now = at("2026-07-01T12:00:00Z");
    let looked_at = |schedule: &str, next: &str| {
        let mut job = job(&draft(schedule), at("2026-07-01T00:00:00Z"));
        job.next = Some(at(next));
        job.look_again(now);
        job.next
    };
    // It would be run at the wrong time, and again at the right one.
    assert_eq!(looked_at("0 20 * * *", "2026-07-01T19:00:00Z"), Some(at("2026-07-01T20:00:00Z")));
    assert_eq!(looked_at("0 20 * * *", "2026-07-01T21:00:00Z"), Some(at("2026-07-01T20:00:00Z")));
    // What is due is still to be run, however wrong it was.
    for due in ["2026-07-01T11:00:00Z", "2026-07-01T12:00:00Z"] {
        assert_eq!(looked_at("0 20 * * *", due), Some(at(due)));
    }
    // Others come at the same time in every zone.
    for schedule in ["every 1h", "2026-07-02 12:00"] {
        let next = "2026-07-01T12:34:56Z";
        assert_eq!(looked_at(schedule, next), Some(at(next)), "{schedule}");
    }
}

#[test]
fn d14_a_slot_that_a_record_lacks_is_worked_out_and_no_stale_one_is_revived() {
    let now = at("2026-07-01T12:00:00Z");
    let looked_at = |schedule: &str, used: Option<Timestamp>| {
        let mut job = job(&draft(schedule), at("2026-07-01T00:00:00Z"));
        (job.next, job.used) = (None, used);
        job.look_again(now);
        (job.next, job.state())
    };
    let every = Some(at("2026-07-01T13:00:00Z"));
    assert_eq!(looked_at("every 1h", None), (every, State::Scheduled));
    let cron = Some(at("2026-07-01T20:00:00Z"));
    assert_eq!(looked_at("0 20 * * *", None), (cron, State::Scheduled));
    let once = at("2026-07-01T11:59:00Z");
    assert_eq!(looked_at("2026-07-01 11:59", None), (None, State::Completed));
    assert_eq!(looked_at("2026-07-01 11:59", Some(once)), (None, State::Completed));
    let ahead = at("2026-07-01T12:30:00Z");
    assert_eq!(looked_at("2026-07-01 12:30", None), (Some(ahead), State::Scheduled));
    assert_eq!(looked_at("2026-07-01 12:30", Some(ahead)), (None, State::Completed));
}

/// Starts, changes of something else and looks that come late again and again.
#[test]
fn d14_nothing_puts_a_slot_off_for_ever() {
    for (schedule, missed) in
        [("every 1m", "once"), ("every 1m", "skip"), ("* * * * *", "once"), ("* * * * *", "skip")]
    {
        let missed = Some(missed.to_owned());
        let mut job = job(&Draft { missed, ..draft(schedule) }, second(0));
        let mut run = 0;
        // Each look comes 70 seconds after the one before, and right after a start and a
        // change that says the same schedule again.
        for look in 1..=20 {
            let now = second(look * 70);
            job.look_again(now);
            let limit = Some(format!("{}s", look + 1));
            let change = Draft { schedule: Some(schedule.to_owned()), limit, ..Draft::default() };
            let definition = change.apply(Some(&job.definition), now).unwrap();
            job.redefine(definition, now);
            run += 1;
            let slot = fire(&mut job, Ask::Due, run, now).unwrap().unwrap();
            assert!(slot <= now && now.duration_since(slot).as_secs() < 60, "{schedule} {slot}");
            assert!(job.begin(run, now) && job.finish(run, RunState::Done, "", now).is_some());
        }
        assert_eq!(job.fired, 20);
    }
}

#[test]
fn d14_what_makes_up_for_missed_slots_is_one_of_the_times_that_it_runs() {
    let mut job = job(&Draft { times: Some(2), ..draft("every 1m") }, second(0));
    let late = second(30 * 60);
    assert_eq!(fire(&mut job, Ask::Due, 1, late), Ok(Some(late)));
    job.begin(1, late);
    job.finish(1, RunState::Done, "", late).unwrap();
    assert_eq!((job.fired, job.state()), (1, State::Scheduled));
    let next = second(31 * 60);
    assert_eq!(fire(&mut job, Ask::Due, 2, next), Ok(Some(next)));
    job.begin(2, next);
    job.finish(2, RunState::Done, "", next).unwrap();
    assert_eq!((job.fired, job.state()), (2, State::Completed));
}

/// Half of the time until the next one, from two minutes to two hours.
#[test]
fn b7_a_slot_may_be_late_by_its_grace_and_not_by_more() {
    for (schedule, due, grace) in [
        ("every 1m", 60, 120),
        ("every 3m", 180, 120),
        ("every 10m", 600, 300),
        ("every 4h", 14_400, 7_200),
        ("every 1d", 86_400, 7_200),
        ("0 0 * * *", 86_400, 7_200),
    ] {
        let skip = Draft { missed: Some("skip".to_owned()), ..draft(schedule) };
        let runs_at = |now: Timestamp| {
            let mut job = job(&skip, second(0));
            // No other is due by then.
            let slot = fire(&mut job, Ask::Due, 1, now).ok()??;
            Some(slot.as_second())
        };
        let latest = second(due + grace);
        let newest = if schedule == "every 1m" { 180 } else { due };
        assert_eq!(runs_at(latest), Some(newest), "{schedule}");
        if newest == due {
            assert_eq!(runs_at(latest + SignedDuration::from_nanos(1)), None, "{schedule}");
        }
    }
}

#[test]
fn b4_a_person_may_run_what_is_paused_and_nobody_else_and_it_stays_paused() {
    let mut job = job(&draft("every 1h"), second(0));
    let due = second(3_600);
    let pause = Pause { since: second(10), reason: "a new disk".to_owned() };
    job.paused = Some(pause.clone());
    for ask in [Ask::Due, Ask::Next, Ask::At(due)] {
        assert_eq!(job.claim(ask, job.next, holder(1), due), Err(NotFired::Paused));
    }
    assert_eq!(job.claim(Ask::Now, job.next, holder(1), due), Ok(None));
    assert!(job.begin(1, due) && job.finish(1, RunState::Done, "", due).is_some());
    assert_eq!((job.paused, job.next, job.used, job.fired), (Some(pause), Some(due), None, 0));
}

#[test]
fn what_is_changed_besides_the_schedule_takes_no_slot_from_a_claim_that_has_not_begun() {
    let mut job = job(&draft("in 1m"), second(0));
    assert_eq!(fire(&mut job, Ask::Due, 1, second(60)), Ok(Some(second(60))));
    let limit = Draft { limit: Some("1h".to_owned()), ..Draft::default() };
    let definition = limit.apply(Some(&job.definition), second(61)).unwrap();
    job.redefine(definition, second(61));
    assert!(job.give_back(1, second(62)));
    assert_eq!((job.fired, job.next, job.state()), (0, Some(second(60)), State::Scheduled));
}

#[test]
fn a_slot_that_is_given_back_comes_no_more_where_fewer_are_wanted_meanwhile() {
    let mut job = job(&draft("every 1m"), second(0));
    assert_eq!(fire(&mut job, Ask::Due, 1, second(60)), Ok(Some(second(60))));
    assert!(job.begin(1, second(60)) && job.finish(1, RunState::Done, "", second(60)).is_some());
    assert_eq!(fire(&mut job, Ask::Due, 2, second(120)), Ok(Some(second(120))));
    let fewer = Draft { times: Some(1), ..Draft::default() };
    let definition = fewer.apply(Some(&job.definition), second(121)).unwrap();
    job.redefine(definition, second(121));
    assert!(job.give_back(2, second(122)));
    assert_eq!((job.fired, job.next, job.state()), (1, None, State::Completed));
}

/// Jobs of one time do not all come at once, and neither does one always come as late.
#[test]
fn by_how_much_a_slot_is_put_off_differs_from_job_to_job_and_from_slot_to_slot() {
    let most = SignedDuration::from_secs(2);
    let delay =
        |number: u64, slot: i64| JobId::new("store", number).jitter(second(slot), most).as_secs();
    let all = BTreeSet::from([0, 1, 2]);
    assert_eq!((0..100).map(|number| delay(number, 0)).collect::<BTreeSet<_>>(), all);
    assert_eq!((0..100).map(|slot| delay(1, slot)).collect::<BTreeSet<_>>(), all);
}

#[test]
fn r99_slots_that_were_used_up_come_no_more_when_the_clock_is_set_back_by_less_than_a_day() {
    // At three it was run; at five past the clock is set back, and what is ahead stays used up.
    let day = SignedDuration::from_mins(24 * 60 + 5);
    for (back, next) in [
        (SignedDuration::from_mins(3), "2026-07-02T04:00:00Z"),
        (SignedDuration::from_mins(65), "2026-07-02T04:00:00Z"),
        (day, "2026-07-02T04:00:00Z"),
        (day + SignedDuration::from_secs(1), "2026-07-01T03:00:00Z"),
    ] {
        let mut job = job(&draft("0 * * * *"), at("2026-07-02T02:30:00Z"));
        let ahead = at("2026-07-02T03:05:00Z");
        assert!(fire(&mut job, Ask::Due, 1, ahead).is_ok());
        assert!(job.begin(1, ahead) && job.finish(1, RunState::Done, "", ahead).is_some());
        job.rewind(back, ahead - back);
        assert_eq!(job.next, Some(at(next)), "{back:#}");
    }
    // The only one that is ahead is not run twice, however far it is.
    let mut job = job(&draft("0 3 1 * *"), at("2026-07-01T02:30:00Z"));
    let ahead = at("2026-07-01T03:05:00Z");
    assert!(fire(&mut job, Ask::Due, 1, ahead).is_ok());
    assert!(job.begin(1, ahead) && job.finish(1, RunState::Done, "", ahead).is_some());
    let back = SignedDuration::from_hours(9 * 24);
    job.rewind(back, ahead - back);
    assert_eq!(job.next, Some(at("2026-08-01T03:00:00Z")));
}

#[test]
fn slots_that_a_clock_far_ahead_has_used_up_come_again() {
    let hour = SignedDuration::from_hours(1);
    // By years, with what was claimed and not begun, and with nothing that was ever run.
    let ahead = at("2033-01-01T00:00:00Z");
    let now = at("2026-07-02T02:30:00Z");
    for is_claimed in [true, false] {
        let mut job = job(&draft("0 3 * * *"), if is_claimed { now } else { ahead });
        if is_claimed {
            assert!(fire(&mut job, Ask::Due, 1, ahead + hour * 3).is_ok());
        }
        job.rewind(ahead.duration_since(now), now);
        assert_eq!(job.give_back(1, now), is_claimed);
        assert_eq!(job.next, Some(at("2026-07-02T03:00:00Z")), "{is_claimed}");
        let slot = job.next;
        assert_eq!(fire(&mut job, Ask::Due, 2, now + hour), Ok(slot));
    }
}

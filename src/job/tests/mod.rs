//! What always holds of a job, whatever is asked of it.

mod slots;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn draft(schedule: &str) -> Draft {
    Draft {
        name: Some("nightly".to_owned()),
        kind: Some("sweep".to_owned()),
        schedule: Some(schedule.to_owned()),
        ..Draft::default()
    }
}

fn job(draft: &Draft, now: Timestamp) -> Job {
    let definition = draft.apply(None, now).unwrap();
    Job::new(JobId::new("store", 1), definition, Origin::Person, now)
}

fn holder(run: u64) -> Holder {
    Holder { run, boot: 1 }
}

/// Claims what is due, as the engine does: late slots are passed over first.
fn fire(job: &mut Job, ask: Ask, run: u64, now: Timestamp) -> Result<Option<Timestamp>, NotFired> {
    let mut armed = job.next;
    if job.claim.is_none() && job.pass(now).is_some_and(|passed| !passed.is_made_up) {
        armed = None;
    }
    job.claim(ask, armed, holder(run), now)
}

#[test]
fn d14_schedules_are_read_in_any_letters_and_with_any_blanks() {
    let now = at("2026-07-01T12:00:00.25Z");
    for (text, next, shown) in [
        ("every 30m", "2026-07-01T12:30:01Z", "every 30m"),
        ("  EVERY   2 hours ", "2026-07-01T14:00:01Z", "every 2h"),
        ("every 1 day", "2026-07-02T12:00:01Z", "every 24h"),
        ("in 30m", "2026-07-01T12:30:01Z", "once at 2026-07-01T12:30:01Z"),
        ("0 3 * * *", "2026-07-02T03:00:00Z", "0 3 * * * in UTC"),
        ("2026-12-01 22:00", "2026-12-01T22:00:00Z", "once at 2026-12-01T22:00:00Z"),
        ("2026-12-01T22:00:00+02:00", "2026-12-01T20:00:00Z", "once at 2026-12-01T20:00:00Z"),
    ] {
        let job = job(&draft(text), now);
        assert_eq!(job.next, Some(at(next)), "{text}");
        assert_eq!(job.definition.schedule.to_string(), shown, "{text}");
    }
}

#[test]
fn d14_what_is_no_schedule_is_refused_with_what_to_write_instead() {
    let refused = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft("every 1h");
        change(&mut draft);
        draft.apply(None, second(0)).unwrap_err().to_string()
    };
    let schedule = |text: &str| refused(&|draft| draft.schedule = Some(text.to_owned()));
    insta::assert_snapshot!(schedule("30m"), @r#"schedule: must say "every 30m" to be repeated, or "in 30m" for once"#);
    for none in ["every 0s", "every 500ms", "every 1500ms", "in 0s"] {
        assert_eq!(schedule(none), "schedule: must be of whole seconds, and at least 1s", "{none}");
    }
    for text in ["", "soon", "every", "every -5m", "in five minutes", "22-12-01", "noon"] {
        assert!(schedule(text).starts_with("schedule: write \"every 30m\""), "{text}");
    }
    let none = "schedule: names a day or a time of the day that there is not";
    for text in ["2026-02-30 12:00", "2026-02-29", "2026-12-01 25:00", "2026-13-01T00:00:00Z"] {
        assert_eq!(schedule(text), none, "{text}");
    }
    for text in ["0 0 30 2 *", "0 25 * * *", "* * * * FOO"] {
        assert!(schedule(text).starts_with("schedule: names no time: "), "{text}");
    }
    for text in ["0 0 31 2,4,6,9,11 *", "60 * * * *", "* * 0 * *", "* * * 13 *"] {
        assert!(schedule(text).starts_with("schedule: names no time: "), "{text}");
    }
    for text in ["every 11y", "in 300y", "every 999999999999h"] {
        assert!(schedule(text).starts_with("schedule: "), "{text}");
    }
    let zone = refused(&|draft| draft.zone = Some("Mars/Olympus".to_owned()));
    assert_eq!(zone, "zone: must be a time zone that this machine knows");
    for (name, why) in [
        ("", "must be 1 to 100"),
        ("a b", "must be 1 to 100"),
        (".", "must not be `.` or `..`"),
        ("..", "must not be `.` or `..`"),
        ("0123456789ab", "must not look like the id"),
    ] {
        let text = refused(&|draft| draft.name = Some(name.to_owned()));
        assert!(text.starts_with(&format!("name: {why}")), "{text}");
    }
    assert!(draft("every 1h").apply(None, second(0)).is_ok());
    let text = |text: &str| Some(text.to_owned());
    type Change<'a> = &'a dyn Fn(&mut Draft);
    let refusals: [(Change<'_>, &str); 9] = [
        (&|draft| draft.kind = text("fly"), "do: must be one of sweep, reconcile"),
        (&|draft| draft.kind = None, "do: is needed"),
        (&|draft| draft.missed = text("never"), "missed: must be"),
        (&|draft| draft.missed_max = Some(5), "missed_max: is for missed"),
        (&|draft| draft.keep = Some(5), "keep: is for backups"),
        (&|draft| draft.jitter = text("1h"), "jitter: must be shorter than the interval"),
        (&|draft| draft.jitter = text("61m"), "jitter: must be whole seconds, from 0s to 1h"),
        (&|draft| draft.limit = text("0s"), "limit: must be whole seconds, from 1s to 24h"),
        (&|draft| draft.limit = text("25h"), "limit: must be whole seconds"),
    ];
    for (change, why) in refusals {
        let text = refused(change);
        assert!(text.starts_with(why), "{text}");
    }
}

/// In Berlin 02:00 to 03:00 is skipped on 2026-03-29, and comes twice on 2026-10-25.
#[test]
fn d14_a_nightly_job_runs_once_in_each_night_in_which_the_clock_changes() {
    for (begin, expected) in [
        ("2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
    ] {
        let draft = Draft { zone: Some("Europe/Berlin".to_owned()), ..draft("30 2 * * *") };
        let mut job = job(&draft, at(begin));
        for (run, slot) in (1..).zip(expected.map(at)) {
            assert_eq!(fire(&mut job, Ask::Due, run, slot), Ok(Some(slot)));
            assert!(job.begin(run, slot) && job.finish(run, RunState::Done, "", slot).is_some());
            let repeated = fire(&mut job, Ask::At(slot), 9, slot);
            assert_eq!(repeated, Err(NotFired::Duplicate));
        }
    }
}

#[test]
fn a_job_that_moves_to_another_zone_never_runs_a_slot_again() {
    let mut job = job(&draft("0 12 * * *"), at("2026-07-01T11:00:00Z"));
    let noon = at("2026-07-01T12:00:00Z");
    // A little early, as an outside scheduler may be.
    let early = noon - SignedDuration::from_secs(59);
    assert_eq!(fire(&mut job, Ask::Next, 1, early), Ok(Some(noon)));
    job.finish(1, RunState::Done, "", early);
    let zone = Draft { zone: Some("Atlantic/Reykjavik".to_owned()), ..Draft::default() };
    let definition = zone.apply(Some(&job.definition), early).unwrap();
    assert_eq!(definition.schedule.to_string(), "0 12 * * * in Atlantic/Reykjavik");
    job.redefine(definition, early);
    // Reykjavik has the time of UTC: noon is used up there as well.
    assert_eq!(job.next, Some(at("2026-07-02T12:00:00Z")));
    job.look_again(early);
    assert_eq!(job.next, Some(at("2026-07-02T12:00:00Z")));
}

#[test]
fn b4_the_edges_of_early_and_of_an_expiry() {
    let mut job = job(&draft("every 1h"), second(0));
    let due = second(3_600);
    let too_early = due - EARLY - SignedDuration::from_secs(1);
    assert_eq!(fire(&mut job, Ask::At(due), 1, too_early), Err(NotFired::Early(due)));
    assert_eq!(fire(&mut job, Ask::Due, 1, due - EARLY), Err(NotFired::Early(due)));
    assert_eq!(fire(&mut job, Ask::At(due), 1, due - EARLY), Ok(Some(due)));
    let now = due - EARLY;
    let last = now + CLAIM_LASTS - SignedDuration::from_nanos(1);
    assert_eq!(fire(&mut job, Ask::Now, 2, last), Err(NotFired::Running));
    assert_eq!(job.clone().take_back(1, last), None);
    // It is stale at its end, when it is from the future, and in the next start at once.
    for (boot, when) in [(1, now + CLAIM_LASTS), (1, now - SignedDuration::from_nanos(1)), (2, now)]
    {
        let mut job = job.clone();
        let expected = Interrupted { run: 1, has_begun: false };
        assert_eq!(job.take_back(boot, when), Some(expected));
        assert_eq!((job.next, job.used, job.fired), (Some(due), None, 0));
    }
    // Whoever renews it keeps it.
    assert!(job.renew(1, last));
    assert_eq!(job.take_back(1, last + CLAIM_LASTS - SignedDuration::from_nanos(1)), None);
    // What has begun is never run again.
    assert!(job.begin(1, last));
    assert!(job.take_back(2, last).unwrap().has_begun);
    assert_eq!((job.next, job.used, job.fired), (Some(second(7_200)), Some(due), 1));
    // A straggler has no say.
    assert!(!job.begin(1, last) && !job.renew(1, last) && !job.give_back(1, last));
    assert_eq!(job.finish(1, RunState::Done, "", last), None);
}

#[test]
fn b4_a_claim_that_cannot_be_read_is_none_and_an_old_record_is_read() {
    let mut job = job(&draft("every 1h"), second(0));
    fire(&mut job, Ask::Due, 1, second(3_600)).unwrap();
    let mut record = serde_json::to_value(&job).unwrap();
    assert_eq!(serde_json::from_value::<Job>(record.clone()).unwrap(), job);
    record["claim"] = serde_json::json!({ "at": "yesterday" });
    let mut read: Job = serde_json::from_value(record.clone()).unwrap();
    assert_eq!(read.claim, None);
    assert_eq!(fire(&mut read, Ask::Due, 2, second(7_200)), Ok(Some(second(7_200))));
    // A record of a zone that this machine does not know is a job that cannot go on.
    let schedule = serde_json::json!({ "expression": "0 3 * * *", "zone": "Mars/Olympus" });
    record["definition"]["schedule"] = serde_json::json!({ "cron": schedule });
    record["claim"] = serde_json::Value::Null;
    record["next"] = serde_json::Value::Null;
    let read: Job = serde_json::from_value(record).unwrap();
    assert_eq!(read.state(), State::Error);
}

#[test]
fn o12_each_policy_treats_late_slots_in_its_own_way() {
    // Slots at 10, 20 ... minutes; it is minute 57, and nobody has run any of them.
    let now = second(57 * 60);
    let with = |missed: &str, most: Option<u32>| {
        let missed = Some(missed.to_owned());
        job(&Draft { missed, missed_max: most, ..draft("every 10m") }, second(0))
    };
    let minutes = |slot: Option<Timestamp>| slot.map(|slot| slot.as_second() / 60);
    // The newest, in the place of four others.
    let mut once = with("once", None);
    let passed = once.clone().pass(now).unwrap();
    assert_eq!((passed.slots, passed.is_made_up), (4, true));
    assert_eq!((minutes(Some(passed.first)), minutes(Some(passed.last))), (Some(10), Some(40)));
    assert_eq!(minutes(fire(&mut once, Ask::Due, 1, now).unwrap()), Some(50));
    assert_eq!((minutes(once.next), once.fired), (Some(60), 1));
    // The newest is 7 minutes late, and half of ten are its grace.
    let mut skip = with("skip", None);
    assert_eq!(skip.pass(now).map(|passed| (passed.slots, passed.is_made_up)), Some((5, false)));
    assert_eq!((minutes(skip.next), skip.fired), (Some(60), 0));
    let mut in_time = with("skip", None);
    let slot = fire(&mut in_time, Ask::Due, 1, second(55 * 60)).unwrap();
    assert_eq!(minutes(slot), Some(50));
    // The newest three, one after the other.
    let mut all = with("all", Some(3));
    for (run, expected) in (1..).zip([30, 40, 50]) {
        assert_eq!(minutes(fire(&mut all, Ask::Due, run, now).unwrap()), Some(expected));
        all.begin(run, now);
        all.finish(run, RunState::Done, "", now).unwrap();
    }
    assert!(matches!(fire(&mut all, Ask::Due, 9, now), Err(NotFired::Early(_))));
}

#[test]
fn b5_a_one_shot_is_run_within_its_grace_and_never_after_it() {
    let draft = draft("in 1h");
    let due = second(3_600);
    let mut late = job(&draft, second(0));
    assert_eq!(fire(&mut late, Ask::Due, 1, due + ONCE_GRACE), Ok(Some(due)));
    assert_eq!((late.next, late.fired, late.completed_at.is_some()), (None, 1, true));
    let mut too_late = job(&draft, second(0));
    let beyond = due + ONCE_GRACE + SignedDuration::from_nanos(1);
    assert_eq!(fire(&mut too_late, Ask::At(due), 1, beyond), Err(NotFired::Duplicate));
    assert_eq!((too_late.fired, too_late.state()), (0, State::Completed));
    // The backstop does not wait until it is too late.
    let waits = job(&draft, second(0)).backstop_at(SignedDuration::from_mins(10)).unwrap();
    assert!(waits < due + ONCE_GRACE);
}

#[test]
fn a_job_of_so_many_times_is_through_after_them_and_its_old_slots_are_gone() {
    let mut job = job(&Draft { times: Some(2), ..draft("every 1m") }, second(0));
    for run in 1..=2 {
        let slot = job.next.unwrap();
        assert_eq!(fire(&mut job, Ask::At(slot), run, slot), Ok(Some(slot)));
        job.begin(run, slot);
        job.finish(run, RunState::Done, "", slot).unwrap();
    }
    assert_eq!(job.state(), State::Completed);
    let later = second(180);
    assert_eq!(fire(&mut job, Ask::At(second(120)), 3, later), Err(NotFired::Duplicate));
    assert_eq!(fire(&mut job, Ask::At(second(180)), 3, later), Err(NotFired::Gone));
    assert_eq!(fire(&mut job, Ask::Next, 3, later), Err(NotFired::Never));
    // Besides its schedule it can still be run, which uses up nothing.
    assert_eq!(fire(&mut job, Ask::Now, 3, later), Ok(None));
    assert_eq!(job.fired, 2);
}

proptest! {
    #[test]
    fn a_slot_is_put_off_by_the_same_time_whenever_it_is_asked(
        number in 0_u64..1_000, slot in 0_i64..4_000_000_000, most in 0_i64..3_600,
    ) {
        let id = JobId::new("store", number);
        let most = SignedDuration::from_secs(most);
        let delay = id.jitter(second(slot), most);
        prop_assert!(delay >= SignedDuration::ZERO && delay <= most);
        prop_assert_eq!(delay, id.jitter(second(slot), most));
    }

    /// Whoever asks, for whatever, in whatever order, with crashes in between: no slot begins
    /// twice, and slots begin in their order.
    #[test]
    fn no_slot_ever_begins_twice(
        moves in prop::collection::vec((0_u8..9, 0_i64..400, 0_i64..40), 1..120),
        missed in prop_oneof![Just("once"), Just("skip"), Just("all")],
        jitter in 0_i64..30,
    ) {
        let draft = Draft {
            missed: Some(missed.to_owned()),
            jitter: Some(format!("{jitter}s")),
            ..draft("every 1m")
        };
        let mut job = job(&draft, second(0));
        let (mut now, mut boot, mut run) = (second(0), 1, 0);
        let (mut begun, mut tokens) = (BTreeSet::new(), Vec::new());
        for (kind, wait, back) in moves {
            let slot = second((now.as_second() / 60 - back % 4) * 60);
            let ask = match kind {
                0 | 1 => Some(Ask::Due),
                2 => Some(Ask::Next),
                3 => Some(Ask::At(slot)),
                4 => Some(Ask::Now),
                _ => None,
            };
            if let Some(ask) = ask {
                job.take_back(boot, now);
                run += 1;
                let mut armed = job.next;
                if job.claim.is_none() && job.pass(now).is_some_and(|passed| !passed.is_made_up) {
                    armed = None;
                }
                if let Ok(slot) = job.claim(ask, armed, Holder { run, boot }, now) {
                    tokens.push((run, slot));
                }
            }
            match (kind, tokens.last().copied()) {
                // The work begins, in the hands of the newest or of a straggler.
                (5, Some(_)) => {
                    let index = usize::try_from(back).unwrap() % tokens.len();
                    let (run, slot) = tokens[index];
                    if job.begin(run, now) && let Some(slot) = slot {
                        prop_assert!(begun.insert(slot), "{slot} began twice");
                        prop_assert!(begun.last() == Some(&slot), "{slot} began late");
                    }
                }
                (6, Some((run, _))) => drop(job.finish(run, RunState::Done, "", now)),
                (7, Some((run, _))) => drop(job.give_back(run, now)),
                // A crash, and a start.
                (8, _) => {
                    boot += 1;
                    job.take_back(boot, now);
                    job.look_again(now);
                }
                _ => now += SignedDuration::from_secs(wait),
            }
            prop_assert!(job.next.is_none_or(|next| job.used.is_none_or(|used| used < next)));
        }
    }
}

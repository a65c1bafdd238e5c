//! What is kept of jobs, and what moves it: the engine itself, without its thread.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use teawatch::alert::Salt;
use teawatch::engine::settings::Settings;
use teawatch::engine::{
    COMPLETED_KEPT, Claimed, Core, JOBS_MAX, OUTPUT_MAX, RUNS_KEPT, RUNS_MAX, Unmade,
};
use teawatch::job::{
    Ask, By, CLAIM_LASTS, Draft, Job, JobId, NotFired, Origin, Run, RunState, State, Wrong,
};
use teawatch::store::{Key, Memory, Store as _, Tree, WriteSet};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn draft(name: &str, schedule: &str) -> Draft {
    let draft = json!({ "name": name, "do": "sweep", "schedule": schedule });
    serde_json::from_value(draft).unwrap()
}

/// An engine over a store, by a clock that a test turns.
struct Inside {
    memory: Memory,
    core: Core,
}

impl Inside {
    fn new(second: i64) -> Self {
        let mut memory = Memory::new();
        let core = load(&mut memory, Settings::default(), second);
        Self { memory, core }
    }

    fn with(mut self, schedule: &str) -> Self {
        self.core.add_job(&draft("job", schedule), at(0)).unwrap();
        self.turn(0);
        self
    }

    /// One round at this second.
    fn turn(&mut self, second: i64) {
        self.core.turn(at(second));
        self.core.mark(at(second));
        self.core.wake_due(4_096, at(second));
        self.memory.commit(self.core.take_writes().0).unwrap();
    }

    /// Rounds until this second, so often that nobody seems to be away.
    fn turns(&mut self, from: i64, until: i64) {
        (from..=until).step_by(10).for_each(|second| self.turn(second));
        self.turn(until);
    }

    /// What is on the disk, after a kill: what was not committed is lost.
    fn killed(mut self, second: i64) -> Self {
        self.core = load(&mut self.memory, Settings::default(), second);
        self.turn(second);
        self
    }

    fn fire(&mut self, ask: Ask, second: i64) -> Result<Claimed, NotFired> {
        self.core.fire("job", ask, By::Outside, at(second))
    }

    fn runs(&self) -> Vec<Run> {
        self.core.runs_page("job", None, 500).unwrap().items
    }

    fn states(&self) -> Vec<RunState> {
        self.runs().iter().map(|run| run.state).collect()
    }

    fn finish(&mut self, run: u64, state: RunState, second: i64) -> bool {
        self.core.finish_run(run, state, String::new(), String::new(), at(second))
    }

    /// The status of the job's check.
    fn check(&self, second: i64) -> Option<String> {
        let checks = self.core.checks_page(None, 500, at(second)).items;
        let check = checks.iter().find(|check| check.name == "job-job")?;
        Some(check.status.to_string())
    }
}

/// The name of the store.
const INSTANCE: &str = "0123456789abcdef";

fn load(memory: &mut Memory, settings: Settings, second: i64) -> Core {
    let (salt, instance) = (Salt::new("salt"), INSTANCE.to_owned());
    Core::load(memory, settings, salt, None, instance, at(second)).unwrap()
}

#[test]
fn b4_a_kill_in_each_phase_of_a_claim_runs_no_slot_twice_and_loses_none_that_has_not_begun() {
    // Claimed, and the commit has not come to its end: nothing has happened.
    let mut inside = Inside::new(0).with("every 1m");
    let lost = inside.fire(Ask::Due, 60).unwrap();
    let mut inside = inside.killed(61);
    let claimed = inside.fire(Ask::Due, 61).unwrap();
    assert_eq!((claimed.run, claimed.slot), (lost.run, Some(at(60))));
    inside.turn(61);
    // Claimed and not begun: the slot is free again.
    let mut inside = inside.killed(62);
    assert_eq!(inside.states(), [RunState::Skipped]);
    let again = inside.fire(Ask::At(at(60)), 62).unwrap();
    assert_eq!(again.slot, Some(at(60)));
    assert!(again.run > claimed.run);
    // Whoever had the claim before has no say.
    assert!(!inside.core.begin_run(claimed.run, at(62)));
    assert!(inside.core.begin_run(again.run, at(62)));
    assert!(!inside.core.begin_run(again.run, at(62)));
    inside.turn(62);
    // Begun: nobody knows how far it came, and it is never run again.
    let mut inside = inside.killed(63);
    assert_eq!(inside.states(), [RunState::Unknown, RunState::Skipped]);
    assert_eq!(inside.fire(Ask::At(at(60)), 63).unwrap_err(), NotFired::Duplicate);
    assert!(!inside.finish(again.run, RunState::Done, 63));
    assert_eq!(inside.states()[0], RunState::Unknown);
    // Done, and the commit has not come to its end: it is unknown as well.
    let next = inside.fire(Ask::Due, 120).unwrap();
    assert!(inside.core.begin_run(next.run, at(120)));
    inside.turn(120);
    assert!(inside.finish(next.run, RunState::Done, 121));
    let mut inside = inside.killed(122);
    assert_eq!(inside.states()[0], RunState::Unknown);
    assert_eq!(inside.fire(Ask::At(at(120)), 122).unwrap_err(), NotFired::Duplicate);
    assert_eq!(inside.core.job("job").unwrap().fired, 2);
}

#[test]
fn r99_a_thousand_slots_each_fired_from_all_sides_run_once() {
    let mut inside = Inside::new(0).with("every 1m");
    let mut begun = Vec::new();
    for minute in 1..=1_000 {
        let second = minute * 60;
        let asks = [Ask::Due, Ask::Next, Ask::At(at(second)), Ask::At(at(second - 60))];
        let mut won = Vec::new();
        for round in 0..64 {
            let ask = asks[(round + usize::try_from(minute).unwrap()) % asks.len()];
            won.extend(inside.fire(ask, second));
            won.extend(inside.core.fire_due(By::Ticker, None, 9, at(second)));
            let grace = Some(SignedDuration::ZERO);
            won.extend(inside.core.fire_due(By::Backstop, grace, 9, at(second)));
        }
        assert_eq!(won.len(), 1, "minute {minute}");
        assert!(inside.core.begin_run(won[0].run, at(second)));
        begun.extend(won[0].slot);
        assert!(inside.finish(won[0].run, RunState::Done, second + 1));
        inside.turn(second + 1);
    }
    let expected: Vec<_> = (1..=1_000).map(|minute| at(minute * 60)).collect();
    assert_eq!(begun, expected);
}

#[test]
fn b4_a_claim_that_nobody_renews_is_taken_back_and_one_that_is_renewed_is_not() {
    let mut inside = Inside::new(0).with("every 1h");
    let claimed = inside.fire(Ask::Due, 3_600).unwrap();
    assert!(inside.core.begin_run(claimed.run, at(3_600)));
    let lasts = CLAIM_LASTS.as_secs();
    inside.turns(3_600, 3_600 + lasts - 1);
    assert!(inside.core.renew_run(claimed.run, at(3_600 + lasts - 1)));
    inside.turns(3_600 + lasts, 3_600 + 2 * lasts - 2);
    assert_eq!(inside.states(), [RunState::Running]);
    assert_eq!(inside.fire(Ask::Now, 3_600 + 2 * lasts - 2).unwrap_err(), NotFired::Running);
    inside.turn(3_600 + 2 * lasts - 1);
    assert_eq!(inside.states(), [RunState::Unknown]);
    assert!(!inside.core.renew_run(claimed.run, at(3_600 + 2 * lasts)));
}

#[test]
fn u28_who_was_asleep_with_teawatch_keeps_the_claim_and_the_backlog_is_one_run() {
    let mut inside = Inside::new(0).with("every 1m");
    let claimed = inside.fire(Ask::Due, 60).unwrap();
    assert!(inside.core.begin_run(claimed.run, at(60)));
    inside.turn(60);
    // The host sleeps for an hour, and both wake up.
    inside.turn(3_660);
    assert_eq!(inside.states(), [RunState::Running]);
    assert_eq!(inside.core.fire_due(By::Ticker, None, 9, at(3_660)).len(), 0);
    assert!(inside.core.renew_run(claimed.run, at(3_661)));
    assert!(inside.finish(claimed.run, RunState::Done, 3_670));
    assert_eq!(inside.states(), [RunState::Skipped, RunState::Done]);
    // Without work under way it is the same: no burst, but one run for all.
    inside.turn(3_670);
    inside.turn(7_270);
    let fired = inside.core.fire_due(By::Ticker, None, 9, at(7_270));
    assert_eq!((fired.len(), fired[0].slot), (1, Some(at(7_260))));
    // In another start the same claim is nobody's at once.
    let inside = inside.killed(7_271);
    assert_eq!(inside.core.job("job").unwrap().running, None);
}

#[test]
fn a_record_that_cannot_be_read_stops_no_other_and_stays_as_it_is() {
    let mut inside = Inside::new(0).with("every 1m");
    let mut writes = WriteSet::new();
    let broken = Key::new().text("broken");
    writes.put(Tree::Jobs, broken.clone(), &json!({ "id": 7 }));
    writes.put(Tree::Jobs, Key::new().text("run").u64(9), &json!([]));
    writes.put(Tree::Jobs, "x", &json!({}));
    inside.memory.commit(writes).unwrap();
    let mut inside = inside.killed(61);
    let health = inside.core.jobs_health();
    assert_eq!((health.jobs, health.active, health.unreadable.len()), (1, 1, 3));
    let fired = inside.core.fire_due(By::Ticker, None, 9, at(61));
    assert_eq!(fired.len(), 1);
    inside.turn(61);
    let mut kept = 0;
    inside
        .memory
        .load(&mut |tree, key, _| {
            kept += usize::from(tree == Tree::Jobs && key == broken.as_ref());
            Ok(())
        })
        .unwrap();
    assert_eq!(kept, 1);
}

#[test]
fn what_is_missed_for_good_is_a_trouble_until_it_runs_again() {
    let mut inside = Inside::new(0);
    let skip: Draft = serde_json::from_value(json!({
        "name": "job", "do": "sweep", "schedule": "every 1h", "missed": "skip",
    }))
    .unwrap();
    inside.core.add_job(&skip, at(0)).unwrap();
    inside.turn(0);
    // It was stopped from before the first slot until after the second one's grace.
    let mut inside = inside.killed(7_200 + 1_801);
    assert_eq!(inside.core.fire_due(By::Ticker, None, 9, at(9_002)).len(), 0);
    inside.turn(9_002);
    let missed = &inside.runs()[0];
    assert_eq!((missed.state, missed.slots), (RunState::Missed, 2));
    assert_eq!(inside.check(9_002).as_deref(), Some("down"));
    let claimed = inside.fire(Ask::Due, 10_800).unwrap();
    assert!(inside.core.begin_run(claimed.run, at(10_800)));
    assert!(inside.finish(claimed.run, RunState::Done, 10_801));
    assert_eq!(inside.check(10_801).as_deref(), Some("up"));
}

#[test]
fn a_slot_that_nobody_runs_is_told_though_no_scheduler_is_at_work() {
    let mut inside = Inside::new(0).with("every 1h");
    let overdue = Settings::default().jobs_overdue.as_secs();
    let edge = 3_600 + overdue;
    inside.turns(0, edge);
    assert_eq!(inside.check(edge), None);
    inside.turn(edge + 1);
    assert_eq!(inside.check(edge + 1).as_deref(), Some("down"));
    // A time in which teawatch was stopped does not count.
    let mut stopped = Inside::new(0).with("every 1h").killed(100_000);
    stopped.turns(100_000, 100_000 + overdue - 10);
    assert_eq!(stopped.check(100_000 + overdue - 10), None);
    stopped.turns(100_000 + overdue, 100_000 + overdue + 10);
    assert_eq!(stopped.check(100_000 + overdue + 10).as_deref(), Some("down"));
}

#[test]
fn the_newest_runs_are_kept_with_the_end_of_what_they_wrote_and_go_with_their_job() {
    let mut inside = Inside::new(0).with("every 1h");
    for second in 0..=i64::try_from(RUNS_KEPT).unwrap() {
        let claimed = inside.fire(Ask::Now, second).unwrap();
        assert!(inside.core.begin_run(claimed.run, at(second)));
        let output = format!("{}the end", "é".repeat(OUTPUT_MAX));
        let why = String::new();
        assert!(inside.core.finish_run(claimed.run, RunState::Done, why, output, at(second)));
        inside.turn(second);
    }
    let mut inside = inside.killed(100);
    let runs = inside.runs();
    assert_eq!(runs.len(), RUNS_KEPT);
    assert_eq!((runs[0].number, runs[RUNS_KEPT - 1].number), (RUNS_KEPT as u64 + 1, 2));
    assert!(runs[0].output.len() <= OUTPUT_MAX && runs[0].output.ends_with("é\u{74}he end"));
    let page = inside.core.runs_page("JOB", Some(3), 1).unwrap();
    assert_eq!((page.items[0].number, page.next), (2, None));
    inside.core.remove_job("job", at(101)).unwrap();
    inside.turn(101);
    let mut left = 0;
    let mut count = |tree, _: &[u8], _: &[u8]| {
        left += usize::from(tree == Tree::Jobs);
        Ok(())
    };
    inside.memory.load(&mut count).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_job_that_is_removed_while_it_runs_has_no_say_any_more() {
    let mut inside = Inside::new(0).with("every 1h");
    let claimed = inside.fire(Ask::Due, 3_600).unwrap();
    assert!(inside.core.begin_run(claimed.run, at(3_600)));
    inside.core.remove_job("job", at(3_601)).unwrap();
    assert!(!inside.core.renew_run(claimed.run, at(3_602)));
    assert!(!inside.finish(claimed.run, RunState::Done, 3_602));
    assert_eq!(inside.fire(Ask::Due, 7_200).unwrap_err(), NotFired::Gone);
    assert_eq!(inside.check(3_602), None);
    // Another of the same name is another.
    let made = inside.core.add_job(&draft("job", "every 1h"), at(3_603)).unwrap();
    assert_ne!(made.id, claimed.job.id);
    assert_eq!(inside.runs().len(), 0);
}

#[test]
fn what_a_person_made_and_is_through_goes_after_a_week() {
    let mut inside = Inside::new(0).with("in 1m");
    let claimed = inside.fire(Ask::Due, 60).unwrap();
    assert!(inside.core.begin_run(claimed.run, at(60)));
    assert!(inside.finish(claimed.run, RunState::Done, 60));
    let edge = 60 + COMPLETED_KEPT.as_secs();
    inside.turn(edge);
    assert_eq!(inside.core.job("job").unwrap().state, State::Completed);
    inside.turn(edge + 1);
    assert_eq!(inside.core.job("job").unwrap_err(), Unmade::Unknown("job".to_owned()));
}

#[test]
fn a_clock_that_is_set_back_runs_no_slot_of_a_calendar_twice_and_delays_no_interval() {
    let mut inside = Inside::new(0).with("every 1h");
    inside.core.add_job(&draft("hourly", "0 * * * *"), at(0)).unwrap();
    inside.turns(0, 3_600);
    for claimed in inside.core.fire_due(By::Ticker, None, 9, at(3_600)) {
        assert!(inside.core.begin_run(claimed.run, at(3_600)));
        assert!(inside.finish(claimed.run, RunState::Done, 3_600));
    }
    inside.turn(3_600);
    // It is half past eleven again.
    inside.turn(1_800);
    assert_eq!(inside.core.fire_due(By::Ticker, None, 9, at(3_600)).len(), 0);
    let next = |inside: &Inside, name: &str| inside.core.job(name).unwrap().next.unwrap();
    assert_eq!(next(&inside, "hourly"), at(7_200));
    assert_eq!(next(&inside, "job"), at(5_400));
}

#[test]
fn jobs_of_the_configuration_come_and_go_with_it_and_keep_their_slots() {
    let with = |schedule: &str, name: &str| Settings {
        jobs: vec![draft(name, schedule)],
        ..Settings::default()
    };
    let mut memory = Memory::new();
    let mut core = load(&mut memory, with("every 1h", "job"), 0);
    memory.commit(core.take_writes().0).unwrap();
    // A start in between does not put the interval off.
    let mut core = load(&mut memory, with("every 1h", "job"), 1_800);
    assert_eq!(core.job("job").unwrap().next, Some(at(3_600)));
    let refused = core.remove_job("job", at(1_800)).unwrap_err();
    assert_eq!(refused, Unmade::Configured("job".to_owned()));
    core.pause_job("job", "a new disk".to_owned(), at(1_800)).unwrap();
    memory.commit(core.take_writes().0).unwrap();
    // Another interval begins anew; a pause stays.
    let mut core = load(&mut memory, with("every 2h", "JOB"), 2_000);
    let job = core.job("job").unwrap();
    assert_eq!((job.state, job.definition.name.as_str()), (State::Paused, "JOB"));
    assert_eq!(core.resume_job("job", at(2_000)).unwrap().next, Some(at(9_200)));
    memory.commit(core.take_writes().0).unwrap();
    let core = load(&mut memory, Settings::default(), 3_000);
    assert_eq!(core.job("job").unwrap_err(), Unmade::Unknown("job".to_owned()));
}

/// Changes the record of the first job of a store, as a later or an earlier version or a
/// machine without a zone has it.
fn rewrite(memory: &mut Memory, schedule: &str, change: impl FnOnce(&mut Value)) {
    let id = JobId::new(INSTANCE, 1);
    let definition = draft("job", schedule).apply(None, at(0)).unwrap();
    let mut record = json!(Job::new(id.clone(), definition, Origin::Person, at(0)));
    change(&mut record);
    let mut writes = WriteSet::new();
    writes.put(Tree::Jobs, Key::new().text(id.as_str()), &record);
    memory.commit(writes).unwrap();
}

#[test]
fn b7_a_job_that_cannot_be_worked_out_any_more_is_told_and_stays_and_stops_no_other() {
    let mut inside = Inside::new(0).with("0 3 * * *");
    inside.core.add_job(&draft("other", "every 1m"), at(0)).unwrap();
    inside.turn(0);
    rewrite(&mut inside.memory, "0 3 * * *", |record| {
        record["definition"]["schedule"]["cron"]["zone"] = json!("Mars/Olympus");
        record["next"] = Value::Null;
    });
    let mut inside = inside.killed(61);
    let job = inside.core.job("job").unwrap();
    assert_eq!((job.state, job.next), (State::Error, None));
    assert!(job.reason.is_some_and(|why| why.contains("Mars/Olympus")));
    assert_eq!(inside.check(61).as_deref(), Some("down"));
    assert_eq!(inside.fire(Ask::Next, 61).unwrap_err(), NotFired::Never);
    let fired = inside.core.fire_due(By::Ticker, None, 9, at(61));
    assert_eq!((fired.len(), &*fired[0].job.definition.name), (1, "other"));
    // It is neither through nor forgotten, and the right zone mends it.
    inside.turn(62 + COMPLETED_KEPT.as_secs());
    let zone = Draft { zone: Some("Europe/Berlin".to_owned()), ..Draft::default() };
    let mended = inside.core.edit_job("job", &zone, at(100)).unwrap();
    assert_eq!((mended.state, mended.next), (State::Scheduled, Some(at(2 * 3_600))));
}

#[test]
fn b7_a_single_time_of_a_record_that_keeps_no_zone_is_of_utc() {
    let mut inside = Inside::new(0).with("in 1h");
    rewrite(&mut inside.memory, "in 1h", |record| {
        let once = record["definition"]["schedule"]["once"].as_object_mut().unwrap();
        assert_eq!(once.remove("zone"), Some(json!("UTC")));
    });
    let mut inside = inside.killed(61);
    assert_eq!(inside.core.job("job").unwrap().next, Some(at(3_600)));
    let later = Draft { schedule: Some("1970-01-02 00:00".to_owned()), ..Draft::default() };
    assert_eq!(inside.core.edit_job("job", &later, at(62)).unwrap().next, Some(at(86_400)));
}

#[test]
fn d14_a_record_without_its_next_slot_gets_one_at_a_start() {
    for schedule in ["every 1h", "0 * * * *"] {
        let mut inside = Inside::new(0).with(schedule);
        rewrite(&mut inside.memory, schedule, |record| {
            assert!(record.as_object_mut().unwrap().remove("next").is_some());
        });
        let mut inside = inside.killed(1_800);
        assert_eq!(inside.core.job("job").unwrap().next, Some(at(3_600)), "{schedule}");
        assert_eq!(inside.fire(Ask::Due, 3_600).unwrap().slot, Some(at(3_600)));
    }
}

#[test]
fn b7_what_came_once_and_has_passed_while_it_was_paused_is_not_resumed() {
    let mut inside = Inside::new(0).with("in 1m");
    inside.core.pause_job("job", "a new disk".to_owned(), at(10)).unwrap();
    inside.turns(10, 100);
    let why = "names a time that has passed".to_owned();
    let passed = Unmade::Wrong(Wrong { field: "schedule", why });
    assert_eq!(inside.core.resume_job("job", at(100)).unwrap_err(), passed);
    assert_eq!(inside.core.job("job").unwrap().state, State::Paused);
    // Another time is one to wait for.
    inside.core.edit_job("job", &draft("job", "in 5m"), at(100)).unwrap();
    assert_eq!(inside.core.resume_job("job", at(100)).unwrap().next, Some(at(400)));
}

#[test]
fn of_all_jobs_together_the_newest_runs_are_kept_and_those_under_way() {
    let mut inside = Inside::new(0);
    let jobs = RUNS_MAX / RUNS_KEPT + 1;
    let names: Vec<_> = (0..jobs).map(|number| format!("job-{number}")).collect();
    for name in &names {
        inside.core.add_job(&draft(name, "every 1d"), at(0)).unwrap();
    }
    // The first one of all is still under way.
    let first = inside.core.fire(&names[0], Ask::Now, By::Person, at(0)).unwrap().run;
    for round in 0..RUNS_KEPT {
        for name in &names[1..] {
            let run = inside.core.fire(name, Ask::Now, By::Person, at(0)).unwrap().run;
            assert!(inside.finish(run, RunState::Done, 0), "{name} {round}");
        }
    }
    inside.turn(1);
    let kept = |inside: &Inside| {
        let runs = |name| inside.core.runs_page(name, None, 500).unwrap().items;
        names.iter().flat_map(|name| runs(name)).map(|run| run.number).collect::<Vec<_>>()
    };
    let mut numbers = kept(&inside);
    numbers.sort_unstable();
    assert_eq!(numbers.len(), RUNS_MAX);
    // The second is the oldest that was over.
    assert_eq!((numbers[0], numbers[1]), (first, first + 2));
    let inside = inside.killed(2);
    assert_eq!(kept(&inside).len(), RUNS_MAX);
}

#[test]
fn there_may_be_ten_thousand_jobs_and_not_one_more() {
    let mut inside = Inside::new(0);
    for number in 0..JOBS_MAX {
        inside.core.add_job(&draft(&format!("job-{number}"), "every 1h"), at(0)).unwrap();
    }
    let full = inside.core.add_job(&draft("more", "every 1h"), at(0)).unwrap_err();
    assert_eq!(full, Unmade::Full);
    inside.turn(0);
    assert_eq!(inside.core.jobs_health().active, JOBS_MAX);
    assert_eq!(inside.core.jobs_page(None, 500).items.len(), 500);
}

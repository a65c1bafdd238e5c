//! A week with a scheduler outside that errs in every way, in seconds: teawatch's clock is
//! turned from one thing that happens to the next.
//!
//! What happens when is thrown by dice; `SEED` repeats a week.

mod course;
#[expect(dead_code, reason = "others throw them in more ways")]
#[path = "../../../simulation/dice.rs"]
mod dice;
mod errors;
mod timetable;

use std::collections::BTreeMap;

use jiff::Timestamp;
use teawatch::job::{By, Run, RunState};
use teawatch::jobs::LISTED_EVERY;

use self::course::Week;
use self::dice::Dice;
use self::errors::blows;
use self::timetable::{BACKSTOP, BACKSTOP_ONCE, END, JOBS, slots};

impl Week {
    /// Each slot of a job ran once, or was passed over while teawatch was down.
    fn judge(&self, job: &str, missed: &str) {
        let id = &self.ids[job];
        let runs: Vec<_> = self.runs.values().filter(|run| run.job.as_str() == id).collect();
        let slots: Vec<_> = slots(job).into_iter().collect();
        let second = |at: Option<Timestamp>| at.map(Timestamp::as_second).unwrap();
        for slot in &slots {
            let of_slot = |run: &&&Run| run.slot.is_some_and(|at| at.as_second() == *slot);
            let begun = runs.iter().filter(of_slot).filter(|run| has_begun(run));
            let passed = runs
                .iter()
                .filter(|run| run.by.is_none())
                .filter(|run| (second(run.slot)..=second(run.last_slot)).contains(slot));
            let (begun, passed) = (begun.count(), passed.count());
            let at = Timestamp::from_second(*slot).unwrap();
            assert_eq!(begun + passed, 1, "`{job}` at {at}: begun {begun}, passed {passed}");
            // The backstop may have been about to run it.
            let was_down =
                self.downs.iter().any(|(from, until)| (from - BACKSTOP..=*until).contains(slot));
            assert!(passed == 0 || was_down && missed != "all", "`{job}` at {at} was passed over");
        }
        for run in runs.iter().filter(|run| has_begun(run)) {
            let slot = second(run.slot);
            assert!(slots.contains(&slot) || slot > END, "{run:?}");
            assert_ne!(run.state, RunState::Failed, "{run:?}");
            let waited = run.claimed_at.as_second() - slot;
            let grace = if job == "single" { BACKSTOP_ONCE } else { BACKSTOP };
            // It may stand for one that has waited for longer.
            let stands = runs.iter().any(|it| it.by.is_none() && it.claimed_at == run.claimed_at);
            let is_right = run.by != Some(By::Backstop) || waited >= grace || stands;
            assert!(is_right, "too soon: {run:?}");
        }
    }
}

fn has_begun(run: &Run) -> bool {
    matches!(run.state, RunState::Done | RunState::Failed | RunState::Unknown)
}

#[test]
fn b5_a_week_with_a_scheduler_that_errs_in_every_way_runs_each_slot_once() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
    let seed = number("SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    println!("seed {seed}");
    let mut week = Week::begin(seed);
    week.pass(blows(&mut Dice::new(seed)));
    for (job, _, _, _, missed) in JOBS {
        week.judge(job, missed);
    }
    // Nobody else was pinged for: each run that is done has, and none that has not begun.
    let (mut done, mut begun) = (BTreeMap::new(), BTreeMap::new());
    for run in week.runs.values().filter(|run| run.began_at.is_some()) {
        let at = run.began_at.unwrap().as_second();
        *begun.entry(at).or_insert(0) += 1;
        *done.entry(at).or_insert(0) += usize::from(run.state == RunState::Done);
    }
    let pinged = week.pinged.lock().unwrap().clone();
    for (at, pings) in &pinged {
        let range = done.get(at).copied().unwrap_or(0)..=begun.get(at).copied().unwrap_or(0);
        assert!(range.contains(pings), "{pings} pings at {at}, not {range:?}");
    }
    assert!(done.iter().all(|(at, done)| *done == 0 || pinged.contains_key(at)));
    // What it forgot last it is told again, until it forgets it no more.
    for _ in 0..20 {
        if week.knows() != week.armed() {
            week.turn_to(week.now() + LISTED_EVERY.as_secs());
            week.settle();
        }
    }
    assert_eq!(week.knows(), week.armed());
    // The dice did what they are for.
    println!("{:?}", week.answers);
    let by = |by| week.runs.values().filter(|run| run.by == Some(by)).count();
    assert!(
        by(By::Outside) > 100 && by(By::Backstop) > 20,
        "{} {}",
        by(By::Outside),
        by(By::Backstop)
    );
    for word in ["202 accepted", "200 duplicate", "200 gone", "401 invalid fire token"] {
        assert!(week.answers.contains_key(word), "{word}: {:?}", week.answers);
    }
}

//! Long absences, of Gitea and of teawatch, told from begin to end.

use std::collections::BTreeSet;

use http::Method;
use teawatch::alert::EffectKind;
use teawatch::sandbox::{EventKind, Route};

use super::dice::Dice;
use super::gitea::Weather;
use super::knobs::{Knobs, REPOSITORIES};
use super::simulation::{Event, Simulation};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A run in which nothing goes wrong but what the story says.
fn undisturbed(knobs: Knobs, checks: &[usize]) -> Simulation {
    let mut simulation = Simulation::with(Dice::new(1), knobs, checks);
    simulation.is_calm = true;
    simulation.gitea.weather = Weather::Calm;
    simulation
}

impl Simulation {
    fn pass(&mut self, milli: i64) {
        let until = self.now + milli;
        while self.now < until {
            self.step().unwrap();
        }
    }

    /// Waits until Gitea knows all.
    fn tell_all(&mut self) {
        let until = self.now + HOUR;
        while !self.is_told() {
            self.step().unwrap();
            assert!(self.now < until, "something is never told");
        }
    }

    fn opened(&self) -> usize {
        self.gitea.world.issues(REPOSITORIES[0]).count()
    }

    fn alerts_that_fired(&self) -> Vec<String> {
        let core = self.server.as_ref().unwrap().writer.core();
        core.alerts_page(None, 500).items.into_iter().map(|alert| alert.title).collect()
    }
}

/// 300 checks: 100 have an issue and recover while Gitea is away, 100 fail, and 100 fail and
/// recover before Gitea is back.
#[test]
fn after_six_hours_without_gitea_closings_come_first_and_what_is_over_is_not_told_at_length() {
    let knobs = Knobs { max_new_issues: 1_000, max_open_issues: 1_000, ..Knobs::plain() };
    let mut simulation = undisturbed(knobs, &[300]);
    simulation.pass(10 * MINUTE);
    simulation.agents[0].failing[..100].fill(true);
    simulation.pass(HOUR);
    assert_eq!(simulation.opened(), 100);
    simulation.tell_all();

    simulation.gitea.weather = Weather::Away;
    simulation.agents[0].failing[..100].fill(false);
    simulation.agents[0].failing[100..].fill(true);
    simulation.pass(3 * HOUR);
    simulation.agents[0].failing[200..].fill(false);
    simulation.pass(3 * HOUR);
    let core = simulation.server.as_ref().unwrap().writer.core();
    let entries = core.outbox_page(None, 500).items;
    let waiting = |kind| entries.iter().filter(|entry| entry.effect.kind == kind).count();
    assert_eq!(waiting(EffectKind::Close), 100);
    // Of an opening that Gitea may have seen nobody knows whether it is over.
    let openings = waiting(EffectKind::Open);
    assert!((100..110).contains(&openings), "{openings} openings wait");
    assert_eq!(simulation.opened(), 100);

    simulation.gitea.weather = Weather::Calm;
    simulation.gitea.world.forget_requests();
    let (mut passed, mut closed_at, mut opened_at) = (0, None, None);
    while !simulation.is_told() {
        simulation.pass(SECOND);
        passed += 1;
        let open = simulation.gitea.world.issues(REPOSITORIES[0]).filter(|issue| issue.is_open);
        let (mut old, mut new) = (0, 0);
        open.for_each(|issue| *(if issue.number <= 100 { &mut old } else { &mut new }) += 1);
        if old == 0 {
            closed_at.get_or_insert(passed);
        }
        if new > 100 - 10 {
            opened_at.get_or_insert(passed);
        }
        assert!(passed < 3_600, "{old} are still open after an hour, {new} are new");
    }
    assert!(closed_at < opened_at, "closed after {closed_at:?} s, opened after {opened_at:?} s");
    // Each step has checked the budget.
    let openings = simulation.gitea.world.count(&Method::POST, Route::Issues);
    assert!(openings <= 100 + 10, "{openings} issues, and 100 checks fail");
    // What was being told when Gitea went away is told as it was, and then that it is over.
    let mut at_length = 0;
    for issue in simulation.gitea.world.issues(REPOSITORIES[0]).filter(|issue| !issue.is_open) {
        let turns = issue
            .timeline
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Close | EventKind::Reopen));
        assert_eq!(turns.count(), 1, "#{} was opened and closed again", issue.number);
        at_length += issue.comments().count() - 1;
    }
    assert!(at_length <= 10, "{at_length} comments more than one about each that is over");
}

#[test]
fn a_week_of_downtime_opens_no_issue_for_those_who_could_not_report() {
    let mut simulation = undisturbed(Knobs::plain(), &[5; 20]);
    simulation.pass(20 * MINUTE);
    simulation.kill();
    simulation.plan(7 * 24 * HOUR, Event::Start);
    simulation.pass(7 * 24 * HOUR + HOUR);
    assert_eq!(simulation.alerts_that_fired(), Vec::<String>::new());
    assert_eq!(simulation.opened(), 0);
    // Who really is gone is told all the same, after as long as ever.
    simulation.agents[0].is_alive = false;
    simulation.pass(HOUR);
    assert_eq!(simulation.alerts_that_fired(), ["s0/agent"]);
}

#[test]
fn a_minutes_stop_and_a_clock_that_jumps_a_day_and_back_are_no_alarm() {
    let mut simulation = undisturbed(Knobs { interval: 60, ..Knobs::plain() }, &[3; 5]);
    simulation.pass(20 * MINUTE);
    for by in [24 * HOUR, -24 * HOUR, 0, -24 * HOUR, 24 * HOUR] {
        simulation.stalled_until = simulation.now + MINUTE;
        simulation.pass(10 * MINUTE);
        simulation.set_clock(by).unwrap();
        simulation.pass(10 * MINUTE);
    }
    assert_eq!(simulation.alerts_that_fired(), Vec::<String>::new());
    // It still counts: a host that dies between two jumps is told once.
    simulation.agents[2].is_alive = false;
    simulation.set_clock(24 * HOUR).unwrap();
    simulation.pass(10 * MINUTE);
    simulation.set_clock(-24 * HOUR).unwrap();
    simulation.pass(10 * MINUTE);
    assert_eq!(simulation.alerts_that_fired(), ["s2/agent"]);
    let titles: BTreeSet<_> =
        simulation.gitea.world.issues(REPOSITORIES[0]).map(|issue| issue.title.clone()).collect();
    assert_eq!(titles.len(), 1, "{titles:?}");
}

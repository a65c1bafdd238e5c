//! The whole of teawatch, played for hours in a second: the engine's rounds, the machines,
//! the outbox and the stand-in's Gitea, against a disk, a network, a clock and people that
//! do their worst, all from one seed.
//!
//! Real are the engine's writer and core, the outbox's agenda, gate and worker, reconcile, the
//! client and the model of Gitea. Simulated are what they wait for: time, the disk (a crash loses
//! what was not committed, and of a failed commit nobody knows what is left), the network
//! (requests and answers are lost, late or doubled; Gitea fails after it has done its work),
//! the agents and people. Nothing here has a thread or reads a clock, so a seed that fails
//! once fails always; it is played again with a log of its last events.
//!
//! After each step must hold:
//!
//! - at most one issue of ours is open per alert, no effect makes two things, and no comment
//!   is there twice;
//! - what was acknowledged is there after a crash, and everything else that was committed;
//! - when everything is told, an issue is open exactly if its alert is firing or recovering;
//! - nobody is told of a silence that was none, and every silence is told;
//! - Gitea gets no more requests than it is said to get;
//! - when the trouble ends everything becomes quiet, soon ([`QUIET_MAX`]);
//! - what nobody has done to an issue is taken for no person's deed.
//!
//! What is not played: a request that arrives later than `settle_wait`, and one that the
//! network doubles; they make a second issue, which stays until healing closes it. An issue
//! that a person has closed, reopened or deleted, or that a lost store leaves where the
//! configuration looks no more, is held to none of this.
//!
//! `SIMULATION_SEEDS` and `SIMULATION_STEPS` say how much is played, `SIMULATION_SEED` with
//! which seed it begins, one alone unless their number is given too, and `SIMULATION_LOG` how
//! many of the last events are told of one that fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests may panic and print"
)]

mod agent;
mod budget;
mod bugs;
mod dice;
mod gitea;
mod knobs;
mod network;
mod oracle;
mod scenarios;
mod server;
mod silence;
mod simulation;
mod trouble;
mod turns;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::oracle::Held;
use self::simulation::Simulation;

const SEEDS: u64 = 200;
const STEPS: u64 = 10_000;
/// After so many steps everything gets better for a while.
const STORM: u64 = 1_000;
/// So soon everything is quiet then, in milliseconds: an issue that a lost store has left
/// waits an hour for its checks, a target that refuses is asked every 15 minutes.
const QUIET_MAX: i64 = 6 * 3_600_000;

/// So many of the last events are told of a seed that does not hold.
const LOG: usize = 60;

#[expect(clippy::disallowed_methods, reason = "whoever runs it says how much is played")]
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

#[test]
fn whatever_happens_there_is_exactly_one_issue_per_trouble() {
    let steps = setting("SIMULATION_STEPS").unwrap_or(STEPS);
    let seeds = match (setting("SIMULATION_SEED"), setting("SIMULATION_SEEDS")) {
        (Some(first), count) => first..first + count.unwrap_or(1),
        (None, count) => 1..1 + count.unwrap_or(SEEDS),
    };
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(None);
    let figures = Mutex::new(Figures::default());
    // Each seed is a world of its own.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let mut simulation = Simulation::new(seed);
                    match play(&mut simulation, steps) {
                        Ok(()) => figures.lock().unwrap().add(&simulation),
                        Err(why) => *failed.lock().unwrap() = Some((seed, why)),
                    }
                }
            });
        }
    });
    println!("{:?}", figures.into_inner().unwrap());
    if let Some((seed, why)) = failed.into_inner().unwrap() {
        let log = last_events(seed, steps);
        panic!(
            "\n{log}\nwhat does not hold: {why}\nplay it again:\n  \
             SIMULATION_SEED={seed} SIMULATION_STEPS={steps} cargo test --test simulation"
        );
    }
}

/// What a run has seen.
#[derive(Debug, Default)]
struct Figures {
    seeds: u64,
    steps: u64,
    hours: i64,
    lives: u64,
    requests: u64,
    issues: usize,
    comments: usize,
}

impl Figures {
    fn add(&mut self, simulation: &Simulation) {
        self.seeds += 1;
        self.steps += simulation.steps;
        self.hours += (simulation.now - simulation::START) / 3_600_000;
        self.lives += simulation.life + 1;
        self.requests += simulation.gitea.requests;
        self.issues += simulation.oracle.issues();
        self.comments += simulation.oracle.comments();
    }
}

fn play(simulation: &mut Simulation, steps: u64) -> Held {
    while simulation.steps < steps {
        let until = (simulation.steps + STORM).min(steps);
        while simulation.steps < until {
            simulation.step()?;
        }
        simulation.calm_down(QUIET_MAX)?;
    }
    Ok(())
}

/// Plays a seed again that does not hold, and says what came before.
fn last_events(seed: u64, steps: u64) -> String {
    let mut simulation = Simulation::new(seed);
    let lines = setting("SIMULATION_LOG").and_then(|lines| usize::try_from(lines).ok());
    simulation.log_max = lines.unwrap_or(LOG);
    let knobs = format!("{:?}", simulation.knobs);
    drop(play(&mut simulation, steps));
    let log: Vec<_> = simulation.log.into_iter().collect();
    format!("{knobs}\n{}", log.join("\n"))
}

//! The run: one event after the other, each at its time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use teawatch::alert::Salt;
use teawatch::engine::Accepted;
use teawatch::observation::Report;
use teawatch::store::Memory;
use tokio::sync::oneshot;

use super::agent::Agent;
use super::budget::Budget;
use super::dice::Dice;
use super::gitea::{Gitea, Leg};
use super::knobs::Knobs;
use super::network::Network;
use super::oracle::{Held, Oracle};
use super::server::{Server, WallClock};
use super::silence::Silences;

/// 2026-01-02T03:04:05Z, where all clocks begin.
pub const START: i64 = 1_767_323_045_000;

#[derive(Debug, Clone)]
pub enum Event {
    /// An agent looks around and reports.
    Agent(usize),
    /// A report arrives.
    Letter(usize, Report),
    /// The engine's turn; the second number says which life of the server it is about.
    Round(u64),
    /// The outbox looks around.
    Work(u64),
    /// Something becomes of a request to Gitea.
    Flight(u64, Leg),
    /// Trouble, of whatever kind.
    Trouble,
    /// The server is started, if it does not run.
    Start,
}

/// A report that was handed in.
pub struct Pending {
    pub agent: usize,
    pub report: Report,
    pub accepted: oneshot::Receiver<Accepted>,
}

pub struct Simulation {
    pub dice: Dice,
    pub knobs: Knobs,
    pub salt: Salt,
    /// The true time, in milliseconds.
    pub now: i64,
    pub clock: WallClock,
    /// When something happens, and the number of what it is.
    events: BinaryHeap<Reverse<(i64, u64)>>,
    what: BTreeMap<u64, Event>,
    count: u64,
    pub gitea: Gitea,
    pub network: Network,
    pub agents: Vec<Agent>,
    pub memory: Memory,
    /// How many stores there were.
    pub stores: u64,
    pub server: Option<Server>,
    pub life: u64,
    pub round_at: i64,
    pub work_at: i64,
    pub stalled_until: i64,
    pub pending: Vec<Pending>,
    pub oracle: Oracle,
    pub silences: Silences,
    pub budget: Budget,
    /// No new trouble comes.
    pub is_calm: bool,
    /// What the server knew when it was killed, and when its last turn was; nothing if nobody
    /// knows how its last commit has ended.
    pub stamp: Option<(i64, String)>,
    /// So many of the last events are remembered.
    pub log_max: usize,
    pub log: VecDeque<String>,
    pub steps: u64,
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let knobs = Knobs::roll(&mut dice);
        let checks = [3, 2, 1];
        Self::with(dice, knobs, &checks)
    }

    /// One agent for each number of checks.
    pub fn with(dice: Dice, knobs: Knobs, checks: &[usize]) -> Self {
        let salt = Salt::new("salt");
        let agents = checks.iter().enumerate();
        let agents: Vec<_> = agents
            .map(|(number, &checks)| Agent::new(format!("s{number}"), checks, knobs.interval))
            .collect();
        let mut simulation = Self {
            gitea: Gitea::new(knobs.page_size),
            oracle: Oracle::new(&salt),
            silences: Silences::new(agents.len(), &knobs, START),
            dice,
            knobs,
            salt,
            now: START,
            clock: WallClock::new(START),
            events: BinaryHeap::new(),
            what: BTreeMap::new(),
            count: 0,
            network: Network::default(),
            agents,
            memory: Memory::new(),
            stores: 0,
            server: None,
            life: 0,
            round_at: i64::MAX,
            work_at: i64::MAX,
            stalled_until: START,
            pending: Vec::new(),
            budget: Budget::default(),
            is_calm: false,
            stamp: None,
            log_max: 0,
            log: VecDeque::new(),
            steps: 0,
        };
        simulation.plan(0, Event::Start);
        simulation.plan(60_000, Event::Trouble);
        for agent in 0..simulation.agents.len() {
            let first = simulation.dice.between(1, simulation.knobs.interval * 1_000);
            simulation.plan(first, Event::Agent(agent));
        }
        simulation
    }

    /// Lets something happen after so many milliseconds.
    pub fn plan(&mut self, after: i64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + after, self.count)));
        self.what.insert(self.count, event);
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if self.log_max == 0 {
            return;
        }
        let seconds = (self.now - START) / 1_000;
        self.log.push_back(format!("{seconds:>8} s  {}", what()));
        if self.log.len() > self.log_max {
            self.log.pop_front();
        }
    }

    /// Plays the next event, and checks what always holds.
    pub fn step(&mut self) -> Held {
        let Some(Reverse((at, number))) = self.events.pop() else {
            return Err("nothing ever happens again".to_owned());
        };
        self.clock.advance(at - self.now);
        self.now = at;
        let event = self.what.remove(&number).unwrap();
        let is_news = self.play(event)?;
        self.steps += u64::from(is_news);
        self.run_server()
    }

    /// Plays an event. Returns whether it is one that counts.
    fn play(&mut self, event: Event) -> Result<bool, String> {
        let is_running = self.server.is_some();
        match event {
            Event::Agent(agent) => {
                self.plan(self.knobs.interval * 1_000, Event::Agent(agent));
                self.report(agent);
            }
            Event::Letter(agent, report) => {
                let Some(server) = &self.server else { return Ok(false) };
                // What a host has sent that was set up anew since would look like a second
                // agent, of which one is in the way of the other.
                if !self.agents[agent].has_sent(&report) {
                    return Ok(false);
                }
                if self.now < self.stalled_until {
                    let after = self.stalled_until - self.now;
                    self.plan(after, Event::Letter(agent, report));
                    return Ok(false);
                }
                let accepted = server.submit(report.clone());
                self.pending.push(Pending { agent, report, accepted });
            }
            Event::Round(life) => {
                if life != self.life || self.round_at != self.now || !is_running {
                    return Ok(false);
                }
                self.round_at = i64::MAX;
                // A process that is stopped takes no turn.
                return if self.now < self.stalled_until { Ok(false) } else { self.round() };
            }
            Event::Work(life) => {
                if life == self.life && self.work_at == self.now {
                    self.work_at = i64::MAX;
                }
                return Ok(false);
            }
            Event::Flight(flight, leg) => self.fly(flight, leg)?,
            Event::Trouble => {
                let after = self.dice.between(10_000, 1_200_000);
                self.plan(after, Event::Trouble);
                if !self.is_calm {
                    self.trouble()?;
                }
            }
            Event::Start => {
                if !is_running {
                    self.start()?;
                }
            }
        }
        Ok(true)
    }

    fn report(&mut self, number: usize) {
        let agent = &mut self.agents[number];
        if !agent.is_alive {
            return;
        }
        if !self.is_calm {
            agent.live(&mut self.dice);
        }
        for report in agent.report(&mut self.dice, self.is_calm) {
            let dice = &mut self.dice;
            if !self.is_calm && dice.one_in(30) {
                continue;
            }
            let is_late = !self.is_calm && dice.one_in(40);
            let way = dice.between(1, if is_late { 600_000 } else { 500 });
            if !self.is_calm && dice.one_in(30) {
                self.plan(way + 700, Event::Letter(number, report.clone()));
            }
            self.plan(way, Event::Letter(number, report));
        }
    }

    fn fly(&mut self, flight: u64, leg: Leg) -> Held {
        match leg {
            Leg::Arrives => self.land(flight)?,
            Leg::Returns => self.gitea.finish(flight),
            Leg::TimesOut => self.gitea.time_out(flight),
        }
        Ok(())
    }

    /// A request arrives at Gitea.
    pub fn land(&mut self, flight: u64) -> Held {
        let (place, returns) = self.gitea.arrive(flight, self.now, &mut self.dice);
        if let Some(after) = returns {
            self.plan(after, Event::Flight(flight, Leg::Returns));
        }
        if let Some(place) = place {
            self.note(|| format!("Gitea has changed {place:?}"));
            self.oracle.look(&self.gitea.world, place)?;
        }
        Ok(())
    }
}

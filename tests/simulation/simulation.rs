//! The run: one event after the other, each at its time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use teawatch::alert::Salt;
use teawatch::check::{Kind, Status};
use teawatch::engine::Accepted;
use teawatch::observation::Report;
use teawatch::store::Memory;
use tokio::sync::oneshot;

use super::agent::Agent;
use super::budget::Budget;
use super::dice::Dice;
use super::gitea::{Gitea, Leg, Weather};
use super::knobs::{Knobs, MARK};
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
    events: BinaryHeap<Reverse<(i64, u64)>>,
    what: std::collections::BTreeMap<u64, Event>,
    count: u64,
    pub gitea: Gitea,
    pub network: Network,
    pub agents: Vec<Agent>,
    pub memory: Memory,
    /// How many stores there were.
    pub stores: u64,
    pub server: Option<Server>,
    pub life: u64,
    round_at: i64,
    work_at: i64,
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
            silences: Silences::new(agents.len(), START),
            dice,
            knobs,
            salt,
            now: START,
            clock: WallClock::new(START),
            events: BinaryHeap::new(),
            what: std::collections::BTreeMap::new(),
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

    /// A round of the engine. Returns whether it had anything to do.
    fn round(&mut self) -> Result<bool, String> {
        let Some(server) = &mut self.server else { return Ok(false) };
        let wall = self.clock.milli();
        self.silences.turn(wall);
        let is_due = server.writer.core().next_deadline().is_some_and(|at| at <= self.clock.now());
        let is_news = server.desk.waiting() > 0 || is_due;
        if server.round().is_err() {
            self.fail();
            return Ok(true);
        }
        if !is_news {
            return Ok(false);
        }
        let core = server.writer.core();
        if core.next_deadline().is_some_and(|next| next <= self.clock.now()) {
            return Err("what was due is still due after its round".to_owned());
        }
        Oracle::check_always(core)?;
        self.take_answers()?;
        let (core, now) = (self.server.as_ref().unwrap().writer.core(), self.clock.now());
        for (number, agent) in self.agents.iter().enumerate() {
            let before = format!("{}/", agent.source);
            let checks = core.checks_page(Some(&before), 1, now).items;
            let own = checks.iter().find(|check| check.name == "agent");
            let is_down = own.is_some_and(|check| check.status == Status::Down);
            // Of two agents under one name, one from before its host was set up anew, none
            // is silent.
            let latest = own.and_then(|check| check.latest.as_ref());
            let are_two = latest.is_some_and(|latest| latest.kind == Kind::Failure);
            self.silences.check(number, agent, is_down, are_two)?;
        }
        Ok(true)
    }

    /// Reports that are on the disk now: the answer may be lost on its way.
    fn take_answers(&mut self) -> Held {
        let mut waiting = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            match pending.accepted.try_recv() {
                Ok(accepted) => {
                    let agent = &mut self.agents[pending.agent];
                    let was_acked = agent.acked().any(|acked| acked.id == pending.report.id);
                    if was_acked && !accepted.duplicate {
                        return Err(format!("{:?} was taken twice", pending.report.id));
                    }
                    match (agent.heard(&pending.report), accepted.duplicate) {
                        (Some(true), false) => self.silences.heard(pending.agent),
                        (Some(false), _) => {}
                        // It may have been there before its commit failed.
                        (Some(true), true) | (None, _) => self.silences.doubt(pending.agent),
                    }
                    let is_answer_lost = !self.is_calm && self.dice.one_in(30);
                    if !is_answer_lost {
                        agent.acknowledged(pending.report);
                    }
                }
                Err(oneshot::error::TryRecvError::Empty) => waiting.push(pending),
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        self.pending = waiting;
        Ok(())
    }

    /// Lets the server do what it can at this moment, and plans its next turns.
    fn run_server(&mut self) -> Held {
        let Some(server) = &mut self.server else { return Ok(()) };
        if self.now < self.stalled_until {
            let after = self.stalled_until - self.now;
            self.plan_work(after);
            self.plan_round(after);
            return Ok(());
        }
        self.budget.pass(self.knobs.rate, self.clock.milli());
        let pause = server.work()?;
        let (is_waiting, core) = (server.desk.waiting() > 0, server.writer.core());
        let (now, wall) = (self.clock.now(), self.clock.milli());
        let due = core.next_deadline().map_or(i64::MAX, |at| {
            i64::try_from(at.duration_since(now).as_millis()).unwrap().saturating_add(1)
        });
        let mark = MARK - (wall - server.writer.last_mark().as_millisecond()).clamp(0, MARK);
        for call in self.network.take() {
            self.budget.spend(self.knobs.burst)?;
            let (method, path) = (call.request.method.clone(), call.request.path.clone());
            let (flight, legs) = self.gitea.launch(call, &mut self.dice);
            self.note(|| format!("{flight}: {method} {path} {legs:?}"));
            for (after, leg) in legs {
                self.plan(after, Event::Flight(flight, leg));
            }
        }
        self.plan_work(pause);
        let latency = if is_waiting { self.dice.between(1, 100) } else { i64::MAX };
        self.plan_round(latency.min(due.min(mark).max(1)));
        self.check_told()
    }

    fn plan_round(&mut self, after: i64) {
        let at = self.now + after;
        if self.round_at <= self.now || at < self.round_at {
            self.round_at = at;
            self.plan(after, Event::Round(self.life));
        }
    }

    fn plan_work(&mut self, after: i64) {
        let at = self.now + after;
        if self.work_at <= self.now || at < self.work_at {
            self.work_at = at;
            self.plan(after, Event::Work(self.life));
        }
    }

    /// Forgets which turns are planned: another life begins.
    pub fn forget_turns(&mut self) {
        (self.round_at, self.work_at) = (i64::MAX, i64::MAX);
    }

    /// Whether Gitea knows all, and will hear nothing that it was told before.
    pub fn is_told(&self) -> bool {
        self.server.as_ref().is_some_and(|server| {
            let mut repositories = super::knobs::REPOSITORIES.into_iter();
            let here = super::knobs::REPOSITORIES[self.knobs.repository];
            server.is_idle()
                && self.gitea.is_idle()
                && server.writer.core().health().undelivered == 0
                && repositories.all(|name| name != here || server.agenda.is_adopted(name))
        })
    }

    fn check_told(&self) -> Held {
        match &self.server {
            Some(server) if self.is_told() => self.oracle.check_told(server.writer.core()),
            _ => Ok(()),
        }
    }

    /// Whether all is well, and told.
    pub fn is_quiet(&self) -> bool {
        let core = self.server.as_ref().map(|server| server.writer.core());
        self.is_told() && core.is_some_and(|core| Oracle::check_quiet(core).is_ok())
    }

    /// Ends all trouble, and waits until it is quiet, for at most so many milliseconds.
    pub fn calm_down(&mut self, at_most: i64) -> Held {
        self.note(|| "everything gets better".to_owned());
        self.is_calm = true;
        self.gitea.weather = Weather::Calm;
        self.plan(0, Event::Start);
        for agent in &mut self.agents {
            agent.is_alive = true;
            agent.failing.fill(false);
        }
        let until = self.now + at_most;
        // Everybody has reported at least once.
        let from = self.now + 2 * self.knobs.interval * 1_000;
        while self.now < from || !self.is_quiet() {
            self.step()?;
            if self.now > until {
                let core = self.server.as_ref().map(|server| server.writer.core());
                let core = core.ok_or("the server does not run")?;
                Oracle::check_quiet(core)?;
                let waiting = core.outbox_page(None, 500).items;
                return Err(format!("it never gets quiet; what waits: {waiting:#?}"));
            }
        }
        self.is_calm = false;
        self.gitea.weather = Weather::Fair;
        Ok(())
    }
}

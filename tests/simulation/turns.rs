//! The turns of the server: when they come, and what is known after them.

use teawatch::check::Status;
use tokio::sync::oneshot;

use super::gitea::Weather;
use super::knobs::REPOSITORIES;
use super::oracle::{Held, Oracle};
use super::simulation::{Event, Simulation};

impl Simulation {
    /// A round of the engine. Returns whether it had anything to do.
    pub fn round(&mut self) -> Result<bool, String> {
        let Some(server) = &mut self.server else { return Ok(false) };
        let wall = self.clock.milli();
        self.silences.turn(wall);
        let is_due = server.writer.core().next_deadline().is_some_and(|at| at <= self.clock.now());
        let is_news = server.desk.waiting() > 0 || is_due;
        if server.round().is_err() {
            // Nobody may have been answered. Whoever was goes on until the process ends.
            self.take_answers()?;
            if let Some(server) = &mut self.server {
                server.work()?;
            }
            self.launch()?;
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
            self.silences.check(number, agent, is_down)?;
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
    pub fn run_server(&mut self) -> Held {
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
        let mark = self.knobs.mark * 1_000;
        let mark = mark - (wall - server.writer.last_mark().as_millisecond()).clamp(0, mark);
        self.launch()?;
        self.plan_work(pause);
        let latency = if is_waiting { self.dice.between(1, 100) } else { i64::MAX };
        self.plan_round(latency.min(due.min(mark).max(1)));
        self.check_told()
    }

    /// Sends off what the outbox asks of Gitea.
    fn launch(&mut self) -> Held {
        for call in self.network.take() {
            self.budget.spend(self.knobs.burst)?;
            let (method, path) = (call.request.method.clone(), call.request.path.clone());
            let (flight, legs) = self.gitea.launch(call, &mut self.dice);
            self.note(|| format!("{flight}: {method} {path} {legs:?}"));
            for (after, leg) in legs {
                self.plan(after, Event::Flight(flight, leg));
            }
        }
        Ok(())
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
        let here = REPOSITORIES[self.knobs.repository];
        self.server.as_ref().is_some_and(|server| {
            server.is_idle()
                && self.gitea.is_idle()
                && server.writer.core().health().undelivered == 0
                && server.agenda.is_adopted(here)
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

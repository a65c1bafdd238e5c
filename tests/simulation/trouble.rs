//! What goes wrong, and what people do.

use jiff::Timestamp;
use teawatch::store::Fault;

use super::gitea::Weather;
use super::knobs::REPOSITORIES;
use super::oracle::{Held, Place};
use super::server::{Server, load};
use super::simulation::{Event, Simulation};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Kill,
    KillInCommit,
    Stall,
    SetClock,
    Weather,
    Host,
    Checks,
    Person,
    Settings,
    StoreLost,
}

impl Simulation {
    pub fn trouble(&mut self) -> Held {
        let trouble = self.dice.weigh(&[
            (6, Trouble::Kill),
            (4, Trouble::KillInCommit),
            (2, Trouble::Stall),
            (2, Trouble::SetClock),
            (8, Trouble::Weather),
            (3, Trouble::Host),
            (4, Trouble::Checks),
            (4, Trouble::Person),
            (2, Trouble::Settings),
            (1, Trouble::StoreLost),
        ]);
        self.note(|| format!("trouble: {trouble:?}"));
        match trouble {
            Trouble::Kill => {
                self.kill();
                let after = self.dice.weigh(&[
                    (14, SECOND),
                    (4, 60 * SECOND),
                    (3, 600 * SECOND),
                    (1, 24 * HOUR),
                ]);
                let after = self.dice.between(1, after);
                self.plan(after, Event::Start);
            }
            Trouble::KillInCommit => {
                let commit = self.memory.commits() + 1 + self.dice.index(8) as u64;
                let fault = self.dice.pick(&[Fault::Lost, Fault::Applied]);
                self.memory.order(commit, fault);
            }
            Trouble::Stall => self.stalled_until = self.now + self.dice.between(1, 180 * SECOND),
            Trouble::SetClock => {
                let by = self.dice.pick(&[-24 * HOUR, -HOUR, -2 * SECOND, 90 * SECOND, 24 * HOUR]);
                self.set_clock(by)?;
            }
            Trouble::Weather => {
                self.gitea.weather = self.dice.weigh(&[
                    (2, Weather::Calm),
                    (3, Weather::Fair),
                    (4, Weather::Rough),
                    (2, Weather::Away),
                ]);
            }
            Trouble::Host => {
                let agent = self.dice.index(self.agents.len());
                let agent = &mut self.agents[agent];
                agent.is_alive = !agent.is_alive;
                if self.dice.one_in(4) {
                    agent.forget();
                }
            }
            Trouble::Checks => {
                let is_failing = self.dice.one_in(2);
                for agent in &mut self.agents {
                    agent.failing.fill(is_failing);
                }
            }
            Trouble::Person => self.act_as_a_person()?,
            Trouble::Settings => {
                let before = REPOSITORIES[self.knobs.repository];
                let mut has_read = false;
                if let Some(server) = &self.server {
                    has_read = server.agenda.is_adopted(before);
                    self.oracle.leave_unclaimed(server.writer.core());
                }
                self.kill();
                self.knobs.reroll(&mut self.dice);
                if !has_read {
                    self.oracle.leave(REPOSITORIES[self.knobs.repository]);
                }
                // Another configuration may see other things at once.
                self.stamp = None;
                self.plan(SECOND, Event::Start);
            }
            Trouble::StoreLost => {
                self.land_all()?;
                self.kill();
                self.stores += 1;
                self.oracle.leave(REPOSITORIES[self.knobs.repository]);
                self.memory = teawatch::store::Memory::new();
                self.stamp = None;
                self.silences.doubt_all();
                for agent in &mut self.agents {
                    agent.forget();
                }
                self.plan(60 * SECOND, Event::Start);
            }
        }
        Ok(())
    }

    /// Somebody sets the clock. Forward it looks as if as much time had passed, in which
    /// everything has arrived.
    pub fn set_clock(&mut self, by: i64) -> Held {
        if by > 0 {
            self.land_all()?;
        }
        self.clock.advance(by);
        Ok(())
    }

    fn land_all(&mut self) -> Held {
        for flight in self.gitea.under_way() {
            self.land(flight)?;
        }
        Ok(())
    }

    /// The process is killed. What was committed stays.
    pub fn kill(&mut self) {
        let Some(server) = self.server.take() else { return };
        self.note(|| "killed".to_owned());
        self.stamp = Some((self.silences.turned_at(), stamp(&server)));
        drop(server);
        self.life += 1;
        self.forget_turns();
        self.pending.clear();
        self.network.take();
        for (flight, after) in self.gitea.orphan() {
            self.plan(after, Event::Flight(flight, super::gitea::Leg::Arrives));
        }
        self.memory = self.memory.crash();
    }

    /// A commit has failed, and the process ends. Nobody knows what is left of it.
    pub fn fail(&mut self) {
        self.note(|| "a commit has failed".to_owned());
        self.kill();
        self.silences.doubt_all();
        self.stamp = None;
        self.memory = self.memory.crash();
        let after = self.dice.between(10, 5_000);
        self.plan(after, Event::Start);
    }

    pub fn start(&mut self) -> Held {
        let instance = format!("{:016x}", self.stores);
        let now = self.clock.now();
        let mut probe = load(&self.memory, &self.knobs, &self.salt, &instance, now)?;
        for agent in &self.agents {
            for report in agent.acked() {
                if !probe.accept(report, now).duplicate {
                    return Err(format!(
                        "{} was acknowledged, and is lost: {report:?}",
                        agent.source
                    ));
                }
            }
        }
        let (memory, knobs) = (self.memory.clone(), self.knobs.clone());
        let server =
            Server::start(&memory, &knobs, &self.salt, &instance, &self.network, &self.clock)?;
        let Some(server) = server else {
            self.fail();
            return Ok(());
        };
        self.note(|| "started".to_owned());
        if let Some((turned_at, before)) = self.stamp.take() {
            let after = stamp(&server);
            // A clock that was set back takes all that is remembered with it.
            if self.clock.milli() >= turned_at && before != after {
                return Err(format!("a crash has changed something:\n{before}\n{after}"));
            }
        }
        self.server = Some(server);
        self.stalled_until = self.now;
        self.budget.forgive();
        self.silences.restart();
        Ok(())
    }

    fn act_as_a_person(&mut self) -> Held {
        let repository = self.dice.pick(&REPOSITORIES);
        let numbers: Vec<_> =
            self.gitea.world.issues(repository).map(|issue| issue.number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        // Mostly one of the newest.
        let back = self.dice.index(numbers.len().min(4));
        let number = numbers[numbers.len() - 1 - back];
        let place: Place = (repository, number);
        let world = &mut self.gitea.world;
        let now = Timestamp::from_millisecond(self.now).unwrap();
        let body = world.issue(repository, number).unwrap().body.clone();
        let deed = self.dice.index(7);
        let done = match deed {
            0 => world.comment_as("alice", repository, number, "on it", now).map(drop),
            1 => {
                let above = format!("alice looks at it\n\n{body}");
                world.edit_body_as("alice", repository, number, &above, now)
            }
            2 => {
                let gone = body.replace("<!-- teawatch: this table is kept up to date -->", "");
                world.edit_body_as("alice", repository, number, &gone, now)
            }
            3 => world.edit_title_as("alice", repository, number, "alice was here", now),
            4 => world.close_as("alice", repository, number, now),
            5 => world.reopen_as("alice", repository, number, now),
            _ => world.delete_issue(repository, number),
        };
        done.map_err(|error| format!("{error:?}"))?;
        self.note(|| format!("a person does {deed} to {place:?}"));
        if deed >= 4 {
            self.oracle.touched.insert(place);
        }
        self.oracle.look(&self.gitea.world, place)
    }
}

/// What must be the same after a crash.
fn stamp(server: &Server) -> String {
    let core = server.writer.core();
    let checks = core.checks_page(None, 500, Timestamp::UNIX_EPOCH).items;
    let checks: Vec<_> = checks
        .iter()
        .map(|check| (&check.source, &check.name, check.since, check.last_seen, check.results))
        .collect();
    let alerts = core.alerts_page(None, 500).items;
    let mut entries = core.outbox_page(None, 500).items;
    for entry in &mut entries {
        entry.parked = None;
        if let Some(doubt) = &mut entry.doubt {
            doubt.over_at = None;
        }
    }
    serde_json::to_string(&(checks, alerts, entries)).unwrap()
}

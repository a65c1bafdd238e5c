//! How long each agent was silent while the server looked, counted beside the server.

use super::agent::Agent;
use super::knobs::Knobs;
use super::oracle::Held;

/// The silence of one agent, in milliseconds.
#[derive(Debug, Clone, Default)]
struct Silence {
    /// None: never heard of, or nobody can tell whether it was heard.
    passed: Option<i64>,
    /// By so much the server may count more or less.
    slack: i64,
    was_down: bool,
}

#[derive(Debug)]
pub struct Silences {
    agents: Vec<Silence>,
    /// The server's, in milliseconds.
    mark: i64,
    gap: i64,
    /// By the wall clock.
    turned_at: i64,
}

impl Silences {
    pub fn new(agents: usize, knobs: &Knobs, now: i64) -> Self {
        let (mark, gap) = (knobs.mark * 1_000, knobs.gap * 1_000);
        Self { agents: vec![Silence::default(); agents], mark, gap, turned_at: now }
    }

    /// A turn of the engine began. What it had not looked at for longer than the gap counts
    /// as an absence, whatever the clock says.
    pub fn turn(&mut self, now: i64) {
        let passed = now - self.turned_at;
        self.turned_at = now;
        if (0..=self.gap).contains(&passed) {
            for silence in &mut self.agents {
                silence.passed = silence.passed.map(|before| before + passed);
            }
        }
    }

    /// When the last turn began.
    pub fn turned_at(&self) -> i64 {
        self.turned_at
    }

    /// The server was started: how long nobody was looking is known up to a mark.
    pub fn restart(&mut self) {
        for silence in &mut self.agents {
            silence.slack += self.mark + self.gap;
        }
    }

    /// Nobody knows what the last commit has left.
    pub fn doubt_all(&mut self) {
        self.agents.iter_mut().for_each(|silence| silence.passed = None);
    }

    /// Nobody knows whether this one was heard.
    pub fn doubt(&mut self, agent: usize) {
        self.agents[agent].passed = None;
    }

    pub fn heard(&mut self, agent: usize) {
        let silence = &mut self.agents[agent];
        (silence.passed, silence.slack) = (Some(0), 0);
    }

    /// No false alarm, and none forgotten. `is_down` says what the server thinks, after it
    /// has woken what was due.
    pub fn check(&mut self, number: usize, agent: &Agent, is_down: bool) -> Held {
        let silence = &mut self.agents[number];
        let (was_down, patience) = (silence.was_down, agent.patience());
        silence.was_down = is_down;
        let Some(passed) = silence.passed else { return Ok(()) };
        let source = &agent.source;
        if is_down && !was_down && passed + silence.slack < patience {
            return Err(format!("a false alarm: {source} was silent for {passed} ms"));
        }
        if !is_down && passed > patience + silence.slack + self.mark {
            return Err(format!("{source} is silent for {passed} ms, and nobody is told"));
        }
        Ok(())
    }
}

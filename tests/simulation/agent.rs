//! An agent and the host that it watches.

use std::collections::VecDeque;

use jiff::SignedDuration;
use teawatch::check::{Kind, Observation};
use teawatch::observation::{Report, ReportId};

use super::dice::Dice;

/// Reports that wait in its spool, and those of which it remembers that they were
/// acknowledged, at most.
const SPOOL_MAX: usize = 50;
const ACKED_MAX: usize = 5;
/// Older reports that are sent again after the newest.
const AGAIN_MAX: usize = 2;

#[derive(Debug)]
pub struct Agent {
    pub source: String,
    /// Whether it runs, or its host is gone.
    pub is_alive: bool,
    /// Whether each of its checks fails.
    pub failing: Vec<bool>,
    /// In seconds.
    interval: i64,
    epoch: u64,
    seq: u64,
    /// The newest report that the server has on its disk.
    heard: u64,
    spool: VecDeque<Report>,
    acked: VecDeque<Report>,
}

impl Agent {
    pub fn new(source: String, checks: usize, interval: i64) -> Self {
        Self {
            source,
            is_alive: true,
            failing: vec![false; checks],
            interval,
            epoch: 1,
            seq: 0,
            heard: 0,
            spool: VecDeque::new(),
            acked: VecDeque::new(),
        }
    }

    /// Checks break and are mended.
    pub fn live(&mut self, dice: &mut Dice) {
        for failing in &mut self.failing {
            *failing ^= dice.one_in(if *failing { 4 } else { 16 });
        }
    }

    /// Its host is set up anew, and the spool is lost.
    pub fn forget(&mut self) {
        (self.epoch, self.seq, self.heard) = (self.epoch + 1, 0, 0);
        self.spool.clear();
        self.acked.clear();
    }

    /// Looks at everything, and says what is to be sent: the newest report first. Unless it
    /// `is_sure`, it cannot always tell.
    pub fn report(&mut self, dice: &mut Dice, is_sure: bool) -> Vec<Report> {
        let observations = self.failing.iter().enumerate().map(|(check, &failing)| {
            let kind = match failing {
                _ if !is_sure && dice.one_in(60) => Kind::Unknown,
                _ if !is_sure && dice.one_in(60) => Kind::Start,
                true => Kind::Failure,
                false => Kind::Success,
            };
            let summary = match kind {
                Kind::Failure => format!("@all <!-- #{} -->", dice.between(1, 4)),
                Kind::Success | Kind::Unknown | Kind::Start | Kind::Log => String::new(),
            };
            (format!("c{check}"), Observation::new(kind, summary))
        });
        let observations = observations.collect();
        self.seq += 1;
        let report = Report {
            source: self.source.clone(),
            id: ReportId { epoch: self.epoch(), seq: self.seq },
            interval: Some(SignedDuration::from_secs(self.interval)),
            observations,
            unseen: Vec::new(),
        };
        self.spool.push_back(report);
        if self.spool.len() > SPOOL_MAX {
            self.spool.pop_front();
        }
        self.spool.iter().rev().take(1 + AGAIN_MAX).cloned().collect()
    }

    /// The server has it on its disk, whether or not the agent learns of it. Returns whether
    /// nothing newer was heard before; nothing if that is not known.
    pub fn heard(&mut self, report: &Report) -> Option<bool> {
        if !self.has_sent(report) {
            return None;
        }
        let is_newest = report.id.seq > self.heard;
        self.heard = self.heard.max(report.id.seq);
        Some(is_newest)
    }

    /// The agent has learned that the server has it on its disk.
    pub fn acknowledged(&mut self, report: Report) {
        self.spool.retain(|waiting| waiting.id != report.id);
        if !self.has_sent(&report) {
            return;
        }
        self.acked.push_back(report);
        if self.acked.len() > ACKED_MAX {
            self.acked.pop_front();
        }
    }

    /// Whether this is its report, and not that of the host before it.
    pub fn has_sent(&self, report: &Report) -> bool {
        report.id.epoch == self.epoch()
    }

    fn epoch(&self) -> String {
        format!("e{}", self.epoch)
    }

    /// Reports that must never be lost any more.
    pub fn acked(&self) -> impl Iterator<Item = &Report> {
        self.acked.iter()
    }

    /// Silent for longer than this, it is in trouble; in milliseconds.
    pub fn patience(&self) -> i64 {
        self.interval * 2 * 1_000
    }
}

//! Agents that report without a pause, know what was acknowledged, and send the rest again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::RngExt as _;
use proptest::test_runner::TestRng;
use serde_json::json;

use crate::support::{Letter, Report};

/// The checks of each source.
pub(super) const CHECKS: [&str; 2] = ["disk", "load"];

/// So many results of a check must be the same before it turns, or it would be flapping.
const STEADY: u32 = 5;

/// So many acknowledged reports are remembered; the server tells the newest 128 of a source
/// from repeats.
const RECENT: usize = 40;

/// What the server has acknowledged about a check.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) is_failing: bool,
    /// Reports that counted for it.
    pub(super) results: u64,
    /// How often it turned.
    pub(super) turns: u64,
}

/// One report.
#[derive(Debug, Clone, Copy)]
struct Sent {
    seq: u64,
    check: usize,
    is_failing: bool,
    /// A newer one was sent before it: it belongs into the history.
    is_late: bool,
}

/// One source and all that it has said.
#[derive(Debug)]
pub(super) struct Reporter {
    pub(super) source: String,
    rng: TestRng,
    seq: u64,
    /// How each check is, and for how many reports it has been so.
    now: [(bool, u32); CHECKS.len()],
    pub(super) known: [Known; CHECKS.len()],
    /// Not acknowledged, in the order in which they are sent.
    pending: VecDeque<Sent>,
    recent: VecDeque<Sent>,
    pub(super) late: BTreeSet<u64>,
    pub(super) acknowledged: usize,
}

impl Reporter {
    pub(super) fn new(source: String, rng: TestRng) -> Self {
        Self {
            source,
            rng,
            seq: 0,
            now: Default::default(),
            known: Default::default(),
            pending: VecDeque::new(),
            recent: VecDeque::new(),
            late: BTreeSet::new(),
            acknowledged: 0,
        }
    }

    /// Reports until the server is gone. Counts what is acknowledged.
    pub(super) fn report(&mut self, url: &str, acknowledged: &AtomicU64) {
        loop {
            self.say_more();
            while !self.pending.is_empty() {
                if self.send(url).is_none() {
                    return;
                }
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// One more report, or two of which the older is sent last.
    fn say_more(&mut self) {
        let check = self.rng.random_range(0..CHECKS.len());
        let (is_failing, steady) = &mut self.now[check];
        if *steady >= STEADY && self.rng.random_range(0..8) == 0 {
            (*is_failing, *steady) = (!*is_failing, 0);
        }
        *steady += 1;
        let sent = Sent { seq: self.seq + 1, check, is_failing: *is_failing, is_late: false };
        if self.rng.random_range(0..8) == 0 {
            self.pending.push_back(Sent { seq: sent.seq + 1, ..sent });
            self.pending.push_back(Sent { is_late: true, ..sent });
        } else {
            self.pending.push_back(sent);
        }
        self.seq += u64::try_from(self.pending.len()).unwrap();
    }

    /// Sends what is next, and says whether it was there already; `None` if no answer came.
    fn send(&mut self, url: &str) -> Option<bool> {
        let sent = *self.pending.front()?;
        let answer = self.letter(sent).try_send_to(url)?;
        // A server that stops says that it is busy.
        if answer.status == 503 {
            return None;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        // An answer that was cut off is none.
        let is_there = answer.body["duplicate"].as_bool()?;
        self.pending.pop_front();
        self.acknowledged += 1;
        let known = &mut self.known[sent.check];
        if sent.is_late {
            self.late.insert(sent.seq);
        } else {
            known.results += 1;
            known.turns += u64::from(known.is_failing != sent.is_failing);
            known.is_failing = sent.is_failing;
        }
        self.recent.push_back(sent);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Some(is_there)
    }

    /// Sends what the kill has left without an answer. Returns whether the report that was
    /// on its way, if one was, was there; those behind it cannot be.
    #[track_caller]
    pub(super) fn catch_up(&mut self, url: &str) -> Option<bool> {
        let mut first = None;
        while !self.pending.is_empty() {
            let is_there = self.send(url);
            let is_there = is_there.unwrap_or_else(|| panic!("{} got no answer", self.source));
            assert!(first.is_none() || !is_there, "{}: it was never sent", self.source);
            first.get_or_insert(is_there);
        }
        first
    }

    /// Sends the newest acknowledged reports once more: all of them are there. Returns how
    /// many they were.
    #[track_caller]
    pub(super) fn ask_again(&self, url: &str) -> usize {
        for &sent in &self.recent {
            let answer = self.letter(sent).send_to(url);
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.body["duplicate"], true, "{} has lost {sent:?}", self.source);
        }
        self.recent.len()
    }

    fn letter(&self, sent: Sent) -> Letter {
        let (kind, summary) =
            if sent.is_failing { ("failure", "it is broken") } else { ("success", "it works") };
        let body = json!({
            "source": self.source,
            "id": { "epoch": "kills", "seq": sent.seq },
            "observations": [{ "name": CHECKS[sent.check], "kind": kind, "summary": summary }],
        });
        Letter::of(&Report { source: self.source.clone(), body })
    }
}

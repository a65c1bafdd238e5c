//! Reports, and checks that the configuration expects to report.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::changes::keys;
use super::core::Core;
use super::records::Happened;
use super::source::{Place, Source};
use crate::alert::{Event, Fingerprint, Group};
use crate::check::{AGENT, Cause, Check, CheckId, Kind, Labels, Observation, Verdict};
use crate::observation::Report;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Observations that are on the disk now, or were there before.
    pub observations: usize,
    /// It was there before.
    pub duplicate: bool,
}

impl Core {
    /// Takes a report into account. A repeated one changes nothing. One that comes late goes
    /// into the history, and counts for the checks of which nothing newer was heard: jobs
    /// report one by one, and an agent sends the newest first when its server is back.
    pub fn accept(&mut self, report: &Report, now: Timestamp) -> Accepted {
        let observations = report.observations.len();
        let place = if let Some(source) = self.sources.get_mut(&report.source) {
            source.place(&report.id, report.interval, now)
        } else {
            let source = Source::new(&report.id, report.interval, now);
            self.sources.insert(report.source.clone(), source);
            Place::Newest
        };
        if place == Place::Duplicate {
            return Accepted { observations, duplicate: true };
        }
        self.dirty.sources.insert(report.source.clone());
        if matches!(place, Place::Late | Place::Former) {
            let checks = report.observations.iter().map(|(name, _)| name.clone()).collect();
            let (source, id) = (report.source.clone(), report.id.clone());
            self.remember(Happened::LateReport { source, id, checks }, now);
            if place == Place::Late {
                self.hear(report, now);
            }
            return Accepted { observations, duplicate: false };
        }
        // The agent's own check goes first, so that the others are believed again.
        let mut spelled = String::new();
        let agent = self.checks.id(&mut spelled, &report.source, AGENT);
        // Jobs report one by one, also on a host whose agent has died: only who says when it
        // reports again speaks for the agent, where there is one.
        let has_agent = self.checks.get(&agent).is_some_and(|agent| agent.interval.is_some());
        if has_agent && report.interval.is_none() {
            self.hear(report, now);
            return Accepted { observations, duplicate: false };
        }
        let was_silent = !self.checks.contains(&agent) || self.is_agent_silent(&report.source, now);
        let looks_elsewhere =
            self.sources.get_mut(&report.source).is_some_and(|source| source.looks(report));
        if was_silent {
            // An agent that was in trouble already fell silent without a word.
            self.wake_source(&report.source, now);
        }
        self.observe(&agent, &self.agent_observation(report), now);
        if was_silent || looks_elsewhere {
            self.wake_source(&report.source, now);
        }
        self.hear(report, now);
        Accepted { observations, duplicate: false }
    }

    /// Takes observations of a source into account that have no order: each says how its check
    /// is now, and saying it twice changes nothing. No agent is behind them.
    pub fn hear_of(&mut self, source: &str, seen: &[(String, Observation)], now: Timestamp) {
        let mut spelled = String::new();
        for (name, observation) in seen {
            let id = self.checks.id(&mut spelled, source, name);
            self.observe(&id, observation, now);
        }
    }

    /// Takes each observation into account that is the newest of its check.
    fn hear(&mut self, report: &Report, now: Timestamp) {
        let Some(source) = self.sources.get(&report.source) else { return };
        let heard = (!report.id.is_once()).then(|| source.heard(report.id.seq));
        let known = |id: &CheckId| self.checks.get(id).and_then(|check| check.heard);
        let mut spelled = String::new();
        let mut id = |name: &str| self.checks.id(&mut spelled, &report.source, name);
        // Judged before any is heard: a report may speak of one check twice.
        let newest: Vec<_> = report
            .observations
            .iter()
            .map(|(name, observation)| (id(name), observation))
            .filter(|(id, _)| {
                known(id).zip(heard).is_none_or(|(before, heard)| {
                    before.epoch != heard.epoch || before.seq < heard.seq
                })
            })
            .collect();
        for (id, observation) in newest {
            self.observe(&id, observation, now);
            // That a run has begun, or logs, says nothing of how the one before it ended.
            if observation.kind.says_how_it_is()
                && heard.is_some()
                && let Some(check) = self.checks.get_mut(&id)
            {
                check.heard = heard;
            }
        }
    }

    /// What a report says about its agent.
    fn agent_observation(&self, report: &Report) -> Observation {
        let two = self.sources.get(&report.source).is_some_and(Source::has_two_agents);
        let summary = if two {
            "two agents report under this name; only the newer counts: give each its own"
        } else {
            "reporting"
        };
        let kind = if two { Kind::Failure } else { Kind::Success };
        Observation { interval: report.interval, ..Observation::new(kind, summary) }
    }

    /// Brings the checks in line with the configuration, at start: what must report is
    /// expected, and what was only expected and no longer is, is let go.
    pub(super) fn expect(&mut self, now: Timestamp) {
        let expected = self.settings.expect.clone();
        for expect in &expected {
            let Some(check) = self.checks.get_mut(&expect.id) else {
                let check = Check::expected(expect.id.clone(), expect.interval, now);
                self.add_check(check);
                self.dirty.checks.insert(expect.id.clone());
                self.wake_check(&expect.id, now);
                continue;
            };
            // What a check says of itself counts more than what is expected of it.
            let has_own = check.interval.is_some() && !check.is_expected;
            if !has_own && check.interval != Some(expect.interval) {
                (check.interval, check.is_expected) = (Some(expect.interval), true);
                self.dirty.checks.insert(expect.id.clone());
            }
        }
        let named: BTreeSet<_> = expected.iter().map(|expect| &expect.id).collect();
        let is_unheard = |check: &Check| {
            check.last_seen.is_none()
                && check.runs.is_empty()
                && check.logged.is_none()
                && check.definition.is_none()
        };
        let withdrawn: Vec<_> = self
            .checks
            .iter()
            .filter(|check| is_unheard(check) || check.is_expected)
            .filter(|check| !named.contains(&check.id))
            .map(|check| check.id.clone())
            .collect();
        for id in withdrawn {
            let Some(check) = self.checks.get_mut(&id) else { continue };
            // Of what was heard the words stay, unless it is its silence that is told. What
            // is defined has a schedule of its own.
            let is_silent = check.verdict == Verdict::Down(Cause::Silent);
            if is_unheard(check) || is_silent && check.definition.is_none() {
                self.forget(&id, "the configuration no longer expects it", now);
                continue;
            }
            (check.interval, check.is_expected) = (None, false);
            self.dirty.checks.insert(id);
        }
    }

    /// Stops watching a check. Returns whether it was known. Its issue closes with `why`,
    /// once nothing else keeps it open.
    pub fn forget(&mut self, id: &CheckId, why: &str, now: Timestamp) -> bool {
        let Some(check) = self.checks.remove(id) else { return false };
        self.addresses.remove(&check);
        let ended = check.runs.kept(0).map(|kept| keys::ended(id, kept.number));
        self.dirty.ended_gone.extend(ended);
        self.tally.check(Some(check.timeless_status()), None);
        self.dirty.checks.insert(id.clone());
        self.remember(Happened::Forgotten { check: id.clone() }, now);
        self.part(id, &check.labels, why, now);
        if id.is_agent() {
            // Without it nobody looks at these, and nothing would be told of them ever again.
            let unseen = self.checks.of_source(id.source()).filter(|check| check.unseen);
            let unseen: Vec<_> = unseen.map(|check| check.id.clone()).collect();
            for id in unseen {
                self.forget(&id, why, now);
            }
        }
        true
    }

    /// Takes a check out of its alerts. Their issues close with `why`, once nothing else keeps
    /// them open.
    pub(super) fn part(&mut self, id: &CheckId, labels: &Labels, why: &str, now: Timestamp) {
        self.bound.remove(id);
        self.also_unheard.remove(id);
        let name = id.to_string();
        let concerned: Vec<(Fingerprint, Group)> = self
            .alerts
            .values()
            .filter(|alert| !matches!(alert.group, Group::Overflow { .. }))
            .filter(|alert| alert.members.contains_key(&name))
            .map(|alert| (alert.fingerprint.clone(), alert.group.clone()))
            .collect();
        for (fingerprint, group) in concerned {
            let rule = self.rule_for(id, labels);
            let event = Event::MemberGone { name: name.clone(), why: why.to_owned() };
            self.step_alert(&fingerprint, &group, &rule, &event, now);
        }
    }
}

//! The state in memory, and what one command or one timer does to it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::addresses::{Addresses, Derive};
use super::changes::Dirty;
use super::checks::Checks;
use super::deadlines::{Deadlines, Sleeper};
use super::deliveries::Deliveries;
use super::expiry::Round;
use super::patterns::Patterns;
use super::records::{Before, Happened, Meta, Repository};
use super::roster::Roster;
use super::settings::Settings;
use super::silences::Silence;
use super::source::Source;
use super::tally::Tally;
use super::told::{Told, has_row, overflow_rule, row, row_event};
use super::{Entry, Figures};
use crate::alert::admit::admit;
use crate::alert::marker::Instance;
use crate::alert::route::Wears;
use crate::alert::{
    self, Alert, Event, Fingerprint, Group, Order, Placement, Rule, Salt, Standing,
};
use crate::check::{self, Absences, Check, CheckId, Input, Labels, Observation, Turn};

/// The whole state. Its methods are the commands; each runs in a round, and nothing that
/// it changes is visible before the round is on the disk.
#[derive(Debug)]
pub struct Core {
    pub(super) settings: Settings,
    pub(super) salt: Salt,
    pub(super) public_url: Option<String>,
    pub(super) meta: Meta,
    pub(super) checks: Checks,
    pub(super) addresses: Addresses,
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) alerts: BTreeMap<Fingerprint, Alert>,
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) absences: Absences,
    /// The alert that a check in trouble belongs to: an episode keeps its members,
    /// whatever the routes say meanwhile.
    pub(super) bound: BTreeMap<CheckId, Fingerprint>,
    /// Further alerts that wait to hear that such a check is well.
    pub(super) also_unheard: BTreeMap<CheckId, BTreeSet<Fingerprint>>,
    /// Checks of which an adopted alert waits to hear whether anybody can tell.
    pub(super) blind_unheard: BTreeSet<CheckId>,
    /// How many effects were sent or settled since this process began, and at which of
    /// them it was one of an alert last.
    pub(super) writes: u64,
    pub(super) written: BTreeMap<Fingerprint, u64>,
    /// When a repository was last compared with our state, since this process began.
    pub(super) polled_at: BTreeMap<String, Timestamp>,
    /// How often it was, since then.
    pub(super) polls: BTreeMap<String, u64>,
    /// When a repository last carried something out, since this process began.
    pub(super) delivered_at: BTreeMap<String, Timestamp>,
    /// The newest messages of webhooks.
    pub(super) deliveries: Deliveries,
    pub(super) silences: BTreeMap<u64, Silence>,
    pub(super) jobs: Roster,
    pub(super) patterns: Patterns,
    pub(super) deadlines: Deadlines,
    /// How far it was looked for what may be forgotten.
    pub(super) round: Round,
    /// When the last turn began.
    pub(super) turned_at: Timestamp,
    pub(super) dirty: Dirty,
    pub(super) figures: Figures,
    pub(super) tally: Tally,
}

impl Core {
    /// Which store this is.
    pub fn instance(&self) -> &Instance {
        &self.meta.instance
    }

    /// Gives the checks that are defined the addresses that follow from a secret. Without it
    /// none has a UUID.
    pub fn address_by(&mut self, derive: Derive) {
        self.addresses.derive_by(derive, self.checks.iter());
    }

    /// Takes an observation of a check into account.
    pub(super) fn observe(&mut self, id: &CheckId, observation: &Observation, now: Timestamp) {
        // One that was only expected was not heard of either.
        let is_first = self.checks.get(id).is_none_or(|check| check.last_seen.is_none());
        if is_first {
            if !self.checks.contains(id) {
                self.add_check(Check::new(id.clone(), now));
            }
            self.checks_claim(id, &observation.labels, now);
        }
        self.step_check(id, Input::Observed(observation), now);
    }

    /// Tells a check that time may have passed, or that it may be out of sight or back.
    pub(super) fn wake_check(&mut self, id: &CheckId, now: Timestamp) {
        self.step_check(id, Input::Woken, now);
    }

    pub(super) fn add_check(&mut self, check: Check) {
        self.tally.check(None, Some(check.timeless_status()));
        self.checks.insert(check);
    }

    pub(super) fn step_check(&mut self, id: &CheckId, input: Input<'_>, now: Timestamp) {
        // What it says itself is heard, whoever else is silent.
        let unseen = !matches!(input, Input::Observed(_))
            && !id.is_agent()
            && (self.is_agent_silent(id.source(), now) || self.is_unseen(id));
        let Some(watched) = self.checks.watched(id) else { return };
        let check = &mut watched.check;
        let (verdict, since) = (check.verdict, check.since);
        // What it wears now counts, also when it is heard of for the first time.
        let labels: &dyn Wears = match input {
            Input::Observed(seen) if seen.kind.says_how_it_is() => &seen.labels,
            Input::Observed(_) | Input::Woken | Input::Paused | Input::Resumed => &check.labels,
        };
        let policy = &self.settings.routes.resolve(id.source(), id.name(), labels).policy;
        let before = std::mem::replace(check, Check::new(id.clone(), now));
        let status_before = before.timeless_status();
        let changes;
        (*check, changes) = check::step(policy, &self.absences, before, unseen, input, now);
        let status = check.timeless_status();
        self.tally.check(Some(status_before), Some(status));
        let deadline = check.deadline(policy, &self.absences);
        self.deadlines.wake_check_by(watched, deadline);
        let check = &mut watched.check;
        // A pause ends no trouble.
        let is_turn = check.verdict != verdict && !matches!(input, Input::Paused | Input::Resumed);
        if is_turn && check.definition.is_some() {
            check.flips.add(!check.is_down(), now);
        }
        let check = &watched.check;
        let must_tell = changes.trouble.is_some() || changes.blindness.is_some();
        let told = must_tell.then(|| Told::of(check));
        if check.verdict != verdict {
            let summary = check.latest.as_ref().map(|seen| seen.summary.clone());
            let before = Some(Before { verdict, since });
            let (check, verdict) = (id.clone(), check.verdict);
            let summary = summary.unwrap_or_default().into();
            self.remember(Happened::Judged { check, verdict, summary, before }, now);
        }
        self.remember_sight(id, (status_before, status), now);
        if changes.is_news {
            self.dirty.checks.insert(id.clone());
        } else if changes.is_beat {
            self.dirty.beats.insert(id.clone());
        }
        if let (Some(told), Some(turn)) = (&told, changes.trouble) {
            self.tell_trouble(id, told, turn, now);
        }
        if let (Some(told), Some(turn)) = (&told, changes.blindness) {
            self.tell_blindness(id, told, turn, now);
        }
        if matches!(input, Input::Observed(_)) {
            self.speak_up(id, now);
        }
        if id.is_agent() && changes.trouble.is_some_and(|turn| turn != Turn::Continues) {
            self.wake_source(id.source(), now);
        }
    }

    pub(super) fn tell_trouble(&mut self, id: &CheckId, told: &Told, turn: Turn, now: Timestamp) {
        let rule = self.rule_for(id, &told.labels);
        let (fingerprint, group) = match self.bound.get(id) {
            Some(fingerprint) => match self.alerts.get(fingerprint) {
                Some(alert) => (fingerprint.clone(), alert.group.clone()),
                None => self.group_of(id, &rule),
            },
            None => self.group_of(id, &rule),
        };
        if turn == Turn::Began {
            // Never having been heard of is a trouble that comes before the first word.
            self.claim(&fingerprint, &group, &rule, now);
        }
        match turn {
            Turn::Began | Turn::Continues => {
                self.bound.insert(id.clone(), fingerprint.clone());
            }
            Turn::Ended => self.unbind(id),
        }
        let event = Event::Member {
            name: id.to_string(),
            standing: told.standing,
            summary: told.summary.clone(),
            is_result: told.is_result(turn),
        };
        self.step_alert(&fingerprint, &group, &rule, &event, now);
    }

    pub(super) fn tell_blindness(&mut self, id: &CheckId, told: &Told, turn: Turn, now: Timestamp) {
        let rule = self.rule_for(id, &told.labels);
        let group = Group::Blind { source: id.source().to_owned(), name: id.name().to_owned() };
        let fingerprint = Fingerprint::new(&self.salt, &group);
        let event = Event::Member {
            name: id.to_string(),
            standing: match turn {
                Turn::Began | Turn::Continues => Standing::CannotTell,
                Turn::Ended => Standing::Well,
            },
            summary: told.summary.clone(),
            is_result: false,
        };
        self.step_alert(&fingerprint, &group, &rule, &event, now);
    }

    /// The alert that a check's trouble belongs to by the present routes.
    pub(super) fn group_of(&self, id: &CheckId, rule: &Rule) -> (Fingerprint, Group) {
        let group = rule.group_by.group(id.source(), id.name());
        (Fingerprint::new(&self.salt, &group), group)
    }

    /// Takes an event of an alert into account: its state, its orders, its row.
    pub(super) fn step_alert(
        &mut self,
        fingerprint: &Fingerprint,
        group: &Group,
        rule: &Rule,
        event: &Event,
        now: Timestamp,
    ) {
        let before = self.alerts.remove(fingerprint);
        let phase = before.as_ref().map(|alert| alert.phase);
        let forgotten = self.meta.forgotten;
        let before =
            before.unwrap_or_else(|| Alert::new(fingerprint.clone(), group.clone(), forgotten));
        let repository_before = before.target.repository.clone();
        self.count_people(&before, event, now);
        let admission = match group {
            Group::Overflow { .. } | Group::Night { .. } => Placement::Own,
            Group::Check { .. }
            | Group::Source { .. }
            | Group::Named { .. }
            | Group::Blind { .. } => {
                let repository = self.repositories.get(&rule.target.repository);
                repository.map_or(Placement::Own, |repository| {
                    admit(&self.settings.limits, &repository.admission, now)
                })
            }
        };
        let had_row = has_row(&before);
        let (alert, orders, deadline) = self.under_cover(group, |cover| {
            let (alert, orders) = alert::step(rule, before, event, cover, admission, now);
            let deadline = alert.deadline(rule, cover);
            (alert, orders, deadline)
        });
        let repository = alert.target.repository.clone();
        let episode = alert.episode;
        // What is silenced keeps the row that was told of it before.
        let is_kept = had_row && alert.silence().is_some() && repository == repository_before;
        let row_now = (has_row(&alert) && !is_kept).then(|| row(&alert));
        if !group.is_night() {
            self.tally.alert(phase, Some(alert.phase));
        }
        self.alerts.insert(fingerprint.clone(), alert);
        self.dirty.alerts.insert(fingerprint.clone());
        self.deadlines.wake_alert_by(fingerprint, deadline);
        for order in orders {
            let (Order::Tell(effect) | Order::Strike(effect)) = order;
            // The last words of an episode go where its issue is.
            let is_old = effect.episode < episode;
            let to = if is_old { &repository_before } else { &repository };
            self.take_order(fingerprint, to, order, now);
        }
        // An alert that now has an issue of its own, or a row elsewhere, leaves its row.
        if had_row && !is_kept && (row_now.is_none() || repository_before != repository) {
            let gone = row_event(group, Standing::Well, String::new());
            self.step_overflow(&repository_before, &gone, now);
        }
        if let Some(row) = row_now {
            self.step_overflow(&repository, &row, now);
        }
    }

    /// What an alert without an issue of its own says in the overflow issue.
    fn step_overflow(&mut self, repository: &str, event: &Event, now: Timestamp) {
        let group = Group::Overflow { repository: repository.to_owned() };
        let fingerprint = Fingerprint::new(&self.salt, &group);
        let rule = self.overflow_rule(repository);
        if !self.alerts.contains_key(&fingerprint) {
            self.claim(&fingerprint, &group, &rule, now);
        }
        self.step_alert(&fingerprint, &group, &rule, event, now);
    }

    pub(super) fn wake_alert(&mut self, fingerprint: &Fingerprint, now: Timestamp) {
        let Some(alert) = self.alerts.get(fingerprint) else { return };
        let (group, rule) = (alert.group.clone(), self.rule_of(alert));
        self.step_alert(fingerprint, &group, &rule, &Event::Woken, now);
    }

    /// The rule of a check with these labels.
    pub(super) fn rule_for(&self, id: &CheckId, labels: &dyn Wears) -> Rule {
        let routes = &self.settings.routes;
        let rule = routes.resolve(id.source(), id.name(), labels).rule.clone().wearing(labels);
        self.chore_rule(id, rule)
    }

    /// The rule of an alert: that of its check, or of its first member.
    pub(super) fn rule_of(&self, alert: &Alert) -> Rule {
        let of_check = |source: &str, name: &str| {
            let id = CheckId::new(source, name);
            let none = Labels::default();
            self.rule_for(&id, self.checks.get(&id).map_or(&none, |check| &check.labels))
        };
        match &alert.group {
            Group::Check { source, name } | Group::Blind { source, name } => of_check(source, name),
            Group::Source { .. } | Group::Named { .. } => {
                let first = alert.members.keys().next();
                match first.and_then(|name| name.split_once('/')) {
                    Some((source, name)) => of_check(source, name),
                    None => self.settings.routes.otherwise.rule.clone(),
                }
            }
            Group::Overflow { repository } => self.overflow_rule(repository),
            Group::Night { repository } => self.night_rule(repository),
        }
    }

    /// The rule of a repository's overflow issue: it is everybody's, and waits for nothing.
    fn overflow_rule(&self, repository: &str) -> Rule {
        let mut rule = overflow_rule(&self.settings.routes.otherwise.rule);
        repository.clone_into(&mut rule.target.repository);
        rule
    }

    /// Wakes what is due, at most `budget` of it. Returns how many were woken.
    pub fn wake_due(&mut self, budget: usize, now: Timestamp) -> usize {
        let mut woken = 0;
        while woken < budget {
            let Some(sleeper) = self.deadlines.pop_due(&mut self.checks, now) else { break };
            woken += 1;
            match &sleeper {
                Sleeper::Check(id) => {
                    // A check whose agent fell silent as well has nothing to say, and the
                    // agent must have said it before.
                    if !id.is_agent() && self.is_agent_silent(id.source(), now) {
                        self.wake_check(&CheckId::agent(id.source()), now);
                    }
                    let due = self.checks.get(id).and_then(|check| {
                        let routes = &self.settings.routes;
                        let policy = &routes.resolve(id.source(), id.name(), &check.labels).policy;
                        check.deadline(policy, &self.absences)
                    });
                    match due {
                        Some(due) if due <= now => self.wake_check(id, now),
                        due => {
                            if let Some(watched) = self.checks.watched(id) {
                                self.deadlines.wake_check_by(watched, due);
                            }
                        }
                    }
                }
                Sleeper::Alert(fingerprint) => {
                    let alert = self.alerts.get(fingerprint);
                    match alert.and_then(|alert| self.alert_deadline(alert)) {
                        Some(due) if due <= now => self.wake_alert(fingerprint, now),
                        due => self.deadlines.wake_alert_by(fingerprint, due),
                    }
                }
            }
        }
        woken
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        [self.deadlines.next(), self.patterns.changes_at()].into_iter().flatten().min()
    }
}

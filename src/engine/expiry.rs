//! What nobody has heard of for long, and is forgotten, so that the store stops growing.
//!
//! Nothing that is in trouble or has an issue that is open or on its way is ever forgotten:
//! a check that is down stays until it is well or a person removes it, and its alert with it.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use super::changes::keys;
use super::core::Core;
use crate::alert::{Event, Fingerprint, Group};
use crate::check::{Check, CheckId, Moment};

/// So many checks, and as many alerts and sources, are looked at in each turn. It takes hours
/// until all of a million are, which is little beside how long they are kept.
const TURN_MAX: usize = 50;

/// So many of each are forgotten in one turn at most: each is looked for in other records.
const FORGOTTEN_MAX: usize = 5;

/// How far it was looked, again and again from the first on.
#[derive(Debug, Default)]
pub(super) struct Round {
    check: Option<CheckId>,
    alert: Option<Fingerprint>,
    source: Option<String>,
}

impl Core {
    /// Forgets what was kept for long enough. Returns whether all was looked at since the last
    /// time that it returned that.
    pub fn retain(&mut self, now: Timestamp) -> bool {
        self.forget_history(now);
        self.forget_deliveries(now);
        self.forget_unheard(now);
        let Round { check, alert, source } = &self.round;
        check.is_none() && alert.is_none() && source.is_none()
    }

    /// Looks at the next ones, and forgets what was kept for long enough.
    pub(super) fn forget_unheard(&mut self, now: Timestamp) {
        let mut round = std::mem::take(&mut self.round);
        let at = round.check.take();
        let checks = self.checks.behind(at.as_ref()).map(|check| (&check.id, check));
        let checks = next(checks, &mut round.check, |check| self.is_over(check, now));
        let at = round.alert.take();
        let alerts = next(behind(&self.alerts, at.as_ref()), &mut round.alert, |alert| {
            // A look at each in every turn: the members of many take their time.
            // Of night reports there is one for each repository, and its numbers are days.
            let may_go = alert.is_quiet() && !alert.group.is_night();
            may_go && self.is_long_ago(alert.fired_at, now) && {
                let settled_at = alert.settled_at(&self.rule_of(alert), now);
                settled_at.is_some_and(|at| self.is_long_ago(at, now))
            }
        });
        self.round = round;
        for id in checks {
            tracing::info!(check = %id, "nobody has heard of this check for long: forgotten");
            self.forget(&id, "nobody has heard of it for long", now);
        }
        for fingerprint in alerts {
            self.forget_alert(&fingerprint, now);
        }
        // Those of which a check is left stay.
        let (at, mut last) = (self.round.source.take(), None);
        let sources = next(behind(&self.sources, at.as_ref()), &mut last, |source| {
            self.is_long_ago(source.last_seen(), now)
        });
        self.round.source = last;
        for name in sources {
            if self.checks.of_source(&name).next().is_none() {
                self.sources.remove(&name);
                self.dirty.sources.insert(name);
            }
        }
    }

    /// Whether a check is well, and nobody has heard of it, expects it or has defined it.
    fn is_over(&self, check: &Check, now: Timestamp) -> bool {
        let begun = check.runs.open().iter().map(|run| run.began_at);
        let logged = check.logged.as_ref().map(|logged| logged.at);
        let heard = check.last_seen.into_iter().chain(begun).chain(logged);
        let heard = heard.map(Moment::get).fold(check.since, Timestamp::max);
        self.is_long_ago(heard, now)
            && !check.is_down()
            && check.definition.is_none()
            && !check.is_blind
            && !self.bound.contains_key(&check.id)
            && !self.blind_unheard.contains(&check.id)
            && !self.settings.expect.iter().any(|expect| expect.id == check.id)
    }

    /// Whether it is longer ago than anything is kept. Absences do not count: what could not
    /// be heard is not silent.
    fn is_long_ago(&self, at: Timestamp, now: Timestamp) -> bool {
        let kept = self.settings.episodes_kept;
        now.duration_since(at) > kept && self.absences.end_of(at, kept) < now
    }

    /// Forgets a settled alert. Its episodes are remembered by the highest number of all.
    fn forget_alert(&mut self, fingerprint: &Fingerprint, now: Timestamp) {
        let Some(alert) = self.alerts.remove(fingerprint) else { return };
        self.tally.alert(Some(alert.phase), None);
        self.written.remove(fingerprint);
        self.dirty.alerts.insert(fingerprint.clone());
        let names = alert.members.keys().chain(&alert.touched);
        let gone = names.map(|name| keys::member(&self.salt, fingerprint, name));
        self.dirty.members_gone.extend(gone);
        if alert.episode > self.meta.forgotten {
            self.meta.forgotten = alert.episode;
            self.dirty.meta = true;
        }
        tracing::info!(
            alert.fingerprint = %fingerprint,
            "{} was settled long ago: forgotten", alert.group
        );
        // It may have had a row, and so be a member there.
        let event = Event::MemberGone {
            name: alert.group.row(),
            why: "it was settled long ago".to_owned(),
        };
        let repositories: Vec<_> = self.repositories.keys().cloned().collect();
        for repository in repositories {
            let group = Group::Overflow { repository };
            let overflow = Fingerprint::new(&self.salt, &group);
            if let Some(rule) = self.alerts.get(&overflow).map(|alert| self.rule_of(alert)) {
                self.step_alert(&overflow, &group, &rule, &event, now);
            }
        }
    }
}

/// What comes after a key.
fn behind<'a, K: Ord, V>(
    all: &'a BTreeMap<K, V>,
    after: Option<&K>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    all.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
}

/// Those of the first few keys whose values `is_over`. `at` becomes the last one that was
/// looked at, or nothing after all of them.
fn next<'a, K: Clone + 'a, V: 'a>(
    rest: impl Iterator<Item = (&'a K, &'a V)>,
    at: &mut Option<K>,
    is_over: impl Fn(&V) -> bool,
) -> Vec<K> {
    let mut looked_at = 0;
    let mut over = Vec::new();
    for (key, value) in rest.take(TURN_MAX) {
        looked_at += 1;
        *at = Some(key.clone());
        if is_over(value) {
            over.push(key.clone());
            if over.len() == FORGOTTEN_MAX {
                return over;
            }
        }
    }
    // All were looked at: the next turn begins anew.
    if looked_at < TURN_MAX {
        *at = None;
    }
    over
}

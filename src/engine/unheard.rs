//! Members of adopted alerts that have not yet spoken for themselves.
//!
//! A new store knows that an issue is open, and not how its checks are. Until each has gone
//! down, or has been well for long enough to be believed, the issue stays open: else the
//! first success of one check would close it while others still fail.

use jiff::Timestamp;

use super::core::Core;
use super::records::Unclaimed;
use super::told::{Told, has_row, row, row_event};
use crate::alert::{Alert, Fingerprint, Group, OTHERS, Rule, Standing, day_of};
use crate::check::{CheckId, Turn};

impl Core {
    /// Whom an issue that is adopted waits for, and until when. A check alone is waited
    /// for as long as it takes, as one is that is down; of several, some may be gone.
    pub(super) fn unheard(
        &self,
        found: &Unclaimed,
        group: &Group,
        rule: &Rule,
        now: Timestamp,
    ) -> (Vec<String>, Option<Timestamp>) {
        let belongs = |name: &String| match group {
            Group::Source { source } => {
                name.strip_prefix(source).is_some_and(|rest| rest.starts_with('/'))
            }
            Group::Named { .. } => name.contains('/'),
            Group::Overflow { .. }
            | Group::Check { .. }
            | Group::Blind { .. }
            | Group::Night { .. } => true,
        };
        match group {
            Group::Check { source, name } | Group::Blind { source, name } => {
                (vec![CheckId::new(source, name).to_string()], None)
            }
            // It ends with the next one.
            Group::Night { .. } => (vec![day_of(found.episode).to_string()], None),
            Group::Source { .. } | Group::Named { .. } | Group::Overflow { .. } => {
                let names = found.members.iter();
                let mut names: Vec<_> = names
                    .map(|name| if belongs(name) { name } else { OTHERS }.to_owned())
                    .collect();
                if names.is_empty() {
                    names.push(OTHERS.to_owned());
                }
                let unknown_after = self.settings.routes.otherwise.policy.unknown_after;
                let patience = rule.reopen_window.max(unknown_after);
                (names, Some(now.checked_add(patience).unwrap_or(Timestamp::MAX)))
            }
        }
    }

    /// Remembers which checks an alert waits for.
    pub(super) fn bind_unheard(&mut self, alert: &Alert) {
        if let Group::Overflow { .. } = alert.group {
            return;
        }
        for id in unheard(alert).filter_map(|name| CheckId::parse(name)) {
            match alert.group {
                Group::Blind { .. } => {
                    self.blind_unheard.insert(id);
                }
                Group::Check { .. }
                | Group::Source { .. }
                | Group::Named { .. }
                | Group::Night { .. }
                | Group::Overflow { .. } => {
                    let bound = self.bound.entry(id.clone());
                    let bound = bound.or_insert_with(|| alert.fingerprint.clone());
                    // Where it is in trouble already it stays, and tells this one then.
                    if *bound != alert.fingerprint {
                        self.also_unheard.entry(id).or_default().insert(alert.fingerprint.clone());
                    }
                }
            }
        }
    }

    /// Binds a check in trouble to its alert. Another one that waited for it waits on.
    pub(super) fn bind_trouble(&mut self, id: CheckId, fingerprint: &Fingerprint) {
        let before = self.bound.insert(id.clone(), fingerprint.clone());
        if let Some(before) = before.filter(|before| before != fingerprint) {
            self.also_unheard.entry(id).or_default().insert(before);
        }
    }

    /// A check is well, as its alert was told. Now the next one is that still waits for it.
    pub(super) fn unbind(&mut self, id: &CheckId) {
        self.bound.remove(id);
        let Some(waiting) = self.also_unheard.get_mut(id) else { return };
        if let Some(next) = waiting.pop_first() {
            self.bound.insert(id.clone(), next);
        }
        if waiting.is_empty() {
            self.also_unheard.remove(id);
        }
    }

    /// Tells an alert that was just adopted what is known of its members already.
    pub(super) fn hear_out(&mut self, fingerprint: &Fingerprint, now: Timestamp) {
        let Some(alert) = self.alerts.get(fingerprint).cloned() else { return };
        let rule = self.rule_of(&alert);
        if let Group::Overflow { repository } = &alert.group {
            let waiting = |other: &&Alert| {
                let member = alert.members.get(&other.group.row());
                other.has_fired()
                    && member.is_some_and(|member| member.standing == Standing::Unheard)
            };
            let rows: Vec<_> = self
                .alerts
                .values()
                .filter(waiting)
                // Other routes may have given it a row elsewhere, which is told of its end.
                .map(|other| match has_row(other) && other.target.repository == *repository {
                    true => row(other),
                    false => row_event(&other.group, Standing::Well, String::new()),
                })
                .collect();
            for event in rows {
                self.step_alert(fingerprint, &alert.group, &rule, &event, now);
            }
            return;
        }
        self.bind_unheard(&alert);
        for id in unheard(&alert).filter_map(|name| CheckId::parse(name)) {
            self.speak_up(&id, now);
        }
    }

    /// Tells alerts that wait for a check that it is well, once that is believed. What went
    /// down has told it already.
    pub(super) fn speak_up(&mut self, id: &CheckId, now: Timestamp) {
        let (is_bound, is_blind) = (self.bound.contains_key(id), self.blind_unheard.contains(id));
        if !is_bound && !is_blind {
            return;
        }
        let Some(check) = self.checks.get(id).filter(|check| !check.unseen) else { return };
        let policy = &self.settings.routes.resolve(id.source(), id.name(), &check.labels).policy;
        let is_well = is_bound && !check.is_down() && check.is_believed_well(policy);
        let can_tell = is_blind && check.can_tell();
        let told = Told::of(check);
        if is_well {
            // Of several alerts that wait for it, one after the other.
            while self.bound.contains_key(id) {
                self.tell_trouble(id, &told, Turn::Ended, now);
            }
        }
        if can_tell {
            self.blind_unheard.remove(id);
            self.tell_blindness(id, &told, Turn::Ended, now);
        }
    }
}

fn unheard(alert: &Alert) -> impl Iterator<Item = &String> {
    let members = alert.members.iter();
    members.filter(|(_, member)| member.standing == Standing::Unheard).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::super::adopt::Found;
    use super::super::settings::Settings;
    use super::*;
    use crate::alert::marker::{Instance, Marker};
    use crate::alert::{Effect, EffectKind, GroupBy, Salt};
    use crate::check::{Kind, Observation};
    use crate::observation::{Report, ReportId};
    use crate::store::{Memory, Store as _};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn load(memory: &mut Memory, group_by: GroupBy, now: Timestamp) -> Core {
        let mut settings = Settings::default();
        settings.routes.otherwise.rule.group_by = group_by;
        settings.routes.otherwise.rule.target.repository = "ops/alerts".to_owned();
        let instance = "0123456789abcdef".to_owned();
        Core::load(memory, settings, Salt::new("salt"), None, instance, now).unwrap()
    }

    fn report(core: &mut Core, seq: u64, kind: Kind, now: Timestamp) {
        let observations = vec![("disk".to_owned(), Observation::new(kind, ""))];
        let id = ReportId { epoch: "e".to_owned(), seq };
        let (source, unseen) = ("db1".to_owned(), Vec::new());
        core.accept(&Report { source, id, interval: None, observations, unseen }, now);
    }

    /// A check fails in the alert of its source; other routes come, and an issue of its own
    /// is found that an earlier store has left. Then all is well.
    fn issues_open_in_the_end(starts_again: bool) -> Vec<String> {
        let mut memory = Memory::new();
        let mut core = load(&mut memory, GroupBy::Source, at(0));
        report(&mut core, 1, Kind::Failure, at(1));
        memory.commit(core.take_writes().0).unwrap();
        let mut core = load(&mut memory, GroupBy::Check, at(2));
        let group = Group::Check { source: "db1".to_owned(), name: "disk".to_owned() };
        let marker = Marker {
            instance: Instance { id: "fedcba9876543210".to_owned(), generation: 0 },
            fingerprint: Fingerprint::new(&Salt::new("salt"), &group),
            effect: Effect { kind: EffectKind::Open, episode: 1, number: 0 },
        };
        let found = Found { number: 7, marker, members: vec!["db1/disk".to_owned()] };
        core.adopt("ops/alerts", Some(1), &[found], at(3));
        let firing = core.alerts_page(None, 9).items;
        assert!(firing.len() == 2 && firing.iter().all(|alert| alert.phase == "firing"));
        if starts_again {
            memory.commit(core.take_writes().0).unwrap();
            core = load(&mut memory, GroupBy::Check, at(4));
        }
        report(&mut core, 2, Kind::Success, at(5));
        let alerts = core.alerts_page(None, 9).items.into_iter();
        alerts.filter(|alert| alert.phase != "inactive").map(|alert| alert.title).collect()
    }

    #[test]
    fn a_check_that_two_alerts_wait_for_tells_both_that_it_is_well() {
        assert_eq!(issues_open_in_the_end(false), Vec::<String>::new());
        assert_eq!(issues_open_in_the_end(true), Vec::<String>::new());
    }
}

//! Members of adopted alerts that have not yet spoken for themselves.
//!
//! A new store knows that an issue is open, and not how its checks are. Until each has gone
//! down, or has been well for long enough to be believed, the issue stays open: else the
//! first success of one check would close it while others still fail.

use jiff::Timestamp;

use super::core::Core;
use super::records::Unclaimed;
use super::told::{Told, has_row, row, row_event};
use crate::alert::{Alert, Fingerprint, Group, OTHERS, Rule, Standing};
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
            Group::Overflow { .. } | Group::Check { .. } | Group::Blind { .. } => true,
        };
        match group {
            Group::Check { source, name } | Group::Blind { source, name } => {
                (vec![CheckId::new(source, name).to_string()], None)
            }
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
                | Group::Overflow { .. } => {
                    // Where it is in trouble already it stays.
                    self.bound.entry(id).or_insert_with(|| alert.fingerprint.clone());
                }
            }
        }
    }

    /// Tells an alert that was just adopted what is known of its members already.
    pub(super) fn hear_out(&mut self, fingerprint: &Fingerprint, now: Timestamp) {
        let Some(alert) = self.alerts.get(fingerprint).cloned() else { return };
        let rule = self.rule_of(&alert);
        if let Group::Overflow { .. } = alert.group {
            let waiting = |other: &&Alert| {
                let member = alert.members.get(&other.group.row());
                other.episode > 0
                    && member.is_some_and(|member| member.standing == Standing::Unheard)
            };
            let rows: Vec<_> = self
                .alerts
                .values()
                .filter(waiting)
                .map(|other| match has_row(other) {
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
        let Some(check) = self.checks.get(id).filter(|check| !check.unseen) else { return };
        let is_bound = !check.is_down() && self.bound.contains_key(id);
        let is_blind = self.blind_unheard.contains(id);
        if !is_bound && !is_blind {
            return;
        }
        let policy = &self.settings.routes.resolve(&id.source, &id.name, &check.labels).policy;
        let is_well = is_bound && check.is_believed_well(policy);
        let can_tell = is_blind && check.can_tell();
        let told = Told::of(check);
        if is_well {
            self.tell_trouble(id, &told, Turn::Ended, now);
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

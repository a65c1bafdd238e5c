//! Issues of ours that this store did not open: those of a store that was lost.

use jiff::Timestamp;

use super::core::Core;
use super::records::Unclaimed;
use crate::alert::marker::Marker;
use crate::alert::route::Wears;
use crate::alert::{Alert, EffectKind, Event, Fingerprint, Group, Issue, OTHERS, Rule};
use crate::check::CheckId;

/// What stands for the id of a repository that could not be read.
const UNKNOWN_ID: i64 = 0;

/// What the names of all members of unclaimed issues may take together: they are kept in
/// the one record of their repository.
const NAMES_BYTES_MAX: usize = 4 << 20;

/// Whether an alert's issue is in a repository of this name and, where it is known, this id.
pub(super) fn is_here(id: Option<i64>, repository: &str, alert: &Alert, issue: &Issue) -> bool {
    match id {
        Some(id) if issue.repository_id != UNKNOWN_ID => issue.repository_id == id,
        Some(_) | None => alert.target.repository == repository,
    }
}

/// The names, as long as there is room for them.
fn within(room: &mut usize, names: &[String]) -> Vec<String> {
    match room.checked_sub(names.iter().map(String::len).sum()) {
        Some(left) => {
            *room = left;
            names.to_vec()
        }
        None => vec![OTHERS.to_owned()],
    }
}

/// The issue of an alert to go on in. Stores count their episodes each for itself, so the
/// newest has the highest number; of copies with one marker the first is everybody's.
fn newest(unclaimed: &[Unclaimed], fingerprint: &Fingerprint) -> Option<u64> {
    let own = || unclaimed.iter().filter(|issue| issue.fingerprint == *fingerprint);
    let last = own().max_by_key(|issue| issue.number)?;
    let is_copy =
        |issue: &&Unclaimed| (&issue.instance, issue.episode) == (&last.instance, last.episode);
    own().filter(is_copy).map(|issue| issue.number).min()
}

/// An open issue that our user wrote, with the marker that was found in it.
#[derive(Debug, Clone)]
pub struct Found {
    pub number: u64,
    pub marker: Marker,
    /// The members in its table, see [`members_in`](crate::alert::table::members_in).
    pub members: Vec<String>,
}

impl Core {
    /// Takes note of all open issues of ours in a repository, before anything is opened
    /// there. Each goes on as the issue of its alert as soon as one of its checks is heard
    /// of; those that were heard of already claim theirs at once.
    ///
    /// Of several issues with one fingerprint the newest goes on, and of copies of that the
    /// first; the others are closed.
    pub fn adopt(&mut self, repository: &str, id: Option<i64>, found: &[Found], now: Timestamp) {
        // What is known stays known: another id is another repository.
        let record = self.repository(repository);
        record.admission.id = record.admission.id.or(id);
        let opened = found.iter().filter(|found| found.marker.effect.kind == EffectKind::Open);
        // An issue that an alert holds already is nobody's to claim.
        let mut room = NAMES_BYTES_MAX;
        let unclaimed: Vec<_> = opened
            .filter(|found| !self.holds(repository, found.number))
            .map(|found| Unclaimed {
                instance: found.marker.instance.clone(),
                fingerprint: found.marker.fingerprint.clone(),
                episode: found.marker.effect.episode,
                number: found.number,
                members: within(&mut room, &found.members),
            })
            .collect();
        let highest = found.iter().map(|found| found.number).max().unwrap_or(0);
        let record = self.repository(repository);
        record.is_adopted = true;
        record.admission.highest = record.admission.highest.max(highest);
        record.unclaimed = unclaimed;
        self.leave_closed_issues(repository, found);
        let heard_of: Vec<_> = self
            .checks
            .iter()
            .filter(|check| check.last_seen.is_some() || check.is_down())
            .map(|check| (check.id.clone(), check.labels.clone()))
            .collect();
        for (id, labels) in heard_of {
            self.checks_claim(&id, &labels, now);
        }
        // An overflow has no check that could claim for it.
        let alerts: Vec<_> = self.alerts.values().cloned().collect();
        for alert in alerts {
            let rule = self.rule_of(&alert);
            self.claim(&alert.fingerprint, &alert.group, &rule, now);
        }
    }

    /// Alerts whose issue is not among the open ones, while one of a later episode of theirs
    /// is, are behind: their store was restored. They go on in the later one.
    fn leave_closed_issues(&mut self, repository: &str, found: &[Found]) {
        let unclaimed = self.repository(repository).unclaimed.clone();
        for later in &unclaimed {
            let Some(alert) = self.alerts.get_mut(&later.fingerprint) else { continue };
            let is_behind = alert.episode < later.episode && alert.target.repository == repository;
            let is_closed = alert
                .issue
                .is_some_and(|issue| !found.iter().any(|found| found.number == issue.number));
            if is_behind && is_closed {
                let took_room = alert.takes_room();
                alert.leave_issue();
                if took_room {
                    self.repository(repository).admission.count_closing();
                }
            }
        }
    }

    /// Whether the record of an alert holds this issue. One repository may go by two names,
    /// so its id counts where it is known.
    pub(super) fn holds(&self, repository: &str, number: u64) -> bool {
        let id = self.repositories.get(repository).and_then(|record| record.admission.id);
        self.alerts.values().any(|alert| {
            let mut held = alert.issue.iter().chain(alert.former.values());
            held.any(|issue| issue.number == number && is_here(id, repository, alert, issue))
        })
    }

    /// Lets the alerts of a check that was just heard of claim their issues.
    pub(super) fn checks_claim(&mut self, id: &CheckId, labels: &dyn Wears, now: Timestamp) {
        if self.repositories.values().all(|repository| repository.unclaimed.is_empty()) {
            return;
        }
        let rule = self.rule_for(id, labels);
        let (trouble, group) = self.group_of(id, &rule);
        self.claim(&trouble, &group, &rule, now);
        let group = Group::Blind { source: id.source().to_owned(), name: id.name().to_owned() };
        let blind = Fingerprint::new(&self.salt, &group);
        self.claim(&blind, &group, &rule, now);
    }

    /// Lets one alert claim its issue, wherever it is. One that has its own, or may have
    /// opened it without knowing yet, keeps that. What it leaves is closed.
    pub(super) fn claim(
        &mut self,
        fingerprint: &Fingerprint,
        group: &Group,
        rule: &Rule,
        now: Timestamp,
    ) {
        let Some((name, number)) = self.repositories.iter().find_map(|(name, repository)| {
            Some((name.clone(), newest(&repository.unclaimed, fingerprint)?))
        }) else {
            return;
        };
        if self.alerts.get(fingerprint).is_some_and(Alert::may_have_an_issue) {
            self.close_left_behind(fingerprint, now);
            return;
        }
        // The report of a night goes on in no issue of another night: that is closed once it
        // has its own.
        let is_of_the_past = |alert: &Alert, issue: &Unclaimed| issue.episode < alert.episode;
        let night = self.alerts.get(fingerprint).filter(|alert| alert.group.is_night());
        let record = self.repositories.get(&name);
        let found = record.and_then(|it| it.unclaimed.iter().find(|issue| issue.number == number));
        if night.zip(found).is_some_and(|(alert, issue)| is_of_the_past(alert, issue)) {
            return;
        }
        let record = self.repository(&name);
        let Some(index) = record.unclaimed.iter().position(|issue| issue.number == number) else {
            return;
        };
        let unclaimed = record.unclaimed.remove(index);
        record.admission.count_open();
        let id = record.admission.id;
        let issue = Issue { repository_id: id.unwrap_or(UNKNOWN_ID), number: unclaimed.number };
        self.is_claimed(id, &unclaimed);
        let mut target = rule.target.clone();
        target.repository = name;
        let (unheard, until) = self.unheard(&unclaimed, group, rule, now);
        let event = Event::Adopted { episode: unclaimed.episode, issue, target, unheard, until };
        tracing::info!(
            alert.fingerprint = %fingerprint,
            issue.number = unclaimed.number,
            "{group} goes on in issue #{}", unclaimed.number
        );
        self.step_alert(fingerprint, group, rule, &event, now);
        self.hear_out(fingerprint, now);
        self.close_left_behind(fingerprint, now);
    }

    /// The same issue is not found again under another name of its repository.
    fn is_claimed(&mut self, id: Option<i64>, claimed: &Unclaimed) {
        let others = self.repositories.iter().filter(|(_, record)| {
            id.is_some()
                && record.admission.id == id
                && record.unclaimed.iter().any(|issue| issue.number == claimed.number)
        });
        let others: Vec<_> = others.map(|(name, _)| name.clone()).collect();
        for name in others {
            let record = self.repository(&name);
            record.unclaimed.retain(|issue| issue.number != claimed.number);
        }
    }

    /// Compares markers that were seen with what this store has made. One of our own
    /// instance that was never made here means that a copy of this store runs elsewhere.
    pub fn inspect(&mut self, markers: &[Marker]) -> Option<String> {
        let is_foreign =
            |marker: &&Marker| marker.instance == self.meta.instance && !self.has_made(marker);
        if let Some(marker) = markers.iter().find(is_foreign) {
            let key = marker.effect.dedup_key(&marker.fingerprint);
            tracing::error!(key, "a copy of this store runs elsewhere: nothing more is written");
            self.meta.copied = Some(key);
            self.dirty.meta = true;
        }
        self.meta.copied.clone()
    }

    fn has_made(&self, marker: &Marker) -> bool {
        let effect = marker.effect;
        if effect.kind == EffectKind::Heal {
            return self.repositories.values().any(|record| record.healed.contains(&effect.number));
        }
        let alert = self.alerts.get(&marker.fingerprint);
        if effect.episode <= alert.map_or(self.meta.forgotten, |alert| alert.forgotten) {
            return true;
        }
        alert.is_some_and(|alert| {
            effect.episode <= alert.episode
                && match effect.kind {
                    EffectKind::Comment => effect.number <= alert.talk.comments,
                    EffectKind::Edit => effect.number <= alert.talk.edits,
                    EffectKind::Open
                    | EffectKind::Close
                    | EffectKind::Reopen
                    | EffectKind::Heal
                    | EffectKind::React
                    | EffectKind::Reply => true,
                }
        })
    }
}

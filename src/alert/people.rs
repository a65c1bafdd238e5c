//! What people do to the issue, and how that is respected.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::step::tell;
use super::{Alert, EffectKind, Order, Phase, Placement, Rule, Sighted, gather, later};

/// What follows when a person closes the issue while the trouble lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnManualClose {
    /// It stays closed until recovery, though no longer than `mute_max`.
    #[default]
    Respect,
    /// It is reopened as soon as it is seen.
    Reopen,
}

impl Alert {
    /// Whether the state of the issue says something about people: nothing of ours that
    /// changes it is on its way, or may still arrive.
    pub fn can_be_judged(&self, now: Timestamp) -> bool {
        let is_under_way = self.undelivered.iter().any(|entry| {
            entry.effect.episode == self.episode
                && match entry.effect.kind {
                    EffectKind::Open | EffectKind::Close | EffectKind::Reopen => true,
                    EffectKind::Comment
                    | EffectKind::Edit
                    | EffectKind::Heal
                    | EffectKind::React
                    | EffectKind::Reply => false,
                }
        });
        self.issue.is_some() && !is_under_way && !self.may_land_late(now)
    }

    /// Whether an earlier closing or reopening may still be carried out by Gitea.
    pub fn may_land_late(&self, now: Timestamp) -> bool {
        self.late_until.is_some_and(|until| now < until)
    }

    /// Whether its own issue is open or on its way, as far as is known.
    pub fn takes_room(&self) -> bool {
        self.is_active()
            && self.placement == Placement::Own
            && self.gone_at.is_none()
            && (self.shut_at.is_none() || self.last_turn() == Some(EffectKind::Reopen))
    }

    /// Of the closings and reopenings under way the one that comes last.
    pub(super) fn last_turn(&self) -> Option<EffectKind> {
        let own = self.undelivered.iter().rev().map(|entry| entry.effect);
        let mut own = own.filter(|effect| effect.episode == self.episode);
        own.find(|effect| matches!(effect.kind, EffectKind::Close | EffectKind::Reopen))
            .map(|effect| effect.kind)
    }

    /// Whether a person wants to hear nothing before recovery.
    pub(super) fn is_hushed(&self) -> bool {
        self.is_active() && (self.shut_at.is_some() || self.is_muted)
    }

    /// When an issue that a person closed is reopened, if the trouble lasts until then.
    pub(super) fn insists_at(&self, rule: &Rule) -> Option<Timestamp> {
        let is_under_way = self.last_turn() == Some(EffectKind::Reopen);
        let shut_at = self.shut_at.filter(|_| !self.is_muted && !is_under_way)?;
        let respected = match rule.on_manual_close {
            OnManualClose::Respect => rule.mute_max,
            OnManualClose::Reopen => SignedDuration::ZERO,
        };
        Some(later(shut_at, respected))
    }

    /// The trouble has lasted for too long: reopens what a person closed, with a word. The
    /// word follows once the issue is open.
    pub(super) fn insist(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        let shut_at = self.shut_at;
        gather(self, now).insisted_at = shut_at;
        self.reopens += 1;
        tell(self, EffectKind::Reopen, self.reopens, orders);
    }

    /// Takes note of how the issue was found.
    pub(super) fn see(
        &mut self,
        rule: &Rule,
        sighted: Sighted,
        labels: &[String],
        now: Timestamp,
        orders: &mut Vec<Order>,
    ) {
        self.looked_at = Some(now);
        if !self.can_be_judged(now) {
            return;
        }
        if sighted == Sighted::Gone {
            let since = self.shut_at.take().unwrap_or(now);
            self.gone_at.get_or_insert(since);
            return;
        }
        let is_mute = |label: &String| {
            rule.mute_labels.iter().any(|mute| mute.to_lowercase() == label.to_lowercase())
        };
        self.is_muted = labels.iter().any(is_mute);
        // Whatever was thought to be gone is there.
        let was_gone = self.gone_at.take();
        match (sighted, self.is_active()) {
            (Sighted::Closed, true) => {
                self.wishes.held_by = None;
                self.shut_at.get_or_insert(was_gone.unwrap_or(now));
            }
            (Sighted::Open, true) => {
                self.shut_at = None;
                // We closed it ourselves, so the next closing is another one.
                self.reopens += u64::from(self.wishes.closed_by.take().is_some());
            }
            (Sighted::Open, false) => self.revive(now, orders),
            (Sighted::Closed, false) | (Sighted::Gone, _) => {}
        }
    }

    /// A person has reopened the issue of an episode that was over.
    fn revive(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        self.shut_at = None;
        self.wishes.closed_by = None;
        self.reopens += 1;
        if self.is_in_trouble() {
            self.phase = Phase::Firing;
            self.fired_at = now;
            self.closed_at = None;
            self.talk.reminders = 0;
            self.talk.is_table_old = true;
            gather(self, now).reopened_at = Some(now);
        } else if self.stays_open() {
            self.phase = Phase::Recovering { since: now };
            self.fired_at = now;
            self.closed_at = None;
        } else {
            self.closed_at = Some(now);
            gather(self, now).revived_at = Some(now);
            tell(self, EffectKind::Close, self.reopens, orders);
        }
    }
}

//! Two open issues with one marker: a request that was given up took effect after all.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::core::Core;
use super::{Entry, Prospect, Text};
use crate::alert::marker::Marker;
use crate::alert::{Effect, EffectKind, Issue, text};

/// The issue that stays, and a number: only what has a higher one is closed.
type Stays = (u64, u64);

impl Core {
    /// Closes all but one of the open issues that have the same marker. `open` are open
    /// issues of ours, with the marker that was found in each.
    ///
    /// An issue that a record holds is never closed, nor one that is older than the intent
    /// to open it, nor one that was closed before and that a person has reopened.
    pub fn heal(&mut self, repository: &str, open: &[(u64, Marker)], now: Timestamp) {
        let mut copies: BTreeMap<String, (&Marker, Vec<u64>)> = BTreeMap::new();
        for (number, marker) in open {
            if marker.effect.kind == EffectKind::Open {
                let same = copies.entry(marker.to_string()).or_insert((marker, Vec::new()));
                same.1.push(*number);
            }
        }
        for (marker, numbers) in copies.into_values() {
            let Some((stays, floor)) = self.stays(repository, marker, &numbers) else { continue };
            for number in numbers {
                let healed = self.repositories.get(repository).map(|record| &record.healed);
                let is_healed = healed.is_some_and(|healed| healed.contains(&number));
                let is_second = number != stays && number > floor;
                if is_second && !is_healed && !self.holds(repository, number) {
                    self.order_healing(repository, marker, number, stays, now);
                }
            }
        }
    }

    /// Which of the issues with one marker stays, as far as that can be told: that of the
    /// record; without a record, the first.
    fn stays(&self, repository: &str, marker: &Marker, numbers: &[u64]) -> Option<Stays> {
        let effect = marker.effect;
        let alert = self.alerts.get(&marker.fingerprint);
        // Which it will be is being found out.
        if alert.is_some_and(|alert| alert.undelivered.iter().any(|it| it.effect == effect)) {
            return None;
        }
        let own = alert.filter(|_| marker.instance == self.meta.instance);
        if let Some(alert) = own
            && let Some(issue) = alert.issue_of(effect.episode)
        {
            let floor = if effect.episode == alert.episode { alert.floor } else { issue.number };
            // Whether the one that was deleted is replaced is for the alert to say.
            return alert.gone_at.is_none().then_some((issue.number, floor));
        }
        let lowest = numbers.iter().min().copied()?;
        let held = numbers.iter().copied().find(|&number| self.holds(repository, number));
        match held {
            Some(number) => Some((number, number)),
            None => (numbers.len() > 1).then_some((lowest, lowest)),
        }
    }

    fn order_healing(
        &mut self,
        repository: &str,
        marker: &Marker,
        number: u64,
        stays: u64,
        now: Timestamp,
    ) {
        let record = self.repository(repository);
        record.healed.insert(number);
        record.unclaimed.retain(|issue| issue.number != number);
        let fingerprint = &marker.fingerprint;
        let effect = Effect { kind: EffectKind::Heal, episode: marker.effect.episode, number };
        let instance = self.meta.instance.clone();
        let line = Marker { instance, fingerprint: fingerprint.clone(), effect }.line(&self.salt);
        let body = text::second_issue(&line, stays);
        let text = Text { title: String::new(), body };
        tracing::warn!(issue.number = number, "closing a second issue: #{stays} stays");
        self.enter(fingerprint, repository, effect, Some(text), now);
    }

    /// A healing needs no alert: there may be none.
    pub(super) fn healing(&self, entry: Entry) -> Prospect {
        let record = self.repositories.get(&entry.repository);
        let repository_id = record.and_then(|record| record.admission.id).unwrap_or_default();
        Prospect {
            issue: Some(Issue { repository_id, number: entry.effect.number }),
            late_until: None,
            others_got_through: false,
            labels: Vec::new(),
            assignees: Vec::new(),
            entry,
        }
    }
}

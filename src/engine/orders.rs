//! What an alert orders becomes an entry of the outbox, or takes one back.

use jiff::Timestamp;

use super::core::Core;
use super::records::Happened;
use super::{Entry, Text};
use crate::alert::{Effect, EffectKind, Fingerprint, Order};

impl Core {
    pub(super) fn take_order(
        &mut self,
        fingerprint: &Fingerprint,
        repository: &str,
        order: Order,
        now: Timestamp,
    ) {
        match order {
            Order::Tell(effect) => {
                let admission = &mut self.repository(repository).admission;
                match effect.kind {
                    EffectKind::Open => admission.count_opening(now),
                    EffectKind::Reopen => admission.count_open(),
                    EffectKind::Close => admission.count_closing(),
                    EffectKind::Comment
                    | EffectKind::Edit
                    | EffectKind::Heal
                    | EffectKind::React
                    | EffectKind::Reply => {}
                }
                self.enter(fingerprint, repository, effect, None, now);
            }
            Order::Strike(effect) => {
                let entry = self
                    .entries
                    .values()
                    .find(|entry| entry.fingerprint == *fingerprint && entry.effect == effect)
                    .map(|entry| (entry.seq, entry.made_at));
                let admission = &mut self.repository(repository).admission;
                match effect.kind {
                    EffectKind::Open => {
                        admission.count_struck(entry.map_or(now, |(_, made_at)| made_at));
                    }
                    EffectKind::Reopen => admission.count_closing(),
                    EffectKind::Close => admission.count_open(),
                    EffectKind::Comment
                    | EffectKind::Edit
                    | EffectKind::Heal
                    | EffectKind::React
                    | EffectKind::Reply => {}
                }
                if let Some((seq, _)) = entry {
                    self.entries.remove(&seq);
                    self.dirty.entries.insert(seq);
                }
                let fingerprint = fingerprint.clone();
                self.remember(Happened::Struck { fingerprint, effect }, now);
            }
        }
    }

    /// Puts an effect into the outbox. Its text is written when it is tried, unless it is
    /// given. Returns its number.
    pub(super) fn enter(
        &mut self,
        fingerprint: &Fingerprint,
        repository: &str,
        effect: Effect,
        text: Option<Text>,
        now: Timestamp,
    ) -> u64 {
        let seq = self.meta.next_entry;
        self.meta.next_entry += 1;
        self.dirty.meta = true;
        let entry = Entry::new(seq, fingerprint.clone(), effect, repository, now);
        let entry = Entry { text, ..entry };
        self.entries.insert(seq, entry);
        self.dirty.entries.insert(seq);
        let fingerprint = fingerprint.clone();
        self.remember(Happened::Ordered { fingerprint, effect }, now);
        seq
    }
}

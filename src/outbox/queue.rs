//! Which effect is next.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Priority;
use crate::alert::{EffectKind, Fingerprint};
use crate::engine::Entry;

/// The outbox in memory: the entries of each alert in their order.
#[derive(Debug, Default)]
pub struct Queue {
    by_alert: BTreeMap<Fingerprint, BTreeMap<u64, Entry>>,
    alert_of: BTreeMap<u64, Fingerprint>,
    /// Entries that are being worked on.
    running: BTreeSet<u64>,
}

impl Queue {
    /// Takes in a new or changed entry.
    pub fn put(&mut self, entry: Entry) {
        self.alert_of.insert(entry.seq, entry.fingerprint.clone());
        let entries = self.by_alert.entry(entry.fingerprint.clone()).or_default();
        entries.insert(entry.seq, entry);
    }

    /// Lets an entry go.
    pub fn remove(&mut self, seq: u64) {
        let Some(fingerprint) = self.alert_of.remove(&seq) else { return };
        if let Some(entries) = self.by_alert.get_mut(&fingerprint) {
            entries.remove(&seq);
            if entries.is_empty() {
                self.by_alert.remove(&fingerprint);
            }
        }
    }

    /// Whether an entry is for a repository.
    pub fn is_for(&self, seq: u64, repository: &str) -> bool {
        let entries = self.alert_of.get(&seq).and_then(|alert| self.by_alert.get(alert));
        entries.and_then(|it| it.get(&seq)).is_some_and(|entry| entry.repository == repository)
    }

    /// Notes that an entry is being worked on.
    pub fn begin(&mut self, seq: u64) {
        self.running.insert(seq);
    }

    /// Notes that it no longer is.
    pub fn end(&mut self, seq: u64) {
        self.running.remove(&seq);
    }

    /// The next entry to work on: of each alert the oldest counts, and of those that
    /// `may_run` the one with the first priority, then the oldest. What stands before a
    /// closing is as urgent as the closing, which must not wait for it.
    pub fn next(&self, now: Timestamp, may_run: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        self.heads(now)
            .filter(|entry| is_due(entry, now) && may_run(entry))
            .min_by_key(|entry| (self.urgency(entry), entry.seq))
    }

    /// The first priority of an entry or of anything that waits behind it.
    fn urgency(&self, first: &Entry) -> Priority {
        let entries = self.by_alert.get(&first.fingerprint).into_iter().flatten();
        let behind = entries.map(|(_, entry)| entry).filter(|entry| entry.parked.is_none());
        behind.map(priority).fold(priority(first), Priority::min)
    }

    /// When an entry that is not due becomes due.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let entries = self.by_alert.values().flat_map(BTreeMap::values);
        entries.filter_map(due_at).filter(|&at| at > now).min()
    }

    /// Repositories for which something waits.
    pub fn repositories(&self) -> BTreeSet<&str> {
        self.by_alert
            .values()
            .flat_map(|entries| entries.values().map(|entry| entry.repository.as_str()))
            .collect()
    }

    /// Whether something for a repository waits that does not wait for a person.
    pub fn has_work(&self, repository: &str) -> bool {
        let entries = self.by_alert.values().flat_map(BTreeMap::values);
        entries.into_iter().any(|entry| entry.repository == repository && entry.parked.is_none())
    }

    /// Entries that may share one look at the issues of a repository: openings in doubt
    /// that nothing else works on, and `also`.
    pub fn in_doubt<'a>(
        &'a self,
        repository: &'a str,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Entry> {
        self.heads(now).filter(move |entry| {
            entry.repository == repository
                && entry.effect.kind == EffectKind::Open
                && entry.doubt.is_some()
        })
    }

    /// The oldest entry of each alert that nothing works on. What is parked is passed
    /// over, unless the rest needs its result, and so is an edit that waits for its time:
    /// nothing needs it, and an issue that is over must not stay open for it. Edits keep
    /// their order.
    fn heads(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.by_alert.values().filter_map(move |entries| {
            if entries.keys().any(|seq| self.running.contains(seq)) {
                return None;
            }
            // Answers to people wait for nothing, and nothing waits for them.
            let is_answer = |entry: &&Entry| entry.effect.kind.is_answer();
            if let Some(answer) =
                entries.values().filter(is_answer).find(|entry| is_due(entry, now))
            {
                return Some(answer);
            }
            let mut an_edit_waits = false;
            let next = entries.values().find(|entry| match entry.effect.kind {
                EffectKind::React | EffectKind::Reply => false,
                EffectKind::Open => true,
                _ if entry.parked.is_some() => false,
                EffectKind::Edit => {
                    an_edit_waits |= !is_due(entry, now);
                    !an_edit_waits
                }
                EffectKind::Comment | EffectKind::Close | EffectKind::Reopen | EffectKind::Heal => {
                    true
                }
            });
            next.or_else(|| entries.values().next())
        })
    }
}

/// Who goes first. An effect in doubt is looked for before anything else is done.
pub(super) fn priority(entry: &Entry) -> Priority {
    match entry.effect.kind {
        _ if entry.doubt.is_some() => Priority::LookOrClose,
        EffectKind::Close | EffectKind::Heal => Priority::LookOrClose,
        EffectKind::Open | EffectKind::Reopen => Priority::Open,
        EffectKind::React | EffectKind::Reply => Priority::Answer,
        EffectKind::Comment | EffectKind::Edit => Priority::Talk,
    }
}

fn due_at(entry: &Entry) -> Option<Timestamp> {
    entry.not_before.max(entry.parked.as_ref().map(|parked| parked.until))
}

fn is_due(entry: &Entry, now: Timestamp) -> bool {
    due_at(entry).is_none_or(|at| at <= now)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, entry};
    use super::*;
    use crate::alert::{Group, Salt};
    use crate::engine::Parked;

    fn parked(entry: Entry) -> Entry {
        let parked = Parked { since: at(0), until: at(900), reason: String::new() };
        Entry { parked: Some(parked), ..entry }
    }

    fn next(entries: impl IntoIterator<Item = Entry>) -> Option<u64> {
        let mut queue = Queue::default();
        entries.into_iter().for_each(|entry| queue.put(entry));
        queue.next(at(100), |_| true).map(|entry| entry.seq)
    }

    #[test]
    fn a_closing_waits_for_the_parked_opening_before_it() {
        use EffectKind::{Close, Comment, Open};
        let (comment, close) = (parked(entry(1, Comment)), entry(3, Close));
        assert_eq!(next([comment.clone(), parked(entry(2, Open)), close.clone()]), None);
        assert_eq!(next([comment, parked(entry(2, Comment)), close]), Some(3));
    }

    #[test]
    fn what_stands_before_a_closing_does_not_let_openings_of_others_pass() {
        use EffectKind::{Close, Comment, Open};
        let group = Group::Check { source: "db2".to_owned(), name: "disk".to_owned() };
        let other = Fingerprint::new(&Salt::new("salt"), &group);
        let open = Entry { fingerprint: other, ..entry(1, Open) };
        let comment = entry(2, Comment);
        assert_eq!(next([open.clone(), comment.clone()]), Some(1));
        assert_eq!(next([open.clone(), comment.clone(), entry(3, Close)]), Some(2));
        assert_eq!(next([open, comment, parked(entry(3, Close))]), Some(1));
    }

    #[test]
    fn an_edit_that_waits_holds_up_no_closing_and_is_overtaken_by_no_edit() {
        use EffectKind::{Close, Edit};
        let waits = |second| Entry { not_before: Some(at(second)), ..entry(1, Edit) };
        let behind = [entry(2, Edit), entry(3, Close)];
        assert_eq!(next([waits(200)].into_iter().chain(behind.clone())), Some(3));
        assert_eq!(next([waits(50)].into_iter().chain(behind)), Some(1));
        assert_eq!(next([waits(200), entry(2, Edit)]), None);
        // Nor behind something that is parked.
        let all = [parked(entry(0, Close)), waits(200), entry(2, Edit), entry(3, EffectKind::Open)];
        assert_eq!(next(all), Some(3));
    }
}

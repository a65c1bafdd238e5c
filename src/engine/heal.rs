//! Open issues that no alert goes on in. Two with one marker: a request that was given up took
//! effect after all. Or one of an episode that is over for good: a person has reopened it. Or
//! one of several that a lost store has left.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::core::Core;
use super::{Entry, Prospect, Text};
use crate::alert::marker::Marker;
use crate::alert::{Effect, EffectKind, Fingerprint, Issue, surplus};

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
            self.doubt_again(repository, marker, &numbers, now);
            let Some((stays, floor)) = self.stays(repository, marker, &numbers) else { continue };
            for number in numbers {
                let healed = self.repositories.get(repository).map(|record| &record.healed);
                let is_healed = healed.is_some_and(|healed| healed.contains(&number));
                let is_second = number != stays && number > floor;
                if is_second && !is_healed && !self.holds(repository, number) {
                    tracing::warn!(issue.number = number, "closing a second issue: #{stays} stays");
                    let text = |line: &str| surplus::second_issue(line, stays);
                    let of = (&marker.fingerprint, marker.effect.episode);
                    self.order_closing(repository, of, number, text, now);
                }
            }
        }
    }

    /// Closes what people have reopened of episodes that others have followed, with a word:
    /// no alert goes on there. `open` are open issues of ours, with the marker that was found
    /// in each, read when `writes` effects had been sent or settled.
    ///
    /// Each is closed once. Whoever reopens it once more keeps it.
    pub fn close_past(
        &mut self,
        repository: &str,
        writes: u64,
        open: &[(u64, Marker)],
        now: Timestamp,
    ) {
        for (number, marker) in open.iter().filter(|(_, it)| it.effect.kind == EffectKind::Open) {
            let Some(alert) = self.alerts.get(&marker.fingerprint) else { continue };
            let episode = marker.effect.episode;
            let is_past = episode < alert.episode && marker.instance == self.meta.instance;
            // A closing of ours may have crossed the look, or still be on its way.
            let is_crossed = self.written.get(&marker.fingerprint).is_some_and(|&at| at > writes);
            let is_under_way = alert.undelivered.iter().any(|it| it.effect.episode == episode);
            if !is_past || is_crossed || is_under_way || alert.may_land_late(now) {
                continue;
            }
            let is_night = alert.group.is_night();
            let goes_on_in = alert.issue.filter(|_| alert.is_active()).map(|issue| issue.number);
            let healed = self.repositories.get(repository).map(|record| &record.healed);
            let is_closed = healed.is_some_and(|healed| healed.contains(number));
            if !is_closed && !self.holds(repository, *number) {
                tracing::info!(issue.number = number, "closing an issue of an earlier trouble");
                let text = |line: &str| match goes_on_in {
                    Some(stays) if is_night => surplus::past_night(line, &format!("#{stays}")),
                    goes_on_in => surplus::past_issue(line, goes_on_in),
                };
                let of = (&marker.fingerprint, episode);
                self.order_closing(repository, of, *number, text, now);
            }
        }
    }

    /// Closes what earlier stores have left open of an alert that goes on in another issue.
    pub(super) fn close_left_behind(&mut self, fingerprint: &Fingerprint, now: Timestamp) {
        let Some(alert) = self.alerts.get(fingerprint).filter(|alert| alert.gone_at.is_none())
        else {
            return;
        };
        let Some(stays) = alert.issue.map(|issue| issue.number) else { return };
        let (home, is_active) = (alert.target.repository.clone(), alert.is_active());
        let is_night = alert.group.is_night();
        let left: Vec<_> = self
            .repositories
            .iter()
            .flat_map(|(name, record)| record.unclaimed.iter().map(move |issue| (name, issue)))
            .filter(|(_, issue)| issue.fingerprint == *fingerprint)
            .map(|(name, issue)| (name.clone(), issue.episode, issue.number))
            .collect();
        for (repository, episode, number) in left {
            tracing::info!(issue.number = number, "closing what was left open: #{stays} stays");
            let stays = match repository == home {
                true => format!("#{stays}"),
                false => format!("{home}#{stays}"),
            };
            let text = |line: &str| match is_night {
                true => surplus::past_night(line, &stays),
                false => surplus::left_behind(line, &stays, is_active),
            };
            self.order_closing(&repository, (fingerprint, episode), number, text, now);
        }
    }

    /// An opening that was believed not to have been carried out, and was, is in doubt again:
    /// it is looked for and found before it is sent once more.
    fn doubt_again(&mut self, repository: &str, marker: &Marker, numbers: &[u64], now: Timestamp) {
        let is_it = |entry: &&mut Entry| {
            let text = entry.text.as_ref().filter(|_| entry.doubt.is_none());
            entry.repository == repository
                && entry.effect == marker.effect
                && text.and_then(|text| Marker::find(&self.salt, &text.body)).as_ref()
                    == Some(marker)
        };
        let Some(lowest) = numbers.iter().min() else { return };
        let Some(entry) = self.entries.values_mut().find(is_it) else { return };
        let seq = entry.seq;
        tracing::warn!(issue.number = lowest, "an opening that was given up has taken effect");
        if self.put_in_doubt(seq, None, now).is_some()
            && let Some(doubt) = self.entries.get_mut(&seq).and_then(|it| it.doubt.as_mut())
        {
            // Nothing is under way, and the look must reach as far as the issue.
            doubt.over_at = Some(now);
            doubt.highest = lowest.saturating_sub(1);
        }
    }

    /// Whether an opening is in doubt, so that a look comes before it may be sent.
    pub(super) fn is_looked_for(&self, seq: u64) -> bool {
        let entry = self.entries.get(&seq);
        entry.is_some_and(|it| it.effect.kind == EffectKind::Open && it.doubt.is_some())
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

    /// Has an issue of an episode closed that no alert goes on in, with a comment.
    fn order_closing(
        &mut self,
        repository: &str,
        (fingerprint, episode): (&Fingerprint, u64),
        number: u64,
        text: impl Fn(&str) -> String,
        now: Timestamp,
    ) {
        let record = self.repository(repository);
        record.healed.insert(number);
        record.unclaimed.retain(|issue| issue.number != number);
        let effect = Effect { kind: EffectKind::Heal, episode, number };
        let instance = self.meta.instance.clone();
        let line = Marker { instance, fingerprint: fingerprint.clone(), effect }.line(&self.salt);
        let text = Text { title: String::new(), body: text(&line) };
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

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::settings::Settings;
    use super::*;
    use crate::alert::Salt;
    use crate::check::{CheckId, Kind, Observation};
    use crate::store::Memory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_opening_that_took_effect_after_it_was_given_up_is_looked_for_and_not_sent_again() {
        let (settings, salt) = (Settings::default(), Salt::new("salt"));
        let instance = "0123456789abcdef".to_owned();
        let mut core =
            Core::load(&mut Memory::new(), settings, salt.clone(), None, instance, at(0)).unwrap();
        let failure = Observation::new(Kind::Failure, "");
        core.observe(&CheckId::new("db1", "disk"), &failure, at(0));
        let seq = *core.entries.keys().next().unwrap();
        let begun = core.begin(seq, None, at(0)).unwrap();
        let marker = Marker::find(&salt, &begun.entry.text.unwrap().body).unwrap();
        // While it is in doubt it is looked for in any case.
        let doubt = core.entries[&seq].doubt;
        core.heal("", &[(7, marker.clone())], at(1));
        assert_eq!(core.entries[&seq].doubt, doubt);

        core.settle(seq, Outcome::Refused { retry_at: None, error: String::new() }, at(60));
        assert!(core.entries[&seq].doubt.is_none());
        core.polled("", None, 7, at(61));
        core.heal("elsewhere", &[(7, marker.clone())], at(61));
        assert!(core.entries[&seq].doubt.is_none());
        core.heal("", &[(7, marker)], at(61));
        let doubt = core.entries[&seq].doubt.unwrap();
        assert_eq!((doubt.highest, doubt.since, doubt.late_from()), (6, None, at(61)));
        assert_eq!(core.entries.len(), 1, "nothing is closed");
        // Whoever was about to send it comes too late.
        assert!(core.begin(seq, None, at(61)).is_none());
    }
}

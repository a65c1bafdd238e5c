//! What the outbox asks of the engine: begin an effect, and settle what came of it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::core::Core;
use super::records::Happened;
use super::{Doubt, Entry, Parked, Trimming};
use crate::alert::{EffectKind, Event, Issue, Learned};

/// Gitea's clock and ours may differ, and a write may take its time: a look reaches this
/// far behind the moment before the request.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(10);

/// An effect, and what its alert says about it.
#[derive(Debug, Clone)]
pub struct Prospect {
    pub entry: Entry,
    /// The issue that the effect is about, unless it opens one.
    pub issue: Option<Issue>,
    /// Until then Gitea may still carry out the opposite of a closing or reopening.
    pub late_until: Option<Timestamp>,
    /// Whether its repository has carried out something else since this began to fail.
    pub others_got_through: bool,
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
}

/// What became of a person's wish to give an effect up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    Done,
    /// There is no such effect.
    Missing,
    /// It may have been carried out: it can be dropped when a look has shown that it was not.
    InDoubt,
}

impl Prospect {
    /// Who is still to be assigned.
    pub fn assignees_in_play(&self) -> impl Iterator<Item = &String> {
        let left_out = &self.entry.left_out;
        let is_left_out = |login: &String| {
            left_out.iter().any(|trimming| match trimming {
                Trimming::Assignee(other) => other == login,
                Trimming::Labels => false,
            })
        };
        self.assignees.iter().filter(move |login| !is_left_out(login))
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, and this was learned.
    Done(Learned),
    /// It was certainly not carried out.
    Refused { retry_at: Option<Timestamp>, error: String },
    /// Whether it was carried out is not known.
    Unknown { retry_at: Timestamp, error: String },
    /// A look found nothing; the next one may be taken at this time.
    NotFound { look_at: Timestamp },
    /// Gitea refuses parts that can be left out.
    Trimmed { trimmings: Vec<Trimming>, error: String },
    /// Gitea refuses it for what it is.
    Parked(Parked),
    /// A text that cannot be written, and why. The issue can do without.
    GivenUp { note: String },
}

impl Core {
    /// Writes down that an effect is about to be tried, with its text, before anything is
    /// sent. Returns nothing when it is no longer wanted, or may not be sent.
    ///
    /// `gitea_now` is what Gitea's clock said last.
    pub fn begin(
        &mut self,
        seq: u64,
        gitea_now: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Prospect> {
        if self.meta.copied.is_some() || self.is_looked_for(seq) {
            return None;
        }
        self.put_in_doubt(seq, gitea_now, now)?;
        self.prospect(seq)
    }

    /// An effect may be carried out from now on: its text is written and stays.
    pub(super) fn put_in_doubt(
        &mut self,
        seq: u64,
        gitea_now: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<()> {
        let entry = self.entries.get(&seq)?;
        let is_held = |entry: &Entry| self.holds(&entry.repository, entry.effect.number);
        if entry.effect.kind == EffectKind::Heal && is_held(entry) {
            // An alert goes on in it after all.
            self.entries.remove(&seq);
            self.dirty.entries.insert(seq);
            return None;
        }
        let text = match &entry.text {
            Some(text) => text.clone(),
            None => self.render(entry, self.alerts.get(&entry.fingerprint)?, now),
        };
        let highest = self
            .repositories
            .get(&entry.repository)
            .map_or(0, |repository| repository.admission.highest);
        let entry = self.entries.get_mut(&seq)?;
        entry.text = Some(text);
        entry.not_before = None;
        entry.parked = None;
        entry.unprepared = 0;
        let since = gitea_now.and_then(|at| at.checked_sub(LOOK_BACK).ok());
        entry.doubt = Some(match entry.doubt {
            // The first request of this doubt may be the one that is found.
            Some(doubt) => Doubt {
                sent_at: now,
                over_at: None,
                looks: 0,
                earlier: Some(doubt.late_from()),
                ..doubt
            },
            None => Doubt { sent_at: now, over_at: None, since, highest, looks: 0, earlier: None },
        });
        let entry = entry.clone();
        self.dirty.entries.insert(seq);
        self.tell_alert(&entry, &Event::Begun(entry.effect), now);
        Some(())
    }

    /// An effect as it is now, if it is still wanted.
    pub fn prospect(&self, seq: u64) -> Option<Prospect> {
        let entry = self.entries.get(&seq)?.clone();
        if entry.effect.kind == EffectKind::Heal {
            return Some(self.healing(entry));
        }
        if let Some(issue) = entry.about {
            return Some(self.answering(entry, issue));
        }
        let alert = self.alerts.get(&entry.fingerprint)?;
        Some(Prospect {
            // Effects of an earlier episode go to the issue of that episode.
            issue: alert.issue_of(entry.effect.episode),
            late_until: alert.late_until,
            others_got_through: entry.failing_since.is_some_and(|since| {
                self.delivered_at.get(&entry.repository).is_some_and(|&at| at > since)
            }),
            labels: alert.target.labels.clone(),
            assignees: alert.target.assignees.clone(),
            entry,
        })
    }

    /// Whether the record of an alert holds this issue already.
    pub fn is_held(&self, repository: &str, number: u64) -> bool {
        self.holds(repository, number)
    }

    /// Writes down what became of an attempt, all at once: the alert, what follows from
    /// it, and the entry.
    pub fn settle(&mut self, seq: u64, outcome: Outcome, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&seq) else { return };
        let alert = self.alerts.get(&entry.fingerprint);
        let has_labels = alert.is_some_and(|alert| !alert.target.labels.is_empty());
        let was_in_doubt = entry.doubt.is_some();
        // It was tried again.
        entry.parked = None;
        match outcome {
            Outcome::Done(learned) => {
                let entry = entry.clone();
                self.entries.remove(&seq);
                self.dirty.entries.insert(seq);
                self.delivered(&entry, &learned, now);
                return;
            }
            Outcome::GivenUp { note } => {
                let entry = entry.clone();
                self.entries.remove(&seq);
                self.dirty.entries.insert(seq);
                let (fingerprint, effect) = (entry.fingerprint.clone(), entry.effect);
                self.remember(Happened::GivenUp { fingerprint, effect, why: note.clone() }, now);
                let learned = Learned::Settled { left_out: vec![note], late_until: None };
                self.tell_alert(&entry, &Event::Done { effect, learned }, now);
                return;
            }
            Outcome::Refused { retry_at, error } => {
                // That this attempt came to nothing says nothing about one before it: a
                // closing that was struck now could still arrive and close what is firing.
                let may_repeat =
                    matches!(entry.effect.kind, EffectKind::Close | EffectKind::Reopen);
                entry.doubt = entry.doubt.filter(|_| may_repeat).and_then(|doubt| {
                    let sent_at = doubt.earlier?;
                    let over_at = Some(sent_at);
                    Some(Doubt { sent_at, over_at, earlier: None, looks: 0, ..doubt })
                });
                entry.attempts = entry.attempts.saturating_add(1);
                entry.failing_since.get_or_insert(now);
                if !was_in_doubt {
                    entry.unprepared = entry.unprepared.saturating_add(1);
                }
                entry.not_before = retry_at;
                entry.last_error = Some(error);
            }
            Outcome::Unknown { retry_at, error } => {
                if let Some(doubt) = &mut entry.doubt {
                    // A question that fails afterwards makes it no later.
                    doubt.over_at.get_or_insert(now);
                }
                entry.attempts = entry.attempts.saturating_add(1);
                entry.failing_since.get_or_insert(now);
                entry.not_before = Some(retry_at);
                entry.last_error = Some(error);
            }
            Outcome::NotFound { look_at } => {
                if let Some(doubt) = &mut entry.doubt {
                    doubt.looks = doubt.looks.saturating_add(1);
                    // Where the engine could not take the attempt's own end.
                    doubt.over_at.get_or_insert(now);
                }
                entry.not_before = Some(look_at);
            }
            Outcome::Trimmed { trimmings, error } => {
                entry.doubt = None;
                entry.not_before = None;
                for trimming in trimmings {
                    let note = match &trimming {
                        Trimming::Assignee(login) => {
                            Some(format!("{login} could not be assigned: {error}"))
                        }
                        Trimming::Labels => {
                            has_labels.then(|| format!("labels could not be set: {error}"))
                        }
                    };
                    entry.told.extend(note);
                    entry.left_out.push(trimming);
                }
                entry.last_error = Some(error);
            }
            Outcome::Parked(parked) => {
                // The comment of a healing is there, and must be found again.
                entry.doubt = entry.doubt.filter(|_| entry.effect.kind == EffectKind::Heal);
                entry.last_error = Some(parked.reason.clone());
                entry.parked = Some(parked);
            }
        }
        let entry = entry.clone();
        self.dirty.entries.insert(seq);
        if was_in_doubt && entry.doubt.is_none() {
            self.tell_alert(&entry, &Event::Refused(entry.effect), now);
        }
    }

    /// The same for what says nothing about the effect itself, such as a target that
    /// refuses: it does not count as an attempt.
    pub fn postpone(&mut self, seq: u64, outcome: Outcome, now: Timestamp) {
        let counted = |entry: &Entry| (entry.attempts, entry.unprepared, entry.failing_since);
        let before = self.entries.get(&seq).map(counted);
        self.settle(seq, outcome, now);
        if let (Some(entry), Some(before)) = (self.entries.get_mut(&seq), before) {
            (entry.attempts, entry.unprepared, entry.failing_since) = before;
        }
    }

    /// Tries a parked or waiting effect at once. Returns whether it exists.
    pub fn retry(&mut self, seq: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&seq) else { return false };
        entry.parked = None;
        entry.not_before = None;
        self.dirty.entries.insert(seq);
        true
    }

    /// Gives an effect up, because a person says so. An opening in doubt is not given up:
    /// there may be an issue by now, which nobody would ever close.
    pub fn drop_effect(&mut self, seq: u64, now: Timestamp) -> Dropped {
        let is_in_doubt =
            |entry: &Entry| entry.effect.kind == EffectKind::Open && entry.doubt.is_some();
        if self.entries.get(&seq).is_some_and(is_in_doubt) {
            return Dropped::InDoubt;
        }
        let Some(entry) = self.entries.remove(&seq) else { return Dropped::Missing };
        self.dirty.entries.insert(seq);
        let what = format!("a person dropped what teawatch was to {}", entry.effect.kind);
        let learned = if entry.effect.kind == EffectKind::Open {
            // Without an issue there is nothing to write to.
            Learned::IssueGone
        } else {
            Learned::Settled { left_out: vec![what], late_until: None }
        };
        let fingerprint = entry.fingerprint.clone();
        self.remember(Happened::Dropped { fingerprint, effect: entry.effect }, now);
        self.tell_alert(&entry, &Event::Done { effect: entry.effect, learned }, now);
        Dropped::Done
    }

    /// Gitea called a repository by another name.
    pub fn renamed(&mut self, repository: &str, name: &str) {
        self.repository(repository).renamed = Some(name.to_owned());
    }

    /// Gitea told the id of a repository for the first time.
    pub fn identified(&mut self, repository: &str, id: i64) {
        self.repository(repository).admission.id.get_or_insert(id);
    }

    /// Takes note of the user that we are, and says all that we ever were.
    pub fn we_are(&mut self, id: i64) -> BTreeSet<i64> {
        if self.meta.users.insert(id) {
            self.dirty.meta = true;
        }
        self.meta.users.clone()
    }

    fn delivered(&mut self, entry: &Entry, learned: &Learned, now: Timestamp) {
        let mut number = None;
        if let Learned::Opened { issue, .. } = learned {
            number = Some(issue.number);
            let record = self.repository(&entry.repository);
            // A restored store may have found it among the open ones before.
            record.unclaimed.retain(|found| found.number != issue.number);
            let admission = &mut record.admission;
            admission.highest = admission.highest.max(issue.number);
            admission.id.get_or_insert(issue.repository_id);
        }
        self.figures.count_confirmed(entry.effect.kind);
        self.delivered_at.insert(entry.repository.clone(), now);
        let (fingerprint, effect) = (entry.fingerprint.clone(), entry.effect);
        self.remember(Happened::Delivered { fingerprint, effect, issue: number }, now);
        let event = Event::Done { effect: entry.effect, learned: learned.clone() };
        self.tell_alert(entry, &event, now);
    }

    fn tell_alert(&mut self, entry: &Entry, event: &Event, now: Timestamp) {
        self.writes += 1;
        self.written.insert(entry.fingerprint.clone(), self.writes);
        let Some(alert) = self.alerts.get(&entry.fingerprint) else { return };
        let (group, rule) = (alert.group.clone(), self.rule_of(alert));
        self.step_alert(&entry.fingerprint, &group, &rule, event, now);
    }
}

//! Comments that people write on our issues, and the commands in them.
//!
//! A comment counts once, as it was read first: its id is on the disk in the commit that
//! obeys it, with everything that follows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::records::Happened;
use super::{Entry, Prospect, Text};
use crate::alert::answer::Answer;
use crate::alert::commands::{Command, Mistake};
use crate::alert::marker::Marker;
use crate::alert::text::Facts;
use crate::alert::{Alert, Effect, EffectKind, Event, Fingerprint, Issue};

/// How many comments of a repository are remembered one by one. Beyond it what has a lower
/// number than the lowest counts as read.
const READ_MAX: usize = 500;
/// So many reactions and answers to the comments on one issue are under way at most. Who
/// writes more commands gets none.
const ANSWERS_MAX: usize = 50;

/// The reactions to a comment: seen, done, not done.
pub const SEEN: &str = "eyes";
const DONE: &str = "+1";
const NOT_DONE: &str = "confused";

/// Which comments of a repository were read. Times are Gitea's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarked {
    /// What is older was written before this store knew the repository, and is nothing to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Comments that a list may show once more, and when each was written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    read: BTreeMap<u64, Timestamp>,
    /// Everything up to this number was read.
    #[serde(default)]
    floor: u64,
    /// Issues whose comments could not be read so far, and from when on they are to be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<u64, Timestamp>,
}

/// A comment that somebody else has written, or our own user with a command in it.
#[derive(Debug, Clone)]
pub struct Remark {
    pub id: u64,
    /// Our own user has written it. Nothing that teawatch writes commands anything, so
    /// somebody else uses that user, and is not obeyed.
    pub is_own: bool,
    /// Gitea's id of the person, and what the person is called.
    pub person: i64,
    pub login: String,
    /// By Gitea's clock.
    pub written_at: Timestamp,
    /// How long ago that was.
    pub age: SignedDuration,
    pub commands: Vec<Result<Command, Mistake>>,
    /// Why this person may not command, in a sentence, if so.
    pub refusal: Option<String>,
}

/// What came of a comment that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Everything that it commands was done.
    Obeyed,
    /// Something that it commands was not done, and why was said.
    NotDone,
    /// Who has written it may not command.
    Refused,
    /// It commands something, and our own user has written it.
    Own,
    /// It commands nothing, or its issue is no longer ours.
    Nothing,
}

impl Came {
    pub(super) const ALL: [Self; 5] =
        [Self::Obeyed, Self::NotDone, Self::Refused, Self::Own, Self::Nothing];

    /// Under which it is counted.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Obeyed => "obeyed",
            Self::NotDone => "not_done",
            Self::Refused => "refused",
            Self::Own => "own",
            Self::Nothing => "nothing",
        }
    }
}

impl Remarked {
    /// Whether a comment is none of those that were read.
    pub fn is_new(&self, id: u64, written_at: Timestamp) -> bool {
        self.from.is_some_and(|from| written_at >= from)
            && id > self.floor
            && !self.read.contains_key(&id)
    }

    fn take(&mut self, id: u64, written_at: Timestamp) {
        self.read.insert(id, written_at);
        while self.read.len() > READ_MAX {
            self.floor = self.read.pop_first().map_or(self.floor, |(id, _)| self.floor.max(id));
        }
    }
}

/// Where a comment stands. What it commands may begin an episode that has another issue.
struct Commented {
    fingerprint: Fingerprint,
    repository: String,
    episode: u64,
    issue: Option<Issue>,
}

impl Commented {
    fn on(alert: &Alert) -> Self {
        Self {
            fingerprint: alert.fingerprint.clone(),
            repository: alert.target.repository.clone(),
            episode: alert.episode,
            issue: alert.issue,
        }
    }
}

impl Core {
    /// What is written in a repository from this time on, by Gitea's clock, may be a command.
    pub fn remarks_from(&mut self, repository: &str, at: Option<Timestamp>, now: Timestamp) {
        let at = at.unwrap_or(now);
        self.repository(repository).remarked.from = Some(at);
    }

    /// The issues that alerts have in a repository: of all others no comment counts.
    pub fn issues_remarked(&self, repository: &str) -> BTreeSet<u64> {
        self.issues_held(repository).into_keys().collect()
    }

    /// The comments on an issue from this time on, by Gitea's clock, could not be read.
    pub fn owe_remarks(&mut self, repository: &str, issue: u64, since: Timestamp) {
        let known = self.repositories.get(repository).map(|record| &record.remarked.owed);
        if !known.is_some_and(|owed| owed.contains_key(&issue)) {
            self.repository(repository).remarked.owed.insert(issue, since);
        }
    }

    /// What was written before this time, by Gitea's clock, is in no list any more, but for
    /// those that are yet to be read.
    pub fn remarks_until(&mut self, repository: &str, at: Timestamp) {
        let Some(record) = self.repositories.get(repository) else { return };
        let mut remarked = record.remarked.clone();
        let held = self.issues_held(repository);
        remarked.owed.retain(|number, _| held.contains_key(number));
        let at = remarked.owed.values().copied().fold(at, Timestamp::min);
        remarked.read.retain(|_, written_at| *written_at >= at);
        if remarked != record.remarked {
            self.repository(repository).remarked = remarked;
        }
    }

    /// Takes note of everything that was written on an issue and that was not read before,
    /// and obeys those who may command. Each comment is counted, whatever comes of it.
    pub fn take_remarks(
        &mut self,
        repository: &str,
        issue: u64,
        remarks: &[Remark],
        now: Timestamp,
    ) {
        for remark in remarks {
            let known = self.repositories.get(repository).map(|record| &record.remarked);
            if !known.is_some_and(|known| known.is_new(remark.id, remark.written_at)) {
                continue;
            }
            self.repository(repository).remarked.take(remark.id, remark.written_at);
            let held = self.issues_held(repository).remove(&issue);
            let came = match held.filter(|_| !remark.commands.is_empty()) {
                None => Came::Nothing,
                Some(_) if remark.is_own => {
                    tracing::warn!(
                        comment = remark.id,
                        "somebody writes commands on #{issue} of {repository} as teawatch's own \
                         user: they are not obeyed"
                    );
                    Came::Own
                }
                Some(fingerprint) => self.obey(&fingerprint, remark, now),
            };
            self.figures.count_comment(came);
        }
        let known = self.repositories.get(repository).map(|record| &record.remarked.owed);
        if known.is_some_and(|owed| owed.contains_key(&issue)) {
            self.repository(repository).remarked.owed.remove(&issue);
        }
    }

    fn obey(&mut self, fingerprint: &Fingerprint, remark: &Remark, now: Timestamp) -> Came {
        let Some(place) = self.alerts.get(fingerprint).map(Commented::on) else {
            return Came::Nothing;
        };
        let mut answer = Answer::default();
        let mut obeyed = Vec::new();
        let mut is_told = true;
        if let Some(refusal) = &remark.refusal {
            answer.sentences.push(refusal.clone());
            let alert = self.alerts.get_mut(fingerprint);
            is_told = alert.is_some_and(|alert| alert.is_first_refusal(remark.person));
            self.dirty.alerts.insert(fingerprint.clone());
        } else {
            for command in &remark.commands {
                match self.obey_one(fingerprint, command, remark, now) {
                    Ok(()) => {}
                    Err(why) => {
                        answer.sentences.push(why);
                        continue;
                    }
                }
                if let Ok(command) = command {
                    obeyed.push(command.name().to_owned());
                    answer.wants_help |= *command == Command::Help;
                }
            }
            if obeyed.iter().any(|name| name == Command::Status.name()) {
                let alert = self.alerts.get(fingerprint);
                answer.status = alert.map(|alert| alert.explanation(&self.rule_of(alert), None));
            }
        }
        tracing::info!(
            alert.fingerprint = %fingerprint,
            comment = remark.id,
            by = remark.login,
            "a comment was read: obeyed {obeyed:?}, not obeyed {:?}", answer.sentences
        );
        let happened = Happened::Commanded {
            fingerprint: fingerprint.clone(),
            comment: remark.id,
            by: remark.login.clone(),
            obeyed,
            refused: answer.sentences.clone(),
        };
        self.remember(happened, now);
        self.answer(&place, remark, &answer, is_told, now);
        match (&remark.refusal, answer.sentences.is_empty()) {
            (Some(_), _) => Came::Refused,
            (None, false) => Came::NotDone,
            (None, true) => Came::Obeyed,
        }
    }

    /// Obeys a command, or says why it does not.
    fn obey_one(
        &mut self,
        fingerprint: &Fingerprint,
        command: &Result<Command, Mistake>,
        remark: &Remark,
        now: Timestamp,
    ) -> Result<(), String> {
        let command = command.as_ref().map_err(Mistake::sentence)?;
        let Some(alert) = self.alerts.get(fingerprint) else { return Ok(()) };
        let (group, rule) = (alert.group.clone(), self.rule_of(alert));
        // A clock of Gitea's that goes ahead makes nothing last longer.
        let age = remark.age.max(SignedDuration::ZERO);
        let at = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        if let Some(why) = alert.objection(&rule, command, at, now) {
            return Err(why);
        }
        let event = Event::Asked { command: command.clone(), by: remark.login.clone(), at };
        self.step_alert(fingerprint, &group, &rule, &event, now);
        Ok(())
    }

    /// Orders the reaction to a comment, and what there is to tell.
    fn answer(
        &mut self,
        place: &Commented,
        remark: &Remark,
        answer: &Answer,
        is_told: bool,
        now: Timestamp,
    ) {
        let fingerprint = &place.fingerprint;
        let is_answer = |entry: &&Entry| entry.about.is_some() && entry.fingerprint == *fingerprint;
        if self.entries.values().filter(is_answer).count() >= ANSWERS_MAX {
            tracing::warn!(comment = remark.id, "so many comments at once are not answered");
            return;
        }
        let reaction = if answer.sentences.is_empty() { DONE } else { NOT_DONE };
        let text = Text { title: String::new(), body: reaction.to_owned() };
        self.enter_answer(place, EffectKind::React, remark.id, text, now);
        if answer.is_empty() || !is_told {
            return;
        }
        let Some(alert) = self.alerts.get(fingerprint) else { return };
        let effect = Effect { kind: EffectKind::Reply, episode: place.episode, number: remark.id };
        let instance = self.meta.instance.clone();
        let marker = Marker { instance, fingerprint: fingerprint.clone(), effect };
        let facts = Facts {
            alert,
            now,
            diagnostics: BTreeMap::new(),
            more: 0,
            absences: Vec::new(),
            public_url: None,
            marker: marker.line(&self.salt),
        };
        let body = answer.text(&facts, &remark.login);
        let text = Text { title: String::new(), body };
        self.enter_answer(place, EffectKind::Reply, remark.id, text, now);
    }

    fn enter_answer(
        &mut self,
        place: &Commented,
        kind: EffectKind,
        comment: u64,
        text: Text,
        now: Timestamp,
    ) {
        let effect = Effect { kind, episode: place.episode, number: comment };
        let seq = self.enter(&place.fingerprint, &place.repository, effect, Some(text), now);
        if let Some(entry) = self.entries.get_mut(&seq) {
            entry.about = place.issue;
        }
    }

    /// What answers a comment needs its issue alone, whatever the alert has become since.
    pub(super) fn answering(&self, entry: Entry, issue: Issue) -> Prospect {
        Prospect {
            issue: Some(issue),
            late_until: None,
            others_got_through: entry.failing_since.is_some_and(|since| {
                self.delivered_at.get(&entry.repository).is_some_and(|&at| at > since)
            }),
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
    use crate::alert::{Learned, Salt};
    use crate::check::{CheckId, Kind, Observation};
    use crate::store::Memory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// An alert with the issue #7.
    fn firing() -> Core {
        let (settings, salt) = (Settings::default(), Salt::new("salt"));
        let instance = "0123456789abcdef".to_owned();
        let mut core =
            Core::load(&mut Memory::new(), settings, salt, None, instance, at(0)).unwrap();
        let failure = Observation::new(Kind::Failure, "");
        core.observe(&CheckId::new("db1", "disk"), &failure, at(0));
        let seq = *core.entries.keys().next().unwrap();
        core.begin(seq, None, at(0)).unwrap();
        let issue = Issue { repository_id: 1, number: 7 };
        let learned = Learned::Opened { issue, floor: 0, left_out: Vec::new() };
        core.settle(seq, Outcome::Done(learned), at(0));
        core
    }

    #[test]
    fn what_was_read_is_remembered_as_long_as_a_list_may_show_it_once_more() {
        let mut core = firing();
        let remarked = |core: &Core| core.repositories[""].remarked.clone();
        core.remarks_from("", Some(at(0)), at(0));
        core.repository("").remarked.take(1, at(50));
        core.repository("").remarked.take(2, at(150));
        // No alert has the other one.
        for (issue, since) in [(7, 40), (7, 90), (8, 10)] {
            core.owe_remarks("", issue, at(since));
        }
        core.remarks_until("", at(100));
        assert_eq!(remarked(&core).owed, [(7, at(40))].into());
        assert!(!remarked(&core).is_new(1, at(50)));
        core.take_remarks("", 7, &[], at(160));
        core.remarks_until("", at(100));
        assert!(remarked(&core).owed.is_empty());
        assert_eq!(remarked(&core).read, [(2, at(150))].into());
    }
}

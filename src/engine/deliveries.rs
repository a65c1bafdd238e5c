//! Messages of Gitea's webhooks: each is a hint to look at something, and is remembered with
//! what came of it.
//!
//! What waits is on the disk like all the rest, so that a restart loses no hint. Of those
//! about one thing at most one waits: the newest. A look that began before it came does not
//! settle it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::looks::is_in_doubt;
use super::outcome::Outcome;
use super::turn::earlier;
use super::{PAGE_MAX, Page, Round};
use crate::alert::{EffectKind, Fingerprint};

/// What a message says, as far as it matters. Nothing of it is believed: it says where to
/// look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// As Gitea numbers its deliveries; empty if it did not say.
    pub id: String,
    /// Gitea's name of the event, and of what was done.
    pub event: String,
    pub action: String,
    pub about: About,
    pub repository: Option<Home>,
    pub issue: Option<u64>,
    /// Whether that is open, by the message.
    pub is_open: Option<bool>,
    /// Who did it.
    pub sender: Option<Sender>,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Issue,
    /// A comment on one.
    Comment,
    Repository,
    /// Nothing that concerns issues.
    Other,
}

/// A repository, as Gitea names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    pub id: i64,
    /// `owner/name`
    pub name: String,
}

/// A user, as Gitea names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    pub id: i64,
    pub login: String,
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Orders them as they came.
    pub number: u64,
    pub at: Timestamp,
    pub message: Message,
    /// The repository, as the configuration calls it.
    pub repository: Option<String>,
    /// Our own user did it, whoever that was.
    pub is_ours: bool,
    pub outcome: Outcome,
}

/// So many that are too old go in one turn at most: nobody waits for it.
const EXPIRED_MAX: usize = 500;

/// What became of a message at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    New,
    /// It was there before.
    Duplicate,
}

/// A delivery as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryView {
    pub number: u64,
    pub at: Timestamp,
    pub id: String,
    pub event: String,
    pub action: String,
    /// As Gitea calls it.
    pub repository: Option<String>,
    pub issue: Option<u64>,
    /// The login of who did it.
    pub sender: Option<String>,
    /// What came of it, in a sentence.
    pub outcome: String,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The number of the delivery.
    pub delivery: u64,
    pub about: About,
    /// Not there where it is about the repository.
    pub issue: Option<u64>,
}

/// What a repository is to be asked for.
#[derive(Debug, Clone)]
pub struct Hinted {
    pub round: Round,
    pub hints: Vec<Hint>,
}

/// What a message is about and whether it is of our own doing, so that another one like it
/// takes its place: what people did is never hidden by what we did.
type Subject = (String, About, Option<u64>, bool);

/// The newest messages.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    kept: BTreeMap<u64, Delivery>,
    ids: BTreeMap<String, u64>,
    waiting: BTreeMap<Subject, u64>,
}

impl Deliveries {
    pub(super) fn add(&mut self, delivery: Delivery) {
        let number = delivery.number;
        if !delivery.message.id.is_empty() {
            self.ids.insert(delivery.message.id.clone(), number);
        }
        if delivery.outcome == Outcome::Waits
            && let Some(subject) = delivery.subject()
        {
            self.waiting.insert(subject, number);
        }
        self.kept.insert(number, delivery);
    }

    pub(super) fn get(&self, number: u64) -> Option<&Delivery> {
        self.kept.get(&number)
    }

    /// Whether one that is kept tells that somebody else has commented in a repository.
    pub(super) fn tell_of_comments(&self, repository: &str) -> bool {
        self.kept.values().any(|delivery| {
            delivery.message.about == About::Comment
                && !delivery.is_ours
                && delivery.repository.as_deref() == Some(repository)
        })
    }

    fn settle(&mut self, number: u64, outcome: Outcome) -> bool {
        let Some(delivery) = self.kept.get_mut(&number) else { return false };
        delivery.outcome = outcome;
        if let Some(subject) = delivery.subject()
            && self.waiting.get(&subject) == Some(&number)
        {
            self.waiting.remove(&subject);
        }
        true
    }

    /// The number of the one that has to go when there are more than `most`: the oldest that
    /// does not wait, or else the oldest.
    fn surplus(&self, most: usize) -> Option<u64> {
        if self.kept.len() <= most {
            return None;
        }
        let done = self.kept.values().find(|delivery| delivery.outcome != Outcome::Waits);
        done.or_else(|| self.kept.values().next()).map(|delivery| delivery.number)
    }

    /// The numbers of those that came before `before` and of which something has come. The
    /// newest stays, so that it is known when that was, and no number is given twice.
    fn expired(&self, before: Timestamp) -> Vec<u64> {
        let newest = self.kept.keys().next_back().copied();
        let old = self.kept.values().take_while(|delivery| delivery.at < before);
        let done = old.filter(|delivery| delivery.outcome != Outcome::Waits);
        let numbers = done.map(|delivery| delivery.number);
        numbers.filter(|&number| Some(number) != newest).take(EXPIRED_MAX).collect()
    }

    /// The clock was set back.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        for delivery in self.kept.values_mut() {
            delivery.at = earlier(delivery.at, by);
        }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.kept.keys().copied()
    }

    fn remove(&mut self, number: u64) {
        self.settle(number, Outcome::Merged);
        if let Some(gone) = self.kept.remove(&number)
            && self.ids.get(&gone.message.id) == Some(&number)
        {
            self.ids.remove(&gone.message.id);
        }
    }
}

impl Delivery {
    fn subject(&self) -> Option<Subject> {
        let Message { about, issue, .. } = self.message;
        Some((self.repository.clone()?, about, issue, self.is_ours))
    }
}

impl Core {
    /// Takes a message of Gitea's. The same one once more changes nothing.
    pub fn deliver(&mut self, message: Message, now: Timestamp) -> Taken {
        if self.deliveries.ids.contains_key(&message.id) {
            return Taken::Duplicate;
        }
        let last = self.deliveries.kept.keys().next_back();
        let number = last.map_or(1, |last| last + 1);
        let repository = message.repository.as_ref().and_then(|home| self.home(home));
        let is_complete = match message.about {
            About::Issue | About::Comment => message.issue.is_some(),
            About::Repository => true,
            About::Other => false,
        };
        let outcome = match (&repository, is_complete) {
            (_, false) => Outcome::Nothing,
            (None, true) => Outcome::Elsewhere,
            (Some(_), true) => Outcome::Waits,
        };
        let is_ours =
            message.sender.as_ref().is_some_and(|sender| self.meta.users.contains(&sender.id));
        let delivery = Delivery { number, at: now, message, repository, is_ours, outcome };
        if delivery.outcome == Outcome::Waits
            && let Some(subject) = delivery.subject()
            && let Some(&before) = self.deliveries.waiting.get(&subject)
        {
            self.settle_delivery(before, Outcome::Merged);
        }
        self.figures.count_outcome(delivery.outcome.class());
        self.deliveries.add(delivery);
        self.dirty.deliveries.insert(number);
        while let Some(surplus) = self.deliveries.surplus(self.settings.deliveries_kept) {
            self.deliveries.remove(surplus);
            self.dirty.deliveries.insert(surplus);
        }
        Taken::New
    }

    /// Lets go what has been kept for long enough.
    pub(super) fn forget_deliveries(&mut self, now: Timestamp) {
        let before = earlier(now, self.settings.deliveries_kept_for);
        for number in self.deliveries.expired(before) {
            self.deliveries.remove(number);
            self.dirty.deliveries.insert(number);
        }
    }

    /// What the configuration calls a repository. One whose id is known has its name from
    /// Gitea, which may change it.
    fn home(&self, home: &Home) -> Option<String> {
        let is_it = |(name, record): &(&String, &super::Repository)| match record.admission.id {
            Some(id) => id == home.id,
            None => name.eq_ignore_ascii_case(&home.name),
        };
        self.repositories.iter().find(is_it).map(|(name, _)| name.clone())
    }

    /// What is to be looked at because of messages, and whether any of them waits for
    /// something else. Those that need no look are settled.
    pub fn hints(&mut self) -> (Vec<Hinted>, bool) {
        let mut by_repository: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for ((repository, ..), &number) in &self.deliveries.waiting {
            by_repository.entry(repository.clone()).or_default().push(number);
        }
        let waits = !by_repository.is_empty();
        let mut hinted = Vec::new();
        for (repository, numbers) in by_repository {
            let held = self.issues_held(&repository);
            let opening = self.opening(&repository);
            let mut hints = Vec::new();
            for number in numbers {
                let Some(delivery) = self.deliveries.get(number) else { continue };
                let Message { about, issue, .. } = delivery.message;
                match self.judge(delivery, &held, opening) {
                    Judged::Look => hints.push(Hint { delivery: number, about, issue }),
                    Judged::Later => {}
                    Judged::Settled(outcome) => self.settle_delivery(number, outcome),
                }
            }
            let record = self.repositories.get(&repository).filter(|_| !hints.is_empty());
            if let Some(record) = record.cloned() {
                let polled_at = self.polled_at.get(&repository).copied();
                let polls = self.polls.get(&repository).copied().unwrap_or_default();
                let (may_owe_comments, writes) = (false, self.writes);
                let round =
                    Round { repository, record, polled_at, polls, may_owe_comments, writes };
                hinted.push(Hinted { round, hints });
            }
        }
        (hinted, waits)
    }

    /// Above which number issues may be ours of which nobody has told us: those that we are
    /// opening.
    fn opening(&self, repository: &str) -> Option<u64> {
        let openings = self.entries.values().filter(|entry| {
            entry.effect.kind == EffectKind::Open && entry.repository == repository
        });
        openings.filter_map(|entry| Some(entry.doubt?.highest)).min()
    }

    fn judge(
        &self,
        delivery: &Delivery,
        held: &BTreeMap<u64, Fingerprint>,
        opening: Option<u64>,
    ) -> Judged {
        let Some(issue) = delivery.message.issue else { return Judged::Look };
        let Some(alert) = held.get(&issue).and_then(|alert| self.alerts.get(alert)) else {
            let may_be_ours = opening.is_some_and(|highest| issue > highest);
            return if may_be_ours { Judged::Later } else { Judged::Settled(Outcome::Stranger) };
        };
        // Somebody else may use our user: what we do not know of ourselves is looked at.
        let is_known = delivery.message.is_open.is_none_or(|is_open| is_open == alert.takes_room());
        if delivery.is_ours && is_known {
            return Judged::Settled(Outcome::Own);
        }
        let is_crossed = is_in_doubt(alert) || alert.may_land_late(self.turned_at);
        if is_crossed { Judged::Later } else { Judged::Look }
    }

    /// Says what came of a message.
    pub fn settle_delivery(&mut self, number: u64, outcome: Outcome) {
        let class = outcome.class();
        if self.deliveries.settle(number, outcome) {
            self.figures.count_outcome(class);
            self.dirty.deliveries.insert(number);
        }
    }

    /// The newest message that was taken.
    pub fn last_delivery(&self) -> Option<&Delivery> {
        self.deliveries.kept.values().next_back()
    }

    /// Deliveries from before the cursor `after` (their number), the newest first.
    pub fn deliveries_page(&self, after: Option<u64>, limit: usize) -> Page<DeliveryView> {
        let limit = limit.clamp(1, PAGE_MAX);
        let mut all = self.deliveries.kept.range(..after.unwrap_or(u64::MAX)).rev();
        let items: Vec<_> =
            all.by_ref().take(limit).map(|(_, delivery)| DeliveryView::of(delivery)).collect();
        let next = all.next().and_then(|_| items.last().map(|last| last.number.to_string()));
        Page { items, next }
    }
}

/// What is to be done about a message that waits.
enum Judged {
    Look,
    /// A look now would say nothing.
    Later,
    Settled(Outcome),
}

impl DeliveryView {
    fn of(delivery: &Delivery) -> Self {
        let Message { id, event, action, repository, issue, sender, .. } = &delivery.message;
        Self {
            number: delivery.number,
            at: delivery.at,
            id: id.clone(),
            event: event.clone(),
            action: action.clone(),
            repository: repository.as_ref().map(|home| home.name.clone()),
            issue: *issue,
            sender: sender.as_ref().map(|sender| sender.login.clone()),
            outcome: delivery.outcome.words(),
        }
    }
}

//! What an alert has to say, and when it may say it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Alert, Cover, EffectKind, Phase, Placement, Rule, Silenced, Trial, earlier, later};

/// After the last of the configured reminders, one in this time.
const REMINDER_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How many notes on what had to be left out are kept for the next text.
const NOTES_MAX: usize = 8;

/// How many members that are gone are named in the next text; the rest is counted.
const GONE_MAX: usize = 20;

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An alert's side of the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// What happened since the last text.
    pub gathered: Gathered,
    pub commented_at: Option<Timestamp>,
    pub edited_at: Option<Timestamp>,
    /// The table in the issue's body is out of date.
    pub is_table_old: bool,
    /// Comments and edits ordered so far; numbers the next.
    pub comments: u64,
    pub edits: u64,
    /// Reminders since the issue was opened or reopened.
    pub reminders: u32,
    /// Troubles that came and went before an issue could be opened.
    pub missed: Option<Missed>,
    /// What is still to be said in the issue of the episode before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farewell: Option<Gathered>,
}

/// What happened since the last text; the next one sums it up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// When the first of it happened.
    pub since: Option<Timestamp>,
    /// Results, and how many of them were failures.
    pub results: u64,
    pub failures: u64,
    /// How often a member came into trouble, and how often one was well again.
    pub began: u64,
    pub ended: u64,
    /// Members that are no longer watched, with the reason.
    pub gone: Vec<String>,
    /// As many more are not named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone_more: u64,
    /// When the trouble ended, and since when it had been firing.
    pub closed_at: Option<Timestamp>,
    #[serde(default)]
    pub fired_at: Option<Timestamp>,
    pub reopened_at: Option<Timestamp>,
    /// When a person had closed what was reopened because the trouble lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insisted_at: Option<Timestamp>,
    /// When it was seen that a person had reopened what was over, and is closed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revived_at: Option<Timestamp>,
    /// When a silence ended, though it was in trouble still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsilenced_at: Option<Timestamp>,
    /// Nobody waits to hear so: it was a pattern's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_patterns_end: bool,
    /// Why nothing was written for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silenced>,
    pub reminder: bool,
    /// What could not be done, in words.
    pub notes: Vec<String>,
}

/// Troubles that came and went before an issue could be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    pub times: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Talk {
    /// The clock was set back.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        self.gathered.rewind(by);
        if let Some(farewell) = &mut self.farewell {
            farewell.rewind(by);
        }
        let own = [self.commented_at.as_mut(), self.edited_at.as_mut()];
        let missed = self.missed.as_mut().map(|missed| [&mut missed.first, &mut missed.last]);
        for at in own.into_iter().flatten().chain(missed.into_iter().flatten()) {
            *at = earlier(*at, by);
        }
    }
}

impl Gathered {
    fn rewind(&mut self, by: SignedDuration) {
        let times = [
            &mut self.since,
            &mut self.closed_at,
            &mut self.fired_at,
            &mut self.reopened_at,
            &mut self.insisted_at,
            &mut self.revived_at,
            &mut self.unsilenced_at,
        ];
        for at in times.into_iter().flatten() {
            *at = earlier(*at, by);
        }
    }

    /// Whether there is something that people should be told.
    pub fn is_news(&self) -> bool {
        self.began > 0
            || self.ended > 0
            || !self.gone.is_empty()
            || self.closed_at.is_some()
            || self.reopened_at.is_some()
            || self.unsilenced_at.is_some()
            || self.is_answer()
            || self.reminder
    }

    /// Whether it answers what a person did, for which nobody is to wait.
    pub(super) fn is_answer(&self) -> bool {
        self.insisted_at.is_some()
            || self.revived_at.is_some()
            || self.unsilenced_at.is_some() && !self.is_patterns_end
    }

    /// Nobody is to hear how often a member came into trouble and was well again.
    pub(super) fn forget_turns(&mut self) {
        (self.results, self.failures, self.began, self.ended) = (0, 0, 0, 0);
        self.silenced = None;
    }

    /// Remembers that a member is no longer watched.
    pub(super) fn lose(&mut self, member: String) {
        if self.gone.len() < GONE_MAX {
            self.gone.push(member);
        } else {
            self.gone_more += 1;
        }
    }

    /// Remembers for the next text that something had to be left out.
    pub(super) fn note(&mut self, notes: &[String]) {
        let room = NOTES_MAX.saturating_sub(self.notes.len());
        self.notes.extend(notes.iter().take(room).cloned());
    }
}

impl Missed {
    pub(super) fn add(earlier: Option<Self>, at: Timestamp) -> Self {
        match earlier {
            Some(missed) => Self { times: missed.times + 1, last: at, ..missed },
            None => Self { times: 1, first: at, last: at },
        }
    }
}

impl Alert {
    /// When this alert next needs an [`Event::Woken`](super::Event::Woken), if ever. `cover`
    /// says what patterns silence now.
    pub fn deadline(&self, rule: &Rule, cover: Option<Cover<'_>>) -> Option<Timestamp> {
        if self.is_covered_otherwise(cover) {
            return Some(Timestamp::MIN);
        }
        let phase = match self.phase {
            Phase::Inactive => None,
            Phase::Pending { since } => Some(later(since, rule.open_after)),
            Phase::Recovering { .. } if self.wishes.held_by.is_some() => None,
            Phase::Recovering { since } => Some(later(since, rule.close_after)),
            Phase::Firing => {
                let gone = self.gone_at.map(|gone| later(gone, rule.mute_max));
                gone.or_else(|| self.insists_at(rule))
            }
        };
        let silence = self.silent_until();
        // A silence holds up everything.
        let phase = phase.map(|at| silence.map_or(at, |until| at.max(until)));
        let acked = self.wishes.acked.as_ref().and_then(|acked| acked.until);
        let talk = [self.comment_at(rule), self.edit_at(rule), self.reminder_at(rule)];
        talk.into_iter().chain([phase, silence, acked, self.unheard_until]).flatten().min()
    }

    /// When the next comment may go out; none if there is nothing to say, or if what is
    /// under way will say it.
    pub(super) fn comment_at(&self, rule: &Rule) -> Option<Timestamp> {
        let is_silent = self.trial(EffectKind::Comment).is_some()
            || !self.talk.gathered.is_news()
            || !self.has_an_ear();
        if is_silent {
            return None;
        }
        let paced = self.talk.commented_at.filter(|_| !self.talk.gathered.is_answer());
        Some(paced.map_or(Timestamp::MIN, |at| later(at, rule.comment_interval)))
    }

    /// When the table in the body may be brought up to date, if it is old.
    pub(super) fn edit_at(&self, rule: &Rule) -> Option<Timestamp> {
        let is_due =
            self.talk.is_table_old && self.trial(EffectKind::Edit).is_none() && self.has_an_ear();
        let paced = self.talk.edited_at;
        is_due.then(|| paced.map_or(Timestamp::MIN, |at| later(at, rule.comment_interval)))
    }

    /// When the next reminder is due, while firing.
    pub(super) fn reminder_at(&self, rule: &Rule) -> Option<Timestamp> {
        let is_reminding = self.phase == Phase::Firing
            && self.has_an_ear()
            && !self.talk.gathered.reminder
            && self.wishes.acked.is_none()
            && !rule.reminders.is_empty();
        is_reminding.then(|| later(self.fired_at, reminder(rule, self.talk.reminders)))
    }

    /// Counts the reminders that are past; several at once are one.
    pub(super) fn skip_reminders(&mut self, rule: &Rule, now: Timestamp) {
        let passed = now.duration_since(self.fired_at);
        while reminder(rule, self.talk.reminders) <= passed {
            self.talk.reminders += 1;
        }
    }

    /// Whether there is an issue to write to whose own text does not yet tell it all.
    fn has_an_ear(&self) -> bool {
        // The report of a night is said with its first text.
        !self.group.is_night()
            && self.has_fired()
            && self.placement == Placement::Own
            && self.gone_at.is_none()
            && !self.is_hushed()
            && self.silent_until().is_none()
            && self.trial(EffectKind::Open) != Some(Trial::Untried)
            && (self.issue.is_some() || self.trial(EffectKind::Open).is_some())
    }
}

/// How long after the opening the reminder `number` is due.
fn reminder(rule: &Rule, number: u32) -> SignedDuration {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    match (rule.reminders.get(index), rule.reminders.last()) {
        (Some(&after), _) => after,
        (None, Some(&last)) => {
            let days = index.saturating_sub(rule.reminders.len()).saturating_add(1);
            let days = i32::try_from(days).unwrap_or(i32::MAX);
            last.saturating_add(REMINDER_EVERY.saturating_mul(days))
        }
        (None, None) => SignedDuration::MAX,
    }
}

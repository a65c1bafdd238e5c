//! Who must know? The pure machine of one alert, and the words it uses.
//!
//! An [`Alert`] is one or several checks that share an issue. [`step()`] takes one event
//! into account and says which [`Order`]s follow; [`admit`](admit::admit) says whether
//! another issue may open. Nothing here reads a clock, a socket or a file, nothing can
//! fail, and of this crate only [`duration`](crate::duration) is used, to read commands.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod admit;
mod adopted;
pub mod answer;
pub mod commands;
mod effect;
mod event;
pub mod fingerprint;
mod group;
mod learned;
pub mod markdown;
pub mod marker;
mod member;
mod night;
pub mod pacing;
mod past;
mod people;
pub mod route;
pub mod seen;
mod silence;
mod step;
pub mod surplus;
pub mod table;
#[cfg(test)]
mod tests;
pub mod text;
mod wishes;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::effect::{Effect, EffectKind, Trial, Undelivered};
pub use self::event::{Event, Learned, Order, Sighted};
pub use self::fingerprint::{Fingerprint, Salt};
pub use self::group::{Group, GroupBy};
pub use self::member::{MEMBER_SUMMARY_MAX, Member, OTHERS, Standing};
pub use self::night::day_of;
pub use self::pacing::Talk;
pub use self::people::OnManualClose;
use self::silence::Covered;
pub use self::silence::{Cover, Silenced};
use self::step::gather;
pub use self::step::step;
pub use self::wishes::{Acked, COMMAND_AGE_MAX, Wishes};

/// Where issues go, and what they wear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `owner/name`.
    pub repository: String,
    /// Names of labels; made when they do not exist.
    pub labels: Vec<String>,
    /// Logins. One that does not exist costs itself, not the alert.
    pub assignees: Vec<String>,
    /// What every title begins with.
    pub title_prefix: String,
    /// A person's words on top of the issue: whom to call, where the runbook is. Markdown.
    pub intro: String,
}

/// The settings that apply to an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Failing this long before an issue opens.
    pub open_after: SignedDuration,
    /// Well this long before the issue closes.
    pub close_after: SignedDuration,
    /// A relapse this soon after the end reopens the same issue.
    pub reopen_window: SignedDuration,
    /// At most one comment, and one edit of the body, in this time.
    pub comment_interval: SignedDuration,
    /// When to remind, counted from the opening; after the last of them, daily.
    pub reminders: Vec<SignedDuration>,
    /// How long a person's closing or deleting is respected.
    pub mute_max: SignedDuration,
    /// What follows when a person closes the issue while the trouble lasts.
    pub on_manual_close: OnManualClose,
    /// An issue that wears one of these labels is told nothing until recovery.
    pub mute_labels: Vec<String>,
    pub group_by: GroupBy,
    pub target: Target,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            open_after: SignedDuration::ZERO,
            close_after: SignedDuration::ZERO,
            reopen_window: SignedDuration::from_hours(1),
            comment_interval: SignedDuration::from_mins(10),
            reminders: [1, 2, 4, 8, 16, 24].map(SignedDuration::from_hours).to_vec(),
            mute_max: SignedDuration::from_hours(7 * 24),
            on_manual_close: OnManualClose::Respect,
            mute_labels: vec!["wontfix".to_owned()],
            group_by: GroupBy::Check,
            target: Target::default(),
        }
    }
}

/// Everything remembered about one alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub fingerprint: Fingerprint,
    pub group: Group,
    pub phase: Phase,
    /// Counts the troubles of this alert. Part of every dedup key, so that each trouble
    /// gets its own issue and none gets two.
    pub episode: u64,
    /// Episodes up to this one may have been forgotten: none of them is this alert's.
    #[serde(default)]
    pub forgotten: u64,
    /// How often the issue of this episode was reopened.
    pub reopens: u64,
    /// Since when it has been firing, this time.
    pub fired_at: Timestamp,
    /// When the episode was closed: the begin of its reopen window.
    pub closed_at: Option<Timestamp>,
    pub placement: Placement,
    /// Where this episode's issue is, whatever the routes say meanwhile.
    pub target: Target,
    /// The issue of this episode, once Gitea has confirmed it.
    pub issue: Option<Issue>,
    /// The highest issue number that was known before the issue was ordered: what has a
    /// lower one is older.
    #[serde(default)]
    pub floor: u64,
    /// When the issue was found to be deleted.
    pub gone_at: Option<Timestamp>,
    /// When the issue was found closed by a person, though it was in trouble. Kept until
    /// somebody reopens it or the next episode begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut_at: Option<Timestamp>,
    /// The issue wore a label of `mute_labels` when it was looked at last.
    #[serde(default)]
    pub is_muted: bool,
    /// What people have asked for with commands.
    #[serde(default, skip_serializing_if = "Wishes::is_empty")]
    pub wishes: Wishes,
    /// How patterns silence it.
    #[serde(default, skip_serializing_if = "Covered::is_empty")]
    covered: Covered,
    /// Who was told, in this episode, that commands of theirs are not obeyed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    refused: BTreeSet<i64>,
    /// When the issue was looked at last, as far as that says whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// The number of the newest issue of an earlier episode.
    pub previous: Option<u64>,
    /// Issues of earlier episodes to which something is still on its way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub former: BTreeMap<u64, Issue>,
    /// Until then an earlier closing or reopening may still be carried out by Gitea, so
    /// that its opposite has to wait.
    pub late_until: Option<Timestamp>,
    /// By name: checks, or the titles of alerts in an overflow. There may be so many that
    /// whoever keeps alerts keeps members apart.
    #[serde(skip)]
    pub members: BTreeMap<String, Member>,
    /// A member that was in trouble when somebody last looked.
    #[serde(skip)]
    troubled: Option<String>,
    /// Members that came, changed or went since whoever keeps them asked last.
    #[serde(skip)]
    pub touched: BTreeSet<String>,
    /// Members that are unheard of then are waited for no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard_until: Option<Timestamp>,
    /// Effects that Gitea has not confirmed, oldest first.
    pub undelivered: Vec<Undelivered>,
    /// What is to be said, and when.
    pub talk: Talk,
}

/// Where an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// All is well.
    Inactive,
    /// In trouble, though not yet for long enough to bother anyone.
    Pending { since: Timestamp },
    /// In trouble; an issue is open or on its way.
    Firing,
    /// Well again, though not yet for long enough to close the issue.
    Recovering { since: Timestamp },
}

impl Phase {
    /// The words of the README, one for each phase.
    pub const ALL: [&'static str; 4] = ["inactive", "pending", "firing", "recovering"];

    /// Its own of them.
    pub fn word(self) -> &'static str {
        let [inactive, pending, firing, recovering] = Self::ALL;
        match self {
            Self::Inactive => inactive,
            Self::Pending { .. } => pending,
            Self::Firing => firing,
            Self::Recovering { .. } => recovering,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Whether an episode has an issue or a line in the overflow issue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    #[default]
    Own,
    Row,
}

/// An issue that Gitea has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Gitea's id of the repository: names may be given to another one.
    pub repository_id: i64,
    pub number: u64,
}

impl Alert {
    /// An alert that has not fired as far as anybody remembers. Its episodes are counted on
    /// from `forgotten`, so that no name of an effect is ever used again.
    pub fn new(fingerprint: Fingerprint, group: Group, forgotten: u64) -> Self {
        Self {
            fingerprint,
            group,
            phase: Phase::Inactive,
            episode: forgotten,
            forgotten,
            reopens: 0,
            fired_at: Timestamp::UNIX_EPOCH,
            closed_at: None,
            placement: Placement::Own,
            target: Target::default(),
            issue: None,
            floor: 0,
            gone_at: None,
            shut_at: None,
            is_muted: false,
            wishes: Wishes::default(),
            covered: Covered::default(),
            refused: BTreeSet::new(),
            looked_at: None,
            previous: None,
            former: BTreeMap::new(),
            late_until: None,
            members: BTreeMap::new(),
            troubled: None,
            touched: BTreeSet::new(),
            unheard_until: None,
            undelivered: Vec::new(),
            talk: Talk::default(),
        }
    }

    /// Whether any member is in trouble.
    pub fn is_in_trouble(&self) -> bool {
        self.members.values().any(|member| member.standing.is_trouble())
    }

    /// Whether an issue of this alert is open or on its way.
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Firing | Phase::Recovering { .. })
    }

    /// The clock was set back: what is remembered moves with it, so that as much time has
    /// passed since then as before.
    pub fn rewind(&mut self, by: SignedDuration) {
        let phase = match &mut self.phase {
            Phase::Pending { since } | Phase::Recovering { since } => Some(since),
            Phase::Inactive | Phase::Firing => None,
        };
        let own = [self.closed_at.as_mut(), self.gone_at.as_mut(), self.late_until.as_mut()];
        let seen = [self.shut_at.as_mut(), self.looked_at.as_mut(), self.covered.until_mut()];
        let members = self.members.values_mut().map(|member| &mut member.since);
        let rest = [phase, Some(&mut self.fired_at), self.unheard_until.as_mut()];
        let times = own.into_iter().chain(seen).chain(rest).flatten();
        for at in times.chain(members) {
            *at = earlier(*at, by);
        }
        self.touched.extend(self.members.keys().cloned());
        self.wishes.rewind(by);
        // A pattern may end at a time on the clock, which does not move.
        self.covered.doubt();
        self.talk.rewind(by);
    }

    /// Whether it has an issue, or may have opened one without knowing yet.
    pub fn may_have_an_issue(&self) -> bool {
        self.issue.is_some() || self.trial(EffectKind::Open) == Some(Trial::InDoubt)
    }

    /// The issue of an episode, as far as something may still be written to it.
    pub fn issue_of(&self, episode: u64) -> Option<Issue> {
        if episode == self.episode { self.issue } else { self.former.get(&episode).copied() }
    }

    /// Whether something of this episode is still on its way to Gitea.
    fn is_under_way(&self, episode: u64) -> bool {
        self.undelivered.iter().any(|entry| entry.effect.episode == episode)
    }

    /// How far the undelivered effect of this kind has come, if there is one.
    fn trial(&self, kind: EffectKind) -> Option<Trial> {
        let mut undelivered = self.undelivered.iter().rev();
        undelivered.find(|entry| entry.effect.kind == kind).map(|entry| entry.trial)
    }

    /// Whether a relapse now would belong to the episode that was closed last.
    fn may_reopen(&self, rule: &Rule, now: Timestamp) -> bool {
        self.gone_at.is_none()
            && self.shut_at.is_none()
            && !self.is_muted
            && self.placement == Placement::Own
            && self.closed_at.is_some_and(|closed| now.duration_since(closed) <= rule.reopen_window)
    }
}

/// `at - by`, or the beginning of time.
fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// `at + by`, or the end of time.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

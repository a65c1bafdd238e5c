//! What readers see: pages of checks, alerts and effects.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::core::Core;
use super::job_view::JobsHealth;
use super::records::{Repository, Unclaimed};
use crate::alert::seen::DETAILS_MAX;
use crate::alert::{Alert, Effect, EffectKind, Fingerprint, Group, Placement, Silenced, Wishes};
use crate::check::{
    Check, CheckId, Definition, Ended, Labels, Latest, Logged, Moment, Run, Status,
};

/// Items on one page, at most.
pub const PAGE_MAX: usize = 500;

/// What opens or closes an issue and was tried so often is told to people.
const STUCK_ATTEMPTS: u32 = 3;

/// Some items, and where the next ones begin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The cursor of the next page; nothing if this was the last.
    pub next: Option<String>,
}

/// A check as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckView {
    pub source: String,
    pub name: String,
    pub status: Status,
    /// Since when the last verdict holds.
    pub since: Timestamp,
    pub last_seen: Option<Timestamp>,
    /// Since when it runs: when the newest run began that has not ended.
    pub running_since: Option<Timestamp>,
    /// All that have begun and not ended, the oldest first.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// The newest run that has ended of which is known how long it took.
    #[serde(default)]
    pub last_run: Option<Ended>,
    /// The newest thing that it had to say without telling how it is.
    #[serde(default)]
    pub logged: Option<Logged>,
    /// What is expected of it and how it stands with that, in words. May be empty.
    #[serde(default)]
    pub account: String,
    /// What people, programs or the configuration have decided of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Definition>,
    /// Since when it is paused.
    #[serde(default)]
    pub paused_at: Option<Timestamp>,
    /// When its next result is due.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    pub interval: Option<SignedDuration>,
    /// When silence becomes trouble.
    pub silent_at: Option<Timestamp>,
    pub latest: Option<Latest>,
    pub labels: Labels,
    pub results: u64,
}

/// An alert as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertView {
    pub fingerprint: Fingerprint,
    pub group: Group,
    pub title: String,
    /// One of the words of the README.
    pub phase: String,
    pub episode: u64,
    pub reopens: u64,
    /// Since when it has been firing, this time or the last.
    pub fired_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub repository: String,
    /// The number of its issue, once Gitea has confirmed it.
    pub issue: Option<u64>,
    /// A row of the overflow issue instead of an issue of its own.
    pub is_row: bool,
    /// When it was seen that a person had closed or deleted the issue, though it was in
    /// trouble.
    pub closed_by_hand_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// The issue wears a label that says that nobody wants to hear more of it.
    pub is_muted: bool,
    /// What people have asked for with commands.
    #[serde(default)]
    pub wishes: Wishes,
    /// How it is and what people have asked of it, in one sentence.
    #[serde(default)]
    pub explanation: String,
    /// What silences it, be it a command or a pattern: of several what ends last.
    #[serde(default)]
    pub silenced: Option<Silenced>,
    /// Checks in trouble.
    pub in_trouble: Vec<String>,
    /// What is expected of those of which anything is, as far as a text would tell it.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// What Gitea has not confirmed.
    pub undelivered: Vec<Effect>,
}

impl AlertView {
    /// Whether a page of alerts can begin after `text`.
    pub fn is_cursor(text: &str) -> bool {
        Fingerprint::parse(text).is_some()
    }
}

/// How the engine is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    pub checks: usize,
    pub alerts: usize,
    pub firing: usize,
    /// Effects that Gitea has not confirmed, and what of them waits for a person.
    pub undelivered: usize,
    pub parked: usize,
    /// Open issues of ours that no check has claimed, by repository.
    pub unclaimed: BTreeMap<String, Vec<Unclaimed>>,
    /// When the last message of a webhook came, if one ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivery: Option<Timestamp>,
    /// Set when a copy of this store runs elsewhere.
    pub copied: Option<String>,
    /// Issues that could not be opened or closed in several attempts, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
    /// Shown by itself, and told in words where it matters.
    #[serde(skip)]
    pub jobs: JobsHealth,
}

/// What opens or closes issues and is tried again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    pub effects: usize,
    /// What becomes of none of them: `opened`, `closed`, `reopened`.
    pub not: BTreeSet<String>,
    /// Of the oldest one: the issue that it is about, in words, since when, and why it fails.
    pub oldest: String,
    pub since: Timestamp,
    pub reason: String,
}

impl Core {
    /// Checks after the cursor `after` (`source/name`), in order.
    pub fn checks_page(
        &self,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Page<CheckView> {
        let after = after.map(|cursor| match cursor.split_once('/') {
            Some((source, name)) => CheckId::new(source, name),
            None => CheckId::new(cursor, ""),
        });
        let checks = self.checks.behind(after.as_ref());
        page(checks, limit, |check| self.check_view(check, now), |check| check.id.to_string())
    }

    /// One check.
    pub fn check(&self, id: &CheckId, now: Timestamp) -> Option<CheckView> {
        self.checks.get(id).map(|check| self.check_view(check, now))
    }

    /// Alerts after the cursor `after` (a fingerprint), in order.
    pub fn alerts_page(&self, after: Option<&str>, limit: usize) -> Page<AlertView> {
        self.alerts_explained(after, limit, &BTreeMap::new())
    }

    /// The same where it is known of repositories that they refuse, and why.
    pub fn alerts_explained(
        &self,
        after: Option<&str>,
        limit: usize,
        refusing: &BTreeMap<String, String>,
    ) -> Page<AlertView> {
        let after = after.and_then(Fingerprint::parse);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let alerts = self
            .alerts
            .range((from, Bound::Unbounded))
            .map(|(_, alert)| alert)
            .filter(|alert| !alert.group.is_night())
            .filter(|alert| alert.has_fired() || alert.is_in_trouble());
        let failing: BTreeMap<_, _> = self
            .entries
            .values()
            .rev()
            .filter_map(|it| Some((&it.fingerprint, trouble(it)?)))
            .collect();
        let view = |alert: &Alert| {
            let refuses = || {
                let why = refusing.get(&alert.target.repository)?;
                (!alert.undelivered.is_empty()).then_some(why.as_str())
            };
            let waits = refuses().or_else(|| failing.get(&alert.fingerprint).copied());
            self.alert_view(alert, waits)
        };
        page(alerts, limit, view, |alert| alert.fingerprint.to_string())
    }

    /// Effects after the cursor `after` (their number), in order.
    pub fn outbox_page(&self, after: Option<u64>, limit: usize) -> Page<Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.range((from, Bound::Unbounded)).map(|(_, entry)| entry);
        page(entries, limit, Entry::clone, |entry| entry.seq.to_string())
    }

    /// One effect.
    pub fn outbox_entry(&self, seq: u64) -> Option<Entry> {
        self.entries.get(&seq).cloned()
    }

    /// How many effects Gitea has not confirmed.
    pub fn undelivered(&self) -> usize {
        self.entries.len()
    }

    /// What is remembered of a repository.
    pub fn repository_record(&self, name: &str) -> Option<Repository> {
        self.repositories.get(name).cloned()
    }

    /// How the engine is.
    pub fn health(&self) -> Health {
        let unclaimed = self
            .repositories
            .iter()
            .filter(|(_, repository)| !repository.unclaimed.is_empty())
            .map(|(name, repository)| (name.clone(), repository.unclaimed.clone()))
            .collect();
        Health {
            checks: self.checks.len(),
            alerts: self.troubles().count(),
            firing: self.troubles().filter(|alert| alert.is_active()).count(),
            undelivered: self.entries.len(),
            parked: self.entries.values().filter(|entry| entry.parked.is_some()).count(),
            unclaimed,
            last_delivery: self.last_delivery().map(|delivery| delivery.at),
            copied: self.meta.copied.clone(),
            stuck: self.stuck(),
            jobs: self.jobs_health(),
        }
    }

    /// What is parked is told by itself, and what was tried once or twice is on its way.
    fn stuck(&self) -> Option<Stuck> {
        let is_stuck = |entry: &&Entry| entry.parked.is_none() && entry.attempts >= STUCK_ATTEMPTS;
        let stuck: Vec<_> = self
            .entries
            .values()
            .filter(is_stuck)
            .filter_map(|entry| Some((entry, participle(entry.effect.kind)?)))
            .collect();
        let (oldest, _) = stuck.first()?;
        let alert = self.alerts.get(&oldest.fingerprint);
        // There may be no alert behind a second issue, and it is not the one of the alert.
        let alert = alert.filter(|_| oldest.effect.kind != EffectKind::Heal);
        let second = || format!("the issue {}#{}", oldest.repository, oldest.effect.number);
        let issue_of = |alert: &Alert| format!("the issue of {}", alert.group);
        Some(Stuck {
            effects: stuck.len(),
            not: stuck.iter().map(|(_, participle)| (*participle).to_owned()).collect(),
            oldest: alert.map_or_else(second, issue_of),
            since: oldest.made_at,
            reason: oldest.last_error.clone().unwrap_or_default(),
        })
    }

    fn check_view(&self, check: &Check, now: Timestamp) -> CheckView {
        let (source, name) = check.id.parts();
        let policy = &self.settings.routes.resolve(source, name, &check.labels).policy;
        CheckView {
            source: source.to_owned(),
            name: name.to_owned(),
            status: check.status(&self.absences, now),
            since: check.since,
            last_seen: check.last_seen.map(Moment::get),
            running_since: check.runs.open().last().map(|run| run.began_at.get()),
            runs: check.runs.open().to_vec(),
            last_run: check.runs.last().copied(),
            logged: check.logged.as_deref().cloned(),
            account: check.account(&self.absences),
            definition: check.definition.as_deref().cloned(),
            paused_at: check.paused_at().map(Moment::get),
            due_at: check.late_at(&self.absences),
            interval: check.interval,
            silent_at: check.silent_at(policy, &self.absences),
            latest: check.latest.clone(),
            labels: check.labels.clone(),
            results: check.results,
        }
    }

    fn alert_view(&self, alert: &Alert, waits: Option<&str>) -> AlertView {
        let members = alert.members.iter();
        AlertView {
            fingerprint: alert.fingerprint.clone(),
            group: alert.group.clone(),
            title: alert.group.to_string(),
            phase: alert.phase.to_string(),
            episode: alert.episode,
            reopens: alert.reopens,
            fired_at: alert.has_fired().then_some(alert.fired_at),
            closed_at: alert.closed_at,
            repository: alert.target.repository.clone(),
            issue: alert.issue.map(|issue| issue.number),
            is_row: alert.placement == Placement::Row,
            closed_by_hand_at: alert.shut_at,
            deleted_at: alert.gone_at,
            is_muted: alert.is_muted,
            wishes: alert.wishes.clone(),
            explanation: alert.explanation(&self.rule_of(alert), waits),
            silenced: alert.silence().cloned(),
            in_trouble: members
                .filter(|(_, member)| member.standing.is_trouble())
                .map(|(name, _)| name.clone())
                .collect(),
            accounts: self.accounts(alert),
            undelivered: alert.undelivered.iter().map(|entry| entry.effect).collect(),
        }
    }

    fn accounts(&self, alert: &Alert) -> BTreeMap<String, String> {
        let in_trouble = alert.members.iter().filter(|(_, member)| member.standing.is_trouble());
        let accounts = in_trouble.take(DETAILS_MAX).filter_map(|(name, _)| {
            let (source, check) = name.split_once('/')?;
            let account = self.checks.find(source, check)?.account(&self.absences);
            (!account.is_empty()).then(|| (name.clone(), account))
        });
        accounts.collect()
    }
}

/// Why an effect is not carried out that was tried.
fn trouble(entry: &Entry) -> Option<&str> {
    let parked = entry.parked.as_ref().map(|parked| parked.reason.as_str());
    parked.or_else(|| entry.last_error.as_deref().filter(|_| entry.failing_since.is_some()))
}

/// What becomes of an issue by an effect that opens or closes it. Texts are given up by
/// themselves.
fn participle(kind: EffectKind) -> Option<&'static str> {
    match kind {
        EffectKind::Open => Some("opened"),
        EffectKind::Reopen => Some("reopened"),
        EffectKind::Close | EffectKind::Heal => Some("closed"),
        EffectKind::Comment | EffectKind::Edit | EffectKind::React | EffectKind::Reply => None,
    }
}

pub(super) fn page<'a, T: 'a, V>(
    mut items: impl Iterator<Item = &'a T>,
    limit: usize,
    view: impl Fn(&T) -> V,
    cursor: impl Fn(&T) -> String,
) -> Page<V> {
    let limit = limit.clamp(1, PAGE_MAX);
    let shown: Vec<_> = items.by_ref().take(limit).collect();
    let next = items.next().and_then(|_| shown.last().map(|last| cursor(last)));
    Page { items: shown.into_iter().map(view).collect(), next }
}

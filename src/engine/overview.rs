//! What a person sees at a glance: everything counted, and the alerts that are not well.

use jiff::Timestamp;

use super::core::Core;
use super::entry::Progress;
use super::view::PAGE_MAX;
use crate::alert::{Alert, Group, Phase, Placement, Silenced};
use crate::check::Status;

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// When it was so.
    pub at: Timestamp,
    /// How many checks there are of each status.
    pub checks: [(Status, usize); Status::ALL.len()],
    /// How many effects of the outbox there are of each progress.
    pub outbox: [(Progress, usize); Progress::ALL.len()],
    /// When the oldest of them was ordered.
    pub oldest_effect: Option<Timestamp>,
    /// How many alerts there are in each phase.
    pub phases: [(&'static str, usize); Phase::ALL.len()],
    /// Alerts that are not inactive: those that fire first, each phase from the oldest
    /// on. As many as one page holds.
    pub alerts: Vec<AlertRow>,
    /// How many more of them there are.
    pub more_alerts: usize,
}

/// An alert that is not inactive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    pub title: String,
    pub phase: Phase,
    /// Since when it is in this phase; while it fires, since when it does.
    pub since: Timestamp,
    /// One line about the trouble.
    pub summary: String,
    pub repository: String,
    /// The number of its issue, once Gitea has confirmed it.
    pub issue: Option<u64>,
    /// A row of the overflow issue instead of an issue of its own.
    pub is_row: bool,
    /// What silences it, if anything does.
    pub silenced: Option<Silenced>,
}

impl Core {
    /// All alerts but those that are the reports of nights.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values().filter(|alert| !alert.group.is_night())
    }

    /// Everything at a glance.
    pub fn overview(&self, now: Timestamp) -> Overview {
        let mut checks = Status::ALL.map(|status| (status, 0));
        for check in self.checks.iter() {
            count(&mut checks, &check.status(&self.absences, now));
        }
        let mut outbox = Progress::ALL.map(|progress| (progress, 0));
        for entry in self.entries.values() {
            count(&mut outbox, &entry.progress());
        }
        let mut phases = Phase::ALL.map(|phase| (phase, 0));
        for alert in self.troubles() {
            count(&mut phases, &alert.phase.word());
        }
        let mut alerts: Vec<_> = self
            .troubles()
            .filter_map(|alert| standing(alert).map(|(rank, since)| (rank, since, alert)))
            .collect();
        // The sort is stable, so alerts of one instant keep the order of their fingerprints.
        alerts.sort_by_key(|(rank, since, _)| (*rank, *since));
        Overview {
            at: now,
            checks,
            outbox,
            oldest_effect: self.entries.values().map(|entry| entry.made_at).min(),
            phases,
            more_alerts: alerts.len().saturating_sub(PAGE_MAX),
            alerts: alerts
                .into_iter()
                .take(PAGE_MAX)
                .map(|(_, since, alert)| row(alert, since))
                .collect(),
        }
    }
}

fn count<T: PartialEq>(counts: &mut [(T, usize)], item: &T) {
    for (_, number) in counts.iter_mut().filter(|(counted, _)| counted == item) {
        *number += 1;
    }
}

/// The place of an alert's phase in the list, and since when it is in it. Nothing where
/// all is well.
fn standing(alert: &Alert) -> Option<(u8, Timestamp)> {
    match alert.phase {
        Phase::Inactive => None,
        Phase::Firing => Some((0, alert.fired_at)),
        Phase::Pending { since } => Some((1, since)),
        Phase::Recovering { since } => Some((2, since)),
    }
}

fn row(alert: &Alert, since: Timestamp) -> AlertRow {
    let mut troubled = alert.members.iter().filter(|(_, member)| member.standing.is_trouble());
    let (first, others) = (troubled.next(), troubled.count());
    AlertRow {
        title: alert.group.to_string(),
        phase: alert.phase,
        since,
        summary: match (first, others) {
            (None, _) => String::new(),
            (Some((_, member)), 0) => member.summary.clone(),
            (Some(_), others) => {
                let what =
                    if matches!(alert.group, Group::Overflow { .. }) { "alerts" } else { "checks" };
                format!("{} {what} are in trouble", others + 1)
            }
        },
        repository: alert.target.repository.clone(),
        // What is pending has no issue yet; the number would be that of the episode before.
        issue: alert.issue.filter(|_| alert.is_active()).map(|issue| issue.number),
        is_row: alert.is_active() && alert.placement == Placement::Row,
        silenced: alert.silence().cloned(),
    }
}

//! What checks tell alerts, and alerts the overflow issue.

use crate::alert::{Alert, Event, Group, Placement, Rule, Standing};
use crate::check::{Cause, Check, Labels, Turn, Verdict};

/// What an alert is told of a check.
pub(super) struct Told {
    pub(super) standing: Standing,
    pub(super) summary: String,
    pub(super) labels: Labels,
}

impl Told {
    pub(super) fn of(check: &Check) -> Self {
        Self {
            standing: match check.verdict {
                Verdict::Up | Verdict::NeverSeen => Standing::Well,
                Verdict::Down(Cause::Failing) => Standing::Failing,
                Verdict::Down(Cause::Silent) => Standing::Silent,
                Verdict::Down(Cause::NeverSeen) => Standing::NeverSeen,
                Verdict::Down(Cause::Flapping) => Standing::Flapping,
                Verdict::Down(Cause::Overrun) => Standing::Overrun,
            },
            summary: match (check.verdict, check.schedule_trouble(), &check.latest) {
                // What it says itself says more.
                (Verdict::Up | Verdict::NeverSeen, Some(why), _) => {
                    format!("its schedule means nothing: {why}")
                }
                (_, _, Some(latest)) => latest.summary.to_string(),
                (_, _, None) => String::new(),
            },
            labels: check.labels.clone(),
        }
    }

    /// Silence is no result.
    pub(super) fn is_result(&self, turn: Turn) -> bool {
        turn != Turn::Began || matches!(self.standing, Standing::Failing | Standing::Flapping)
    }
}

/// The row of an alert in the overflow issue.
pub(super) fn row(alert: &Alert) -> Event {
    let mut in_trouble = alert.members.iter().filter(|(_, member)| member.standing.is_trouble());
    let (standing, summary) = match in_trouble.next() {
        Some((_, member)) => (member.standing, member.summary.clone()),
        None => (Standing::Failing, String::new()),
    };
    let standing = if alert.is_active() { standing } else { Standing::Well };
    row_event(&alert.group, standing, summary)
}

/// How a row of the overflow issue is now.
pub(super) fn row_event(group: &Group, standing: Standing, summary: String) -> Event {
    Event::Member { name: group.row(), standing, summary, is_result: false }
}

/// Whether this episode has a row instead of an issue of its own.
pub(super) fn has_row(alert: &Alert) -> bool {
    alert.placement == Placement::Row && alert.has_fired()
}

/// An overflow issue opens and closes at once: its members have waited already.
pub(super) fn overflow_rule(rule: &Rule) -> Rule {
    Rule {
        open_after: jiff::SignedDuration::ZERO,
        close_after: jiff::SignedDuration::ZERO,
        ..rule.clone()
    }
}

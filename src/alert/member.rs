//! The checks of an alert, and how they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alert, gather};

/// The row of those whose names an adopted issue does not tell. No check is called so.
pub const OTHERS: &str = "and others";

/// Kept of a member's summary, in bytes: as much as a title or a table shows.
pub const MEMBER_SUMMARY_MAX: usize = 255;

/// Names in one note; the rest is counted.
const NAMES_MAX: usize = 10;

/// One check of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// One line from outside: not yet escaped, and cut to [`MEMBER_SUMMARY_MAX`].
    pub summary: String,
}

/// How a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was in trouble during this episode and is well now.
    Well,
    /// It says that it fails.
    Failing,
    /// It says nothing.
    Silent,
    /// It was expected and never said anything.
    NeverSeen,
    /// It says now this, now that.
    Flapping,
    /// A run of it has begun and not ended in time.
    Overrun,
    /// Nobody can tell.
    CannotTell,
    /// It was in trouble in this issue before the store was lost, and has not yet spoken
    /// for itself.
    Unheard,
}

impl Standing {
    /// Whether this is trouble.
    pub fn is_trouble(self) -> bool {
        self != Self::Well
    }
}

impl Alert {
    /// Takes members along that were in trouble before the store was lost.
    pub(super) fn wait_for(
        &mut self,
        unheard: &[String],
        until: Option<Timestamp>,
        now: Timestamp,
    ) {
        let member = Member { standing: Standing::Unheard, since: now, summary: String::new() };
        for name in unheard {
            // What was heard meanwhile counts more.
            if !self.members.contains_key(name) {
                self.members.insert(name.clone(), member.clone());
                self.touched.insert(name.clone());
            }
        }
        self.unheard_until = until.filter(|_| self.is_waiting());
    }

    /// The same as [`Self::is_in_trouble`], in a moment also when a crowd recovers one by
    /// one: the search begins where it ended the last time.
    pub(super) fn find_trouble(&mut self) -> bool {
        let from = self.troubled.take().unwrap_or_default();
        let mut after = self.members.range(from..);
        let is_trouble = |(_, member): &(&String, &Member)| member.standing.is_trouble();
        let found = after.find(is_trouble).or_else(|| self.members.iter().find(is_trouble));
        self.troubled = found.map(|(name, _)| name.clone());
        self.troubled.is_some()
    }

    /// Whether a member has not yet spoken for itself.
    pub(super) fn is_waiting(&self) -> bool {
        self.members.values().any(|member| member.standing == Standing::Unheard)
    }

    /// What was not heard of for too long counts no more. Whoever reads is told.
    pub(super) fn stop_waiting(&mut self, now: Timestamp) {
        if self.unheard_until.is_none_or(|until| now < until) {
            return;
        }
        self.unheard_until = None;
        let members = std::mem::take(&mut self.members);
        let (unheard, heard): (BTreeMap<_, _>, _) =
            members.into_iter().partition(|(_, member)| member.standing == Standing::Unheard);
        self.members = heard;
        if unheard.is_empty() {
            return;
        }
        self.covered.doubt();
        self.talk.is_table_old = true;
        self.touched.extend(unheard.keys().cloned());
        let shown: Vec<_> = unheard.keys().take(NAMES_MAX).map(String::as_str).collect();
        let more = match unheard.len().saturating_sub(NAMES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let note = format!(
            "no trouble was heard of since the store was lost, and is waited for no longer: \
             {}{more}",
            shown.join(", ")
        );
        gather(self, now).note(&[note]);
    }
}

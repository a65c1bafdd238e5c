//! One effect on its way to Gitea, as the disk has it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::turn::earlier;
use crate::alert::{Effect, Fingerprint};

/// An effect that Gitea has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Orders the entries; never used twice.
    pub seq: u64,
    pub fingerprint: Fingerprint,
    pub effect: Effect,
    /// The repository of the episode, `owner/name`, as the configuration called it.
    pub repository: String,
    pub made_at: Timestamp,
    /// Written when it was first tried, and never changed afterwards.
    pub text: Option<Text>,
    /// Set, on the disk, before a request goes out; gone when it is certain that nothing
    /// came of it.
    pub doubt: Option<Doubt>,
    /// Attempts since the last success in getting on.
    pub attempts: u32,
    /// Not to be tried before.
    pub not_before: Option<Timestamp>,
    /// What Gitea refused to take with it.
    pub left_out: Vec<Trimming>,
    pub parked: Option<Parked>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The words of an effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Empty except for opening.
    pub title: String,
    /// The body of an issue or a comment, or the table of an edit.
    pub body: String,
}

/// An attempt whose outcome is not known, and what helps to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// When the last attempt began, by our clock. Its request may have waited for its turn.
    pub sent_at: Timestamp,
    /// When that attempt was over, or the process that made it: no request of it was sent
    /// later.
    pub over_at: Option<Timestamp>,
    /// Nothing of ours can be older than this, by Gitea's clock, if it is known.
    pub since: Option<Timestamp>,
    /// The highest issue number that was known when the first request was sent.
    pub highest: u64,
    /// Looks that found nothing since the last request.
    pub looks: u32,
    /// When an earlier request was sent that was not answered either: it may still be
    /// carried out.
    pub earlier: Option<Timestamp>,
}

impl Doubt {
    /// From then on it counts how long a request may still be carried out.
    pub fn late_from(&self) -> Timestamp {
        self.over_at.unwrap_or(self.sent_at)
    }
}

/// A part of an issue that can be left out rather than lose the alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trimming {
    Assignees,
    Labels,
}

/// An effect that Gitea refuses for what it is, and that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub since: Timestamp,
    /// When it is tried again all the same.
    pub until: Timestamp,
    pub reason: String,
}

impl Entry {
    /// The clock was set back: what is waited for moves with it. What Gitea's clock said
    /// stays.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        let parked = self.parked.as_mut().map(|parked| [&mut parked.since, &mut parked.until]);
        let doubt = self.doubt.as_mut();
        let doubt = doubt.map(|doubt| {
            [Some(&mut doubt.sent_at), doubt.over_at.as_mut(), doubt.earlier.as_mut()]
        });
        let own = [Some(&mut self.made_at), self.not_before.as_mut()];
        let times = own.into_iter().chain(doubt.into_iter().flatten()).flatten();
        for at in times.chain(parked.into_iter().flatten()) {
            *at = earlier(*at, by);
        }
    }

    /// The name of the effect, for ever.
    pub fn key(&self) -> String {
        self.effect.dedup_key(&self.fingerprint)
    }
}

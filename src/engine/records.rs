//! What the engine keeps besides checks, alerts and effects.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::history::Numbers;
use super::outage::Outage;
use super::remarks::Remarked;
use super::roster::JobCounts;
use crate::alert::admit;
use crate::alert::marker::Instance;
use crate::alert::{Effect, Fingerprint};
use crate::check::{CheckId, Verdict};
use crate::observation::ReportId;

/// What the store as a whole must remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub instance: Instance,
    pub made_at: Timestamp,
    /// Numbers the next outbox entry.
    pub next_entry: u64,
    /// Numbers the records of the history.
    pub history: Numbers,
    /// The highest number of an episode that was forgotten with its alert.
    #[serde(default)]
    pub forgotten: u64,
    /// The number of the newest silence.
    #[serde(default)]
    pub silences: u64,
    /// What is remembered of jobs as a whole.
    #[serde(default)]
    pub jobs: JobCounts,
    /// Every user of Gitea that we ever were: what they have written is ours.
    pub users: BTreeSet<i64>,
    /// The key of a marker that says that a copy of this store runs elsewhere. For ever: the
    /// copy has used names that this store would use again.
    pub copied: Option<String>,
    /// Which store's backup this one has come from, until its first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Instance>,
    /// The time in which nothing gets through to Gitea, and what was said of it elsewhere.
    #[serde(default)]
    pub outage: Option<Outage>,
}

/// A repository that issues go to, by the name that the configuration has for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    pub admission: admit::Repository,
    /// Its present name, when it was renamed or transferred.
    pub renamed: Option<String>,
    /// Its open issues of ours were read. Nothing is opened there before.
    pub is_adopted: bool,
    /// Every change before this time, by Gitea's clock, was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_until: Option<Timestamp>,
    /// Which comments were read.
    #[serde(default)]
    pub remarked: Remarked,
    /// Second issues that were closed in favour of another. Each is closed once: then it
    /// is for people to say.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub healed: BTreeSet<u64>,
    /// Open issues of ours that no alert has claimed.
    pub unclaimed: Vec<Unclaimed>,
}

/// An open issue of ours that this store did not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclaimed {
    /// The store that has opened it.
    pub instance: Instance,
    pub fingerprint: Fingerprint,
    pub episode: u64,
    pub number: u64,
    /// The members in its table.
    pub members: Vec<String>,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub at: Timestamp,
    pub what: Happened,
}

/// What a check was before its verdict changed, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    pub verdict: Verdict,
    pub since: Timestamp,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "happened", rename_all = "snake_case")]
pub enum Happened {
    /// A check's verdict changed.
    Judged {
        check: CheckId,
        verdict: Verdict,
        summary: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Before>,
    },
    /// Nobody could tell any more how a check is, and when somebody could again.
    Obscured {
        check: CheckId,
    },
    Revealed {
        check: CheckId,
    },
    /// A check was no longer watched.
    Forgotten {
        check: CheckId,
    },
    /// A report arrived after a newer one: it counted only for checks of which nothing newer
    /// was heard.
    LateReport {
        source: String,
        id: ReportId,
        checks: Vec<String>,
    },
    /// An effect was ordered, carried out, struck, or dropped by a person.
    Ordered {
        fingerprint: Fingerprint,
        effect: Effect,
    },
    Delivered {
        fingerprint: Fingerprint,
        effect: Effect,
        issue: Option<u64>,
    },
    Struck {
        fingerprint: Fingerprint,
        effect: Effect,
    },
    Dropped {
        fingerprint: Fingerprint,
        effect: Effect,
    },
    /// A text could not be written, for long enough.
    GivenUp {
        fingerprint: Fingerprint,
        effect: Effect,
        why: String,
    },
    /// A person wrote commands into a comment.
    Commanded {
        fingerprint: Fingerprint,
        comment: u64,
        by: String,
        /// The names of those that were obeyed.
        obeyed: Vec<String>,
        /// Why the others were not, in sentences.
        refused: Vec<String>,
    },
    /// teawatch was not looking.
    Absent {
        from: Timestamp,
        until: Timestamp,
    },
    /// The clock was set back: what had happened before was so much earlier.
    Rewound {
        by: SignedDuration,
    },
}

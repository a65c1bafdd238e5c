//! What people have decided of a check, while reports and pings only tell how it is.

use serde::{Deserialize, Serialize};

use super::{Keywords, Labels, Moment, Schedule};

/// What people have decided of a check. Most checks have none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    #[serde(default)]
    pub schedule: Schedule,
    /// What it wears where its results wear nothing: pings cannot.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// What it is for, in the words of whoever has defined it. May be empty.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub description: Box<str>,
    /// The slug by which it is pinged besides its name, where that is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Box<str>>,
    /// Nothing is missing before its first word, and none after it was resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_first: bool,
    /// Pings do not end a pause; only a person does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual_resume: bool,
    /// Pings count only when they are sent with POST: mail readers and chats fetch addresses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub post_only: bool,
    /// What bodies of pings say by the words in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Keywords>,
    /// Which of the UUIDs that follow for it from the master secret is that of its pings; a
    /// higher one retires those before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// It stands in the configuration, and nobody else may change it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_configured: bool,
    /// Since when it is paused. Not for whoever defines it: a new definition keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<Moment>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "that is how serde asks")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

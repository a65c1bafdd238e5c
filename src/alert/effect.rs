//! What Gitea must be told: the nouns of the outbox as an alert knows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fingerprint;

/// Something Gitea must be told. Says what, never how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Effect {
    pub kind: EffectKind,
    pub episode: u64,
    /// Counts the effects of this kind: reopenings and closings within the episode,
    /// comments and edits for ever.
    pub number: u64,
}

/// What kind of thing Gitea must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    Open,
    Comment,
    Edit,
    Close,
    Reopen,
    /// Closing a second issue that a request made which took effect too late. Its number is
    /// that of the issue.
    Heal,
    /// The reactions to a comment, and a comment that answers one. Their number is that of
    /// the comment.
    React,
    Reply,
}

impl fmt::Display for EffectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Comment => "comment",
            Self::Edit => "edit",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::Heal => "heal",
            Self::React => "react",
            Self::Reply => "reply",
        })
    }
}

impl EffectKind {
    /// Every one, each of which is counted.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Comment,
        Self::Edit,
        Self::Close,
        Self::Reopen,
        Self::Heal,
        Self::React,
        Self::Reply,
    ];

    /// One of them, within a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Open => "an opening",
            Self::Comment => "a comment",
            Self::Edit => "an edit",
            Self::Close => "a closing",
            Self::Reopen => "a reopening",
            Self::Heal => "a healing",
            Self::React => "a reaction",
            Self::Reply => "an answer",
        }
    }

    /// Whether it is none of the effects that an alert orders, and it waits for none.
    pub fn is_aside(self) -> bool {
        matches!(self, Self::Heal | Self::React | Self::Reply)
    }

    /// Whether it answers a comment.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::React | Self::Reply)
    }
}

impl Effect {
    /// Names this effect for ever. Two effects with one key are one effect.
    pub fn dedup_key(&self, fingerprint: &Fingerprint) -> String {
        let Self { kind, episode, number } = self;
        format!("{fingerprint}/{episode}/{kind}/{number}")
    }
}

/// An effect that Gitea has not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    pub effect: Effect,
    pub trial: Trial,
}

/// How far an undelivered effect has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trial {
    /// Its text is not yet written.
    Untried,
    /// Its text is fixed, and it was certainly not carried out.
    Refused,
    /// It may have been carried out.
    InDoubt,
}

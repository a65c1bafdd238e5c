//! What the outbox tells of itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Pause;

/// How the outbox is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The login by which Gitea knows us, once it was read.
    pub login: Option<String>,
    /// Repositories that refuse, since when and why.
    pub refusing: BTreeMap<String, Refusing>,
    /// The time during which Gitea, or a proxy in front of it, wants to hear nothing.
    pub pause: Option<Pause>,
}

impl Status {
    /// Why repositories refuse that do.
    pub fn reasons(&self) -> BTreeMap<String, String> {
        self.refusing.iter().map(|(name, it)| (name.clone(), it.reason.clone())).collect()
    }
}

/// Why a repository takes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusing {
    pub since: Timestamp,
    pub reason: String,
}

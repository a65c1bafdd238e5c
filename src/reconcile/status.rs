//! What reconcile tells of itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Settings, UNASKED_PAUSE_MAX};

/// It may fail, or not be heard of, for so many of its intervals before teawatch counts as
/// unable to do its work.
const PATIENCE: i32 = 3;
/// And not be heard of for this long at least: a host may want a pause.
const SILENCE_MIN: SignedDuration = SignedDuration::from_hours(1);

/// How reconcile is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub repositories: BTreeMap<String, Compared>,
    /// How often each is compared.
    pub every: SignedDuration,
}

/// How the comparison with one repository is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// When it succeeded last, since this process began.
    pub succeeded_at: Option<Timestamp>,
    /// Since when it fails, and why.
    pub failing_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Single issues that cannot be read, each in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

impl Status {
    /// That of a reconcile that has yet to ask for the first time.
    pub fn new(settings: Settings) -> Self {
        Self { repositories: BTreeMap::new(), every: settings.every }
    }

    /// Single issues that cannot be read, in words: the others are.
    pub fn unreadable(&self) -> impl Iterator<Item = &String> {
        self.repositories.values().flat_map(|compared| &compared.unreadable)
    }

    /// What is wrong with a repository, in words, and whether it is so for too long.
    pub fn trouble(&self, now: Timestamp) -> impl Iterator<Item = (String, bool)> {
        let is_asked = self.every.is_positive();
        let every = if is_asked { self.every } else { UNASKED_PAUSE_MAX };
        let patience = every.saturating_mul(PATIENCE);
        let silence = patience.max(SILENCE_MIN);
        self.repositories.iter().filter_map(move |(repository, compared)| {
            let last = match compared.succeeded_at {
                Some(at) => format!("the last time was {at}"),
                None => "it has not been since the start".to_owned(),
            };
            if let (Some(since), Some(error)) = (compared.failing_since, &compared.error) {
                let words = format!(
                    "what people did to issues in {repository} cannot be read since {since}, \
                     {last}: {error}"
                );
                return Some((words, now.duration_since(since) > patience));
            }
            let is_silent =
                compared.succeeded_at.is_some_and(|at| now.duration_since(at) > silence);
            (is_asked && is_silent).then(|| {
                (format!("nobody reads what people did to issues in {repository}; {last}"), true)
            })
        })
    }
}

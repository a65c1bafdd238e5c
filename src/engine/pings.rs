//! Pings: what a call of an address does to its check.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::core::Core;
use super::records::Happened;
use crate::check::{Check, CheckId, Observation};

/// What is told of a body that should say something and does not.
const WORDLESS: &str = "the body has none of the words that it must have";

/// A ping, as its door has understood it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ping {
    pub seen: Observation,
    pub says: Says,
    /// It was sent with POST, or what counts as much.
    pub is_post: bool,
    /// Its check is made if it is unknown.
    pub may_make: bool,
}

impl Ping {
    /// How much of the queue its texts take, in bytes.
    pub fn bytes(&self) -> usize {
        let body = match &self.says {
            Says::Little(body) => body.len(),
            Says::All | Says::Nothing => 0,
        };
        self.seen.summary.len() + self.seen.details.len() + body
    }
}

/// How much the address of a ping says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// What happened, so that its body says no more.
    All,
    /// Nothing but that all is well: the body, given here, may say otherwise.
    Little(String),
    /// That there is something to read, which changes nothing.
    Nothing,
}

/// What became of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinged {
    /// Its check was known.
    Known,
    /// Its check was made.
    Made,
    /// Its check is known, and must not be pinged so, or not now: nothing has changed.
    Ignored,
    /// Its check is unknown, and must not be made: nothing has changed.
    Unknown,
    /// There are several checks that it could be about: nothing has changed.
    Ambiguous,
}

impl Core {
    /// Takes a ping by a slug into account: that of the check of this name, or of one that is
    /// defined to have it.
    pub fn ping_slug(&mut self, source: &str, slug: &str, ping: &Ping, now: Timestamp) -> Pinged {
        let id = self.checks.id(&mut String::new(), source, slug);
        let mut also = self.addresses.of_slug(source, slug);
        if self.checks.contains(&id) {
            also.insert(id.clone());
        }
        match (also.pop_first(), also.is_empty()) {
            (None, _) => self.ping(&id, ping, now),
            (Some(only), true) => self.ping(&only, ping, now),
            (Some(_), false) => Pinged::Ambiguous,
        }
    }

    /// Takes a ping of a check into account.
    pub fn ping(&mut self, id: &CheckId, ping: &Ping, now: Timestamp) -> Pinged {
        let check = self.checks.get(id);
        let is_known = check.is_some();
        if !is_known && !ping.may_make {
            return Pinged::Unknown;
        }
        let definition = check.and_then(|check| check.definition.as_deref());
        if definition.is_some_and(|it| it.post_only && !ping.is_post) {
            return Pinged::Ignored;
        }
        let keywords = definition.and_then(|definition| definition.keywords.as_ref());
        let kind = match (&ping.says, keywords) {
            (Says::Little(body), Some(keywords)) => keywords.judge(body),
            (Says::Little(_), None) | (Says::All, _) => Some(ping.seen.kind),
            (Says::Nothing, _) => None,
        };
        let mut seen = ping.seen.clone();
        if let Some(definition) = definition {
            seen.labels = BTreeMap::from(&definition.labels);
        }
        match kind {
            Some(kind) => {
                if kind != seen.kind && seen.details.trim().is_empty() {
                    WORDLESS.clone_into(&mut seen.summary);
                }
                let is_held =
                    definition.is_some_and(|it| it.paused_at.is_some() && it.manual_resume);
                if is_held {
                    return Pinged::Ignored;
                }
                self.observe(id, &Observation { kind, ..seen }, now);
            }
            None if is_known => {}
            None => {
                self.add_check(Check::new(id.clone(), now));
                self.dirty.checks.insert(id.clone());
            }
        }
        if kind.is_none() {
            let (check, summary) = (id.clone(), ping.seen.summary.clone());
            self.remember(Happened::Logged { check, summary }, now);
        }
        if is_known { Pinged::Known } else { Pinged::Made }
    }
}

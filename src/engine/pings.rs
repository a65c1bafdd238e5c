//! Pings: what a call of an address does to its check.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::core::Core;
use crate::check::{CheckId, Kind, Observation};

/// What is told of a body that should say something and does not.
const WORDLESS: &str = "the body has none of the words that it must have";

/// A ping, as its door has understood it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ping {
    pub seen: Observation,
    /// What came with it, where its address says no more than that all is well, so that the
    /// words in this may say otherwise.
    pub body: Option<String>,
    /// It was sent with POST, or what counts as much.
    pub is_post: bool,
    /// Its check is made if it is unknown.
    pub may_make: bool,
}

impl Ping {
    /// How much of the queue its texts take, in bytes.
    pub fn bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, String::len);
        self.seen.summary.len() + self.seen.details.len() + body
    }
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
    pub fn ping_slug(&mut self, slug: &CheckId, ping: Ping, now: Timestamp) -> Pinged {
        let mut defined = self.addresses.of_slug(slug);
        if !defined.is_empty() && self.checks.contains(slug) {
            defined.insert(slug.clone());
        }
        match (defined.pop_first(), defined.is_empty()) {
            (None, _) => self.ping(slug, ping, now),
            (Some(only), true) => self.ping(&only, ping, now),
            (Some(_), false) => Pinged::Ambiguous,
        }
    }

    /// Takes a ping of a check into account.
    pub fn ping(&mut self, id: &CheckId, ping: Ping, now: Timestamp) -> Pinged {
        let Ping { mut seen, body, is_post, may_make } = ping;
        let check = self.checks.get(id);
        let is_known = check.is_some();
        if !is_known && !may_make {
            return Pinged::Unknown;
        }
        let definition = check.and_then(|check| check.definition.as_deref());
        if definition.is_some_and(|it| it.post_only && !is_post) {
            return Pinged::Ignored;
        }
        // What is paused until a person says otherwise hears nothing.
        if definition.is_some_and(|it| it.paused_at.is_some() && it.manual_resume) {
            return Pinged::Ignored;
        }
        if let Some(definition) = definition {
            seen.labels = BTreeMap::from(&definition.labels);
        }
        let keywords = definition.and_then(|definition| definition.keywords.as_ref());
        if let Some((body, keywords)) = body.zip(keywords) {
            let said = seen.kind;
            seen.kind = keywords.judge(&body).unwrap_or(Kind::Log);
            if seen.kind != said && body.trim().is_empty() {
                WORDLESS.clone_into(&mut seen.summary);
            }
        }
        self.observe(id, &seen, now);
        if is_known { Pinged::Known } else { Pinged::Made }
    }
}

//! Which requests came, for tests that count at the sandbox.

use std::collections::{BTreeMap, VecDeque};

use http::Method;
use jiff::Timestamp;
use serde::Serialize;

use super::faults::Fate;
use super::message::Request;
use super::route::Route;

/// How many requests the log keeps; older ones are dropped.
const LOG_LIMIT: usize = 1_000;

/// One request that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// By the clock of the sandbox, whatever the server's clock is made to say.
    pub at: Timestamp,
    pub method: String,
    pub path: String,
    pub query: String,
    pub route: Route,
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// This status was answered.
    Answered(u16),
    HungUp,
    Stalled,
    Held,
}

impl Outcome {
    pub(super) fn of(fate: &Fate) -> Self {
        match fate {
            Fate::Answered(response) => Self::Answered(response.status.as_u16()),
            Fate::HungUp => Self::HungUp,
            Fate::Stalled => Self::Stalled,
            Fate::Held(_) => Self::Held,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    counts: BTreeMap<(Route, String), u64>,
    entries: VecDeque<Entry>,
}

impl Journal {
    pub(super) fn note(
        &mut self,
        request: &Request,
        route: Route,
        at: Timestamp,
        outcome: Outcome,
    ) {
        let method = request.method.as_str().to_owned();
        *self.counts.entry((route, method.clone())).or_default() += 1;
        if self.entries.len() == LOG_LIMIT {
            self.entries.pop_front();
        }
        let Request { path, query, .. } = request;
        let (path, query) = (path.clone(), query.clone());
        self.entries.push_back(Entry { at, method, path, query, route, outcome });
    }

    pub(super) fn count(&self, method: &Method, route: Route) -> u64 {
        self.counts.get(&(route, method.as_str().to_owned())).copied().unwrap_or_default()
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, Route, u64)> {
        self.counts.iter().map(|((route, method), count)| (method.as_str(), *route, *count))
    }

    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }
}

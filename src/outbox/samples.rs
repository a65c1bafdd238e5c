//! Effects for the tests of the pure parts.

use std::future::ready;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use crate::alert::{Effect, EffectKind, Fingerprint, Group, Issue, Salt};
use crate::engine::{Doubt, Entry, Prospect};
use crate::gitea::{self, Client, IssueState, Transport, TransportError};

/// So many seconds after the epoch.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// An effect of the one alert that nobody has tried yet.
pub(super) fn entry(seq: u64, kind: EffectKind) -> Entry {
    let group = Group::Check { source: "db1".to_owned(), name: "disk".to_owned() };
    Entry {
        seq,
        fingerprint: Fingerprint::new(&Salt::new("salt"), &group),
        effect: Effect { kind, episode: 1, number: 1 },
        repository: "ops/alerts".to_owned(),
        made_at: at(0),
        text: None,
        doubt: None,
        attempts: 0,
        unprepared: 0,
        not_before: None,
        left_out: Vec::new(),
        told: Vec::new(),
        parked: None,
        last_error: None,
    }
}

/// A doubt about a request that was sent then.
pub(super) fn doubt(second: i64) -> Doubt {
    Doubt {
        sent_at: at(second),
        over_at: None,
        since: Some(at(0)),
        highest: 0,
        looks: 0,
        earlier: None,
    }
}

/// The effect on an alert whose issue is #1.
pub(super) fn prospect(entry: Entry) -> Prospect {
    Prospect {
        entry,
        issue: Some(Issue { repository_id: 1, number: 1 }),
        late_until: None,
        labels: Vec::new(),
        assignees: Vec::new(),
    }
}

/// A server that answers with this status, whatever it is asked for.
#[derive(Debug)]
struct Always(u16);

impl Transport for Always {
    fn call(
        &self,
        _: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        let answer = http::Response::builder().status(self.0).body(Vec::new()).unwrap();
        Box::pin(ready(Ok(answer)))
    }
}

/// What a closing is told that is answered with this status.
pub(super) fn refused_closing(status: u16) -> gitea::Error {
    let base = "http://gitea.test".parse().unwrap();
    let issues = Client::anonymous(base, Always(status)).unwrap().issues("ops", "alerts");
    let closing = issues.edit(1).state(IssueState::Closed);
    closing.send().now_or_never().unwrap().unwrap_err()
}

//! Effects for the tests of the pure parts.

use jiff::{SignedDuration, Timestamp};

use crate::alert::{Effect, EffectKind, Fingerprint, Group, Issue, Salt};
use crate::engine::{Doubt, Entry, Prospect};

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
        about: None,
        repository: "ops/alerts".to_owned(),
        made_at: at(0),
        text: None,
        doubt: None,
        attempts: 0,
        failing_since: None,
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
        others_got_through: false,
        labels: Vec::new(),
        assignees: Vec::new(),
    }
}

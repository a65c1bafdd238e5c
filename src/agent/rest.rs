//! The pause that a server has asked for, kept beside the reports that wait for it: whoever
//! is started by cron is another process in each cycle.
//!
//! It is kept as well as the disk allows: one that is lost costs the server a request.

use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::disk::on_disk;
use super::spool::Spool;

const NAME: &str = "rest.json";

/// As it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Rest {
    /// Who has asked for it. Another server wants its reports.
    server: String,
    until: Timestamp,
}

/// Keeps that `server` wants to be left alone for so long from `now` on.
pub(super) async fn keep(spool: &Spool, server: String, left: Duration, now: Timestamp) {
    let left = SignedDuration::try_from(left).unwrap_or(SignedDuration::MAX);
    let rest = Rest { server, until: now.checked_add(left).unwrap_or(Timestamp::MAX) };
    let spool = spool.clone();
    let write = move || -> io::Result<()> { spool.put(NAME, &serde_json::to_vec(&rest)?) };
    drop(on_disk(write).await);
}

/// How long `server` still wants to be left alone, as far as is known. No pause is longer than
/// `longest`: if it seems so, the clock was set back.
pub(super) async fn left(
    spool: &Spool,
    server: &str,
    longest: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let spool = spool.clone();
    let kept = on_disk(move || spool.get(NAME)).await.flatten().ok()??;
    let rest: Rest = serde_json::from_slice(&kept).ok()?;
    let left = Duration::try_from(rest.until.duration_since(now)).ok()?;
    (rest.server == server && !left.is_zero() && left <= longest).then_some(left)
}

//! Successes that are none, for when they came.

use jiff::{SignedDuration, Timestamp};

use super::words::{second, span};
use super::{Absences, Check, Moment, later};

/// Why a success that comes now counts as a failure, if it does: by its schedule, its run was
/// too short, or it comes too often or too early. `took` is how long its run was.
///
/// Whatever comes after a failure that the check has told itself is welcome at any time.
pub(super) fn untimely(
    absences: &Absences,
    check: &Check,
    took: Option<SignedDuration>,
    now: Timestamp,
) -> Option<String> {
    let schedule = check.schedule()?;
    let short = schedule.run_least.zip(took).filter(|(least, took)| took < least);
    if let Some((least, took)) = short {
        let (took, least) = (span(took), span(least));
        return Some(format!("it ended after {took}: too short, it must take {least} at least"));
    }
    if (check.is_down() || check.streak.failing) && !check.is_untimely {
        return None;
    }
    let last = check.last_seen.map(Moment::get)?;
    let since = now.duration_since(last).max(SignedDuration::ZERO);
    if let Some(least) = schedule.gap_least.filter(|least| since < *least) {
        let (since, least) = (span(since), span(least));
        return Some(format!(
            "it came {since} after the one before: too often, at most once in {least}"
        ));
    }
    if schedule.is_strict {
        let due = schedule.due_at(Some(last), check.heard_from(), absences)?;
        if later(now, schedule.early.unwrap_or_default()) < due {
            return Some(format!("it came too early: the next is due at {}", second(due)));
        }
    }
    None
}

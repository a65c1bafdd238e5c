//! Times, shares and ratios as every form of the report says them.

use jiff::{SignedDuration, Timestamp};

use super::{Availability, Heartbeat, Measured, Undone};
use crate::alert::words::{human, minute};

/// When something began, and how long ago that is.
pub fn ago(since: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", minute(since), human(now.duration_since(since)))
}

/// How long ago a heartbeat was, and how many of its intervals that are.
pub fn age_and_ratio(beat: &Heartbeat) -> [String; 2] {
    let age = beat.age.map_or_else(|| "never".to_owned(), human);
    let ratio = beat.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"));
    [age, ratio]
}

/// The availability over 1, 7 and 30 days.
pub fn shares(row: &Availability) -> [String; 3] {
    row.windows().map(|(window, measured)| match measured {
        Some(measured) => share(measured, window),
        None => "unknown".to_owned(),
    })
}

/// How a job went wrong, and how often in a row.
pub fn times(undone: &Undone) -> String {
    let Undone { state, slots, .. } = undone;
    if *slots > 1 { format!("{state}, {slots} times") } else { state.clone() }
}

/// A share that is 100 % only if all of the known time was up; and how much that is, where it
/// is not nearly all of the window.
fn share(measured: Measured, window: SignedDuration) -> String {
    let share = measured.share();
    let (whole, part) = (share / 100, share % 100);
    let percent = match part {
        0 => format!("{whole} %"),
        part => format!("{whole}.{part:02} %"),
    };
    let is_nearly_all = measured.known.as_nanos() * 100 >= window.as_nanos() * 99;
    if is_nearly_all { percent } else { format!("{percent} of {}", human(measured.known)) }
}

//! The jobs of the week, and when they are due.

use std::collections::BTreeSet;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// 2026-10-21T00:00:00Z. On the 25th, at 01:00 UTC, the clocks of Berlin go back.
pub(super) const BEGIN: i64 = 1_792_540_800;
pub(super) const END: i64 = BEGIN + 7 * DAY;

/// After so long a job is run that should have been fired.
pub(super) const BACKSTOP: i64 = 10 * MINUTE;
/// The same of one that comes only once.
pub(super) const BACKSTOP_ONCE: i64 = MINUTE;

/// The jobs: name, schedule, zone, how many slots (0 is all), and what becomes of those that
/// nobody ran in time.
pub(super) const JOBS: [(&str, &str, &str, u32, &str); 6] = [
    ("often", "every 90m", "UTC", 0, "all"),
    ("hourly", "0 * * * *", "UTC", 0, "once"),
    ("nightly", "30 2 * * *", "Europe/Berlin", 0, "all"),
    ("fourth", "every 4h", "UTC", 0, "skip"),
    ("twenty", "every 5h", "UTC", 20, "all"),
    ("single", "in 72h", "UTC", 0, "once"),
];

/// The slots of a job within the week, worked out by hand.
pub(super) fn slots(job: &str) -> BTreeSet<i64> {
    let every = |step: i64, most: usize| (1..).map(move |n| BEGIN + n * step).take(most);
    let slots: BTreeSet<i64> = match job {
        "often" => every(90 * MINUTE, 112).collect(),
        "hourly" => every(HOUR, 168).collect(),
        // Half past two in Berlin is 00:30 UTC until the 25th, which has it twice, and 01:30
        // afterwards.
        "nightly" => (0..7)
            .map(|day| BEGIN + day * DAY + if day < 5 { 30 * MINUTE } else { 90 * MINUTE })
            .collect(),
        "fourth" => every(4 * HOUR, 42).collect(),
        "twenty" => every(5 * HOUR, 20).collect(),
        _ => [BEGIN + 72 * HOUR].into(),
    };
    slots
}

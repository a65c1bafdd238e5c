//! The whole in one line.

use super::{Counts, Period, Report};
use crate::alert::markdown::{shorten, title as title_text};
use crate::alert::words::{counted, human};

/// Gitea keeps 255 bytes of a title.
const TITLE_MAX: usize = 255;

/// The title of the report's issue.
pub fn title(report: &Report, prefix: &str) -> String {
    let prefix = if prefix.is_empty() { String::new() } else { format!("{} ", title_text(prefix)) };
    let what = match report.period.day {
        Some(day) => format!("Night to {day}"),
        None => "Report".to_owned(),
    };
    shorten(&format!("{prefix}{what}: {}", report.summary), TITLE_MAX)
}

/// What must be known first: how bad it is, then how much of what.
pub(super) fn summary(report: &Report) -> String {
    let Report { checks, .. } = report;
    let told =
        [report.faults.len(), report.parked.count(), report.outages.count(), report.jobs.count()];
    if checks.all() == 0 && told.into_iter().sum::<usize>() == 0 {
        return "Nothing is watched yet.".to_owned();
    }
    let own = [
        count(report.faults.len(), "fault of teawatch itself", "faults of teawatch itself"),
        count(report.parked.count(), "effect parked", "effects parked"),
    ];
    let verdict = if checks.down > 0 || own.iter().any(Option::is_some) {
        "Not well"
    } else if checks.unknown > 0 || checks.never_seen > 0 || checks.paused == checks.all() {
        // Of what is paused nobody knows how it is.
        "It cannot be told whether all is well"
    } else {
        "All is well now"
    };
    let past = format!("down {}", within(report.period));
    let was_down = match report.outages.count() {
        0 => format!("none was {past}"),
        1 => format!("1 was {past}"),
        many => format!("{many} were {past}"),
    };
    let quiet = count(report.quiet.count(), "alert kept quiet", "alerts kept quiet");
    let jobs = count(report.jobs.count(), "run of a job went wrong", "runs of jobs went wrong");
    let is_absent = report.absent.is_positive();
    let absent = is_absent.then(|| format!("teawatch not looking for {}", human(report.absent)));
    let night: Vec<_> = [Some(was_down), quiet, jobs, absent].into_iter().flatten().collect();
    let own: Vec<_> = own.into_iter().flatten().collect();
    let groups = [standing(checks), own.join(", "), night.join(", ")];
    let groups: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
    format!("{verdict}: {}.", groups.join("; "))
}

/// How the checks are, the worst first.
fn standing(checks: &Counts) -> String {
    let (up, all) = (checks.up + checks.late, checks.all());
    if up == all {
        return count(all, "check up", "checks up").unwrap_or_default();
    }
    let parts = [
        (checks.down, "down"),
        (checks.unknown, "unknown"),
        (checks.never_seen, "never seen"),
        (checks.paused, "paused"),
        (up, "up"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts.map(|(number, how)| format!("{number} {how}")).collect();
    format!("{} of {}", parts.join(", "), count(all, "check", "checks").unwrap_or_default())
}

/// A number of things, if there are any.
fn count(number: usize, one: &str, many: &str) -> Option<String> {
    (number > 0).then(|| counted(u64::try_from(number).unwrap_or(u64::MAX), one, many))
}

/// When that was.
fn within(period: Period) -> String {
    match period.day {
        Some(_) => "in the night".to_owned(),
        None => format!("in the last {}", human(period.span.length())),
    }
}

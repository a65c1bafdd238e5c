//! Maintenance windows.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::check::{lacks, matcher};
use super::kind::Kind;
use super::layers::Block;
use super::problem::Problem;
use super::table::{Preset, Setting, setting};
use super::value::Value;
use super::view::View;
use crate::check::Calendar;
use crate::engine::{Starts, WINDOWS_MAX, Window};

/// Above the example of a window.
pub(super) const DOC: &str = "Times, known beforehand, in which nothing is written about some \
    checks, as under a silence: at their end what still fails is told once. One of the three of \
    match must be given, and each that is must match.";

/// Above the example of one that is not repeated.
pub(super) const ONCE_DOC: &str = "One that comes once has `start` in place of `cron`.";

/// What a `[[maintenance]]` has.
#[rustfmt::skip] // A table is read by its rows.
pub const MAINTENANCE: &[Setting] = &[
    setting("match.source", Kind::Pattern, Preset::Unset("db*"),
        "Which sources, as a pattern with * and ?."),
    setting("match.name", Kind::Pattern, Preset::Unset("backup*"), "Which checks, likewise."),
    setting("match.labels", Kind::Patterns, Preset::Unset("team=storage"),
        "Which labels a check must have, each with a pattern for its value."),
    setting("cron", Kind::Cron, Preset::Unset("0 22 * * SAT"),
        "When it begins, again and again: minute, hour, day of the month, month, day of the \
         week. Of fixed times one that the clock skips counts when it has done so, and one \
         that comes twice counts once."),
    setting("zone", Kind::Zone, Preset::Needed("Europe/Berlin"), "Whose clock that is."),
    setting("duration", Kind::Lasts, Preset::Needed("2h"),
        "How much time passes until it is over; 30 days at most."),
    setting("reason", Kind::Reason, Preset::Needed("weekly backup"),
        "Why; shown with every alert that it silences."),
    setting("start", Kind::LocalTime, Preset::Unset("2026-12-01 22:00"), "When it begins."),
];

/// All windows, as far as they are right.
pub(super) fn maintenance(view: View<'_>, problems: &mut Vec<Problem>) -> Vec<Window> {
    let blocks = &view.layers.maintenance;
    if let Some(block) = blocks.get(WINDOWS_MAX) {
        let message = format!("there are more than {WINDOWS_MAX} of [[maintenance]]");
        problems.push(Problem { origin: Some(block.origin.clone()), message });
    }
    blocks.iter().filter_map(|block| window(block, problems)).collect()
}

fn window(block: &Block, problems: &mut Vec<Problem>) -> Option<Window> {
    lacks(block, "maintenance", MAINTENANCE, problems);
    let mut wrong = |origin, message: String| {
        problems.push(Problem { origin: Some(origin), message });
    };
    let given = |key| block.values.get(key);
    let is_given = |key| given(key).is_some() || block.broken.contains(&key);
    if !["match.source", "match.name", "match.labels"].into_iter().any(is_given) {
        let message = "[[maintenance]] needs `match.source`, `match.name` or `match.labels`; \
                       match.source = \"*\" is every check";
        wrong(block.origin.clone(), message.to_owned());
    }
    if is_given("start") == is_given("cron") {
        let message = "[[maintenance]] needs either `start` for once, or `cron` to be repeated";
        wrong(block.origin.clone(), message.to_owned());
        return None;
    }
    let (zone, duration, reason) = (given("zone")?, given("duration")?, given("reason")?);
    let zone = View::plain(zone);
    let (start, cron) = (given("start"), given("cron"));
    let starts = match (start, cron) {
        (Some(start), _) => once(&View::plain(start), &TimeZone::get(&zone).ok()?),
        (None, cron) => Calendar::new(&View::plain(cron?), &zone).map(Starts::Repeatedly),
    };
    let starts = match starts {
        Ok(starts) => starts,
        Err(why) => {
            let origin = start.or(cron).map_or(&block.origin, |given| &given.origin);
            let key = if start.is_some() { "start" } else { "cron" };
            let message = format!(
                "`[[maintenance]] {key}` names no time: {}; \"0 22 * * SAT\" is each Saturday \
                 at 22:00, and \"2026-12-01 22:00\" comes once",
                why.trim_end_matches('.')
            );
            wrong(origin.clone(), message);
            return None;
        }
    };
    let Value::Duration(lasts) = duration.value else { return None };
    Some(Window { matcher: matcher(block), starts, lasts, reason: View::plain(reason) })
}

fn once(start: &str, zone: &TimeZone) -> Result<Starts, String> {
    let start: DateTime = start.parse().map_err(|error: jiff::Error| error.to_string())?;
    Starts::once(start, zone)
}

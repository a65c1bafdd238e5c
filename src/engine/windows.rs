//! Maintenance windows: times, known beforehand, in which nothing is written about some
//! checks.
//!
//! Their starts are times on the clock of a zone ([`Calendar`]). How long they last is how
//! much time passes.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::alert::Silenced;
use crate::alert::route::Matcher;
use crate::check::Calendar;

/// Windows that may be configured.
pub const WINDOWS_MAX: usize = 100;

/// Nothing is written about the checks that it matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub matcher: Matcher,
    pub starts: Starts,
    pub lasts: SignedDuration,
    pub reason: String,
}

/// When a window begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Starts {
    Once(Timestamp),
    Repeatedly(Calendar),
}

impl Starts {
    /// Once, at this time on the zone's clock.
    pub fn once(at: DateTime, zone: &TimeZone) -> Result<Self, String> {
        let at = zone.to_timestamp(at).map_err(|error| error.to_string())?;
        Ok(Self::Once(at))
    }

    /// The newest that is not after `now`.
    fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once(at) => Some(*at).filter(|at| *at <= now),
            Self::Repeatedly(calendar) => calendar.until(now),
        }
    }

    /// The next one after `now`.
    fn after(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once(at) => Some(*at).filter(|at| *at > now),
            Self::Repeatedly(calendar) => calendar.after(now),
        }
    }
}

impl Window {
    /// Until when it holds, if it does now. Where it begins again before its end, that is
    /// found at the end.
    pub fn holds_until(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.starts.until(now)?.checked_add(self.lasts).unwrap_or(Timestamp::MAX);
        Some(end).filter(|end| now < *end)
    }

    /// When it next begins or ends.
    pub fn changes_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.holds_until(now).or_else(|| self.starts.after(now))
    }

    pub(super) fn silenced(&self, now: Timestamp) -> Option<Silenced> {
        let until = self.holds_until(now)?;
        let by = "a maintenance window".to_owned();
        Some(Silenced { by, until, why: self.reason.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cron: &str, zone: &str, lasts: SignedDuration) -> Window {
        let starts = Starts::Repeatedly(Calendar::new(cron, zone).unwrap());
        Window { matcher: Matcher::default(), starts, lasts, reason: String::new() }
    }

    /// Every begin and end from a time on until another, each as the day and time in UTC.
    fn turns(window: &Window, from: &str, until: &str) -> Vec<String> {
        let [mut now, until] = [from, until].map(|at| at.parse::<Timestamp>().unwrap());
        let mut turns = Vec::new();
        while let Some(at) = window.changes_at(now).filter(|at| *at <= until) {
            assert!(at > now, "{at} after {now}");
            let (before, holds) = (at - SignedDuration::from_nanos(1), window.holds_until(at));
            // What is found looking back is what was found looking ahead.
            assert_ne!(window.holds_until(before).is_some(), holds.is_some(), "at {at}");
            let sign = if holds.is_some() { '+' } else { '-' };
            turns.push(format!("{sign}{}", at.strftime("%d %H:%M")));
            now = at;
        }
        turns
    }

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    /// In Berlin, on 2026-03-29, 02:00 to 03:00 is skipped: 01:59 CET (00:59 UTC) is followed
    /// by 03:00 CEST (01:00 UTC).
    #[test]
    fn a_night_in_which_the_clock_goes_forward() {
        let night = ["2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"];
        for (cron, lasts, expected) in [
            // Before the gap, across it: two hours pass.
            ("30 1 * * *", HOUR * 2, ["+29 00:30", "-29 02:30", "+29 23:30", "-30 01:30"]),
            // In the gap: it begins when the clock has gone forward.
            ("30 2 * * *", HOUR, ["+29 01:00", "-29 02:00", "+30 00:30", "-30 01:30"]),
            // Right after it.
            ("0 3 * * *", HOUR, ["+29 01:00", "-29 02:00", "+30 01:00", "-30 02:00"]),
            // Its wall clock says 22:00 to 07:00 the night of the change, which are 8 hours.
            ("0 22 * * *", HOUR * 8, ["+28 21:00", "-29 05:00", "+29 20:00", "-30 04:00"]),
        ] {
            let window = window(cron, "Europe/Berlin", lasts);
            assert_eq!(turns(&window, night[0], night[1]), expected, "{cron}");
        }
        // Each hour at half past: there is none at 02:30, and none is made up for it.
        let hourly = window("30 * * * *", "Europe/Berlin", HOUR / 4);
        assert_eq!(
            turns(&hourly, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"),
            ["+29 00:30", "-29 00:45", "+29 01:30", "-29 01:45"]
        );
    }

    /// In Berlin, on 2026-10-25, 02:00 to 03:00 comes twice: first as CEST (00:00 to 01:00
    /// UTC), then as CET (01:00 to 02:00 UTC).
    #[test]
    fn a_night_in_which_the_clock_goes_back() {
        let night = ["2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"];
        for (cron, lasts, expected) in [
            // Twice on the clock, once in fact: the first one.
            ("30 2 * * *", HOUR / 2, ["+25 00:30", "-25 01:00", "+26 01:30", "-26 02:00"]),
            // Two hours pass, whatever the clock says.
            ("30 1 * * *", HOUR * 2, ["+24 23:30", "-25 01:30", "+26 00:30", "-26 02:30"]),
            ("0 3 * * *", HOUR, ["+25 02:00", "-25 03:00", "+26 02:00", "-26 03:00"]),
            ("0 22 * * *", HOUR * 8, ["+24 20:00", "-25 04:00", "+25 21:00", "-26 05:00"]),
        ] {
            let window = window(cron, "Europe/Berlin", lasts);
            assert_eq!(turns(&window, night[0], night[1]), expected, "{cron}");
        }
        // Each hour at half past: both half past two count.
        let hourly = window("30 * * * *", "Europe/Berlin", HOUR / 4);
        assert_eq!(
            turns(&hourly, "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
            ["+25 00:30", "-25 00:45", "+25 01:30", "-25 01:45"]
        );
    }

    #[test]
    fn one_start_is_a_time_on_the_clock_of_its_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (start, expected) in [
            ("2026-07-01T22:00", "2026-07-01T20:00:00Z"),
            // Skipped: as much later as the clock goes forward. Twice: the first.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ] {
            let starts = Starts::once(start.parse().unwrap(), &zone).unwrap();
            assert_eq!(starts, Starts::Once(expected.parse().unwrap()), "{start}");
        }
    }

    #[test]
    fn where_windows_meet_there_is_no_gap() {
        let window = window("*/10 * * * *", "UTC", SignedDuration::from_mins(10));
        let mut now: Timestamp = "2026-07-01T00:03:00.5Z".parse().unwrap();
        for _ in 0..10 {
            let until = window.holds_until(now).unwrap();
            assert_eq!(window.changes_at(now), Some(until));
            now = until;
        }
    }
}

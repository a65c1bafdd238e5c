//! Which hours are the night.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Span;

/// The hours of the night on the clock of a zone. A begin that is as late as the end is that
/// of the day before: then a night is a whole day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub begin: Time,
    pub end: Time,
    pub zone: TimeZone,
}

/// What a report looks back at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The day on which the night ended, if it is one.
    pub day: Option<Date>,
    #[serde(flatten)]
    pub span: Span,
}

impl Default for Hours {
    fn default() -> Self {
        let (begin, end) = (Time::constant(22, 0, 0, 0), Time::constant(6, 0, 0, 0));
        Self { begin, end, zone: TimeZone::UTC }
    }
}

impl Hours {
    /// The night that ended last. While one goes on, that is the one before it: what is said
    /// of a night is said of all of it.
    ///
    /// A time that the clock skips comes as much later as it skips; of one that comes twice the
    /// first counts. A night of which nothing is left then is empty.
    pub fn last(&self, now: Timestamp) -> (Date, Span) {
        let mut day = now.to_zoned(self.zone.clone()).date();
        // A clock that is set forward may take the end of a day into the next one.
        for _ in 0..2 {
            if self.at(day, self.end) > now {
                day = day.yesterday().unwrap_or(Date::MIN);
            }
        }
        let first = match self.begin < self.end {
            true => day,
            false => day.yesterday().unwrap_or(Date::MIN),
        };
        let until = self.at(day, self.end);
        (day, Span { from: self.at(first, self.begin).min(until), until })
    }

    fn at(&self, day: Date, time: Time) -> Timestamp {
        let at = day.to_datetime(time).to_zoned(self.zone.clone());
        at.map_or(Timestamp::MIN, |at| at.timestamp())
    }
}

impl Period {
    /// The night that ended last.
    pub fn night(hours: &Hours, now: Timestamp) -> Self {
        let (day, span) = hours.last(now);
        Self { day: Some(day), span }
    }

    /// So much time until now.
    pub fn until(now: Timestamp, length: SignedDuration) -> Self {
        let from = now.checked_sub(length).unwrap_or(Timestamp::MIN);
        Self { day: None, span: Span { from, until: now } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(begin: &str, end: &str, zone: &str, now: &str) -> String {
        let [begin, end] = [begin, end].map(|time| time.parse().unwrap());
        let zone = TimeZone::get(zone).unwrap();
        let (day, span) = Hours { begin, end, zone }.last(now.parse().unwrap());
        format!("{day}: {} to {}", span.from, span.until)
    }

    #[test]
    fn the_night_is_the_last_one_that_is_over() {
        let at = |now| last("22:00", "06:00", "UTC", now);
        let of_the_first = "2026-12-01: 2026-11-30T22:00:00Z to 2026-12-01T06:00:00Z";
        let before = "2026-11-30: 2026-11-29T22:00:00Z to 2026-11-30T06:00:00Z";
        assert_eq!(at("2026-12-01T05:59:59.999Z"), before);
        for now in ["2026-12-01T06:00:00Z", "2026-12-01T07:00:00Z", "2026-12-02T05:00:00Z"] {
            assert_eq!(at(now), of_the_first, "{now}");
        }
    }

    #[test]
    fn a_night_may_be_within_one_day_or_be_a_whole_one() {
        let now = "2026-12-01T12:00:00Z";
        assert_eq!(
            last("00:30", "06:00", "UTC", now),
            "2026-12-01: 2026-12-01T00:30:00Z to 2026-12-01T06:00:00Z"
        );
        assert_eq!(
            last("07:00", "07:00", "UTC", now),
            "2026-12-01: 2026-11-30T07:00:00Z to 2026-12-01T07:00:00Z"
        );
    }

    #[test]
    fn the_clock_is_that_of_the_zone_also_when_it_changes() {
        let at = |now| last("22:00", "06:00", "Europe/Berlin", now);
        assert_eq!(
            at("2026-12-01T05:00:00Z"),
            "2026-12-01: 2026-11-30T21:00:00Z to 2026-12-01T05:00:00Z"
        );
        // 7 and 9 hours.
        assert_eq!(
            at("2026-03-29T09:00:00Z"),
            "2026-03-29: 2026-03-28T21:00:00Z to 2026-03-29T04:00:00Z"
        );
        assert_eq!(
            at("2026-10-25T09:00:00Z"),
            "2026-10-25: 2026-10-24T20:00:00Z to 2026-10-25T05:00:00Z"
        );
        // Skipped: one that ends at 02:30 ends at 03:30. Twice: at the first.
        assert_eq!(
            last("22:00", "02:30", "Europe/Berlin", "2026-03-29T09:00:00Z"),
            "2026-03-29: 2026-03-28T21:00:00Z to 2026-03-29T01:30:00Z"
        );
        assert_eq!(
            last("22:00", "02:30", "Europe/Berlin", "2026-10-25T09:00:00Z"),
            "2026-10-25: 2026-10-24T20:00:00Z to 2026-10-25T00:30:00Z"
        );
        // From 02:30, which is 03:30 then, to 03:15.
        assert_eq!(
            last("02:30", "03:15", "Europe/Berlin", "2026-03-29T09:00:00Z"),
            "2026-03-29: 2026-03-29T01:15:00Z to 2026-03-29T01:15:00Z"
        );
    }
}

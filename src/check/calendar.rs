//! When times on the clock of a zone come, again and again.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// A cron expression and the zone whose clock it is read on. Each time that it names is a slot.
///
/// A fixed time that the clock skips when it goes forward is when it has done so, and of two
/// the first counts when it goes back; every slot of "each hour" or the like is one.
#[derive(Clone, PartialEq)]
pub struct Calendar {
    cron: Box<Cron>,
    zone: TimeZone,
    expression: Box<str>,
}

impl Calendar {
    /// Takes an expression of five fields (minute, hour, day of the month, month, day of the
    /// week) and the name of a zone of the IANA. The error is half a sentence.
    pub fn new(expression: &str, zone: &str) -> Result<Self, String> {
        let zone = TimeZone::get(zone).map_err(|_| format!("there is no time zone \"{zone}\""))?;
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let cron = parser.build().parse(expression).map_err(|error| error.to_string())?;
        let calendar = Self { cron: Box::new(cron), zone, expression: expression.into() };
        match calendar.after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(calendar),
            None => Err("there is never such a time".to_owned()),
        }
    }

    /// The expression, as it was given.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The newest slot that is not after `now`.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let now = on_the_second(now, &self.zone)?;
        let find = |at: &Zoned| self.cron.find_previous_occurrence(at, true).ok();
        let turns = || self.zone.preceding(now.timestamp()).take(TURNS_MAX);
        let before = |turn: Timestamp| turn.checked_sub(SignedDuration::from_secs(1)).ok();
        let found = find(&now).or_else(|| {
            turns().find_map(|turn| find(&on_the_second(before(turn.timestamp())?, &self.zone)?))
        });
        Some(found?.timestamp())
    }

    /// The next slot after `now`.
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = on_the_second(now, &self.zone)?;
        let find = |at: &Zoned, also_at| self.cron.find_next_occurrence(at, also_at).ok();
        let turns = || self.zone.following(now.timestamp()).take(TURNS_MAX);
        let found = find(&now, false).or_else(|| {
            turns().find_map(|turn| find(&turn.timestamp().to_zoned(self.zone.clone()), true))
        });
        Some(found?.timestamp())
    }
}

/// A search fails at a day that a zone leaves out as a whole, as Samoa did in 2011, if it would
/// have found something on it. So it goes on behind the turns of the zone's clock, so many at
/// most, of which one leaves out that day.
const TURNS_MAX: usize = 64;

/// What an expression is looked up by: all its slots are whole seconds.
fn on_the_second(now: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let second = now.as_second() - i64::from(now.subsec_nanosecond() < 0);
    Some(Timestamp::from_second(second).ok()?.to_zoned(zone.clone()))
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.expression, self.zone())
    }
}

impl fmt::Debug for Calendar {
    /// The parsed expression would fill a page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calendar({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_expression_of_five_fields_is_refused() {
        let refused = |cron: &str| Calendar::new(cron, "UTC").is_err();
        for cron in ["", "* * * *", "0 0 2 * * *", "0 0 2 * * * 2026", "61 * * * *", "0 0 30 2 *"] {
            assert!(refused(cron), "{cron}");
        }
        assert!(!refused("0 0 29 2 *") && !refused("0 22 * * SUN"));
        assert!(Calendar::new("0 22 * * SUN", "Mars/Olympus").is_err());
    }

    #[test]
    fn a_day_that_a_zone_leaves_out_ends_no_search() {
        let calendar = Calendar::new("0 12 30 12 *", "Pacific/Apia").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let years = [at("2010-12-30T22:00:00Z"), at("2012-12-29T22:00:00Z")];
        assert_eq!(calendar.after(at("2011-01-01T00:00:00Z")), Some(years[1]));
        assert_eq!(calendar.until(at("2012-01-01T00:00:00Z")), Some(years[0]));
    }

    #[test]
    fn it_says_what_it_was_made_of() {
        let calendar = Calendar::new("0 22 * * SUN", "Europe/Berlin").unwrap();
        assert_eq!(calendar.to_string(), "0 22 * * SUN in Europe/Berlin");
        let parts = (calendar.expression(), calendar.zone());
        assert_eq!(parts, ("0 22 * * SUN", "Europe/Berlin"));
    }
}

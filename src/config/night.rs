//! Which hours are the night, as it is configured.

use jiff::tz::TimeZone;

use super::value::time_of_day;
use super::view::View;
use crate::night::Hours;

pub(super) fn night(view: View<'_>) -> Hours {
    let usual = Hours::default();
    let time = |key| time_of_day(&view.text(key));
    Hours {
        begin: time("night.begin").unwrap_or(usual.begin),
        end: time("night.end").unwrap_or(usual.end),
        zone: TimeZone::get(&view.text("night.zone")).unwrap_or(usual.zone),
    }
}

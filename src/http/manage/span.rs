//! A stretch of time that a call asks for.

use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::refused::Refused;

/// The longest time back that can be asked for: a year.
const SECONDS_MAX: i64 = 31_536_000;

/// From a time on, and until before another; whichever is not said has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Span {
    /// Reads `start` and `end`, in seconds since 1970, and `seconds`, which is so long ago.
    pub(super) fn read(query: &str, now: Timestamp) -> Result<Self, Refused> {
        let number = |name: &str| -> Result<Option<i64>, Refused> {
            let pairs = form_urlencoded::parse(query.as_bytes());
            let value = pairs.filter(|(key, _)| key == name).map(|(_, value)| value).last();
            let value = value.filter(|value| !value.is_empty());
            let number = value.map(|value| value.parse()).transpose();
            number.map_err(|_| Refused::Wrong(format!("{name} is not a number")))
        };
        let time = |name: &str| -> Result<Option<Timestamp>, Refused> {
            let time = |seconds| Timestamp::from_second(seconds).ok().filter(|_| seconds >= 0);
            let wrong = || Refused::Wrong(format!("{name} is no time in seconds since 1970"));
            number(name)?.map(|seconds| time(seconds).ok_or_else(wrong)).transpose()
        };
        let ago = match number("seconds")? {
            Some(seconds) if (0..=SECONDS_MAX).contains(&seconds) => {
                now.checked_sub(SignedDuration::from_secs(seconds)).ok()
            }
            Some(_) => {
                return Err(Refused::Wrong(format!("seconds must be 0 to {SECONDS_MAX}")));
            }
            None => None,
        };
        Ok(Self { from: time("start")?.max(ago), until: time("end")? })
    }

    pub(super) fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

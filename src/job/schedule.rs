//! When a job is due: its slots, all of them whole seconds.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::check::Slots;
use crate::duration;

/// No job comes more often.
pub const INTERVAL_MIN: SignedDuration = SignedDuration::from_secs(1);

/// More slots are not counted one by one.
const COUNT_MAX: u32 = 1_000;

/// The zone where none is said.
pub(super) const UTC: &str = "UTC";

/// How a schedule is written, for whoever has written it otherwise.
const HOW: &str = "write \"every 30m\", \"in 30m\", a time such as \"2026-12-01 22:00\", or a \
                   cron expression of five fields such as \"0 3 * * *\"";

/// When a job is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// At times on the clock of a zone.
    Cron(Slots),
    /// Every so many seconds, for the first time so long after `from`.
    Every { seconds: i64, from: Timestamp },
    /// At this time, and never again. `zone` is whose clock it was read on, and another time is
    /// read on unless that is said anew.
    Once {
        at: Timestamp,
        #[serde(default = "utc")]
        zone: String,
    },
}

impl Schedule {
    /// Reads a schedule. `zone` is whose clock a time or a cron expression is read on. The
    /// error says what to write.
    pub fn parse(text: &str, zone: &str, now: Timestamp) -> Result<Self, String> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "every" => {
                let every = length(rest)?;
                Ok(Self::Every { seconds: every.as_secs(), from: on_the_second(now) })
            }
            "in" => {
                let at = on_the_second(now).checked_add(length(rest)?);
                let at = at.map_err(|_| "is too long".to_owned())?;
                Ok(Self::Once { at, zone: zone.to_owned() })
            }
            _ if duration::parse(text).is_some() => {
                Err(format!("must say \"every {text}\" to be repeated, or \"in {text}\" for once"))
            }
            _ if text.split_whitespace().count() == 5 => {
                let slots = Slots::new(text, zone);
                let why = |why: String| format!("names no time: {}", why.trim_end_matches('.'));
                Ok(Self::Cron(slots.map_err(why)?))
            }
            _ => Ok(Self::Once { at: time(text, zone)?, zone: zone.to_owned() }),
        }
    }

    /// The first slot after `at`.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(slots) => slots.calendar()?.after(at),
            Self::Every { seconds, from } => {
                let passed = at.as_second().saturating_sub(from.as_second()).max(0);
                nth(*from, *seconds, passed.checked_div(*seconds)?.checked_add(1)?)
            }
            Self::Once { at: slot, .. } => Some(*slot).filter(|slot| *slot > at),
        }
    }

    /// The newest slot that is not after `at`.
    pub fn until(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(slots) => slots.calendar()?.until(at),
            Self::Every { seconds, from } => {
                let passed = at.as_second().saturating_sub(from.as_second());
                let count = passed.checked_div(*seconds)?;
                if count < 1 { None } else { nth(*from, *seconds, count) }
            }
            Self::Once { at: slot, .. } => Some(*slot).filter(|slot| *slot <= at),
        }
    }

    /// The slot before `slot`.
    pub(super) fn before(&self, slot: Timestamp) -> Option<Timestamp> {
        self.until(slot.checked_sub(SignedDuration::from_secs(1)).ok()?)
    }

    /// How many slots there are from one on until before another; a thousand at most.
    pub(super) fn count(&self, from: Timestamp, until: Timestamp) -> u32 {
        if let Self::Every { seconds, .. } = self {
            let passed = until.as_second().saturating_sub(from.as_second());
            let count = passed.checked_div(*seconds).unwrap_or(0).clamp(0, i64::from(COUNT_MAX));
            return u32::try_from(count).unwrap_or(COUNT_MAX);
        }
        let mut slot = Some(from).filter(|from| *from < until);
        let mut count = 0;
        while let Some(at) = slot.filter(|_| count < COUNT_MAX) {
            count += 1;
            slot = self.after(at).filter(|next| *next < until);
        }
        count
    }

    /// Whether both come at the same times; from when on an interval is counted, and whose
    /// clock a single time was read on, aside.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every { seconds, .. }, Self::Every { seconds: others, .. }) => seconds == others,
            (Self::Once { at, .. }, Self::Once { at: other, .. }) => at == other,
            _ => self == other,
        }
    }

    /// Why it cannot be worked out when it comes next, if it cannot.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Cron(slots) => slots.trouble(),
            Self::Every { .. } | Self::Once { .. } => None,
        }
    }

    /// As it is written again, but for the zone.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Cron(slots) => slots.expression().to_owned(),
            Self::Every { seconds, .. } => {
                format!("every {:#}", SignedDuration::from_secs(*seconds))
            }
            Self::Once { at, .. } => at.to_string(),
        }
    }

    /// The zone that its times are of, and a time that is changed is read in.
    pub(super) fn zone(&self) -> &str {
        match self {
            Self::Cron(slots) => slots.zone(),
            Self::Once { zone, .. } => zone,
            Self::Every { .. } => UTC,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(slots) => write!(f, "{slots}"),
            Self::Every { .. } => f.write_str(&self.written()),
            Self::Once { at, .. } => write!(f, "once at {at}"),
        }
    }
}

/// Of records from before a single time kept its zone, too.
fn utc() -> String {
    UTC.to_owned()
}

/// `from + count * seconds`
fn nth(from: Timestamp, seconds: i64, count: i64) -> Option<Timestamp> {
    from.checked_add(SignedDuration::from_secs(count.checked_mul(seconds)?)).ok()
}

/// The second that has begun or begins now.
fn on_the_second(now: Timestamp) -> Timestamp {
    let begun = Timestamp::from_second(now.as_second()).unwrap_or(now);
    if begun < now { begun.checked_add(SignedDuration::from_secs(1)).unwrap_or(now) } else { begun }
}

/// A duration of whole seconds, and at least one.
fn length(text: &str) -> Result<SignedDuration, String> {
    let length = duration::parse(text).ok_or_else(|| HOW.to_owned())?;
    if length < INTERVAL_MIN || length.subsec_nanos() != 0 {
        return Err("must be of whole seconds, and at least 1s".to_owned());
    }
    Ok(length)
}

/// A time with its offset, or one on the zone's clock.
fn time(text: &str, zone: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(on_the_second(at));
    }
    let local: DateTime = text.parse().map_err(|_| no_time(text))?;
    let zone = TimeZone::get(zone);
    let zone = zone.map_err(|_| "cannot be read without its time zone".to_owned())?;
    let at = zone.to_timestamp(local).map_err(|error| error.to_string())?;
    Ok(on_the_second(at))
}

/// What is wrong with a text that cannot be read.
fn no_time(text: &str) -> String {
    let year = text.split_once('-').map_or("", |(year, _)| year);
    if year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) {
        return "names a day or a time of the day that there is not".to_owned();
    }
    HOW.to_owned()
}

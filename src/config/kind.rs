//! Kinds of settings: how each is written and what is allowed.
//!
//! Knows TOML's values and nothing of where they came from. A refused value is named in
//! the message only where it cannot be a secret that went into the wrong setting.

use jiff::tz::TimeZone;

use super::value::{
    NAME_MAX, Value, duration, group_by, interval, is_one_line, is_path, is_source, local_time,
    number, text, texts, time_of_day, url, whole,
};
use crate::alert::commands::{LASTS_MAX, WHY_MAX};
use crate::check::{AGENT, Flapping};
use crate::engine::{SLUG_BYTES, is_slug};

/// The longest text of several lines, in bytes.
const TEXT_MAX: usize = 4_000;

/// How much of a refused value is shown, in characters.
const ECHO_MAX: usize = 60;

/// The lowest rate: below it the wait for the next turn would be longer than any person's
/// patience, and in the end longer than a duration can hold.
const RATE_MIN: f64 = 0.01;

/// The levels of the log, from quiet to talkative.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// What kind of value a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A time that may be zero.
    Duration,
    /// A time of more than zero.
    Interval,
    /// Times of more than zero, each longer than the one before; may be none.
    Intervals,
    /// A whole number within bounds, both inside.
    Count {
        min: u64,
        max: u64,
    },
    /// How many results are looked at for flapping; 0 is off.
    Window,
    /// A number of at least [`RATE_MIN`].
    Rate,
    /// A number of at least 1.
    Factor,
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A level of the log, and others by module.
    LogFilter,
    /// One line, possibly empty.
    Line,
    /// Several lines, possibly none.
    Text,
    /// A pattern with `*` and `?`.
    Pattern,
    /// Patterns by name.
    Patterns,
    /// Texts by the name of a label.
    Labels,
    /// What stands for a check in an address.
    Slug,
    Path,
    /// A file that holds a secret, which may come from `variable` instead. It has at
    /// least `least` characters.
    SecretFile {
        variable: &'static str,
        least: usize,
    },
    Url,
    Address,
    /// `owner/name`.
    Repository,
    /// Names of labels or people.
    Names,
    /// The name of a check; its length is judged with all settings at hand.
    CheckName,
    /// The name of a source; its length likewise.
    Source,
    Sources,
    /// Numbers from 1 by source.
    Generations,
    GroupBy,
    /// A cron expression, which is judged with its zone at hand.
    Cron,
    /// The name of a time zone that this machine knows.
    Zone,
    /// A day and a time on the clock of a zone.
    LocalTime,
    /// A time of day, to the minute.
    TimeOfDay,
    /// A time of more than zero that is as long as a silence at most.
    Lasts,
    /// Why something is so, in one line.
    Reason,
}

impl Kind {
    /// What the file would say for `text`, as it stands in the environment or behind a
    /// flag: numbers and switches bare, lists separated by commas, tables as `name=value`.
    pub(super) fn raw(self, text: &str) -> toml::Value {
        let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let plain = || toml::Value::String(text.to_owned());
        match self {
            Self::Count { .. } | Self::Window => {
                text.trim().parse().map_or_else(|_| plain(), toml::Value::Integer)
            }
            Self::Rate | Self::Factor => {
                text.trim().parse().map_or_else(|_| plain(), toml::Value::Float)
            }
            Self::Switch => text.trim().parse().map_or_else(|_| plain(), toml::Value::Boolean),
            Self::Intervals | Self::Names | Self::Sources => {
                items().map(toml::Value::from).collect::<Vec<_>>().into()
            }
            Self::Generations | Self::Patterns | Self::Labels => items()
                .map(|item| item.split_once('='))
                .map(|pair| {
                    let (name, value) = pair?;
                    let value = match self {
                        Self::Generations => value.trim().parse::<i64>().ok()?.into(),
                        _ => value.trim().into(),
                    };
                    Some((name.trim().to_owned(), value))
                })
                .collect::<Option<toml::Table>>()
                .map_or_else(plain, toml::Value::Table),
            Self::GroupBy => match text.split_once('=') {
                Some(("named", name)) => {
                    toml::Table::from_iter([("named".to_owned(), name.into())]).into()
                }
                _ => plain(),
            },
            _ => plain(),
        }
    }

    /// Judges what stands in the file, or says what is expected instead.
    pub(super) fn read(self, raw: &toml::Value) -> Result<Value, String> {
        self.value(raw).ok_or_else(|| {
            let expected = self.expected();
            if self.may_be_shown() {
                format!("expects {expected}, not {}", shortened(raw))
            } else {
                format!("expects {expected}")
            }
        })
    }

    fn value(self, raw: &toml::Value) -> Option<Value> {
        match self {
            Self::Duration => duration(raw).map(Value::Duration),
            Self::Interval => interval(raw).map(Value::Duration),
            Self::Intervals => {
                let all: Vec<_> = raw.as_array()?.iter().map(interval).collect::<Option<_>>()?;
                all.is_sorted_by(|a, b| a < b).then_some(Value::Durations(all))
            }
            Self::Count { min, max } => {
                whole(raw).filter(|count| (min..=max).contains(count)).map(Value::Count)
            }
            Self::Window => {
                let most = u64::from(Flapping::WINDOW_MAX);
                whole(raw).filter(|&window| window != 1 && window <= most).map(Value::Count)
            }
            Self::Rate => number(raw).filter(|&rate| rate >= RATE_MIN).map(Value::Number),
            Self::Factor => number(raw).filter(|&factor| factor >= 1.0).map(Value::Number),
            Self::Switch => raw.as_bool().map(Value::Switch),
            Self::Choice(words) => text(raw, |text| words.contains(&text)),
            Self::LogFilter => text(raw, is_log_filter),
            Self::Line => text(raw, |text| text.len() <= NAME_MAX && is_one_line(text)),
            Self::Text => text(raw, |text| {
                let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
                text.len() <= TEXT_MAX && text.chars().all(is_plain)
            }),
            Self::Pattern => text(raw, |text| !text.is_empty() && is_one_line(text)),
            // No report may name another.
            Self::CheckName => {
                text(raw, |text| !text.is_empty() && is_one_line(text) && text.trim() == text)
            }
            Self::Path | Self::SecretFile { .. } => {
                text(raw, |text| !text.is_empty() && !text.contains('\0'))
            }
            Self::Patterns | Self::Labels => raw
                .as_table()?
                .iter()
                .map(|(name, pattern)| {
                    let pattern = pattern.as_str().filter(|pattern| is_one_line(pattern))?;
                    is_one_line(name).then(|| (name.clone(), pattern.to_owned()))
                })
                .collect::<Option<_>>()
                .map(Value::ByName),
            Self::Slug => text(raw, is_slug),
            Self::Url => url(raw.as_str()?).map(Value::Url),
            Self::Address => raw.as_str()?.trim().parse().ok().map(Value::Address),
            Self::Repository => text(raw, |text| {
                text.split_once('/').is_some_and(|(owner, name)| is_path(owner) && is_path(name))
            }),
            Self::Names => {
                let is_name =
                    |name: &str| (1..=NAME_MAX).contains(&name.len()) && is_one_line(name);
                texts(raw, is_name)
            }
            Self::Source => text(raw, is_source),
            Self::Sources => texts(raw, is_source),
            Self::Generations => raw
                .as_table()?
                .iter()
                .map(|(source, number)| {
                    let number = whole(number).filter(|&number| number >= 1)?;
                    is_source(source).then(|| (source.clone(), number))
                })
                .collect::<Option<_>>()
                .map(Value::Generations),
            Self::GroupBy => group_by(raw).map(Value::GroupBy),
            Self::Cron => text(raw, |text| text.split_whitespace().count() == 5),
            Self::Zone => text(raw, |text| TimeZone::get(text).is_ok()),
            Self::LocalTime => local_time(raw).map(Value::Text),
            Self::TimeOfDay => text(raw, |text| time_of_day(text).is_some()),
            Self::Lasts => interval(raw).filter(|lasts| *lasts <= LASTS_MAX).map(Value::Duration),
            Self::Reason => text(raw, |text| {
                !text.trim().is_empty() && text.len() <= WHY_MAX && is_one_line(text)
            }),
        }
    }

    /// Ends the sentence "this setting expects".
    fn expected(self) -> String {
        match self {
            Self::Duration => r#"a duration with its unit, such as "10m", "20s" or "0s""#.into(),
            Self::Interval => {
                r#"a duration of more than zero with its unit, such as "10m", "20s" or "250ms""#
                    .into()
            }
            Self::Intervals => {
                r#"a list of durations, each longer than the one before, such as ["1h", "2h"]"#
                    .into()
            }
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Window => {
                format!("0 for off, or a whole number from 2 to {}", Flapping::WINDOW_MAX)
            }
            Self::Rate => format!("a number of at least {RATE_MIN}, at most 10000"),
            Self::Factor => "a number of at least 1, at most 10000".into(),
            Self::Switch => "true or false".into(),
            Self::Choice(words) => one_of(words),
            Self::LogFilter => {
                format!("{}, or such levels by module: \"info,teawatch=debug\"", one_of(LEVELS))
            }
            Self::Line => format!("one line of at most {NAME_MAX} bytes"),
            Self::Text => {
                format!("a text of at most {TEXT_MAX} bytes without control characters")
            }
            Self::Pattern => r#"a pattern such as "db*""#.into(),
            Self::Patterns => r#"patterns by name, such as { team = "db*" }"#.into(),
            Self::Labels => r#"texts by the name of a label, such as { team = "db" }"#.into(),
            Self::Slug => {
                format!("1 to {SLUG_BYTES} characters of a-z 0-9 - _, other than \"{AGENT}\"")
            }
            Self::Path => "the path of a file or directory".into(),
            Self::SecretFile { variable, .. } => {
                format!(
                    "the path of a file that holds the secret; the secret itself may stand in {variable}"
                )
            }
            Self::Url => {
                "an address that begins with http:// or https://, without user, password, query \
                 and fragment"
                    .into()
            }
            Self::Address => {
                r#"an address and a port, such as "127.0.0.1:8710" or "[::1]:8710""#.into()
            }
            Self::Repository => r#"a repository as "owner/name""#.into(),
            Self::Names => {
                format!("a list of names, each of one line and 1 to {NAME_MAX} bytes")
            }
            Self::CheckName => {
                "the name of a check, without control characters, and without blanks at its ends"
                    .into()
            }
            Self::Source => "the name of a source, of letters, digits, `.`, `_` and `-`".into(),
            Self::Sources => {
                "a list of names of sources, of letters, digits, `.`, `_` and `-`".into()
            }
            Self::Generations => "whole numbers from 1 by source, such as { web1 = 2 }".into(),
            Self::Cron => {
                r#"a cron expression of five fields, such as "0 22 * * SAT", Saturdays at 22:00"#
                    .into()
            }
            Self::Zone => {
                r#"a time zone that this machine knows, such as "Europe/Berlin" or "UTC""#.into()
            }
            Self::LocalTime => r#"a day and a time, such as "2026-12-01 22:00""#.into(),
            Self::TimeOfDay => r#"a time of day, such as "06:00""#.into(),
            Self::Lasts => {
                let days = LASTS_MAX.as_hours() / 24;
                format!(r#"a duration of more than zero, such as "2h", of {days} days at most"#)
            }
            Self::Reason => format!("one line of 1 to {WHY_MAX} bytes"),
            Self::GroupBy => r#""check", "source" or { named = "some name" }"#.into(),
        }
    }

    /// Whether a refused value may be repeated. Where a secret might land by mistake, or
    /// within an address, it may not.
    fn may_be_shown(self) -> bool {
        !matches!(self, Self::Url | Self::Path | Self::SecretFile { .. })
    }
}

fn is_log_filter(text: &str) -> bool {
    text.split(',').all(|part| {
        let (module, level) =
            part.split_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        let is_module = |module: &str| {
            !module.is_empty()
                && module.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b))
        };
        module.is_none_or(|module| is_module(module.trim())) && LEVELS.contains(&level.trim())
    })
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        all => all.join(""),
    }
}

/// A refused value on one line, without what a terminal would obey, and not too long.
fn shortened(raw: &toml::Value) -> String {
    let text = raw.as_str().map_or_else(|| raw.to_string(), |text| format!("{text:?}"));
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(ECHO_MAX).collect();
    if text.chars().count() > ECHO_MAX {
        shown.push_str("...");
    }
    shown
}

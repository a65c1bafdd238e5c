//! What settings hold, and how each form of it is read and written.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};
use url::Url;

use crate::alert::GroupBy;

/// The longest name of a label, a login or the like, in bytes: Gitea's columns hold 255.
pub(super) const NAME_MAX: usize = 255;

/// What a setting holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Duration(SignedDuration),
    Durations(Vec<SignedDuration>),
    Count(u64),
    Number(f64),
    Switch(bool),
    Text(String),
    Texts(Vec<String>),
    ByName(BTreeMap<String, String>),
    Generations(BTreeMap<String, u64>),
    Url(Url),
    Address(SocketAddr),
    GroupBy(GroupBy),
}

impl Value {
    /// As it would stand in the file.
    pub(super) fn toml(&self) -> toml::Value {
        match self {
            Self::Duration(duration) => friendly(*duration),
            Self::Durations(all) => all.iter().copied().map(friendly).collect::<Vec<_>>().into(),
            Self::Count(count) => i64::try_from(*count).unwrap_or(i64::MAX).into(),
            Self::Number(number) => (*number).into(),
            Self::Switch(switch) => (*switch).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Texts(texts) => texts.clone().into(),
            Self::ByName(pairs) => {
                let pairs = pairs.iter().map(|(name, text)| (name.clone(), text.as_str().into()));
                toml::Value::Table(pairs.collect())
            }
            Self::Generations(numbers) => {
                let numbers = numbers.iter().map(|(source, &number)| {
                    (source.clone(), i64::try_from(number).unwrap_or(i64::MAX).into())
                });
                toml::Value::Table(numbers.collect())
            }
            Self::Url(url) => url.as_str().into(),
            Self::Address(address) => address.to_string().into(),
            Self::GroupBy(GroupBy::Check) => "check".into(),
            Self::GroupBy(GroupBy::Source) => "source".into(),
            Self::GroupBy(GroupBy::Named(name)) => {
                toml::Table::from_iter([("named".to_owned(), name.as_str().into())]).into()
            }
        }
    }
}

/// A duration as people write it.
fn friendly(duration: SignedDuration) -> toml::Value {
    format!("{duration:#}").into()
}

pub(super) fn duration(raw: &toml::Value) -> Option<SignedDuration> {
    crate::duration::parse(raw.as_str()?)
}

pub(super) fn interval(raw: &toml::Value) -> Option<SignedDuration> {
    duration(raw).filter(SignedDuration::is_positive)
}

pub(super) fn whole(raw: &toml::Value) -> Option<u64> {
    raw.as_integer().and_then(|number| u64::try_from(number).ok())
}

pub(super) fn number(raw: &toml::Value) -> Option<f64> {
    let number = match raw {
        toml::Value::Integer(number) => f64::from(i32::try_from(*number).ok()?),
        other => other.as_float()?,
    };
    (number <= 10_000.0).then_some(number)
}

pub(super) fn text(raw: &toml::Value, is_right: impl Fn(&str) -> bool) -> Option<Value> {
    raw.as_str().filter(|text| is_right(text)).map(|text| Value::Text(text.to_owned()))
}

pub(super) fn texts(raw: &toml::Value, is_right: impl Fn(&str) -> bool) -> Option<Value> {
    let texts = raw.as_array()?.iter().map(|item| item.as_str().filter(|text| is_right(text)));
    texts.map(|text| text.map(str::to_owned)).collect::<Option<_>>().map(Value::Texts)
}

/// An address whose path ends in a slash, so that joining appends to it.
pub(super) fn url(text: &str) -> Option<Url> {
    let mut url: Url = text.trim().parse().ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain {
        return None;
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Some(url)
}

pub(super) fn group_by(raw: &toml::Value) -> Option<GroupBy> {
    if let Some(table) = raw.as_table() {
        let name = table.get("named").filter(|_| table.len() == 1)?.as_str()?;
        let is_name = (1..=NAME_MAX).contains(&name.len()) && is_one_line(name);
        return is_name.then(|| GroupBy::Named(name.to_owned()));
    }
    match raw.as_str()? {
        "check" => Some(GroupBy::Check),
        "source" => Some(GroupBy::Source),
        _ => None,
    }
}

/// A day and a time without a zone, as a text or as TOML has them.
pub(super) fn local_time(raw: &toml::Value) -> Option<String> {
    let text = match raw {
        toml::Value::Datetime(at) if at.date.is_some() && at.time.is_some() => at.to_string(),
        toml::Value::String(text) if text.contains(':') => text.trim().to_owned(),
        _ => return None,
    };
    text.parse::<DateTime>().ok().map(|at| at.to_string())
}

/// Hours and minutes, each of two digits.
pub(super) fn time_of_day(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text).ok().filter(|_| text.len() == "00:00".len())
}

pub(super) fn is_one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Whether it is made of the characters that names of sources have.
pub(super) fn is_source(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Whether it may be one step of Gitea's paths.
pub(super) fn is_path(text: &str) -> bool {
    is_source(text) && !matches!(text, "." | "..")
}

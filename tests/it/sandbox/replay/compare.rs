//! What differs between a recorded answer and ours.
//!
//! Everything is compared: status, headers, and every value of the JSON. Hosts are mapped
//! to one name, ids by the ids that were seen before, times within a tolerance.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use regex_lite::Regex;
use serde_json::{Map, Value};

use super::ids::{Ids, Kind};
use crate::sandbox::{Answer, ROOT};
use crate::support::Exchange;

/// Headers that say nothing about the answer: how its bytes travel, and what browsers and
/// caches make of it.
const IGNORED: [&str; 7] = [
    "cache-control",
    "connection",
    "content-length",
    "set-cookie",
    "transfer-encoding",
    "x-content-type-options",
    "x-frame-options",
];

/// The entries of timelines that the sandbox has; others are left out of the comparison one
/// by one.
const EVENTS: [&str; 9] = [
    "assignees",
    "change_title",
    "close",
    "comment",
    "label",
    "lock",
    "milestone",
    "reopen",
    "unlock",
];

/// By how much two times may differ: a real server needs a moment between writing a time
/// into its database and the `Date` of its answer, by which the sandbox's clock is set.
const TOLERANCE_SECONDS: i64 = 2;

/// Scheme and port of a host, the hash of an avatar, and the domains of mail.
static MAPPED: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
    [
        (r"http://127\.0\.0\.1:[0-9]+", "<host>"),
        (ROOT, "<host>"),
        ("/avatars/[0-9a-f]+", "/avatars/<hash>"),
        (r"@(noreply\.)?(127\.0\.0\.1|example\.com|gitea\.sandbox\.invalid)", "@${1}<domain>"),
    ]
    .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
});

/// The differences of one answer, a line each: `place: recorded → ours`.
pub struct Comparison<'a> {
    ids: &'a mut Ids,
    pub found: Vec<String>,
}

/// Compares; learns which ids belong together.
pub fn differences(exchange: &Exchange, ours: &Answer, ids: &mut Ids) -> Vec<String> {
    let mut comparison = Comparison::new(ids);
    let status = exchange.answer.status().as_u16();
    if status == ours.status {
        comparison.headers(exchange, ours);
        comparison.body(exchange, ours);
    } else {
        comparison.found.push(format!("status: {status} → {}", ours.status));
    }
    comparison.found
}

/// The `Date` of a recorded answer.
pub fn date(exchange: &Exchange) -> Timestamp {
    let date = exchange.answer.headers()["date"].to_str().unwrap();
    rfc2822::parse(date).unwrap().timestamp()
}

impl<'a> Comparison<'a> {
    pub fn new(ids: &'a mut Ids) -> Self {
        Self { ids, found: Vec::new() }
    }

    fn headers(&mut self, exchange: &Exchange, ours: &Answer) {
        let recorded = exchange.answer.headers();
        let names = recorded.keys().map(http::HeaderName::as_str);
        let names: BTreeSet<&str> = names.chain(ours.headers.keys().map(String::as_str)).collect();
        for name in names.into_iter().filter(|name| !IGNORED.contains(name)) {
            let values = recorded.get_all(name).iter().map(|value| value.to_str().unwrap());
            let values: Vec<&str> = values.collect();
            let there = (!values.is_empty()).then(|| header(name, &values.join(", ")));
            let here = ours.header(name).map(|value| header(name, value));
            self.value(&format!("header {name}"), there.as_ref(), here.as_ref());
        }
    }

    fn body(&mut self, exchange: &Exchange, ours: &Answer) {
        let recorded = std::str::from_utf8(exchange.answer.body()).unwrap();
        // The recording kept the beginning of a very long answer only.
        if recorded.ends_with(" bytes in all]") {
            return;
        }
        let read = |text: &str| {
            serde_json::from_str(text.trim_end()).unwrap_or_else(|_| Value::from(text.trim_end()))
        };
        self.value("body", Some(&read(recorded)), Some(&read(&ours.text)));
    }

    pub fn value(&mut self, place: &str, recorded: Option<&Value>, ours: Option<&Value>) {
        match (recorded, ours) {
            (Some(Value::Object(recorded)), Some(Value::Object(ours))) => {
                self.object(place, recorded, ours);
            }
            (Some(Value::Array(recorded)), Some(Value::Array(ours))) => {
                if place.ends_with(".events") {
                    // The events of a hook come in any order.
                    self.list(place, &sorted(recorded), &sorted(ours));
                } else {
                    self.list(place, recorded, ours);
                }
            }
            (recorded, ours) if recorded == ours => {}
            (Some(Value::String(recorded)), Some(Value::String(ours))) => {
                let there = mapped(&self.ids.rewrite(recorded));
                let here = mapped(ours);
                if there != here && !is_same_time(&there, &here) {
                    self.note(place, Some(&there.into()), Some(&here.into()));
                }
            }
            (recorded, ours) => self.note(place, recorded, ours),
        }
    }

    fn list(&mut self, place: &str, recorded: &[Value], ours: &[Value]) {
        let mut ours = ours.iter();
        for (at, recorded) in recorded.iter().enumerate() {
            let place = format!("{place}[{at}]");
            match unknown_event(recorded) {
                Some(kind) => self.found.push(format!("{place}: {kind} → nothing")),
                None => self.value(&place, Some(recorded), ours.next()),
            }
        }
        for (at, ours) in ours.enumerate() {
            self.value(&format!("{place}[{}]", recorded.len() + at), None, Some(ours));
        }
    }

    fn object(&mut self, place: &str, recorded: &Map<String, Value>, ours: &Map<String, Value>) {
        let kind = Kind::of(recorded);
        let both =
            (recorded.get("id").and_then(Value::as_u64), ours.get("id").and_then(Value::as_u64));
        if let (Some(kind), (Some(there), Some(here))) = (kind, both)
            && !self.ids.agree(kind, there, here)
        {
            self.found.push(format!("{place}.id: {there} → {here}"));
        }
        let keys: BTreeSet<&String> = recorded.keys().chain(ours.keys()).collect();
        for key in keys.into_iter().filter(|key| kind.is_none() || *key != "id") {
            self.value(&format!("{place}.{key}"), recorded.get(key), ours.get(key));
        }
    }

    fn note(&mut self, place: &str, recorded: Option<&Value>, ours: Option<&Value>) {
        self.found.push(format!("{place}: {} → {}", short(recorded), short(ours)));
    }
}

fn sorted(texts: &[Value]) -> Vec<Value> {
    let mut texts = texts.to_vec();
    texts.sort_unstable_by_key(ToString::to_string);
    texts
}

/// A header to compare. Methods that are allowed come in any order.
fn header(name: &str, value: &str) -> Value {
    let mut parts: Vec<&str> = value.split(", ").collect();
    if name == "allow" {
        parts.sort_unstable();
    }
    parts.join(", ").into()
}

/// What an entry of a timeline is about, if the sandbox has no such entries.
fn unknown_event(value: &Value) -> Option<&str> {
    value.get("ref_action")?;
    let kind = value["type"].as_str().unwrap();
    (!EVENTS.contains(&kind)).then_some(kind)
}

fn mapped(text: &str) -> String {
    MAPPED.iter().fold(text.to_owned(), |text, (pattern, name)| {
        pattern.replace_all(&text, *name).into_owned()
    })
}

fn is_same_time(recorded: &str, ours: &str) -> bool {
    let read = |text: &str| {
        let date = || rfc2822::parse(text).ok().map(|date| date.timestamp());
        text.parse::<Timestamp>().ok().or_else(date)
    };
    let (Some(recorded), Some(ours)) = (read(recorded), read(ours)) else { return false };
    (recorded.as_second() - ours.as_second()).abs() <= TOLERANCE_SECONDS
}

/// A value in a few words.
fn short(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Object(_)) => "{…}".to_owned(),
        Some(Value::Array(items)) => format!("[{}]", items.len()),
        Some(Value::String(text)) => {
            let text = mapped(text);
            let start: String = text.chars().take(SHORT_CHARS).collect();
            format!("\"{start}{}\"", if start == text { "" } else { "…" })
        }
        Some(other) => other.to_string(),
    }
}

/// How much of a text is shown.
const SHORT_CHARS: usize = 40;

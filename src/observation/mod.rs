//! The wire format between agents and server: [`Report`].
//!
//! A report is one JSON object, and what it says is checked once, at the door:
//!
//! ```json
//! {
//!   "source": "db1",
//!   "id": { "epoch": "5f0c", "seq": 17 },
//!   "interval_seconds": 300,
//!   "observations": [
//!     { "name": "disk", "kind": "failure", "summary": "97 % full" }
//!   ]
//! }
//! ```

mod fit;
mod object;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::fit::{DETAILS_MAX, SUMMARY_MAX, head, head_and_tail};
pub use self::fit::{brief, cut, fit};
pub use self::object::{BadBody, Object, maybe_object, object, read_object};
use crate::check::{AGENT, CheckId, Kind, OWN_SOURCE, Observation};

/// Numbers and labels of one observation.
pub const PAIRS_MAX: usize = 32;
/// The longest name or value of a number or label, in bytes.
pub const PAIR_BYTES: usize = 200;
/// Beginnings of names of checks that could not be looked at.
pub const UNSEEN_MAX: usize = 100;
/// The longest epoch, in bytes.
pub const EPOCH_BYTES: usize = 64;
/// The longest interval, in seconds: a year and a day.
pub const INTERVAL_MAX: f64 = 366.0 * 86_400.0;
/// Shorter than this is no interval that could be kept, in seconds.
pub const INTERVAL_MIN: f64 = 0.001;

/// What is told somebody who would speak for teawatch.
const OWN: &str = "must be another than `teawatch`, which has teawatch's own checks";

/// How much a report may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub observations: usize,
    pub name_bytes: usize,
    pub source_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { observations: 1_000, name_bytes: 200, source_bytes: 100 }
    }
}

/// One report, as it was found to be in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub source: String,
    pub id: ReportId,
    /// When the next report is due, counted from this one.
    pub interval: Option<SignedDuration>,
    /// What was observed, by the name of the check.
    pub observations: Vec<(String, Observation)>,
    /// What the names of checks begin with that could not be looked at. They are unknown
    /// until a report with an interval says otherwise, and nothing is told of them: a check
    /// among the observations tells why.
    pub unseen: Vec<String>,
}

/// Orders the reports of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportId {
    /// Random, kept by the agent as long as its spool.
    pub epoch: String,
    /// Grows by one with each report of the epoch.
    pub seq: u64,
}

/// What an epoch begins with that has one report and no place in any order.
const ONCE: &str = "once-";

impl ReportId {
    /// For a report without a number: it can be recognized when it comes again, and it
    /// counts, whatever came before and comes after it.
    pub fn once(name: &str) -> Self {
        Self { epoch: format!("{ONCE}{name}"), seq: 1 }
    }

    /// Whether it stands outside all order.
    pub fn is_once(&self) -> bool {
        self.epoch.starts_with(ONCE)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    source: String,
    #[serde(deserialize_with = "object")]
    id: ReportId,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_seconds: Option<f64>,
    #[serde(default)]
    observations: Vec<Object<WireObservation>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unseen: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireObservation {
    name: String,
    kind: Kind,
    #[serde(default)]
    summary: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    details: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    numbers: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_seconds: Option<f64>,
}

impl Report {
    /// Reads a body. Every rule that it breaks is named with its place, such as
    /// `observations[3].name`.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, BadBody> {
        let wire: Wire = read_object(body)?;
        Self::check(wire, limits)
    }

    fn check(wire: Wire, limits: &Limits) -> Result<Self, BadBody> {
        check_source(&wire.source, limits.source_bytes)
            .map_err(|what| BadBody::new("source", what))?;
        if wire.id.epoch.is_empty()
            || wire.id.epoch.len() > EPOCH_BYTES
            || !wire.id.epoch.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            let what = format!("must be 1 to {EPOCH_BYTES} characters of A-Z a-z 0-9 . _ -");
            return Err(BadBody::new("id.epoch", what));
        }
        if wire.observations.len() > limits.observations {
            let what = format!(
                "{} are too many; at most {} fit in a report, so send several",
                wire.observations.len(),
                limits.observations
            );
            return Err(BadBody::new("observations", what));
        }
        let interval = interval(wire.interval_seconds, "interval_seconds")?;
        let mut observations = Vec::with_capacity(wire.observations.len());
        for (index, Object(observation)) in wire.observations.into_iter().enumerate() {
            let place = format!("observations[{index}]");
            observations.push(observation.check(&place, interval, limits)?);
        }
        if wire.unseen.len() > UNSEEN_MAX {
            let what = format!("{} are too many; at most {UNSEEN_MAX}", wire.unseen.len());
            return Err(BadBody::new("unseen", what));
        }
        for (index, prefix) in wire.unseen.iter().enumerate() {
            if prefix.is_empty() || prefix.len() > limits.name_bytes {
                let what = format!("must be 1 to {} bytes long", limits.name_bytes);
                return Err(BadBody::new(format!("unseen[{index}]"), what));
            }
        }
        Ok(Self { source: wire.source, id: wire.id, interval, observations, unseen: wire.unseen })
    }

    /// The body that [`Self::parse`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        let seconds = |interval: SignedDuration| interval.as_secs_f64();
        let observations = self.observations.iter().map(|(name, seen)| {
            Object(WireObservation {
                name: name.clone(),
                kind: seen.kind,
                summary: seen.summary.clone(),
                details: seen.details.clone(),
                numbers: seen.numbers.clone(),
                labels: seen.labels.clone(),
                time: seen.observed_at,
                // What it shares with the report is said there.
                interval_seconds: seen
                    .interval
                    .filter(|_| seen.interval != self.interval)
                    .map(seconds),
            })
        });
        let wire = Wire {
            source: self.source.clone(),
            id: self.id.clone(),
            interval_seconds: self.interval.map(seconds),
            observations: observations.collect(),
            unseen: self.unseen.clone(),
        };
        serde_json::to_vec(&wire).expect("a report holds only texts and numbers")
    }

    /// The checks that it speaks of.
    pub fn checks(&self) -> BTreeSet<CheckId> {
        let id = |(name, _): &(String, Observation)| CheckId::new(&*self.source, &**name);
        self.observations.iter().map(id).collect()
    }
}

impl WireObservation {
    fn check(
        self,
        place: &str,
        report_interval: Option<SignedDuration>,
        limits: &Limits,
    ) -> Result<(String, Observation), BadBody> {
        check_name(&self.name, limits.name_bytes)
            .map_err(|what| BadBody::new(format!("{place}.name"), what))?;
        let pairs = self.numbers.keys().map(String::as_str);
        check_pairs(pairs, self.numbers.len())
            .map_err(|what| BadBody::new(format!("{place}.numbers"), what))?;
        check_labels(&self.labels).map_err(|what| BadBody::new(format!("{place}.labels"), what))?;
        let own = interval(self.interval_seconds, &format!("{place}.interval_seconds"))?;
        let observation = Observation {
            kind: self.kind,
            summary: head(&self.summary, SUMMARY_MAX),
            details: head_and_tail(&self.details, DETAILS_MAX),
            numbers: self.numbers,
            observed_at: self.time,
            interval: own.or(report_interval),
            holds_for: None,
            labels: self.labels,
            rid: None,
        };
        Ok((self.name, observation))
    }
}

/// Whether `name` may be a source; if not, what it must look like.
pub fn check_source(name: &str, bytes_max: usize) -> Result<(), String> {
    check_plain(name, bytes_max)?;
    if name == OWN_SOURCE {
        return Err(OWN.to_owned());
    }
    Ok(())
}

/// Whether `name` is made of the characters of a source; if not, what it must look like.
pub fn check_plain(name: &str, bytes_max: usize) -> Result<(), String> {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || name.len() > bytes_max || !name.bytes().all(is_fine) {
        return Err(format!("must be 1 to {bytes_max} characters of A-Z a-z 0-9 . _ -"));
    }
    Ok(())
}

/// Whether `name` may be the name of a check; if not, what it must look like.
pub fn check_name(name: &str, bytes_max: usize) -> Result<(), String> {
    if name.is_empty() || name.len() > bytes_max {
        return Err(format!("must be 1 to {bytes_max} bytes long, and has {}", name.len()));
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err("must have no control characters, and no blank at its ends".to_owned());
    }
    if name == AGENT {
        return Err(format!("`{AGENT}` is the check that stands for the source itself"));
    }
    Ok(())
}

/// Whether a check may wear these labels; if not, what is wrong with them.
pub fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), String> {
    let texts = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    check_pairs(texts, labels.len())
}

fn check_pairs<'a>(mut texts: impl Iterator<Item = &'a str>, count: usize) -> Result<(), String> {
    if count > PAIRS_MAX {
        return Err(format!("{count} are too many; at most {PAIRS_MAX}"));
    }
    match texts.find(|text| text.len() > PAIR_BYTES || text.chars().any(char::is_control)) {
        Some(_) => Err(format!(
            "names and values must be at most {PAIR_BYTES} bytes, without control characters"
        )),
        None => Ok(()),
    }
}

fn interval(seconds: Option<f64>, place: &str) -> Result<Option<SignedDuration>, BadBody> {
    let Some(seconds) = seconds else { return Ok(None) };
    if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&seconds) {
        let what = format!("must be from {INTERVAL_MIN} to {INTERVAL_MAX}, and is {seconds}");
        return Err(BadBody::new(place, what));
    }
    Ok(Some(SignedDuration::from_secs_f64(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Report, String> {
        Report::parse(body.as_bytes(), &Limits::default()).map_err(|error| error.to_string())
    }

    fn with(observation: &str) -> String {
        format!(
            r#"{{"source":"db1","id":{{"epoch":"a","seq":1}},"interval_seconds":60,"observations":[{observation}]}}"#
        )
    }

    #[test]
    fn a_check_is_due_when_its_report_is_unless_it_says_otherwise() {
        let body = r#"{"name":"disk","kind":"failure"},{"name":"cpu","kind":"success","interval_seconds":5}"#;
        let report = parse(&with(body)).unwrap();
        let intervals: Vec<_> =
            report.observations.iter().map(|(_, o)| o.interval.unwrap().as_secs()).collect();
        assert_eq!(intervals, [60, 5]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let long = "x".repeat(201);
        for (body, error) in [
            ("{", "line 1 column 1"),
            ("[]", "the body: invalid type: sequence, expected an object"),
            (r#"["a",{"epoch":"a","seq":1}]"#, "the body: invalid type: sequence"),
            (r#"{"source":"a","id":["a",1]}"#, "id: invalid type: sequence, expected an object"),
            (&with(r#"["a","failure"]"#), "observations[0]: invalid type: sequence"),
            (r#"{"source":"a b","id":{"epoch":"a","seq":1}}"#, "source: must be 1 to 100"),
            (r#"{"source":"teawatch","id":{"epoch":"a","seq":1}}"#, "source: must be another than"),
            (r#"{"source":"a","id":{"epoch":"","seq":1}}"#, "id.epoch: must be"),
            (r#"{"source":"a","id":{"epoch":"a","seq":-1}}"#, "id.seq: invalid value"),
            (r#"{"source":"a","id":{"epoch":"a","seq":1},"extra":1}"#, "unknown field `extra`"),
            (r#"{"source":"a","id":{"epoch":"a","seq":1}} x"#, "trailing characters"),
            (
                r#"{"source":"a","id":{"epoch":"a","seq":1},"interval_seconds":0}"#,
                "interval_seconds: must be from",
            ),
            (
                r#"{"source":"a","id":{"epoch":"a","seq":1},"interval_seconds":-5}"#,
                "interval_seconds: must be from",
            ),
            (
                r#"{"source":"a","id":{"epoch":"a","seq":1},"unseen":["a/",""]}"#,
                "unseen[1]: must be 1 to 200 bytes",
            ),
            (&with(r#"{"name":"","kind":"failure"}"#), "observations[0].name: must be"),
            (&with(r#"{"name":"agent","kind":"failure"}"#), "observations[0].name: `agent`"),
            (&with(r#"{"name":"a\nb","kind":"failure"}"#), "no control characters"),
            (&with(&format!(r#"{{"name":"{long}","kind":"failure"}}"#)), "and has 201"),
            (&with(r#"{"name":"a","kind":"bad"}"#), "observations[0].kind: unknown variant"),
            (&with(r#"{"name":"a","kind":"failure","numbers":{"a":1e999}}"#), "out of range"),
            (&with(r#"{"name":"a","kind":"failure","time":"soon"}"#), "observations[0].time"),
        ] {
            let found = parse(body).unwrap_err();
            assert!(found.contains(error), "{body}\n{found}");
        }
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_told_so() {
        let error = Report::parse(b"{\"source\":\"\xff\"}", &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "byte 11: the body is not UTF-8");
    }

    #[test]
    fn a_thousand_observations_fit_and_one_more_does_not() {
        let body = |count: usize| {
            let one = (0..count).map(|n| format!(r#"{{"name":"c{n}","kind":"success"}}"#));
            with(&one.collect::<Vec<_>>().join(","))
        };
        assert_eq!(parse(&body(1_000)).unwrap().observations.len(), 1_000);
        assert!(parse(&body(1_001)).unwrap_err().contains("1001 are too many"));
    }

    #[test]
    fn a_hundred_beginnings_of_names_fit_and_one_more_does_not() {
        let body = |count| {
            let unseen = vec!["a/"; count];
            serde_json::json!({ "source": "a", "id": { "epoch": "a", "seq": 1 }, "unseen": unseen })
        };
        assert_eq!(parse(&body(100).to_string()).unwrap().unseen.len(), 100);
        assert!(parse(&body(101).to_string()).unwrap_err().contains("unseen: 101 are too many"));
    }
}

//! What a message says. The only place that knows how Alertmanager writes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::Settings;
use super::naming::{ALERTNAME, name};
use crate::check::{Kind, Observation};
use crate::observation::{BadBody, Object, fit, read_object};

/// The version that is understood; fields that are not known are passed over.
const VERSION: &str = "4";

/// Annotations that say in a line what is wrong, the best first.
const WORDS: [&str; 4] = ["summary", "title", "message", "description"];

/// What an alert is called that says nothing of itself.
const UNNAMED: &str = "an alert without a name";

#[derive(Deserialize)]
struct Versioned {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    receiver: String,
    status: Status,
    /// How many alerts were left out, whose state nobody knows.
    #[serde(default)]
    truncated_alerts: u64,
    #[serde(default)]
    group_labels: BTreeMap<String, String>,
    #[serde(default)]
    common_labels: BTreeMap<String, String>,
    #[serde(default)]
    common_annotations: BTreeMap<String, String>,
    #[serde(default, rename = "externalURL")]
    external_url: String,
    alerts: Vec<Object<Alert>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: Status,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// What a message says of checks: of one for its group, or of one for each alert. Fails with
/// what is wrong, in words, and then nothing of it counts.
pub(super) fn read(
    body: &[u8],
    settings: &Settings,
    name_bytes: usize,
) -> Result<Vec<(String, Observation)>, String> {
    let wrong = |error: BadBody| error.to_string();
    let versioned: Versioned = read_object(body).map_err(wrong)?;
    if versioned.version.as_deref() != Some(VERSION) {
        return Err(format!(
            "version: must be \"{VERSION}\"; a receiver with a `payload` of its own sends another"
        ));
    }
    let message: Message = read_object(body).map_err(wrong)?;
    let check = |status, labels: &BTreeMap<_, _>, named: &BTreeMap<_, _>, said| {
        let name = name(&message.receiver, named, name_bytes);
        Some((name, judged(status, labels, said, settings)?))
    };
    if settings.per_alert {
        let alerts = message.alerts();
        let checks = alerts.map(|it| check(it.status, &it.labels, &it.labels, message.alone(it)));
        return Ok(checks.flatten().collect());
    }
    let (status, labels) = (message.status(), message.labels());
    let checks = check(status, &labels, &message.group_labels, message.together());
    Ok(checks.into_iter().collect())
}

/// What is said, as a check takes it; nothing if it says nothing about one.
fn judged(
    status: Status,
    labels: &BTreeMap<String, String>,
    said: Observation,
    settings: &Settings,
) -> Option<Observation> {
    let is_watchdog = labels.get(ALERTNAME).is_some_and(|name| settings.watchdogs.contains(name));
    let judged = match (is_watchdog, status) {
        (true, Status::Firing) => {
            Observation { kind: Kind::Success, interval: Some(settings.watchdog_interval), ..said }
        }
        // That it fires no more is what its silence will say.
        (true, Status::Resolved) => return None,
        (false, _) => Observation { holds_for: Some(settings.holds_for()), ..said },
    };
    Some(fit(Observation { labels: labels.clone(), ..judged }))
}

impl Message {
    fn alerts(&self) -> impl Iterator<Item = &Alert> + Clone {
        self.alerts.iter().map(|Object(alert)| alert)
    }

    /// Firing if any of its alerts is, whatever it says of itself.
    fn status(&self) -> Status {
        let is_firing = self.alerts().any(|alert| alert.status == Status::Firing);
        if is_firing { Status::Firing } else { self.status }
    }

    /// What all of its alerts wear.
    fn labels(&self) -> BTreeMap<String, String> {
        let common = self.common_labels.iter().chain(&self.group_labels);
        common.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What the whole group says.
    fn together(&self) -> Observation {
        let of = |status| self.alerts().filter(move |alert| alert.status == status);
        let (firing, resolved) = (of(Status::Firing), of(Status::Resolved));
        let words = self.words();
        let (kind, summary) = match (self.status(), firing.clone().count(), self.truncated_alerts) {
            (Status::Firing, 0 | 1, 0) => (Kind::Failure, words),
            (Status::Firing, count, 0) => (Kind::Failure, format!("{count} alerts: {words}")),
            (Status::Firing, count, more) => {
                (Kind::Failure, format!("{count} alerts and {more} that were cut off: {words}"))
            }
            (Status::Resolved, _, 0) => (Kind::Success, format!("resolved: {words}")),
            (Status::Resolved, _, more) => (
                Kind::Unknown,
                format!("{more} alerts were cut off (`max_alerts`), which may fire: {words}"),
            ),
        };
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let numbers = [
            ("firing", number(firing.clone().count())),
            ("resolved", number(resolved.clone().count())),
        ];
        Observation {
            details: self.details(firing.chain(resolved), &self.labels()),
            numbers: numbers.map(|(name, count)| (name.to_owned(), count)).into(),
            ..Observation::new(kind, summary)
        }
    }

    /// What one alert says by itself.
    fn alone(&self, alert: &Alert) -> Observation {
        let words = alert.words();
        let (kind, summary) = match alert.status {
            Status::Firing => (Kind::Failure, words),
            Status::Resolved => (Kind::Success, format!("resolved: {words}")),
        };
        let details = self.details([alert], &BTreeMap::new());
        Observation { details, ..Observation::new(kind, summary) }
    }

    /// What is wrong, in a line.
    fn words(&self) -> String {
        let common = words(&self.common_annotations);
        common.or_else(|| Some(self.alerts().next()?.words())).unwrap_or_else(|| UNNAMED.to_owned())
    }

    /// What these alerts say in full, but for what all of them wear, and where that can be
    /// looked up.
    fn details<'a>(
        &self,
        alerts: impl IntoIterator<Item = &'a Alert>,
        common: &BTreeMap<String, String>,
    ) -> String {
        let alerts = alerts.into_iter().map(|alert| alert.told(common));
        let mut details = alerts.collect::<String>();
        if !self.external_url.is_empty() {
            details.push_str(&format!("Alertmanager: {}\n", self.external_url));
        }
        details
    }
}

impl Alert {
    fn words(&self) -> String {
        let words = words(&self.annotations).or_else(|| self.labels.get(ALERTNAME).cloned());
        words.unwrap_or_else(|| UNNAMED.to_owned())
    }

    /// What it says in full: since when, what it wears besides `common`, its annotations.
    fn told(&self, common: &BTreeMap<String, String>) -> String {
        let own = self.labels.iter().filter(|(name, _)| !common.contains_key(*name));
        let own: Vec<_> = own.map(|(name, value)| format!("{name}={value:?}")).collect();
        let state = match self.status {
            Status::Firing => format!("firing since {}", minute(&self.starts_at)),
            Status::Resolved => format!("resolved at {}", minute(&self.ends_at)),
        };
        let mut told = format!("{state} {}\n", own.join(", "));
        for (name, value) in &self.annotations {
            told.push_str(&format!("  {name}: {}\n", value.trim_end().replace('\n', "\n    ")));
        }
        if !self.generator_url.is_empty() {
            told.push_str(&format!("  {}\n", self.generator_url));
        }
        told.push('\n');
        told
    }
}

/// The first line of the best of these annotations.
fn words(annotations: &BTreeMap<String, String>) -> Option<String> {
    let said = WORDS.iter().find_map(|name| annotations.get(*name));
    let line = said?.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// A time as people read it; as it came if it is none.
fn minute(time: &str) -> String {
    let parsed = time.parse::<Timestamp>();
    parsed.map_or_else(|_| time.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

//! What somebody wants of the definition of a check, whoever it is: the configuration, a
//! person at a terminal, a program.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::check::{AGENT, Definition, Keywords, Labels, Rhythm, Schedule, Slots};
use crate::observation::{INTERVAL_MAX, INTERVAL_MIN, check_labels, maybe_object};

/// How late a result may be where nobody says it.
pub const GRACE_DEFAULT: SignedDuration = SignedDuration::from_hours(1);

/// The longest slug, in bytes, as in Healthchecks.
pub const SLUG_BYTES: usize = 100;

/// The longest description, in bytes.
pub const DESCRIPTION_MAX: usize = 4_000;

/// Words of one kind that bodies are searched for.
pub const KEYWORDS_MAX: usize = 20;

/// The longest of these, in bytes.
const KEYWORD_BYTES: usize = 200;

/// The zone of a cron expression where nobody says it.
const ZONE_DEFAULT: &str = "UTC";

/// What somebody wants of a definition. What is not said stays as it is; in a new definition
/// there is none of it. Durations are in seconds on the wire, and zero takes one away; so
/// does an empty text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Amendment {
    /// A result is due so long after the one before.
    #[serde(
        rename = "interval_seconds",
        with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub interval: Option<SignedDuration>,
    /// Or at times of the clock: a cron expression of five fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Whose clock that is; UTC where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// See [`Schedule`]. Where results become due and none is said, [`GRACE_DEFAULT`].
    #[serde(rename = "grace_seconds", with = "seconds", skip_serializing_if = "Option::is_none")]
    pub grace: Option<SignedDuration>,
    #[serde(
        rename = "start_grace_seconds",
        with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_grace: Option<SignedDuration>,
    #[serde(
        rename = "run_limit_seconds",
        with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub run_limit: Option<SignedDuration>,
    #[serde(
        rename = "run_least_seconds",
        with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub run_least: Option<SignedDuration>,
    #[serde(
        rename = "gap_least_seconds",
        with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub gap_least: Option<SignedDuration>,
    #[serde(rename = "early_seconds", with = "seconds", skip_serializing_if = "Option::is_none")]
    pub early: Option<SignedDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// All of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaits_first: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual_resume: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_only: Option<bool>,
    /// All of them; none where there is no word.
    #[serde(deserialize_with = "maybe_object", skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Keywords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
}

/// What of an amendment cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its name on the wire.
    pub field: &'static str,
    /// The rest of the sentence that begins with it.
    pub what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what)
    }
}

fn wrong<T>(field: &'static str, what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { field, what: what.into() })
}

/// Whether a text may stand for a check in an address.
pub fn is_slug(text: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    (1..=SLUG_BYTES).contains(&text.len()) && text.bytes().all(is_fine) && text != AGENT
}

impl Amendment {
    /// The definition as it is wanted. Whether it is paused stays as it is.
    pub fn apply(self, before: Definition) -> Result<Definition, Wrong> {
        let schedule = self.schedule(before.schedule)?;
        if let Some(labels) = &self.labels {
            check_labels(labels).or_else(|what| wrong("labels", what))?;
        }
        if let Some(description) = &self.description {
            let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
            if description.len() > DESCRIPTION_MAX || !description.chars().all(is_plain) {
                let what = "bytes, without control characters";
                return wrong("description", format!("must have at most {DESCRIPTION_MAX} {what}"));
            }
        }
        let slug = match self.slug.as_deref() {
            None => before.slug,
            Some("") => None,
            Some(slug) if is_slug(slug) => Some(slug.into()),
            Some(_) => {
                let what = format!("must be at most {SLUG_BYTES} characters of a-z 0-9 - _");
                return wrong("slug", format!("{what}, and not `{AGENT}`"));
            }
        };
        let keywords = match self.keywords {
            None => before.keywords,
            Some(keywords) => fit(keywords)?,
        };
        Ok(Definition {
            schedule,
            labels: self.labels.as_ref().map_or(before.labels, Labels::from),
            description: self.description.map_or(before.description, Into::into),
            slug,
            awaits_first: self.awaits_first.unwrap_or(before.awaits_first),
            manual_resume: self.manual_resume.unwrap_or(before.manual_resume),
            post_only: self.post_only.unwrap_or(before.post_only),
            keywords,
            generation: self.generation.unwrap_or(before.generation),
            is_configured: before.is_configured,
            paused_at: before.paused_at,
        })
    }

    fn schedule(&self, before: Schedule) -> Result<Schedule, Wrong> {
        for (field, duration) in [
            ("interval_seconds", self.interval),
            ("grace_seconds", self.grace),
            ("start_grace_seconds", self.start_grace),
            ("run_limit_seconds", self.run_limit),
            ("run_least_seconds", self.run_least),
            ("gap_least_seconds", self.gap_least),
            ("early_seconds", self.early),
        ] {
            let is_fine = |duration: SignedDuration| {
                duration.is_zero()
                    || (INTERVAL_MIN..=INTERVAL_MAX).contains(&duration.as_secs_f64())
            };
            if !duration.is_none_or(is_fine) {
                let what =
                    format!("must be none, or from {INTERVAL_MIN} to {INTERVAL_MAX} seconds");
                return wrong(field, what);
            }
        }
        let was_due = before.rhythm.is_some();
        let rhythm = self.rhythm(before.rhythm)?;
        let becomes_due = rhythm.is_some() && !was_due;
        let grace = self.grace.unwrap_or(if becomes_due { GRACE_DEFAULT } else { before.grace });
        // Of these none is the same as zero.
        let said = |said: Option<SignedDuration>, before| match said {
            None => before,
            Some(duration) => Some(duration).filter(|it| !it.is_zero()),
        };
        Ok(Schedule {
            rhythm,
            grace,
            start_grace: said(self.start_grace, before.start_grace),
            run_limit: said(self.run_limit, before.run_limit),
            run_least: said(self.run_least, before.run_least),
            gap_least: said(self.gap_least, before.gap_least),
            early: said(self.early, before.early),
            is_strict: self.strict.unwrap_or(before.is_strict),
        })
    }

    fn rhythm(&self, before: Option<Rhythm>) -> Result<Option<Rhythm>, Wrong> {
        let (expression, zone) = match (self.interval, &self.cron, &self.zone) {
            (Some(_), Some(_), _) => {
                return wrong("cron", "cannot stand beside an interval: say either");
            }
            (Some(_), None, Some(_)) => return wrong("zone", "needs `cron`"),
            (Some(interval), None, None) => {
                return Ok(Some(Rhythm::Every(interval)).filter(|_| !interval.is_zero()));
            }
            (None, None, None) => return Ok(before),
            (None, cron, zone) => (cron.as_deref(), zone.as_deref()),
        };
        let before = match &before {
            Some(Rhythm::At(slots)) => Some(slots),
            Some(Rhythm::Every(_)) | None => None,
        };
        let Some(expression) = expression.or_else(|| before.map(Slots::expression)) else {
            return wrong("zone", "needs `cron`");
        };
        let zone = zone.or_else(|| before.map(Slots::zone)).unwrap_or(ZONE_DEFAULT);
        match Slots::new(expression, zone) {
            Ok(slots) => Ok(Some(Rhythm::At(slots))),
            Err(why) => {
                let why = why.trim_end_matches('.');
                let example = "\"0 2 * * *\" is each night at 2:00";
                wrong("cron", format!("names no time: {why}; {example}"))
            }
        }
    }
}

/// The words that are looked for, without empty ones.
fn fit(mut keywords: Keywords) -> Result<Option<Keywords>, Wrong> {
    let Keywords { failure, success, start, or_failure } = &mut keywords;
    for words in [&mut *failure, success, start] {
        words.retain(|word| !word.is_empty());
        let is_short = |word: &String| word.len() <= KEYWORD_BYTES;
        if words.len() > KEYWORDS_MAX || !words.iter().all(is_short) {
            let what = format!("must be at most {KEYWORDS_MAX} of each kind");
            return wrong("keywords", format!("{what}, of at most {KEYWORD_BYTES} bytes each"));
        }
    }
    let says_nothing = failure.is_empty() && success.is_empty() && start.is_empty() && !*or_failure;
    Ok(Some(keywords).filter(|_| !says_nothing))
}

/// Durations in seconds.
mod seconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<SignedDuration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(|it| it.as_secs_f64()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SignedDuration>, D::Error> {
        let seconds: Option<f64> = Option::deserialize(deserializer)?;
        let duration = |seconds| {
            SignedDuration::try_from_secs_f64(seconds)
                .map_err(|_| de::Error::custom("this is no number of seconds"))
        };
        seconds.map(duration).transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::option::of;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn durations() -> impl Strategy<Value = Option<SignedDuration>> {
        of((0_i64..200_000).prop_map(SignedDuration::from_secs))
    }

    fn amendments() -> impl Strategy<Value = Amendment> {
        let cron = of(select(vec!["0 2 * * *", "*/5 * * * *", "often"]));
        let zone = of(select(vec!["UTC", "Asia/Tokyo", "Mars/Base"]));
        let words = of(prop::collection::vec("[a-c]{0,2}", 0..3));
        let rhythm = (durations(), cron, zone, durations(), durations());
        let texts = (of("[a-z-]{0,4}"), of("[a-z ]{0,4}"), words);
        let labels = of(prop::collection::btree_map("[a-c]", "[a-c]{0,2}", 0..3));
        (rhythm, texts, labels, of(any::<bool>()), of(any::<u32>())).prop_map(
            |((interval, cron, zone, grace, run_limit), texts, labels, switch, generation)| {
                let (slug, description, words) = texts;
                let keywords = words.map(|failure| Keywords { failure, ..Keywords::default() });
                Amendment {
                    interval,
                    cron: cron.map(str::to_owned),
                    zone: zone.map(str::to_owned),
                    grace,
                    run_limit,
                    slug,
                    description,
                    labels,
                    strict: switch,
                    post_only: switch,
                    keywords,
                    generation,
                    ..Amendment::default()
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_wanted_twice_changes_nothing_more_and_nothing_wanted_changes_nothing(
            first in amendments(),
            second in amendments(),
        ) {
            let before = first.apply(Definition::default()).unwrap_or_default();
            prop_assert_eq!(Amendment::default().apply(before.clone()), Ok(before.clone()));
            let json = serde_json::to_string(&second).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Amendment>(&json).unwrap(), &second);
            if let Ok(after) = second.clone().apply(before) {
                prop_assert_eq!(second.apply(after.clone()), Ok(after.clone()));
                // What is kept is read as it was written.
                let json = serde_json::to_string(&after).unwrap();
                prop_assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), after);
            }
        }
    }
}

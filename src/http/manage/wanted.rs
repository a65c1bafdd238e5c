//! What a call wants of a check, in the words of Healthchecks.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::refused::Refused;
use super::shown::slug_of;
use crate::check::{CheckId, Definition, Keywords, Rhythm, Slots};
use crate::engine::{Amendment, is_slug};

/// What a timeout or a grace may be, in seconds.
const SECONDS: std::ops::RangeInclusive<i64> = 60..=31_536_000;
/// How often a result is due that nobody says when.
const TIMEOUT_DEFAULT: SignedDuration = SignedDuration::from_hours(24);
/// The longest name, slug or schedule, and the longest list of words, in characters.
const TEXT_MAX: usize = 100;
const WORDS_MAX: usize = 200;

/// By what a check may be found that is to be changed.
const UNIQUE: [&str; 5] = ["name", "slug", "tags", "timeout", "grace"];

/// What a call wants. What is not said stays as it is. Fields that mean nothing here, such as
/// `channels`, are taken and passed over.
#[derive(Debug)]
pub(super) struct Wanted {
    name: Option<String>,
    slug: Option<String>,
    tags: Option<String>,
    desc: Option<String>,
    timeout: Option<SignedDuration>,
    grace: Option<SignedDuration>,
    schedule: Option<String>,
    zone: Option<String>,
    manual_resume: Option<bool>,
    methods: Option<String>,
    start_words: Option<String>,
    success_words: Option<String>,
    failure_words: Option<String>,
    filters_bodies: Option<bool>,
    needs_word: Option<bool>,
    unique: Vec<String>,
}

fn wrong<T>(field: &str, what: &str) -> Result<T, Refused> {
    Err(Refused::Wrong(format!("json validation error: {field} {what}")))
}

fn text(json: &Map<String, Value>, field: &str, max: usize) -> Result<Option<String>, Refused> {
    match json.get(field) {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() > max => wrong(field, "is too long"),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => wrong(field, "is not a string"),
    }
}

fn switch(json: &Map<String, Value>, field: &str) -> Result<Option<bool>, Refused> {
    match json.get(field) {
        None => Ok(None),
        Some(Value::Bool(switch)) => Ok(Some(*switch)),
        Some(_) => wrong(field, "is not a boolean"),
    }
}

fn seconds(json: &Map<String, Value>, field: &str) -> Result<Option<SignedDuration>, Refused> {
    let Some(value) = json.get(field) else { return Ok(None) };
    match value.as_i64() {
        None => wrong(field, "is not a number"),
        Some(seconds) if seconds < *SECONDS.start() => wrong(field, "is too small"),
        Some(seconds) if seconds > *SECONDS.end() => wrong(field, "is too large"),
        Some(seconds) => Ok(Some(SignedDuration::from_secs(seconds))),
    }
}

impl Wanted {
    pub(super) fn read(json: &Map<String, Value>) -> Result<Self, Refused> {
        let wanted = Self {
            name: text(json, "name", TEXT_MAX)?,
            slug: text(json, "slug", TEXT_MAX)?,
            tags: text(json, "tags", usize::MAX)?,
            desc: text(json, "desc", usize::MAX)?,
            timeout: seconds(json, "timeout")?,
            grace: seconds(json, "grace")?,
            schedule: text(json, "schedule", TEXT_MAX)?.filter(|schedule| !schedule.is_empty()),
            zone: text(json, "tz", usize::MAX)?,
            manual_resume: switch(json, "manual_resume")?,
            methods: text(json, "methods", TEXT_MAX)?,
            start_words: text(json, "start_kw", WORDS_MAX)?,
            success_words: text(json, "success_kw", WORDS_MAX)?,
            failure_words: text(json, "failure_kw", WORDS_MAX)?,
            filters_bodies: switch(json, "filter_http_body")?,
            needs_word: switch(json, "filter_default_fail")?,
            unique: unique(json)?,
        };
        if wanted.slug.as_deref().is_some_and(|slug| !slug.is_empty() && !is_slug(slug)) {
            return wrong("slug", "does not match pattern");
        }
        if wanted.methods.as_deref().is_some_and(|methods| !["", "POST"].contains(&methods)) {
            return wrong("methods", "has unexpected value");
        }
        let is_zone = |zone: &String| Slots::new("0 0 * * *", zone).is_ok();
        if !wanted.zone.as_ref().is_none_or(is_zone) {
            return wrong("tz", "is not a valid timezone");
        }
        let is_cron = |schedule: &String| Slots::new(schedule, "UTC").is_ok();
        if !wanted.schedule.as_ref().is_none_or(is_cron) {
            return wrong("schedule", "is not a valid cron expression");
        }
        Ok(wanted)
    }

    /// What a new check is called: by its name, or else by its slug.
    pub(super) fn id(&self, source: &str) -> Result<CheckId, Refused> {
        let names = [&self.name, &self.slug].into_iter().flatten();
        match names.into_iter().find(|name| !name.is_empty()) {
            Some(name) => Ok(CheckId::new(source, name)),
            None => wrong("name", "is needed, or a slug: checks are known by it here"),
        }
    }

    /// Fails if another name is wanted than the one that the check is known by: its address
    /// follows from that.
    pub(super) fn keeps_name_of(&self, id: CheckId) -> Result<CheckId, Refused> {
        match &self.name {
            Some(name) if !name.is_empty() && name != id.name() => Err(Refused::Conflict(format!(
                "the check is known by its name, \"{}\", which cannot be changed: make another \
                 check, and delete this one",
                id.name()
            ))),
            Some(_) | None => Ok(id),
        }
    }

    /// Whether a check is the one that is meant by `unique`. One is meant only where all that
    /// it names is said.
    pub(super) fn means(&self, id: &CheckId, definition: &Definition) -> bool {
        let schedule = &definition.schedule;
        let every = match schedule.rhythm {
            Some(Rhythm::Every(interval)) => Some(interval),
            Some(Rhythm::At(_)) | None => None,
        };
        let is = |field: &str| match field {
            "name" => self.name.as_deref() == Some(id.name()),
            "slug" => self.slug.as_deref() == Some(slug_of(id, definition)),
            "tags" => self.tags.as_deref().map(labels) == Some(BTreeMap::from(&definition.labels)),
            "timeout" => self.timeout.is_some() && self.timeout == every,
            _ => self.grace == Some(schedule.grace),
        };
        !self.unique.is_empty() && self.unique.iter().all(|field| is(field))
    }

    /// The same as the engine takes it, for a check that is defined so far as `before` says.
    pub(super) fn amendment(&self, before: Option<&Definition>) -> Amendment {
        let is_due_at =
            |definition: &Definition| matches!(definition.schedule.rhythm, Some(Rhythm::At(_)));
        let interval = self.timeout.or(before.is_none().then_some(TIMEOUT_DEFAULT));
        let interval = interval.filter(|_| self.schedule.is_none());
        // Who says a timeout says a zone in vain.
        let has_slots =
            self.schedule.is_some() || interval.is_none() && before.is_some_and(is_due_at);
        Amendment {
            interval,
            cron: self.schedule.clone(),
            zone: self.zone.clone().filter(|_| has_slots),
            grace: self.grace,
            labels: self.tags.as_deref().map(labels),
            description: self.desc.clone(),
            slug: self.slug.clone(),
            manual_resume: self.manual_resume,
            post_only: self.methods.as_ref().map(|methods| methods == "POST"),
            keywords: self.keywords(before.and_then(|before| before.keywords.as_ref())),
            ..Amendment::default()
        }
    }

    /// Words count only where bodies are searched for them; without that they are not kept.
    fn keywords(&self, before: Option<&Keywords>) -> Option<Keywords> {
        if !self.filters_bodies.unwrap_or(before.is_some()) {
            return before.map(|_| Keywords::default());
        }
        let mut keywords = before.cloned().unwrap_or_default();
        for (said, kept) in [
            (&self.start_words, &mut keywords.start),
            (&self.success_words, &mut keywords.success),
            (&self.failure_words, &mut keywords.failure),
        ] {
            if let Some(said) = said {
                *kept = said.split(',').map(|word| word.trim().to_owned()).collect();
            }
        }
        keywords.or_failure = self.needs_word.unwrap_or(keywords.or_failure);
        Some(keywords)
    }
}

fn unique(json: &Map<String, Value>) -> Result<Vec<String>, Refused> {
    let items = match json.get("unique") {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return wrong("unique", "is not an array"),
    };
    let field = |item: &Value| match item.as_str() {
        Some(field) if UNIQUE.contains(&field) => Ok(field.to_owned()),
        Some(_) | None => wrong("an item in 'unique'", "has unexpected value"),
    };
    items.iter().map(field).collect()
}

/// Tags as labels: one without a value, or, as `name=value`, with it.
fn labels(tags: &str) -> BTreeMap<String, String> {
    let pair = |tag: &str| {
        let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
        (name.to_owned(), value.to_owned())
    };
    tags.split_whitespace().map(pair).collect()
}

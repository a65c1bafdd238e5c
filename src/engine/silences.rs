//! Silences by pattern: made and ended by people, for checks that need not be there yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::turn::earlier;
use super::view::{Page, page};
use crate::alert::Silenced;
use crate::alert::commands::{LASTS_MAX, WHY_MAX};
use crate::alert::route::Matcher;
use crate::observation::object;

/// So many silences that are not over are kept. Each is asked for every check in trouble.
pub const SILENCES_MAX: usize = 200;

/// What is over can be looked up for so long.
pub const SILENCES_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// More of them are not kept, however young they are.
pub const SILENCES_OVER_MAX: usize = 1_000;

/// A silence begins no later than this after it was made.
pub const SILENCE_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The longest name of who wants it, in bytes.
pub const AUTHOR_MAX: usize = 100;

/// The longest pattern, and the longest name of a label, in bytes.
pub const PATTERN_MAX: usize = 255;

/// Labels in one pattern.
pub const PATTERN_LABELS_MAX: usize = 8;

/// A silence as somebody asks for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Which checks.
    #[serde(rename = "match", deserialize_with = "object")]
    pub matcher: Matcher,
    /// At once, if it is not said.
    pub start: Option<Timestamp>,
    /// Either this, or how long it lasts from its start on.
    pub end: Option<Timestamp>,
    pub duration_seconds: Option<f64>,
    pub author: String,
    pub reason: String,
}

/// Nothing is written about the checks that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name, never used twice.
    pub number: u64,
    #[serde(rename = "match")]
    pub matcher: Matcher,
    pub start: Timestamp,
    pub end: Timestamp,
    pub author: String,
    pub reason: String,
    pub made_at: Timestamp,
}

/// A silence as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SilenceView {
    /// One of the words of the README.
    pub state: String,
    #[serde(flatten)]
    pub silence: Silence,
}

/// Why a silence is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsilenced {
    /// Something that was asked for is not allowed: where, and what is.
    #[error("{0}")]
    Wrong(String),
    #[error("there are {SILENCES_MAX} silences that are not over, and there may be no more")]
    Full,
}

impl Silence {
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.end <= now
    }

    fn view(&self, now: Timestamp) -> SilenceView {
        let state = match (self.is_over(now), self.holds(now)) {
            (true, _) => "over",
            (false, true) => "active",
            (false, false) => "pending",
        };
        SilenceView { state: state.to_owned(), silence: self.clone() }
    }

    pub(super) fn silenced(&self) -> Silenced {
        Silenced {
            by: format!("{} (silence {})", self.author, self.number),
            until: self.end,
            why: self.reason.clone(),
        }
    }

    /// The clock was set back at `before`. What has begun has as long to go as it had; what
    /// has not begins at the time that it was made for.
    pub(super) fn rewind(&mut self, by: SignedDuration, before: Timestamp) {
        self.made_at = earlier(self.made_at, by);
        if self.start <= before {
            self.start = earlier(self.start, by);
            self.end = earlier(self.end, by);
        }
    }
}

impl Draft {
    /// The times between which it holds, if all of it is allowed.
    fn judge(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), Unsilenced> {
        let wrong = |what: String| Err(Unsilenced::Wrong(what));
        let Matcher { source, name, labels } = &self.matcher;
        if source.is_none() && name.is_none() && labels.is_empty() {
            return wrong(
                "match: say which checks; a source of \"*\" silences everything".to_owned(),
            );
        }
        if labels.len() > PATTERN_LABELS_MAX {
            return wrong(format!("match.labels: may have {PATTERN_LABELS_MAX} at most"));
        }
        let named = [("match.source", source), ("match.name", name)];
        let named = named.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?)));
        let labels = labels.iter().flat_map(|(label, pattern)| [label, pattern]);
        for (field, text) in named.chain(labels.map(|text| ("match.labels", text))) {
            is_line(field, text, PATTERN_MAX)?;
        }
        is_line("author", &self.author, AUTHOR_MAX)?;
        is_line("reason", &self.reason, WHY_MAX)?;
        let start = self.start.unwrap_or(now);
        let end = match (self.end, self.duration_seconds) {
            (Some(end), None) => end,
            (None, Some(seconds)) => SignedDuration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|lasts| start.checked_add(lasts).ok())
                .ok_or_else(|| Unsilenced::Wrong("duration_seconds: is too long".to_owned()))?,
            (None, None) | (Some(_), Some(_)) => {
                return wrong("say either end or duration_seconds".to_owned());
            }
        };
        if end <= start || end <= now {
            return wrong("end: must be later than start, and than now".to_owned());
        }
        if end.duration_since(start) > LASTS_MAX {
            let days = LASTS_MAX.as_hours() / 24;
            return wrong(format!("end: a silence lasts {days} days at most"));
        }
        if start.duration_since(now) > SILENCE_AHEAD_MAX {
            let days = SILENCE_AHEAD_MAX.as_hours() / 24;
            return wrong(format!("start: must be within {days} days"));
        }
        Ok((start, end))
    }
}

/// Whether a text is one line that says something.
fn is_line(field: &str, text: &str, max: usize) -> Result<(), Unsilenced> {
    let is_right =
        !text.trim().is_empty() && text.len() <= max && !text.chars().any(char::is_control);
    if is_right {
        return Ok(());
    }
    Err(Unsilenced::Wrong(format!("{field}: must be one line of 1 to {max} bytes")))
}

impl Core {
    /// Makes a silence.
    pub fn silence(&mut self, draft: Draft, now: Timestamp) -> Result<SilenceView, Unsilenced> {
        let (start, end) = draft.judge(now)?;
        if self.silences.values().filter(|silence| !silence.is_over(now)).count() >= SILENCES_MAX {
            return Err(Unsilenced::Full);
        }
        self.meta.silences += 1;
        self.dirty.meta = true;
        let Draft { matcher, author, reason, .. } = draft;
        let number = self.meta.silences;
        let silence = Silence { number, matcher, start, end, author, reason, made_at: now };
        tracing::info!(silence = number, by = silence.author, "a silence was made");
        let view = silence.view(now);
        self.silences.insert(number, silence);
        self.dirty.silences.insert(number);
        self.look_at_patterns(now);
        Ok(view)
    }

    /// Ends a silence now. Returns whether there is such a one; one that is over stays over.
    pub fn end_silence(&mut self, number: u64, now: Timestamp) -> bool {
        let Some(silence) = self.silences.get_mut(&number) else { return false };
        if !silence.is_over(now) {
            tracing::info!(silence = number, "a silence was ended");
            silence.start = silence.start.min(now);
            silence.end = now;
            self.dirty.silences.insert(number);
            self.look_at_patterns(now);
        }
        true
    }

    /// Silences after the cursor `after` (their number), in order.
    pub fn silences_page(
        &self,
        after: Option<u64>,
        limit: usize,
        now: Timestamp,
    ) -> Page<SilenceView> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let silences = self.silences.range((from, Bound::Unbounded)).map(|(_, silence)| silence);
        page(silences, limit, |silence| silence.view(now), |silence| silence.number.to_string())
    }

    /// Forgets what has been over for long enough, and the oldest of too many.
    pub(super) fn forget_silences(&mut self, now: Timestamp) {
        let over: BTreeMap<_, _> = self
            .silences
            .values()
            .filter(|silence| silence.is_over(now))
            .map(|silence| ((silence.end, silence.number), silence.end))
            .collect();
        let surplus = over.len().saturating_sub(SILENCES_OVER_MAX);
        for (index, ((_, number), end)) in over.into_iter().enumerate() {
            if index < surplus || forgotten_at(end) <= now {
                self.silences.remove(&number);
                self.dirty.silences.insert(number);
            }
        }
    }
}

/// When a silence that ended then is forgotten.
pub(super) fn forgotten_at(end: Timestamp) -> Timestamp {
    end.checked_add(SILENCES_KEPT).unwrap_or(Timestamp::MAX)
}

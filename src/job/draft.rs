//! A job as somebody asks for it, in the words of the configuration, the API and the command
//! line alike.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::schedule::UTC;
use super::{Definition, JobId, Kind, Missed, Schedule, Template};
use crate::duration;

/// The longest name of a job, in bytes.
pub const JOB_NAME_MAX: usize = 100;

/// How long a run may take, if it is not said, and at most.
pub const LIMIT_DEFAULT: SignedDuration = SignedDuration::from_mins(10);
pub const LIMIT_MAX: SignedDuration = SignedDuration::from_hours(24);

/// By how much slots may be put off.
pub const JITTER_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How many late slots are run where all are, if it is not said, and at most.
pub const MISSED_DEFAULT: u32 = 10;
pub const MISSED_MAX: u32 = 100;

/// How many backups are kept, if it is not said, and at most.
const KEEP_DEFAULT: u32 = 7;
pub const KEEP_MAX: u32 = 1_000;

/// The longest title and text of an issue that a job opens, in bytes.
pub const TITLE_MAX: usize = 200;
pub const BODY_MAX: usize = 4_000;

/// A job, or what is to change of one. What is left out is as it was, or has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    pub name: Option<String>,
    /// One of [`Kind::ALL`].
    #[serde(rename = "do")]
    pub kind: Option<String>,
    /// As [`Schedule::parse`] reads it.
    pub schedule: Option<String>,
    /// Whose clock the schedule is read on; UTC if it is not said.
    pub zone: Option<String>,
    /// How many slots it runs; 0 is for ever.
    pub times: Option<u32>,
    /// `once`, `skip` or `all`
    pub missed: Option<String>,
    /// With `all`: the newest so many.
    pub missed_max: Option<u32>,
    pub jitter: Option<String>,
    pub limit: Option<String>,
    /// Of backups: how many are kept.
    pub keep: Option<u32>,
    /// Of issues: what is to be done, and what stands on top of them, in Markdown.
    pub title: Option<String>,
    pub body: Option<String>,
    /// Whether there is one at a time, as it is if that is not said.
    pub one_at_a_time: Option<bool>,
}

/// What somebody has asked for that is not allowed: where, and what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Wrong {
    pub field: &'static str,
    pub why: String,
}

fn wrong<T>(field: &'static str, why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { field, why: why.into() })
}

impl Draft {
    /// What a job is to do by this: a new one, or one that was `onto` so far.
    pub fn apply(&self, onto: Option<&Definition>, now: Timestamp) -> Result<Definition, Wrong> {
        let schedule = self.schedule(onto, now)?;
        let times = match self.times {
            Some(times) => Some(times).filter(|times| *times > 0),
            None => onto.and_then(|onto| onto.times),
        };
        let jitter = match &self.jitter {
            Some(text) => length("jitter", text, SignedDuration::ZERO, JITTER_MAX)?,
            None => onto.map(|onto| onto.jitter).unwrap_or_default(),
        };
        if let Schedule::Every { seconds, .. } = schedule
            && jitter.as_secs() >= seconds
        {
            return wrong("jitter", "must be shorter than the interval");
        }
        let limit = match &self.limit {
            Some(text) => length("limit", text, SignedDuration::from_secs(1), LIMIT_MAX)?,
            None => onto.map_or(LIMIT_DEFAULT, |onto| onto.limit),
        };
        let (name, kind, missed) = (self.name(onto)?, self.kind(onto)?, self.missed(onto)?);
        Ok(Definition { name, kind, schedule, times, missed, jitter, limit })
    }

    fn name(&self, onto: Option<&Definition>) -> Result<String, Wrong> {
        let Some(name) = self.name.clone().or_else(|| onto.map(|onto| onto.name.clone())) else {
            return wrong("name", "is needed");
        };
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if name.is_empty() || name.len() > JOB_NAME_MAX || !name.bytes().all(is_plain) {
            let why = format!("must be 1 to {JOB_NAME_MAX} letters, digits, `.`, `_` and `-`");
            return wrong("name", why);
        }
        if matches!(name.as_str(), "." | "..") {
            return wrong("name", "must not be `.` or `..`, which no address can name");
        }
        if JobId::is_like(&name) {
            return wrong("name", "must not look like the id of a job");
        }
        Ok(name)
    }

    fn kind(&self, onto: Option<&Definition>) -> Result<Kind, Wrong> {
        let word = self.kind.as_deref().or_else(|| onto.map(|onto| onto.kind.word()));
        let before = onto.map(|onto| &onto.kind);
        let kind = match word {
            Some("sweep") => Kind::Sweep,
            Some("reconcile") => Kind::Reconcile,
            Some("token-probe") => Kind::TokenProbe,
            Some("dead-man") => Kind::DeadMan,
            Some("backup") => Kind::Backup { keep: self.kept(before)? },
            Some("retention") => Kind::Retention,
            Some("report") => Kind::Report,
            Some("open-issue") => Kind::OpenIssue(self.template(before)?),
            Some(_) => return wrong("do", format!("must be one of {}", Kind::ALL.join(", "))),
            None => return wrong("do", format!("is needed: one of {}", Kind::ALL.join(", "))),
        };
        if self.keep.is_some() && !matches!(kind, Kind::Backup { .. }) {
            return wrong("keep", "is for backups alone");
        }
        let template = [
            ("title", self.title.is_some()),
            ("body", self.body.is_some()),
            ("one_at_a_time", self.one_at_a_time.is_some()),
        ];
        match template.into_iter().find(|(_, is_given)| *is_given) {
            Some((field, _)) if !matches!(kind, Kind::OpenIssue(_)) => {
                wrong(field, "is for open-issue alone")
            }
            _ => Ok(kind),
        }
    }

    fn kept(&self, before: Option<&Kind>) -> Result<u32, Wrong> {
        let before = match before {
            Some(Kind::Backup { keep }) => *keep,
            _ => KEEP_DEFAULT,
        };
        match self.keep.unwrap_or(before) {
            keep @ 1..=KEEP_MAX => Ok(keep),
            _ => wrong("keep", format!("must be 1 to {KEEP_MAX}")),
        }
    }

    fn template(&self, before: Option<&Kind>) -> Result<Template, Wrong> {
        let before = match before {
            Some(Kind::OpenIssue(template)) => Some(template),
            _ => None,
        };
        let title = self.title.clone().or_else(|| before.map(|it| it.title.clone()));
        let Some(title) = title else { return wrong("title", "is needed: what is to be done") };
        if title.trim().is_empty() || title.len() > TITLE_MAX || title.chars().any(char::is_control)
        {
            return wrong("title", format!("must be one line of 1 to {TITLE_MAX} bytes"));
        }
        let body = self.body.clone().or_else(|| before.map(|it| it.body.clone()));
        let body = body.unwrap_or_default();
        let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
        if body.len() > BODY_MAX || !body.chars().all(is_plain) {
            let why = format!("must be at most {BODY_MAX} bytes without control characters");
            return wrong("body", why);
        }
        // What teawatch itself must find again stands in such comments.
        for (field, text) in [("title", &title), ("body", &body)] {
            if text.contains("<!--") || text.contains("-->") {
                return wrong(field, "must not hold comments of HTML");
            }
        }
        let one = self.one_at_a_time.or_else(|| before.map(|it| it.one_at_a_time));
        Ok(Template { title, body, one_at_a_time: one.unwrap_or(true) })
    }

    fn schedule(&self, onto: Option<&Definition>, now: Timestamp) -> Result<Schedule, Wrong> {
        let before = onto.map(|onto| &onto.schedule);
        let zone = self.zone.as_deref().or_else(|| before.map(Schedule::zone)).unwrap_or(UTC);
        if jiff::tz::TimeZone::get(zone).is_err() {
            return wrong("zone", "must be a time zone that this machine knows");
        }
        match (&self.schedule, before) {
            (None, Some(before)) if self.zone.is_none() => Ok(before.clone()),
            (None, Some(before)) => match before {
                Schedule::Cron(_) => Schedule::parse(&before.written(), zone, now)
                    .or_else(|why| wrong("schedule", why)),
                Schedule::Every { .. } | Schedule::Once { .. } => {
                    wrong("zone", "is for times on a clock alone")
                }
            },
            (None, None) => wrong("schedule", "is needed, such as \"every 1h\" or \"0 3 * * *\""),
            (Some(text), _) => {
                Schedule::parse(text, zone, now).or_else(|why| wrong("schedule", why))
            }
        }
    }

    fn missed(&self, onto: Option<&Definition>) -> Result<Missed, Wrong> {
        let before = onto.map(|onto| onto.missed).unwrap_or_default();
        let word = self.missed.as_deref().unwrap_or(match before {
            Missed::Once => "once",
            Missed::Skip => "skip",
            Missed::All(_) => "all",
        });
        let most = self.missed_max.unwrap_or(match before {
            Missed::All(most) => most,
            Missed::Once | Missed::Skip => MISSED_DEFAULT,
        });
        match word {
            "all" if (1..=MISSED_MAX).contains(&most) => Ok(Missed::All(most)),
            "all" => wrong("missed_max", format!("must be 1 to {MISSED_MAX}")),
            _ if self.missed_max.is_some() => wrong("missed_max", "is for missed = \"all\" alone"),
            "once" => Ok(Missed::Once),
            "skip" => Ok(Missed::Skip),
            _ => wrong("missed", "must be \"once\", \"skip\" or \"all\""),
        }
    }
}

fn length(
    field: &'static str,
    text: &str,
    least: SignedDuration,
    most: SignedDuration,
) -> Result<SignedDuration, Wrong> {
    match duration::parse(text) {
        Some(length) if (least..=most).contains(&length) && length.subsec_nanos() == 0 => {
            Ok(length)
        }
        _ => wrong(field, format!("must be whole seconds, from {least:#} to {most:#}")),
    }
}

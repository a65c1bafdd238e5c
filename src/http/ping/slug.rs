//! What an address says: which check, and what has happened.

use std::collections::BTreeMap;

use super::Refused;
use super::body::Body;
use crate::check::{Kind, Observation, Uuid};
use crate::engine::{Ping, is_slug};
use crate::observation::fit;

const MISSHAPEN: Refused = Refused::Misshapen("invalid url format");

/// Reads the name of a check in an address: of `a-z 0-9 - _`.
pub(super) fn parse(text: &str, name_bytes: usize) -> Result<&str, Refused> {
    if !is_slug(text) || text.len() > name_bytes {
        return Err(MISSHAPEN);
    }
    Ok(text)
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Success,
    Start,
    Fail,
    /// Something to read, which says nothing of how it is.
    Log,
    Exited(u8),
}

impl Action {
    /// Nothing is a success; a number is the exit status of a program.
    pub(super) fn parse(action: Option<&str>) -> Result<Self, Refused> {
        Ok(match action {
            None => Self::Success,
            Some("start") => Self::Start,
            Some("fail") => Self::Fail,
            Some("log") => Self::Log,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                Self::Exited(digits.parse().map_err(|_| MISSHAPEN)?)
            }
            Some(_) => return Err(Refused::NotFound),
        })
    }

    /// The same as the engine takes it.
    pub(super) fn ping(self, body: Body, rid: Option<Uuid>) -> Ping {
        let (kind, words) = match self {
            Self::Log => (Kind::Log, "it says nothing"),
            Self::Start => (Kind::Start, "running"),
            Self::Success | Self::Exited(0) => (Kind::Success, "it says that all is well"),
            Self::Fail => (Kind::Failure, "it says that it has failed"),
            Self::Exited(_) => (Kind::Failure, "exit status"),
        };
        // The last line of what a program prints says best how it ended.
        let summary = match (self, body.last_line()) {
            (Self::Exited(status), Some(line)) if status > 0 => format!("{words} {status}: {line}"),
            (Self::Exited(status), None) if status > 0 => format!("{words} {status}"),
            (Self::Start, _) | (_, None) => words.to_owned(),
            (_, Some(line)) => line.to_owned(),
        };
        let status = match self {
            Self::Exited(status) => Some(("exit_status".to_owned(), f64::from(status))),
            Self::Success | Self::Start | Self::Fail | Self::Log => None,
        };
        let may_judge = match self {
            Self::Success | Self::Exited(0) => true,
            // Whatever the body says, a failure is one.
            Self::Start | Self::Fail | Self::Log | Self::Exited(1..) => false,
        };
        let seen = Observation {
            details: body.into_text(),
            numbers: status.into_iter().collect::<BTreeMap<_, _>>(),
            rid,
            ..Observation::new(kind, summary)
        };
        let body = may_judge.then(|| seen.details.clone());
        Ping { seen: fit(seen), body, is_post: false, may_make: false }
    }
}

//! A run that is over, and how it is kept.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Kind, Moment, Uuid};

/// An execution of a job that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<Uuid>,
    pub kind: Kind,
    pub at: Moment,
    /// How long it has taken, where its start was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<SignedDuration>,
}

/// One of them, with its number among all of its check that have ever ended, from 0.
///
/// Each is a record of its own: whoever pings at each end would write all that are remembered
/// again otherwise. So times and durations are kept as numbers of nanoseconds, without names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Kept {
    pub number: u64,
    pub ended: Ended,
}

/// There is room for three hundred years.
type Written = (u64, Option<Uuid>, Kind, i64, Option<i64>);

impl From<Kept> for Written {
    fn from(Kept { number, ended: Ended { rid, kind, at, took } }: Kept) -> Self {
        let short = |nanoseconds: i128| i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        let took = took.map(|took| short(took.as_nanos()));
        (number, rid, kind, short(at.get().as_nanosecond()), took)
    }
}

impl From<Written> for Kept {
    fn from((number, rid, kind, at, took): Written) -> Self {
        let at = Timestamp::from_nanosecond(at.into()).unwrap_or_default().into();
        let took = took.map(SignedDuration::from_nanos);
        Self { number, ended: Ended { rid, kind, at, took } }
    }
}

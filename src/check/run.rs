//! Executions of a job, each watched from its start to its end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Ended, Kept, Kind, Moment, Uuid, earlier};

/// Runs of one check that are watched at once; the oldest is given up for another.
pub const RUNS_MAX: usize = 20;
/// Runs that are remembered after their end, so that what is said of them once more is
/// recognised; the oldest goes first.
pub const ENDED_MAX: u64 = 20;
/// What is said of a run once more within this time after its end is the same word, sent
/// again by who got no answer.
pub const REPEATED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// One execution of a job that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What the job calls it; of those without a name there is one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<Uuid>,
    pub began_at: Moment,
    /// It has taken longer than it may, and that was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
}

/// The runs of a check, in the memory of a pointer where there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs(Option<Box<Known>>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// The oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<Run>,
    /// Those that have ended, by their numbers. They have records of their own ([`Kept`]);
    /// older records of a check have them in a list.
    #[serde(default, skip_serializing, deserialize_with = "numbered")]
    ended: BTreeMap<u64, Ended>,
    /// How many were given up for others.
    #[serde(default)]
    given_up: u64,
}

/// What a word about a run was to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It was said already, and changes nothing.
    Again,
    /// It is about no run that is known, and none needs to be remembered.
    OfNone,
    /// Its run has ended, after so long where its start was heard.
    Of(Option<SignedDuration>),
}

impl Runs {
    /// Whether nothing is known of any.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Those that have begun and not ended, the oldest first.
    pub fn open(&self) -> &[Run] {
        self.0.as_ref().map_or(&[], |known| &known.open)
    }

    /// The newest that has ended of which is known how long it took.
    pub fn last(&self) -> Option<&Ended> {
        self.0.as_ref()?.ended.values().rfind(|ended| ended.took.is_some())
    }

    /// Those that have ended and are remembered, from the one with this number on.
    pub fn kept(&self, from: u64) -> impl Iterator<Item = Kept> {
        let kept = self.0.iter().flat_map(move |known| known.ended.range(from..));
        kept.map(|(number, ended)| Kept { number: *number, ended: *ended })
    }

    /// How many have ever ended: the number of the next.
    pub fn ended(&self) -> u64 {
        self.0.as_ref().map_or(0, |known| known.next())
    }

    /// Takes one up as it was kept.
    pub fn take_up(&mut self, Kept { number, ended }: Kept) {
        self.0.get_or_insert_default().put(number, ended);
    }

    /// How many were given up, since too many ran at once.
    pub fn given_up(&self) -> u64 {
        self.0.as_ref().map_or(0, |known| known.given_up)
    }

    /// A run has begun. Returns whether that changes anything: a start that comes once more,
    /// or after the end of its run, does not.
    pub(super) fn start(&mut self, rid: Option<Uuid>, now: Timestamp) -> bool {
        let known = self.0.get_or_insert_default();
        let is_known = rid.is_some()
            && (known.open.iter().any(|run| run.rid == rid)
                || known.ended.values().any(|ended| ended.rid == rid));
        if is_known {
            return false;
        }
        // Of those without a name the newest counts.
        known.open.retain(|run| run.rid.is_some() || rid.is_some());
        if known.open.len() >= RUNS_MAX {
            known.open.remove(0);
            known.given_up = known.given_up.saturating_add(1);
        }
        known.open.push(Run { rid, began_at: now.into(), is_over: false });
        true
    }

    /// A run has ended as `kind` says: the one of this name. A failure that names none which
    /// is known ends the newest, whatever it is called.
    pub(super) fn end(&mut self, rid: Option<Uuid>, kind: Kind, now: Timestamp) -> Said {
        let Some(known) = &mut self.0 else {
            // Its start may still come.
            if rid.is_some() {
                self.0.get_or_insert_default().keep(Ended {
                    rid,
                    kind,
                    at: now.into(),
                    took: None,
                });
                return Said::Of(None);
            }
            return Said::OfNone;
        };
        let before = known.ended.values().rfind(|ended| rid.is_some() && ended.rid == rid).copied();
        if let Some(before) = before
            && before.kind == kind
            && now.duration_since(before.at.get()) <= REPEATED_WITHIN
        {
            return Said::Again;
        }
        let named = known.open.iter().position(|run| run.rid == rid);
        let newest = known.open.len().checked_sub(1);
        let newest = newest.filter(|_| kind == Kind::Failure && before.is_none());
        let ended = named.or(newest).map(|at| known.open.remove(at));
        let took =
            ended.map(|run| now.duration_since(run.began_at.get()).max(SignedDuration::ZERO));
        // What was learned of it at its first end is true of it also when it ends otherwise.
        let took = took.or_else(|| before?.took);
        if rid.is_none() && ended.is_none() {
            return Said::OfNone;
        }
        let own = ended.and_then(|run| run.rid);
        if own.is_some() && rid.is_some() && own != rid {
            known.keep(Ended { rid: own, kind, at: now.into(), took });
        }
        known.keep(Ended { rid: rid.or(own), kind, at: now.into(), took });
        Said::Of(took)
    }

    /// Marks those over which `limit` has passed. Returns whether there is a new one.
    pub(super) fn mark_over(&mut self, is_over: impl Fn(Timestamp) -> bool) -> bool {
        let Some(known) = &mut self.0 else { return false };
        let mut is_new = false;
        for run in known.open.iter_mut().filter(|run| !run.is_over) {
            run.is_over = is_over(run.began_at.get());
            is_new |= run.is_over;
        }
        is_new
    }

    /// Another has succeeded: those that took too long are watched no more. Returns whether
    /// there were any.
    pub(super) fn give_up_over(&mut self, now: Timestamp) -> bool {
        let Some(known) = &mut self.0 else { return false };
        let (over, open): (Vec<_>, Vec<_>) = known.open.iter().partition(|run| run.is_over);
        known.open = open;
        for Run { rid, .. } in over.iter().filter(|run| run.rid.is_some()) {
            known.keep(Ended { rid: *rid, kind: Kind::Unknown, at: now.into(), took: None });
        }
        !over.is_empty()
    }

    /// Nobody is to watch them any more.
    pub(super) fn clear_open(&mut self) {
        if let Some(known) = &mut self.0 {
            known.open.clear();
        }
    }

    /// The clock was set back.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        let Some(known) = &mut self.0 else { return };
        let began = known.open.iter_mut().map(|run| &mut run.began_at);
        for at in began.chain(known.ended.values_mut().map(|ended| &mut ended.at)) {
            *at = earlier(at.get(), by).into();
        }
    }
}

impl Known {
    fn next(&self) -> u64 {
        self.ended.last_key_value().map_or(0, |(newest, _)| newest + 1)
    }

    fn keep(&mut self, ended: Ended) {
        self.put(self.next(), ended);
    }

    fn put(&mut self, number: u64, ended: Ended) {
        self.ended.insert(number, ended);
        if self.ended.len() as u64 > ENDED_MAX {
            self.ended.pop_first();
        }
    }
}

impl Serialize for Runs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Runs {
    /// Records from before runs had names hold when the one that there was has begun.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Record {
            Since(Moment),
            Known(Box<Known>),
        }
        Ok(Self(Option::deserialize(deserializer)?.map(|record| match record {
            Record::Known(known) => known,
            Record::Since(began_at) => {
                let run = Run { rid: None, began_at, is_over: false };
                Box::new(Known { open: vec![run], ..Known::default() })
            }
        })))
    }
}

/// Reads those that have ended where they are a list without numbers.
fn numbered<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u64, Ended>, D::Error> {
    let list = Vec::<(Option<Uuid>, Kind, i64, Option<i64>)>::deserialize(from)?;
    let kept = (0..).zip(list);
    Ok(kept
        .map(|(number, (rid, kind, at, took))| Kept::from((number, rid, kind, at, took)))
        .map(|Kept { number, ended }| (number, ended))
        .collect())
}

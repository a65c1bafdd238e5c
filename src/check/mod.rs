//! Is it all right? The pure machine of one check.
//!
//! A [`Check`] is one thing watched, `source/name`. [`step()`] takes one observation, or
//! the news that time has passed, into account and alone decides whether the check is up
//! or down. It knows neither clock nor disk nor Gitea, it cannot fail, and it uses nothing
//! else of this crate.

#![deny(clippy::wildcard_enum_match_arm)]

mod absence;
mod beat;
mod calendar;
mod definition;
mod ended;
mod flapping;
mod flips;
mod id;
mod keywords;
mod moment;
mod observation;
mod pairs;
mod run;
mod schedule;
mod silence;
mod status;
mod step;
#[cfg(test)]
mod tests;
mod untimely;
mod uuid;
mod words;

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::absence::{Absence, Absences};
pub use self::beat::Beat;
pub use self::calendar::Calendar;
pub use self::definition::Definition;
pub use self::ended::{Ended, Kept};
pub use self::flapping::{Flapping, Recent};
pub use self::flips::{FLIPS_MAX, Flip, Flips};
pub use self::id::{AGENT, CheckId, OWN_SOURCE};
pub use self::keywords::Keywords;
pub use self::moment::Moment;
pub use self::observation::{Kind, Observation};
pub use self::pairs::{Labels, Numbers};
pub use self::run::{ENDED_MAX, REPEATED_WITHIN, RUNS_MAX, Run, Runs};
pub use self::schedule::{Rhythm, Schedule, Slots};
pub use self::status::Status;
pub use self::step::step;
pub use self::uuid::Uuid;

/// What [`step()`] takes into account.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    Observed(&'a Observation),
    /// Time may have passed, or the check may have gone out of sight or come back.
    Woken,
    /// A person wants nothing to be judged of it for a while.
    Paused,
    /// A person wants that no more.
    Resumed,
}

/// The settings by which a check is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Failures in a row until the check is down; at least 1.
    pub fail_after: u32,
    /// And this long since the first of them.
    pub fail_for: SignedDuration,
    /// Successes in a row until a check that is down is up; at least 1.
    pub recover_after: u32,
    /// Silent for strictly more than this many intervals is down; at least 1.
    pub stale_factor: f64,
    /// Unknown for longer than this is an alert of its own.
    pub unknown_after: SignedDuration,
    pub flapping: Flapping,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fail_after: 1,
            fail_for: SignedDuration::ZERO,
            recover_after: 1,
            stale_factor: 2.0,
            unknown_after: SignedDuration::from_hours(1),
            flapping: Flapping::default(),
        }
    }
}

/// Everything remembered about one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub id: CheckId,
    pub verdict: Verdict,
    /// Since when the verdict holds.
    pub since: Timestamp,
    /// Results of one kind in a row.
    pub streak: Streak,
    /// The newest results, for flapping.
    pub recent: Recent,
    /// Changing so often that neither up nor down is believed; counts as down.
    pub is_flapping: bool,
    /// Since when nobody could tell.
    pub unknown_since: Option<Moment>,
    /// Unknown for so long that it was told.
    pub is_blind: bool,
    /// Nobody looks at it: the source's agent is silent, or says that it cannot. So it is
    /// unknown, and says nothing.
    pub unseen: bool,
    /// When it was last looked at again: nothing could be heard before.
    #[serde(default)]
    pub seen_again_at: Option<Moment>,
    /// Its runs, as far as their starts and names are known. Those that have ended are kept
    /// apart.
    #[serde(default, skip_serializing_if = "Runs::is_empty", alias = "running_since")]
    pub runs: Runs,
    /// Its newest result is a success that came when it should not, and so a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_untimely: bool,
    /// When it has turned, where it is defined.
    #[serde(default, skip_serializing_if = "Flips::is_empty")]
    pub flips: Flips,
    /// What it had to say that tells nothing of how it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<Box<Logged>>,
    /// What people have decided of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Box<Definition>>,
    /// When it was last heard of.
    pub last_seen: Option<Moment>,
    /// The newest report that it was heard in. Decides nothing here: by it, whoever takes
    /// reports knows which of them come too late for this check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// How often it is to be heard of; without one, silence means nothing.
    pub interval: Option<SignedDuration>,
    /// That is what the configuration expects of it, and not what it says of itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_expected: bool,
    /// How long a failure holds that is not said again, in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_for: Option<NonZeroU32>,
    /// The newest observation.
    pub latest: Option<Latest>,
    pub labels: Labels,
    /// Results in all.
    pub results: u64,
}

/// Where a report stands among those of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Counts the epochs of the source, from 1.
    pub epoch: u32,
    pub seq: u64,
}

/// The newest thing that a check had to say without telling how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    pub at: Moment,
    pub summary: Box<str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub details: Box<str>,
}

/// The newest observation, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    pub kind: Kind,
    pub summary: Box<str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub details: Box<str>,
    #[serde(default, skip_serializing_if = "Numbers::is_empty")]
    pub numbers: Numbers,
    /// When it arrived, by our clock.
    pub at: Timestamp,
    /// What the observer's clock said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
}

/// What was decided last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Expected by the configuration and not heard of yet.
    NeverSeen,
    #[default]
    Up,
    Down(Cause),
}

/// Why a check is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It said so.
    Failing,
    /// It said nothing for too long.
    Silent,
    /// It was expected and never said anything.
    NeverSeen,
    /// It says now this, now that.
    Flapping,
    /// A run of it has begun and not ended in time.
    Overrun,
}

/// Results of one kind in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    pub failing: bool,
    pub count: u32,
    pub first: Timestamp,
}

/// What others must hear about after a step. A check takes part in two alerts: one for
/// its trouble, one for nobody being able to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    pub trouble: Option<Turn>,
    pub blindness: Option<Turn>,
    /// More of the check is new than its [`Beat`].
    pub is_news: bool,
    /// A result was taken into account, so that at least its beat is new.
    pub is_beat: bool,
}

/// How a condition of a check has turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It began.
    Began,
    /// It goes on, and there is a newer result.
    Continues,
    /// It ended.
    Ended,
}

impl Check {
    /// A check that was just heard of for the first time.
    pub fn new(id: CheckId, now: Timestamp) -> Self {
        Self {
            id,
            verdict: Verdict::Up,
            since: now,
            streak: Streak { failing: false, count: 0, first: now },
            recent: Recent::default(),
            is_flapping: false,
            unknown_since: None,
            is_blind: false,
            unseen: false,
            seen_again_at: None,
            runs: Runs::default(),
            is_untimely: false,
            flips: Flips::default(),
            logged: None,
            definition: None,
            last_seen: None,
            heard: None,
            interval: None,
            is_expected: false,
            holds_for: None,
            latest: None,
            labels: Labels::default(),
            results: 0,
        }
    }

    /// A check that the configuration expects every `interval`, from `now` on.
    pub fn expected(id: CheckId, interval: SignedDuration, now: Timestamp) -> Self {
        Self {
            verdict: Verdict::NeverSeen,
            interval: Some(interval),
            is_expected: true,
            ..Self::new(id, now)
        }
    }

    /// Whether it is in trouble by the last verdict.
    pub fn is_down(&self) -> bool {
        matches!(self.verdict, Verdict::Down(_))
    }

    /// Whether it has been well for long enough to be believed.
    pub fn is_believed_well(&self, policy: &Policy) -> bool {
        let Streak { failing, count, .. } = self.streak;
        !self.is_down() && !failing && count >= self.patience(policy).recover_after
    }

    /// Since when it is paused.
    pub fn paused_at(&self) -> Option<Moment> {
        self.definition.as_ref()?.paused_at
    }

    /// By what it is watched.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.definition.as_ref().map(|definition| &definition.schedule)
    }

    /// Whether its newest result says how it is.
    pub fn can_tell(&self) -> bool {
        self.unknown_since.is_none() && self.results > 0
    }

    /// How many results it takes. Who says how long a failure holds has judged it already.
    fn patience(&self, policy: &Policy) -> Patience {
        match self.holds_for {
            Some(_) => Patience { fail_after: 1, fail_for: SignedDuration::ZERO, recover_after: 1 },
            None => Patience {
                fail_after: policy.fail_after.max(1),
                fail_for: policy.fail_for,
                recover_after: policy.recover_after.max(1),
            },
        }
    }

    /// The clock was set back: what is remembered moves with it, so that as much time has
    /// passed since then as before.
    pub fn rewind(&mut self, by: SignedDuration) {
        let times = [Some(&mut self.since), Some(&mut self.streak.first)];
        let latest = self.latest.as_mut().map(|latest| &mut latest.at);
        for at in times.into_iter().chain([latest]).flatten() {
            *at = earlier(*at, by);
        }
        let definition = self.definition.as_mut();
        let paused_at = definition.and_then(|definition| definition.paused_at.as_mut());
        let perhaps = [&mut self.unknown_since, &mut self.last_seen, &mut self.seen_again_at];
        let logged_at = self.logged.as_mut().map(|logged| &mut logged.at);
        for at in perhaps.into_iter().flatten().chain(paused_at).chain(logged_at) {
            *at = earlier(at.get(), by).into();
        }
        self.runs.rewind(by);
        self.flips.rewind(by);
    }
}

/// How many results of one kind in a row are believed, and since when the first must be.
struct Patience {
    fail_after: u32,
    fail_for: SignedDuration,
    recover_after: u32,
}

/// `at - by`, or the beginning of time.
fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// `at + by`, or the end of time.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

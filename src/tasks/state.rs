//! Whether a task is at work, as far as its marks tell.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Pace;

/// A task may be late by so many of its intervals, and this much for a slow machine.
const INTERVALS: i32 = 3;
const SLACK: SignedDuration = SignedDuration::from_secs(20);

/// What a task has shown of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// When it last said that it is alive.
    pub alive_at: Option<Timestamp>,
    /// When it last did what it is for.
    pub success_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<Failure>,
    /// Why it rests on purpose, if it does.
    pub paused: Option<String>,
    /// What it has to say of its work, for people.
    pub note: Option<String>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub at: Timestamp,
    pub text: String,
    /// Whether the task has succeeded since.
    pub is_over: bool,
}

/// How a task is. The README lists these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Well,
    /// Alive, and resting on purpose.
    Paused,
    /// Alive, and its work does not succeed.
    Failing,
    /// It no longer says that it is alive.
    Stalled,
    /// This process has never heard of it.
    NeverRan,
    /// It has not succeeded yet, or its marks cannot be believed.
    Unknown,
}

impl State {
    /// Every state, in the order of the README.
    pub const ALL: [Self; 6] =
        [Self::Well, Self::Paused, Self::Failing, Self::Stalled, Self::NeverRan, Self::Unknown];

    /// Judges what a task has shown since `started_at`, when its process began.
    pub fn of(pace: Pace, shown: &Shown, started_at: Timestamp, now: Timestamp) -> Self {
        let Some(alive_at) = shown.alive_at else { return Self::NeverRan };
        match age(alive_at, pace.beats, now) {
            Age::Ahead => return Self::Unknown,
            Age::Stale => return Self::Stalled,
            Age::Fresh => {}
        }
        if shown.error.as_ref().is_some_and(|error| !error.is_over) {
            return Self::Failing;
        }
        if shown.paused.is_some() {
            return Self::Paused;
        }
        match (shown.success_at, age(shown.success_at.unwrap_or(started_at), pace.succeeds, now)) {
            (_, Age::Stale) => Self::Failing,
            (Some(_), Age::Fresh) => Self::Well,
            (None, Age::Fresh) | (_, Age::Ahead) => Self::Unknown,
        }
    }

    /// Whether somebody must look.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Failing | Self::Stalled)
    }

    /// Whether nobody can tell how the task is. That is never taken for well.
    pub fn is_untold(self) -> bool {
        matches!(self, Self::NeverRan | Self::Unknown)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Well => "well",
            Self::Paused => "paused",
            Self::Failing => "failing",
            Self::Stalled => "stalled",
            Self::NeverRan => "never ran",
            Self::Unknown => "unknown",
        })
    }
}

enum Age {
    Fresh,
    Stale,
    /// Dated in the future by more than it could be late: a clock is wrong.
    Ahead,
}

fn age(at: Timestamp, every: SignedDuration, now: Timestamp) -> Age {
    let limit = every.saturating_mul(INTERVALS).saturating_add(SLACK);
    match now.duration_since(at) {
        age if age > limit => Age::Stale,
        age if age < -limit => Age::Ahead,
        _ => Age::Fresh,
    }
}

/// A task, how it is, and what it has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub name: String,
    pub state: State,
    pub alive_at: Option<Timestamp>,
    pub success_at: Option<Timestamp>,
    pub error: Option<Failure>,
    pub paused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Report {
    pub(super) fn new(name: String, state: State, shown: Shown) -> Self {
        let Shown { alive_at, success_at, error, paused, note } = shown;
        Self { name, state, alive_at, success_at, error, paused, note }
    }

    /// Why the task is not at work, in a sentence, if it is not.
    pub fn complaint(&self) -> Option<String> {
        let name = &self.name;
        let since = |at: Option<Timestamp>| match at {
            Some(at) => format!("since {}", to_the_second(at)),
            None => "since its start".to_owned(),
        };
        Some(match self.state {
            State::Well | State::Paused => return None,
            State::Failing => match self.error.as_ref().filter(|error| !error.is_over) {
                Some(error) => {
                    let at = to_the_second(error.at);
                    format!("the task `{name}` is failing, last at {at}: {}", error.text)
                }
                None => format!("the task `{name}` has not succeeded {}", since(self.success_at)),
            },
            State::Stalled => format!(
                "the task `{name}` has STALLED: it has not been alive {}",
                since(self.alive_at)
            ),
            State::NeverRan => format!("the task `{name}` has not run yet"),
            State::Unknown if self.success_at.is_none() => {
                format!("the task `{name}` has not succeeded yet")
            }
            State::Unknown => format!("the marks of the task `{name}` are dated in the future"),
        })
    }
}

fn to_the_second(at: Timestamp) -> impl fmt::Display {
    at.strftime("%Y-%m-%d %H:%M:%S UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { beats: SignedDuration::from_secs(10), succeeds: SignedDuration::from_secs(100) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// How a task is at second 1,000 of a process that began at `started`.
    fn state(started: i64, alive: Option<i64>, success: Option<i64>) -> State {
        let shown =
            Shown { alive_at: alive.map(at), success_at: success.map(at), ..Shown::default() };
        State::of(PACE, &shown, at(started), at(1_000))
    }

    #[test]
    fn u20_what_is_too_old_follows_from_the_interval_to_the_second() {
        assert_eq!(state(0, Some(950), Some(950)), State::Well);
        assert_eq!(state(0, Some(949), Some(949)), State::Stalled);
        assert_eq!(state(0, Some(1_000), Some(680)), State::Well);
        assert_eq!(state(0, Some(1_000), Some(679)), State::Failing);
        // R119: of a task that turns once a minute, 200 s are three turns and some slack.
        let minutes = Pace::of_turns(SignedDuration::from_mins(1));
        let shown = |alive| Shown {
            alive_at: Some(at(alive)),
            success_at: Some(at(alive)),
            ..Shown::default()
        };
        assert_eq!(State::of(minutes, &shown(800), at(0), at(1_000)), State::Well);
        assert_eq!(State::of(minutes, &shown(799), at(0), at(1_000)), State::Stalled);
    }

    #[test]
    fn r123_u23_nothing_heard_is_unknown_and_never_well() {
        assert_eq!(state(0, None, None), State::NeverRan);
        assert_eq!(state(0, None, Some(1_000)), State::NeverRan);
        assert_eq!(state(680, Some(1_000), None), State::Unknown);
        assert_eq!(state(679, Some(1_000), None), State::Failing);
        assert_eq!(state(0, Some(1_051), Some(1_000)), State::Unknown);
        assert_eq!(state(0, Some(1_000), Some(1_321)), State::Unknown);
        assert!(State::ALL.iter().filter(|state| state.is_untold()).count() == 2);
    }

    #[test]
    fn an_error_counts_until_the_next_success_and_a_pause_hides_none() {
        let mut shown =
            Shown { alive_at: Some(at(999)), success_at: Some(at(999)), ..Shown::default() };
        shown.error = Some(Failure { at: at(998), text: "no".to_owned(), is_over: false });
        shown.paused = Some("until later".to_owned());
        let state = |shown: &Shown| State::of(PACE, shown, at(0), at(1_000));
        assert_eq!(state(&shown), State::Failing);
        shown.error.as_mut().unwrap().is_over = true;
        assert_eq!(state(&shown), State::Paused);
        shown.alive_at = Some(at(0));
        assert_eq!(state(&shown), State::Stalled);
    }
}

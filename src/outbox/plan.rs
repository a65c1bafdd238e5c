//! What is to be done about an effect.

use jiff::{SignedDuration, Timestamp};

use super::Settings;
use crate::alert::{EffectKind, Learned};
use crate::engine::{Outcome, Prospect};

/// After so many fruitless attempts a comment or an edit is given up: it must not hold up
/// what comes behind it.
const TALK_ATTEMPTS_MAX: u32 = 8;

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, before this time.
    Wait(Timestamp),
    /// Write down that it is tried, and send it.
    Try,
    /// Find out whether an earlier attempt was carried out.
    Look(Look),
    /// There is nothing to ask Gitea for.
    Settle(Outcome),
}

/// Where to look for an effect in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Among our issues. A thorough look reads them a second time without a time limit,
    /// and only after it an effect is believed not to have been carried out.
    Issues { thorough: bool },
    /// Among the comments of the issue; the same.
    Comments { thorough: bool },
    /// At the state of the issue.
    State,
}

/// Says what is to be done now.
///
/// | in doubt | found nothing | then                                                    |
/// |----------|---------------|---------------------------------------------------------|
/// | no       |               | try                                                     |
/// | yes      | never         | look at once                                            |
/// | yes      | once          | wait until `settle_wait` after the attempt, look again  |
/// | yes      | twice         | it was not carried out: try                             |
///
/// Closing, reopening and editing may be repeated, so they need no second look.
pub fn plan(settings: &Settings, prospect: &Prospect, now: Timestamp) -> Step {
    let entry = &prospect.entry;
    let parked_until = entry.parked.as_ref().map(|parked| parked.until);
    let wait = [entry.not_before, parked_until].into_iter().flatten().max();
    if let Some(until) = wait.filter(|&until| now < until) {
        return Step::Wait(until);
    }
    let kind = entry.effect.kind;
    if prospect.issue.is_none() && kind != EffectKind::Open {
        return Step::Settle(nothing_to_do(Vec::new()));
    }
    let is_talk = matches!(kind, EffectKind::Comment | EffectKind::Edit);
    // In doubt or not: what comes behind it must not wait for ever. A comment that was
    // written all the same costs nothing.
    if is_talk && entry.attempts >= TALK_ATTEMPTS_MAX {
        let error = entry.last_error.as_deref().unwrap_or("no answer");
        let what = kind.noun();
        let note = format!("{what} was given up after {TALK_ATTEMPTS_MAX} attempts: {error}");
        return Step::Settle(nothing_to_do(vec![note]));
    }
    let Some(doubt) = entry.doubt else {
        return match (kind, prospect.late_until) {
            (EffectKind::Close | EffectKind::Reopen, Some(until)) if now < until => {
                Step::Wait(until)
            }
            _ => Step::Try,
        };
    };
    let settled_at = later(doubt.late_from(), settings.settle_wait);
    let thorough = doubt.looks > 0;
    match kind {
        EffectKind::Open | EffectKind::Comment if thorough && now < settled_at => {
            Step::Wait(settled_at)
        }
        EffectKind::Open => Step::Look(Look::Issues { thorough }),
        EffectKind::Comment => Step::Look(Look::Comments { thorough }),
        EffectKind::Close | EffectKind::Reopen if !thorough => Step::Look(Look::State),
        EffectKind::Close | EffectKind::Reopen | EffectKind::Edit => Step::Try,
    }
}

/// An effect without a purpose, or without a chance.
fn nothing_to_do(left_out: Vec<String>) -> Outcome {
    Outcome::Done(Learned::Settled { left_out, late_until: None })
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, doubt, entry, prospect};
    use super::*;
    use crate::engine::{Doubt, Entry};

    fn step(kind: EffectKind, attempts: u32) -> Step {
        let entry = Entry { doubt: Some(doubt(0)), attempts, ..entry(1, kind) };
        plan(&Settings::default(), &prospect(entry), at(600))
    }

    #[test]
    fn a_comment_or_an_edit_in_doubt_is_given_up_and_nothing_else_is() {
        for (kind, told) in
            [(EffectKind::Comment, "a comment was"), (EffectKind::Edit, "an edit was")]
        {
            assert!(!matches!(step(kind, TALK_ATTEMPTS_MAX - 1), Step::Settle(_)), "{kind}");
            let given_up = step(kind, TALK_ATTEMPTS_MAX);
            let Step::Settle(Outcome::Done(Learned::Settled { left_out, .. })) = given_up else {
                panic!("{kind}: {given_up:?}");
            };
            assert_eq!(left_out.len(), 1, "it is told: {left_out:?}");
            assert!(left_out[0].starts_with(told), "{left_out:?}");
        }
        for kind in [EffectKind::Open, EffectKind::Close, EffectKind::Reopen] {
            assert!(!matches!(step(kind, 1_000), Step::Settle(_)), "{kind}");
        }
    }

    #[test]
    fn a_request_that_waited_for_its_turn_has_its_time_all_the_same() {
        // Begun at 0, sent when its turn came, and given up at 500.
        let late = Doubt { over_at: Some(at(500)), looks: 1, ..doubt(0) };
        for kind in [EffectKind::Open, EffectKind::Comment] {
            let entry = Entry { doubt: Some(late), ..entry(1, kind) };
            let step = plan(&Settings::default(), &prospect(entry), at(510));
            assert_eq!(step, Step::Wait(at(560)), "{kind}");
        }
    }
}

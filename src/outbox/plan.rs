//! What is to be done about an effect.

use jiff::{SignedDuration, Timestamp};

use super::Settings;
use super::learn::is_talk;
use crate::alert::{EffectKind, Learned};
use crate::engine::{Outcome, Prospect};

/// After so many fruitless attempts a comment or an edit may be given up: it must not hold
/// up what comes behind it.
const TALK_ATTEMPTS_MAX: u32 = 8;

/// It is given up at last after this long, although nothing else gets through either.
const TALK_PATIENCE: SignedDuration = SignedDuration::from_hours(24);

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
        let learned = Learned::Settled { left_out: Vec::new(), late_until: None };
        return Step::Settle(Outcome::Done(learned));
    }
    // In doubt or not: what comes behind it must not wait for ever. A comment that was
    // written all the same costs nothing.
    if is_talk(kind) && is_hopeless(prospect, now) {
        let error = entry.last_error.as_deref().unwrap_or("no answer");
        let what = kind.noun();
        let note = format!("{what} was given up after {} attempts: {error}", entry.attempts);
        return Step::Settle(Outcome::GivenUp { note });
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
        EffectKind::Open | EffectKind::Comment | EffectKind::Heal | EffectKind::Reply
            if thorough && now < settled_at =>
        {
            Step::Wait(settled_at)
        }
        EffectKind::Open => Step::Look(Look::Issues { thorough }),
        EffectKind::Comment | EffectKind::Heal | EffectKind::Reply => {
            Step::Look(Look::Comments { thorough })
        }
        EffectKind::Close | EffectKind::Reopen if !thorough => Step::Look(Look::State),
        EffectKind::Close | EffectKind::Reopen | EffectKind::Edit | EffectKind::React => Step::Try,
    }
}

/// Whether a text fails for what it is, and not because Gitea is away: then what comes
/// behind it would fail as well, and waits in vain for nothing.
fn is_hopeless(prospect: &Prospect, now: Timestamp) -> bool {
    let entry = &prospect.entry;
    let since = entry.failing_since.unwrap_or(now);
    entry.attempts >= TALK_ATTEMPTS_MAX
        && (prospect.others_got_through || now >= later(since, TALK_PATIENCE))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, doubt, entry, prospect};
    use super::*;
    use crate::engine::{Doubt, Entry};

    fn is_given_up(kind: EffectKind, attempts: u32, others_got_through: bool, hour: i64) -> bool {
        let failing_since = Some(at(600 - hour * 3_600));
        let entry = Entry { doubt: Some(doubt(0)), attempts, failing_since, ..entry(1, kind) };
        let prospect = Prospect { others_got_through, ..prospect(entry) };
        match plan(&Settings::default(), &prospect, at(600)) {
            Step::Settle(Outcome::GivenUp { note }) => {
                assert!(note.starts_with(kind.noun()) && note.contains("was given up"), "{note}");
                true
            }
            Step::Settle(other) => panic!("{kind}: {other:?}"),
            Step::Wait(_) | Step::Try | Step::Look(_) => false,
        }
    }

    #[test]
    fn a_text_in_doubt_is_given_up_if_others_get_through_or_a_day_has_passed_and_nothing_else_is() {
        let max = TALK_ATTEMPTS_MAX;
        for kind in [EffectKind::Comment, EffectKind::Edit] {
            assert!(is_given_up(kind, max, true, 0), "{kind}");
            assert!(!is_given_up(kind, max - 1, true, 24), "{kind}");
            // While Gitea is away, what comes behind it would fail as well.
            assert!(!is_given_up(kind, 1_000, false, 23), "{kind}");
            assert!(is_given_up(kind, max, false, 24), "{kind}");
        }
        for kind in [EffectKind::Open, EffectKind::Close, EffectKind::Reopen] {
            assert!(!is_given_up(kind, 1_000, true, 1_000), "{kind}");
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

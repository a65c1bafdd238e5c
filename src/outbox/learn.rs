//! What an error of Gitea means for an effect.

use jiff::{SignedDuration, Timestamp};

use super::Settings;
use crate::alert::{EffectKind, Learned};
use crate::engine::{Entry, Outcome, Parked, Prospect, Trimming};
use crate::gitea::{self, Aftermath, Concern, Operation, User};

/// So often it is asked who can be assigned, before an opening goes without anybody.
const ASSIGNEES_ATTEMPTS_MAX: u32 = 3;

/// What follows from an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// For this effect alone.
    Effect(Outcome),
    /// The whole target refuses, and nothing was done: everything for it waits.
    Target { outcome: Outcome, reason: String },
    /// The repository has another name, and nothing was done.
    Moved { outcome: Outcome },
    /// Our login is not the one we think, and nothing was done.
    Identity { outcome: Outcome },
    /// Only another question can tell: is the issue gone, or the repository?
    AskIssue { otherwise: Outcome },
    /// Only another question can tell: which of the assignees does Gitea not take?
    AskAssignees,
}

/// Says what follows from `error`, which came of trying an effect or of looking for it.
///
/// `dice` is any number: it spreads the pauses.
pub fn learn(
    settings: &Settings,
    prospect: &Prospect,
    error: &gitea::Error,
    dice: u32,
    now: Timestamp,
) -> Verdict {
    let entry = &prospect.entry;
    let message = chain(error);
    let pause = match error.retry_after() {
        Some(asked) => settings.pause(asked),
        None => backoff(settings, entry.attempts, dice),
    };
    let retry_at = later(now, pause);
    let refused = |retry_at| Outcome::Refused { retry_at, error: message.clone() };
    if is_preparation(entry, error.operation) {
        return match error.concern() {
            Concern::Target => Verdict::Target { outcome: refused(None), reason: message },
            Concern::Moved { .. } => Verdict::Moved { outcome: refused(None) },
            _ => Verdict::Effect(refused(Some(retry_at))),
        };
    }
    // A question that failed leaves the doubt as it was. So does the second half of a
    // healing, which may be repeated: the first may not.
    let is_second_half = entry.effect.kind == EffectKind::Heal
        && matches!(error.operation, Operation::EditIssue { .. });
    let is_question = error.operation.is_read() || is_second_half;
    let again = if is_question {
        Outcome::Unknown { retry_at, error: message.clone() }
    } else {
        refused(Some(retry_at))
    };
    match error.concern() {
        Concern::Target => Verdict::Target {
            outcome: match error.aftermath() {
                // A page in the way may have come after the request was carried out.
                Aftermath::Unknown => {
                    in_doubt(settings, entry, error, retry_at, now, message.clone())
                }
                Aftermath::Nothing if is_question => again,
                Aftermath::Nothing => refused(None),
            },
            reason: message,
        },
        Concern::Moved { .. } => {
            Verdict::Moved { outcome: if is_question { again } else { refused(None) } }
        }
        Concern::Identity => Verdict::Identity { outcome: again },
        Concern::IssueOrTarget => Verdict::AskIssue { otherwise: again },
        Concern::IssueOrTransient => Verdict::AskIssue {
            otherwise: match error.aftermath() {
                Aftermath::Unknown => in_doubt(settings, entry, error, retry_at, now, message),
                Aftermath::Nothing => again,
            },
        },
        Concern::Trimmings
            if matches!(error.operation, Operation::CreateIssue { .. })
                && prospect.assignees_in_play().next().is_some() =>
        {
            let blamed: Vec<_> = prospect
                .assignees_in_play()
                .filter(|login| blames(error, login))
                .cloned()
                .collect();
            if blamed.is_empty() {
                Verdict::AskAssignees
            } else {
                Verdict::Effect(without_assignees(blamed, message))
            }
        }
        Concern::Trimmings => Verdict::Effect(trimmed(entry, message, settings, now)),
        Concern::Stale => Verdict::Effect(again),
        // Whatever is wrong with a question, it says nothing about the effect.
        Concern::Thing if error.operation.is_read() => Verdict::Effect(again),
        Concern::Thing if is_talk(entry.effect.kind) => {
            Verdict::Effect(trimmed(entry, message, settings, now))
        }
        // An earlier request may still be carried out: what is parked is not in doubt.
        Concern::Thing if may_land_late(settings, entry, now) => Verdict::Effect(again),
        Concern::Thing => Verdict::Effect(Outcome::Parked(parked(settings, message, now))),
        _ => Verdict::Effect(match error.aftermath() {
            Aftermath::Nothing => again,
            Aftermath::Unknown => in_doubt(settings, entry, error, retry_at, now, message),
        }),
    }
}

/// An outcome as it is written down, `now`. What it waits for was reckoned before the request
/// that it comes of: if the clock was set back meanwhile, it would wait by that much longer.
pub(super) fn written(outcome: Outcome, settle_wait: SignedDuration, now: Timestamp) -> Outcome {
    let longest = later(now, settle_wait);
    match outcome {
        Outcome::Done(Learned::Settled { left_out, late_until }) => {
            let late_until = late_until.map(|until| until.min(longest));
            Outcome::Done(Learned::Settled { left_out, late_until })
        }
        Outcome::NotFound { look_at } => Outcome::NotFound { look_at: look_at.min(longest) },
        outcome => outcome,
    }
}

/// Whether the request only came before the one that carries the effect out, so that
/// nothing of the effect was sent, whatever became of it.
fn is_preparation(entry: &Entry, operation: Operation) -> bool {
    // After the opening, labels that could not be had are no error any more.
    entry.effect.kind == EffectKind::Open
        && matches!(operation, Operation::ListLabels | Operation::CreateLabel)
        && entry.doubt.is_none_or(|doubt| doubt.earlier.is_none())
}

/// A request that may have been carried out is looked for at once, unless the server
/// asked for a pause. What may simply be repeated is looked for at once only the first
/// time: nothing else would hold it back from being sent about every second.
fn in_doubt(
    settings: &Settings,
    entry: &Entry,
    error: &gitea::Error,
    retry_at: Timestamp,
    now: Timestamp,
    message: String,
) -> Outcome {
    let at_once = later(now, settings.retry_first.min(SignedDuration::from_secs(1)));
    let waits_by_itself =
        matches!(entry.effect.kind, EffectKind::Open | EffectKind::Comment | EffectKind::Reply);
    let is_soon = error.retry_after().is_none() && (waits_by_itself || entry.attempts == 0);
    let retry_at = if is_soon { at_once } else { retry_at };
    Outcome::Unknown { retry_at, error: message }
}

/// Leaves out what can be left out: of an opening whose assignees are not to blame the
/// labels; a comment or an edit as a whole.
fn trimmed(entry: &Entry, error: String, settings: &Settings, now: Timestamp) -> Outcome {
    let kind = entry.effect.kind;
    match kind {
        EffectKind::Comment | EffectKind::Edit | EffectKind::React | EffectKind::Reply => {
            Outcome::GivenUp { note: format!("{} could not be written: {error}", kind.noun()) }
        }
        EffectKind::Open if !entry.left_out.contains(&Trimming::Labels) => {
            Outcome::Trimmed { trimmings: vec![Trimming::Labels], error }
        }
        EffectKind::Open | EffectKind::Close | EffectKind::Reopen | EffectKind::Heal => {
            Outcome::Parked(parked(settings, error, now))
        }
    }
}

/// Says whom an opening goes without that Gitea refused with `error` and without a name:
/// those who are not among the `taken`, or all, if nobody can say who they are.
pub(super) fn blame(
    settings: &Settings,
    prospect: &Prospect,
    taken: Result<Vec<User>, gitea::Error>,
    error: String,
    dice: u32,
    now: Timestamp,
) -> Outcome {
    let attempts = prospect.entry.attempts;
    let taken = match taken {
        Ok(taken) => taken,
        // Another time it may be answered; yet an issue without assignees is better than none.
        Err(unanswered) if attempts < ASSIGNEES_ATTEMPTS_MAX && !is_refusal(&unanswered) => {
            let pause = unanswered.retry_after().map(|asked| settings.pause(asked));
            let pause = pause.unwrap_or_else(|| backoff(settings, attempts, dice));
            let retry_at = Some(later(now, pause));
            return Outcome::Refused { retry_at, error: chain(&unanswered) };
        }
        Err(_) => Vec::new(),
    };
    let is_taken =
        |login: &&String| taken.iter().any(|user| user.login.eq_ignore_ascii_case(login));
    let wanted: Vec<_> = prospect.assignees_in_play().cloned().collect();
    let unknown: Vec<_> = wanted.iter().filter(|login| !is_taken(login)).cloned().collect();
    // Who is on the list cannot be the one, unless all are.
    without_assignees(if unknown.is_empty() { wanted } else { unknown }, error)
}

/// Whether Gitea refused a question for what it is, and will do so again.
fn is_refusal(error: &gitea::Error) -> bool {
    matches!(error.concern(), Concern::Trimmings | Concern::Thing)
}

/// What remains of an opening that Gitea refuses because of these assignees.
fn without_assignees(logins: Vec<String>, error: String) -> Outcome {
    let trimmings = logins.into_iter().map(Trimming::Assignee).collect();
    Outcome::Trimmed { trimmings, error }
}

/// Whether a refusal names this user as the one that there is not. Words are no more than a
/// hint: where they do not say it, another question does.
fn blames(error: &gitea::Error, login: &str) -> bool {
    let said = error.message().to_lowercase();
    let named = format!(", name: {}", login.to_lowercase());
    let mut rests = said.match_indices(&named).map(|(at, _)| &said[at + named.len()..]);
    rests.any(|rest| rest.starts_with([']', ',']))
}

/// Whether an earlier closing or reopening without an answer may still be carried out.
fn may_land_late(settings: &Settings, entry: &Entry, now: Timestamp) -> bool {
    let may_repeat = matches!(entry.effect.kind, EffectKind::Close | EffectKind::Reopen);
    let earlier = entry.doubt.and_then(|doubt| doubt.earlier).filter(|_| may_repeat);
    earlier.is_some_and(|earlier| now < later(earlier, settings.settle_wait))
}

/// Text that an issue can do without, rather than wait for a person.
pub(super) fn is_talk(kind: EffectKind) -> bool {
    matches!(kind, EffectKind::Comment | EffectKind::Edit) || kind.is_answer()
}

fn parked(settings: &Settings, reason: String, now: Timestamp) -> Parked {
    Parked { since: now, until: later(now, settings.park_retry), reason }
}

/// `retry_first`, doubled with each attempt up to `retry_max`, and spread by the jitter.
pub(super) fn backoff(settings: &Settings, attempts: u32, dice: u32) -> SignedDuration {
    let doubled = 1_i32.checked_shl(attempts.min(30)).unwrap_or(i32::MAX);
    let pause = settings.retry_first.saturating_mul(doubled).min(settings.retry_max);
    spread(pause, settings.jitter_percent, dice)
}

/// `pause`, longer or shorter by up to `percent`.
pub(super) fn spread(pause: SignedDuration, percent: u32, dice: u32) -> SignedDuration {
    let share = f64::from(dice) / f64::from(u32::MAX) * 2.0 - 1.0;
    pause.mul_f64(1.0 + share * f64::from(percent) / 100.0)
}

/// An error with all its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::super::samples::{at, doubt, entry, prospect};
    use super::*;
    use crate::gitea::{Client, IssueState, Transport, TransportError};

    /// A server that answers with this status, whatever it is asked for.
    #[derive(Debug)]
    struct Always(u16);

    impl Transport for Always {
        fn call(
            &self,
            _: http::Request<Vec<u8>>,
        ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
            let answer = http::Response::builder().status(self.0).body(Vec::new()).unwrap();
            Box::pin(ready(Ok(answer)))
        }
    }

    /// What a closing is told that is answered with this status.
    fn refused_closing(status: u16) -> gitea::Error {
        let base = "http://gitea.test".parse().unwrap();
        let issues = Client::anonymous(base, Always(status)).unwrap().issues("ops", "alerts");
        let closing = issues.edit(1).state(IssueState::Closed);
        closing.send().now_or_never().unwrap().unwrap_err()
    }

    #[test]
    fn a_clock_that_was_set_back_during_a_request_lets_nothing_wait_longer() {
        let minute = SignedDuration::from_secs(60);
        let closed = |second| {
            let late_until = Some(at(second));
            Outcome::Done(Learned::Settled { left_out: Vec::new(), late_until })
        };
        let look = |second| Outcome::NotFound { look_at: at(second) };
        assert_eq!(written(closed(86_400), minute, at(0)), closed(60));
        assert_eq!(written(look(86_400), minute, at(0)), look(60));
        assert_eq!(written(closed(30), minute, at(0)), closed(30));
        assert_eq!(written(look(30), minute, at(0)), look(30));
    }

    #[test]
    fn a_closing_in_doubt_is_looked_for_at_once_and_then_ever_more_rarely() {
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        let pause = |attempts| {
            let entry = Entry { attempts, doubt: Some(doubt(90)), ..entry(1, EffectKind::Close) };
            match learn(&settings, &prospect(entry), &refused_closing(502), 0, at(100)) {
                Verdict::Effect(Outcome::Unknown { retry_at, .. }) => {
                    retry_at.duration_since(at(100)).as_secs()
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([0, 1, 2, 5, 9].map(pause), [1, 2, 4, 32, 300]);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_the_jitter() {
        let settings = Settings::default();
        let seconds = |attempts, dice| backoff(&settings, attempts, dice).as_secs_f64().round();
        let middle = u32::MAX / 2;
        assert_eq!([0, 1, 2, 8, 9, 40].map(|n| seconds(n, middle)), [1., 2., 4., 256., 300., 300.]);
        assert_eq!((seconds(9, 0), seconds(9, u32::MAX)), (240., 360.));
    }
}

//! How a check changes.

use std::num::NonZeroU32;

use jiff::Timestamp;

use super::{
    Absences, Cause, Changes, Check, Input, Kind, Latest, Numbers, Observation, Policy, Streak,
    Turn, Verdict,
};

/// What is told of a failure that was not said again.
const LAPSED: &str = "nobody has said it again, and it is taken for over";

/// Takes one input into account.
///
/// | verdict    | on a failure                                 | on a success              | past the grace       |
/// |------------|----------------------------------------------|---------------------------|----------------------|
/// | never seen | down, once there are enough                  | up                        | down, never seen     |
/// | up         | down, once there are enough; or flapping     | -, or down while flapping | down, silent         |
/// | down       | down, failing                                | up, once there are enough | -, or up: see below  |
///
/// A failure that holds for a time only is over when it is not said again until then: whoever
/// speaks only of trouble may have forgotten that there was one. And an agent that fails and
/// then falls silent is silent, which says more.
///
/// An unknown result changes no verdict; unknown for longer than the policy allows is
/// told. While a check is `unseen`, since its source's agent is silent or cannot look at
/// it, nothing is judged and nothing told: another check tells it.
///
/// Total and idempotent: a repeated wake-up changes nothing, and any `now` will do, also
/// one that went backwards.
pub fn step(
    policy: &Policy,
    absences: &Absences,
    check: Check,
    unseen: bool,
    input: Input<'_>,
    now: Timestamp,
) -> (Check, Changes) {
    let (was_down, was_blind) = (check.is_down(), check.is_blind);
    let before = standing(&check);
    let is_back = check.unseen && !unseen;
    let mut check = Check { unseen, ..check };
    if is_back {
        // What it had no chance to say is no silence of its own.
        check.seen_again_at = Some(now.into());
    }
    let (mut is_result, mut says_news, mut has_turned) = (false, false, false);
    if let Input::Observed(observation) = input {
        is_result = matches!(observation.kind, Kind::Success | Kind::Failure);
        says_news = absorb(policy, &mut check, observation, now);
    }
    if !unseen {
        let verdict = judge(policy, absences, &check, is_result, now);
        if verdict != check.verdict {
            let stays_down = was_down && matches!(verdict, Verdict::Down(_));
            has_turned = true;
            check.verdict = verdict;
            let has_lapsed = was_down && verdict == Verdict::Up && !is_result;
            if verdict == Verdict::Down(Cause::Silent) || has_lapsed {
                // What passed before the silence says nothing about the time after it.
                check.streak = Streak { failing: false, count: 0, first: now };
            }
            if has_lapsed {
                lapse(&mut check, now);
            }
            if !stays_down {
                check.since = now;
            }
        }
        check.is_blind = check.unknown_since.is_some_and(|since| {
            check.is_blind
                || now > absences.end_of(check.audible_since(since.get()), policy.unknown_after)
        });
    }
    let changes = Changes {
        trouble: turn(was_down, check.is_down(), is_result || has_turned),
        blindness: turn(was_blind, check.is_blind, false),
        is_news: says_news || standing(&check) != before,
    };
    (check, changes)
}

/// All of a check but what was said last and its beat.
fn standing(check: &Check) -> impl PartialEq + use<> {
    (
        (check.verdict, check.since, check.streak.failing, check.streak.first),
        (check.is_flapping, check.unknown_since, check.is_blind),
        (check.unseen, check.seen_again_at, check.running_since),
        (check.interval, check.is_expected, check.holds_for),
    )
}

/// Records what was observed, without judging it. Returns whether it says anything that
/// the observation before it did not.
fn absorb(policy: &Policy, check: &mut Check, observation: &Observation, now: Timestamp) -> bool {
    // Who speaks only of trouble is silent while all is well.
    if observation.interval.is_some() || observation.holds_for.is_some() {
        (check.interval, check.is_expected) = (observation.interval, false);
    }
    let holds_for = observation.holds_for.map(|holds| u32::try_from(holds.as_secs()));
    check.holds_for = holds_for.and_then(|seconds| NonZeroU32::new(seconds.unwrap_or(u32::MAX)));
    let failing = match observation.kind {
        Kind::Success => Some(false),
        Kind::Failure => Some(true),
        Kind::Unknown => None,
        Kind::Start => {
            check.running_since = Some(now.into());
            return true;
        }
    };
    check.running_since = None;
    check.last_seen = Some(now.into());
    let says_news = hear(check, observation, now);
    let Some(failing) = failing else {
        check.unknown_since.get_or_insert(now.into());
        // It is no result, and so no beat.
        return true;
    };
    check.unknown_since = None;
    check.results = check.results.saturating_add(1);
    check.recent = check.recent.with(failing);
    check.is_flapping = policy.flapping.judge(check.is_flapping, check.recent);
    check.streak = if check.streak.count > 0 && check.streak.failing == failing {
        Streak { count: check.streak.count.saturating_add(1), ..check.streak }
    } else {
        Streak { failing, count: 1, first: now }
    };
    says_news
}

/// Records the words of an observation. Returns whether any of them is new.
fn hear(check: &mut Check, observation: &Observation, now: Timestamp) -> bool {
    let Observation { kind, summary, details, numbers, observed_at, labels, .. } = observation;
    let same = |latest: &&mut Latest| {
        latest.kind == *kind
            && *latest.summary == **summary
            && *latest.details == **details
            && latest.numbers == *numbers
    };
    let has_new_labels = check.labels != *labels;
    if has_new_labels {
        check.labels = labels.into();
    }
    if let Some(latest) = check.latest.as_mut().filter(same) {
        (latest.at, latest.observed_at) = (now, *observed_at);
        return has_new_labels;
    }
    check.latest = Some(Latest {
        kind: *kind,
        summary: summary.as_str().into(),
        details: details.as_str().into(),
        numbers: numbers.into(),
        at: now,
        observed_at: *observed_at,
    });
    true
}

/// Says why it is well again, although nobody has said so.
fn lapse(check: &mut Check, now: Timestamp) {
    check.unknown_since = None;
    check.latest = Some(Latest {
        kind: Kind::Unknown,
        summary: LAPSED.into(),
        details: Box::default(),
        numbers: Numbers::default(),
        at: now,
        observed_at: None,
    });
}

/// What is to be believed now.
fn judge(
    policy: &Policy,
    absences: &Absences,
    check: &Check,
    is_result: bool,
    now: Timestamp,
) -> Verdict {
    let (streak, patience) = (check.streak, check.patience(policy));
    let failed_enough = streak.failing
        && streak.count >= patience.fail_after
        && now.duration_since(check.audible_since(streak.first)) >= patience.fail_for;
    let passed_enough = !streak.failing && streak.count >= patience.recover_after;
    let has_lapsed = check.lapses_at(absences).is_some_and(|end| now > end);
    let is_silent = check.is_silent(policy, absences, now);
    match check.verdict {
        // An agent that fails and can be heard no more: nobody can look at what it watches.
        Verdict::Down(Cause::Failing) if !is_result && check.id.is_agent() && is_silent => {
            Verdict::Down(Cause::Silent)
        }
        Verdict::Down(_) if !is_result && has_lapsed && is_silent => Verdict::Down(Cause::Silent),
        Verdict::Down(_) if !is_result && has_lapsed => Verdict::Up,
        // Only results say anything about a check that is down.
        Verdict::Down(cause) if !is_result => Verdict::Down(cause),
        _ if check.is_flapping && is_result => Verdict::Down(Cause::Flapping),
        Verdict::Down(_) if streak.failing => Verdict::Down(Cause::Failing),
        Verdict::Down(_) if passed_enough => Verdict::Up,
        Verdict::Down(cause) => Verdict::Down(cause),
        Verdict::Up | Verdict::NeverSeen if failed_enough => Verdict::Down(Cause::Failing),
        Verdict::NeverSeen if check.last_seen.is_some() => Verdict::Up,
        Verdict::NeverSeen if is_silent => Verdict::Down(Cause::NeverSeen),
        Verdict::Up if is_silent => Verdict::Down(Cause::Silent),
        verdict @ (Verdict::Up | Verdict::NeverSeen) => verdict,
    }
}

/// How a condition has turned that held `before` and holds `after`.
fn turn(before: bool, after: bool, is_result: bool) -> Option<Turn> {
    match (before, after) {
        (false, true) => Some(Turn::Began),
        (true, true) => is_result.then_some(Turn::Continues),
        (true, false) => Some(Turn::Ended),
        (false, false) => None,
    }
}

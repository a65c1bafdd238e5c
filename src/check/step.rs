//! How a check changes.

use std::num::NonZeroU32;

use jiff::Timestamp;

use super::run::Said;
use super::untimely::untimely;
use super::{
    Absences, Cause, Changes, Check, Definition, Input, Kind, Latest, Logged, Numbers, Observation,
    Policy, Recent, Streak, Turn, Verdict,
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
/// A run that has begun and takes longer than it may is down, overrun, where the check was not
/// down before; the next success of any run mends that.
///
/// A check that is paused is not judged. Its verdict is that it is well until it goes on, and
/// whoever pauses it tells its alerts. Any ping ends that, unless only a person may; what a
/// person resumes is as if it had never been seen, and has all its time again.
///
/// An unknown result changes no verdict; unknown for longer than the policy allows is
/// told. A check whose schedule means nothing is unknown. While a check is `unseen`, since its
/// source's agent is silent or cannot look at it, nothing is judged and nothing told: another
/// check tells it.
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
    let mut heard = Heard::default();
    let mut has_turned = false;
    match input {
        Input::Observed(_) if must_wait_for_a_person(&check) => {}
        Input::Observed(observation) => {
            if observation.kind.says_how_it_is() {
                go_on(&mut check);
            }
            heard = absorb(policy, absences, &mut check, observation, now);
        }
        Input::Woken => {}
        Input::Paused => pause(&mut check, now),
        Input::Resumed => resume(&mut check, now),
    }
    let Heard { is_result, mut is_news, .. } = heard;
    if !unseen && check.paused_at().is_none() {
        let mut runs = std::mem::take(&mut check.runs);
        let overran = runs.mark_over(|began_at| {
            check.run_ends_at(began_at, absences).is_some_and(|end| now > end)
        });
        check.runs = runs;
        is_news |= overran;
        let judged = judge(policy, absences, &check, heard, now);
        // A run that hangs says more than the silence that comes of it.
        let says_less = match judged {
            Verdict::Up | Verdict::NeverSeen => true,
            Verdict::Down(Cause::Silent | Cause::NeverSeen) => !was_down,
            Verdict::Down(Cause::Failing | Cause::Flapping | Cause::Overrun) => false,
        };
        let verdict = if overran && says_less { Verdict::Down(Cause::Overrun) } else { judged };
        if verdict != check.verdict {
            let stays_down = was_down && matches!(verdict, Verdict::Down(_));
            has_turned = true;
            check.verdict = verdict;
            let has_lapsed = was_down && verdict == Verdict::Up && !is_result;
            let is_cut = matches!(verdict, Verdict::Down(Cause::Silent | Cause::Overrun));
            if is_cut || has_lapsed {
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
        if check.schedule_trouble().is_some() {
            check.unknown_since.get_or_insert(now.into());
        }
        check.is_blind = check.unknown_since.is_some_and(|since| {
            check.is_blind
                || now > absences.end_of(check.audible_since(since.get()), policy.unknown_after)
        });
    }
    let changes = Changes {
        trouble: turn(was_down, check.is_down(), is_result || has_turned),
        blindness: turn(was_blind, check.is_blind, false),
        is_news: is_news || standing(&check) != before,
        is_beat: is_result,
    };
    // Whoever pauses a check has its alerts part with it.
    let is_parting = matches!(input, Input::Paused);
    (check, if is_parting { Changes { is_news: true, ..Changes::default() } } else { changes })
}

/// What an observation was to its check.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    /// It says how the check is.
    is_result: bool,
    /// It says anything of how the check is, and be it that nobody can tell.
    is_word: bool,
    /// It says anything that the one before it did not.
    is_news: bool,
}

fn must_wait_for_a_person(check: &Check) -> bool {
    check.definition.as_ref().is_some_and(|it| it.paused_at.is_some() && it.manual_resume)
}

fn pause(check: &mut Check, now: Timestamp) {
    // Whoever has no definition reports by itself, and would end it in a moment.
    let by_person = || Box::new(Definition { manual_resume: true, ..Definition::default() });
    let definition = check.definition.get_or_insert_with(by_person);
    definition.paused_at.get_or_insert(now.into());
    check.runs.clear_open();
    if check.verdict != Verdict::Up {
        check.since = now;
    }
    check.verdict = Verdict::Up;
    check.streak = Streak { failing: false, count: 0, first: now };
    check.recent = Recent::default();
    (check.is_flapping, check.is_untimely) = (false, false);
    (check.unknown_since, check.is_blind) = (None, false);
}

/// Nobody wants it paused any more.
fn go_on(check: &mut Check) -> bool {
    check.definition.as_mut().and_then(|definition| definition.paused_at.take()).is_some()
}

fn resume(check: &mut Check, now: Timestamp) {
    if go_on(check) {
        (check.verdict, check.since) = (Verdict::NeverSeen, now);
        check.seen_again_at = Some(now.into());
    }
}

/// All of a check but what was said last and its beat.
fn standing(check: &Check) -> impl PartialEq + use<> {
    (
        (check.verdict, check.since, check.streak.failing, check.streak.first),
        (check.is_flapping, check.unknown_since, check.is_blind),
        (check.unseen, check.seen_again_at, check.paused_at()),
        (check.interval, check.is_expected, check.holds_for, check.is_untimely),
    )
}

/// Records what was observed, without judging it.
fn absorb(
    policy: &Policy,
    absences: &Absences,
    check: &mut Check,
    observation: &Observation,
    now: Timestamp,
) -> Heard {
    // Who speaks only of trouble is silent while all is well.
    if observation.interval.is_some() || observation.holds_for.is_some() {
        (check.interval, check.is_expected) = (observation.interval, false);
    }
    let kind = observation.kind;
    if kind == Kind::Start {
        let is_news = check.runs.start(observation.rid, now);
        return Heard { is_news, ..Heard::default() };
    }
    if kind == Kind::Log {
        let (summary, details) = (&observation.summary, &observation.details);
        check.logged = Some(Box::new(Logged {
            at: now.into(),
            summary: summary.as_str().into(),
            details: details.as_str().into(),
        }));
        return Heard { is_news: true, ..Heard::default() };
    }
    let open = check.runs.open().len();
    let said = check.runs.end(observation.rid, kind, now);
    let took = match said {
        Said::Again => return Heard::default(),
        Said::OfNone => None,
        Said::Of(took) => took,
    };
    // What has ended is kept apart.
    let mut is_news = check.runs.open().len() != open;
    let holds_for = observation.holds_for.map(|holds| u32::try_from(holds.as_secs()));
    check.holds_for = holds_for.and_then(|seconds| NonZeroU32::new(seconds.unwrap_or(u32::MAX)));
    let untimely = (kind == Kind::Success).then(|| untimely(absences, check, took, now)).flatten();
    check.last_seen = Some(now.into());
    check.is_untimely = untimely.is_some();
    let observation = match untimely {
        Some(why) => &Observation {
            kind: Kind::Failure,
            summary: format!("{why} ({})", observation.summary),
            ..observation.clone()
        },
        None => observation,
    };
    is_news |= hear(check, observation, now);
    let failing = match observation.kind {
        Kind::Success => false,
        Kind::Failure => true,
        Kind::Unknown | Kind::Start | Kind::Log => {
            check.unknown_since.get_or_insert(now.into());
            // It is no result, and so no beat.
            return Heard { is_result: false, is_word: true, is_news: true };
        }
    };
    if !failing {
        is_news |= check.runs.give_up_over(now);
    }
    // Nobody can tell without a schedule that means something.
    check.unknown_since = check.unknown_since.filter(|_| check.schedule_trouble().is_some());
    check.results = check.results.saturating_add(1);
    check.recent = check.recent.with(failing);
    check.is_flapping = policy.flapping.judge(check.is_flapping, check.recent);
    check.streak = if check.streak.count > 0 && check.streak.failing == failing {
        Streak { count: check.streak.count.saturating_add(1), ..check.streak }
    } else {
        Streak { failing, count: 1, first: now }
    };
    Heard { is_result: true, is_word: true, is_news }
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
    heard: Heard,
    now: Timestamp,
) -> Verdict {
    let is_result = heard.is_result;
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
        Verdict::NeverSeen if heard.is_word => Verdict::Up,
        Verdict::NeverSeen if is_silent && check.last_seen.is_none() => {
            Verdict::Down(Cause::NeverSeen)
        }
        Verdict::Up | Verdict::NeverSeen if is_silent => Verdict::Down(Cause::Silent),
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

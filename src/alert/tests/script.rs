//! Scripts of events, and the log of what followed.

use jiff::Timestamp;

use super::super::commands::read;
use super::super::{
    Alert, Cover, Effect, EffectKind, Event, Issue, Learned, Order, Placement, Rule, Sighted,
    Silenced, Standing, Target, step,
};
use super::at;

/// Plays a script of `second:event` and writes down what changed. Events are
///
/// | `x` `.` | the check `a` is in trouble, is well            |
/// | `X` `,` | the check `b`                                   |
/// | `w`     | woken                                           |
/// | `b`     | the oldest undelivered effect is begun          |
/// | `r`     | it is refused                                   |
/// | `d`     | it is done; an opening makes the issue #7       |
/// | `l`     | the same, and an earlier attempt may still land |
/// | `g`     | its issue is gone                               |
/// | `-`     | the check `a` is no longer watched              |
/// | `o` `c` | its issue was seen open, closed                 |
/// | `m`     | it was seen open, with the label `wontfix`      |
/// | `n`     | it was looked for, and no longer exists         |
/// | `/...`  | alice writes this command, with `_` for blanks  |
/// | `A`     | the issue #9 of episode 3 is adopted            |
///
/// `patterns` silence a check from a second on until another.
///
/// The only place that calls [`step`]. After each step it wakes once more, which must
/// order nothing, and looks at the deadline, which must not be due.
pub(super) fn play_under(
    patterns: &[Pattern],
    rule: &Rule,
    admission: Placement,
    alert: Alert,
    script: &str,
) -> (Alert, String) {
    let mut alert = alert;
    let mut log = String::new();
    for entry in script.split_whitespace() {
        let (second, event) = entry.split_once(':').unwrap();
        let now = at(second.parse().unwrap());
        let oldest = alert.undelivered.first().map(|entry| entry.effect);
        let event = event_of(event, oldest, now);
        let before = alert.phase;
        let of = |member: &str| silenced(patterns, member, now);
        let passed = patterns.iter().flat_map(|(_, from, until)| [at(*from), at(*until)]);
        let version = passed.filter(|at| *at <= now).count() as u64;
        let cover = (!patterns.is_empty()).then_some(Cover { version, of: &of });
        let orders;
        (alert, orders) = step(rule, alert, &event, cover, admission, now);
        if alert.phase != before || !orders.is_empty() {
            let orders: Vec<_> = orders.iter().map(say).collect();
            log += &format!("{second}s {} [{}]\n", alert.phase, orders.join(", "));
        }
        let (again, none) = step(rule, alert.clone(), &Event::Woken, cover, admission, now);
        assert_eq!((&again, none), (&alert, Vec::new()), "woken twice at {second}");
        let deadline = alert.deadline(rule, cover);
        assert!(deadline.is_none_or(|deadline| deadline > now), "{deadline:?} at {second}");
    }
    (alert, log)
}

/// The same without patterns.
pub(super) fn play(
    rule: &Rule,
    admission: Placement,
    alert: Alert,
    script: &str,
) -> (Alert, String) {
    play_under(&[], rule, admission, alert, script)
}

/// A member, and the seconds from which and until which it is silenced.
pub(super) type Pattern = (&'static str, i64, i64);

/// By which pattern a member is silenced: the one that holds longest.
pub(super) fn silenced(patterns: &[Pattern], member: &str, now: Timestamp) -> Option<Silenced> {
    let holds =
        |(of, from, until): &&Pattern| *of == member && at(*from) <= now && now < at(*until);
    let (_, _, until) = patterns.iter().filter(holds).max_by_key(|(_, _, until)| *until)?;
    Some(Silenced { by: "bob".to_owned(), until: at(*until), why: "a new disk".to_owned() })
}

fn event_of(event: &str, oldest: Option<Effect>, now: Timestamp) -> Event {
    let member = |name: &str, standing| Event::Member {
        name: name.to_owned(),
        standing,
        summary: String::new(),
        is_result: true,
    };
    let done = |late_until| {
        let effect = oldest.unwrap();
        let issue = Issue { repository_id: 1, number: 7 };
        let learned = match effect.kind {
            EffectKind::Open => Learned::Opened { issue, floor: 0, left_out: Vec::new() },
            EffectKind::Comment
            | EffectKind::Edit
            | EffectKind::Close
            | EffectKind::Reopen
            | EffectKind::Heal
            | EffectKind::React
            | EffectKind::Reply => Learned::Settled { left_out: Vec::new(), late_until },
        };
        Event::Done { effect, learned }
    };
    let seen = |sighted, labels: &[&str]| Event::Seen {
        sighted,
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    };
    if event.starts_with('/') {
        let command = read(&event.replace('_', " ")).remove(0).unwrap();
        return Event::Asked { command, by: "alice".to_owned(), at: now };
    }
    match event {
        "o" => seen(Sighted::Open, &["watchdog"]),
        "c" => seen(Sighted::Closed, &[]),
        "m" => seen(Sighted::Open, &["WontFix"]),
        "n" => seen(Sighted::Gone, &[]),
        "x" => member("db1/a", Standing::Failing),
        "." => member("db1/a", Standing::Well),
        "X" => member("db1/b", Standing::Failing),
        "," => member("db1/b", Standing::Well),
        "w" => Event::Woken,
        "b" => Event::Begun(oldest.unwrap()),
        "r" => Event::Refused(oldest.unwrap()),
        "d" => done(None),
        "l" => done(Some(at(1_000))),
        "g" => Event::Done { effect: oldest.unwrap(), learned: Learned::IssueGone },
        "-" => Event::MemberGone { name: "db1/a".to_owned(), why: "a person said so".to_owned() },
        "A" => Event::Adopted {
            episode: 3,
            issue: Issue { repository_id: 1, number: 9 },
            target: Target { repository: "ops/old".to_owned(), ..Target::default() },
            unheard: vec!["db1/a".to_owned()],
            until: None,
        },
        other => panic!("{other}"),
    }
}

/// An order as `tell kind episode.number`.
fn say(order: &Order) -> String {
    let (word, effect) = match order {
        Order::Tell(effect) => ("tell", effect),
        Order::Strike(effect) => ("strike", effect),
    };
    format!("{word} {} {}.{}", effect.kind, effect.episode, effect.number)
}

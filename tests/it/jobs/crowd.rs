//! A crowd: everybody fires the same slots, one after the other, from the very moment on at
//! which teawatch would run them by itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Work, at};
use crate::support::eventually;

const CALLERS: usize = 64;
const PEOPLE: usize = 4;
/// Slots that come due at one moment.
const SLOTS: usize = 12;
/// So long after one slot everybody goes on to the next: all of them together take longer than
/// teawatch waits until it looks.
const STEP: SignedDuration = SignedDuration::from_millis(5);
/// So often they try to meet.
const ROUNDS: usize = 8;

/// How often teawatch looks where such a crowd comes.
pub(super) const LOOKS: (&str, &str) = ("scheduler.every", "20ms");

/// Each slot is run once, whoever is the first, and teawatch is: `by` its own name for what it
/// runs by itself, `after` a slot is due. Ends when the crowd was the first somewhere, too.
pub(super) fn meets(work: &Work, by: &str, after: SignedDuration) {
    eventually("the start is told", || work.pings() == 1);
    let mut ran = 0;
    for round in 0..ROUNDS {
        let when = at(3);
        let name = |number: usize| format!("once-{round}-{number}");
        let names: Vec<_> = (0..=SLOTS).map(name).collect();
        let add = |name: &String| work.add(name, "dead-man", &when)["id"].clone();
        let ids: Vec<_> = names.iter().map(add).collect();
        let moment = when.parse::<Timestamp>().unwrap() + after;
        // The last one is left alone.
        let accepted = everybody_fires(work, &ids[..SLOTS], &when, moment);
        ran += names.len();
        let runs = names.iter().map(|name| {
            eventually("it is run", || work.states(name) == ["done"]);
            work.runs(name).remove(0)
        });
        let own = runs.filter(|run| run["by"] == by).count();
        assert_eq!(accepted + own, names.len(), "{accepted} {own}");
        assert_eq!(work.pings(), 1 + ran);
        println!("{accepted} by callers and people, {own} by the {by}");
        if accepted > 0 && own > 1 {
            return;
        }
    }
    panic!("they never met");
}

/// Everybody fires these slots. Returns how many were accepted.
fn everybody_fires(work: &Work, ids: &[Value], when: &str, moment: Timestamp) -> usize {
    let fire = |is_person: bool| {
        let mut accepted = 0;
        let mut due = moment;
        for id in ids {
            let left = due.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
            std::thread::sleep(left.unsigned_abs());
            accepted += usize::from(if is_person {
                let rest = format!("/{}/run", id.as_str().unwrap());
                work.post(&rest, &json!({ "slot": true })).status == 200
            } else {
                let answer = work.fires(&json!({ "job_id": id, "fire_at": when }));
                // Later rounds may come too soon after the ones before.
                assert!([200, 202, 429].contains(&answer.status), "{answer:?}");
                answer.status == 202
            });
            due += STEP;
        }
        accepted
    };
    std::thread::scope(|scope| {
        let fire = &fire;
        let calls: Vec<_> = (0..CALLERS + PEOPLE)
            .map(|number| scope.spawn(move || fire(number < PEOPLE)))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).sum()
    })
}

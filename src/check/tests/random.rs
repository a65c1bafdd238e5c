//! Whatever happens to a check, what must always hold does: `play` looks at it.

use jiff::SignedDuration;

use super::super::{Absence, Absences, Check, Definition, RUNS_MAX, Rhythm, Schedule, Slots};
use super::{at, kept, new, play, policy};

/// The same numbers every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn perhaps(&mut self, seconds: u64) -> Option<SignedDuration> {
        let seconds = 1 + self.below(seconds);
        let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap());
        (self.below(2) == 0).then_some(seconds)
    }

    fn definition(&mut self) -> Definition {
        let every = self.perhaps(600).map(Rhythm::Every);
        let slots = Slots::new("*/5 * * * *", "Europe/Berlin").unwrap();
        let rhythm = if self.below(3) == 0 { Some(Rhythm::At(slots)) } else { every };
        Definition {
            schedule: Schedule {
                rhythm,
                grace: self.perhaps(120).unwrap_or_default(),
                start_grace: self.perhaps(60),
                run_limit: self.perhaps(300),
                run_least: self.perhaps(20),
                gap_least: self.perhaps(30),
                early: self.perhaps(60),
                is_strict: self.below(4) == 0,
            },
            awaits_first: self.below(4) == 0,
            manual_resume: self.below(4) == 0,
            ..Definition::default()
        }
    }

    fn script(&mut self) -> String {
        let inputs = [".", "x", "s", "s", "l", "?", "w", "w", "a", "h", "p", "r"];
        let mut now = 0;
        let mut moves = Vec::new();
        for _ in 0..40 {
            now += self.below(150);
            let input = inputs[usize::try_from(self.below(inputs.len() as u64)).unwrap()];
            let run = self.below(30);
            moves.push(match input {
                "." | "x" | "s" if run > 4 => format!("{now}:{input}/{run}"),
                _ => format!("{now}:{input}"),
            });
        }
        moves.join(" ")
    }
}

#[test]
fn what_always_holds_does_whatever_happens_to_a_check() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2_000 {
        let mut absences = Absences::default();
        if let (Some(from), Some(length)) = (dice.perhaps(3_000), dice.perhaps(900)) {
            let from = at(from.as_secs());
            let until = from.checked_add(length).unwrap();
            absences.push(Absence { from, until });
        }
        let definition = (dice.below(5) > 0).then(|| Box::new(dice.definition()));
        let check = Check { definition, ..new() };
        let (check, _) = play(&policy(), &absences, check, &dice.script());
        assert!(check.runs.open().len() <= RUNS_MAX);
        assert_eq!(kept(&check), check);
    }
}

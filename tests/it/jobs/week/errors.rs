//! What the scheduler outside does wrong, and what befalls both.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::timetable::{BACKSTOP, BEGIN, DAY, HOUR, MINUTE};

/// What the scheduler outside makes of a time that it is told.
#[derive(Debug, Clone, Copy)]
enum Fate {
    InTime,
    Twice,
    Early,
    Late,
    /// After the backstop has run it.
    TooLate,
    /// With the time before as well, and one that never was.
    OtherTimes,
    /// Somebody else signs as well.
    Forged,
    /// It remembers, and never fires.
    Lost,
    Forgotten,
}

const FATES: [(i64, Fate); 9] = [
    (8, Fate::InTime),
    (4, Fate::Twice),
    (2, Fate::Early),
    (3, Fate::Late),
    (3, Fate::TooLate),
    (2, Fate::OtherTimes),
    (1, Fate::Forged),
    (2, Fate::Lost),
    (3, Fate::Forgotten),
];

/// A call that it will make: when, of which job, with which time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) at: i64,
    pub(super) job: String,
    pub(super) fire_at: i64,
    pub(super) is_forged: bool,
    pub(super) tries: u32,
}

/// The calls that it will make.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) calls: Vec<Call>,
    /// How often it was told each time.
    pub(super) told: BTreeMap<(String, i64), u64>,
    /// When it last forgot a job at once.
    pub(super) forgot: BTreeMap<String, i64>,
}

impl Plan {
    pub(super) fn call(&mut self, at: i64, job: &str, fire_at: i64) {
        self.calls.push(Call { at, job: job.to_owned(), fire_at, is_forged: false, tries: 0 });
    }

    /// It is told a time. What follows depends on that alone, and on how often it was. Returns
    /// whether it is remembered.
    pub(super) fn hear(&mut self, seed: u64, now: i64, job: &str, at: i64) -> bool {
        let told = self.told.entry((job.to_owned(), at)).or_default();
        *told += 1;
        let name = job.bytes().fold(seed, |hash, byte| hash.rotate_left(7) ^ u64::from(byte));
        let mut dice = Dice::new(name ^ at.unsigned_abs().rotate_left(20) ^ *told);
        match dice.weigh(&FATES) {
            Fate::InTime => self.call(at, job, at),
            Fate::Twice => {
                self.call(at, job, at);
                self.call(at, job, at);
                self.call(at + dice.between(1, HOUR), job, at);
            }
            Fate::Early => self.call(at - dice.between(1, MINUTE), job, at),
            Fate::Late => self.call(at + dice.between(1, BACKSTOP), job, at),
            Fate::TooLate => self.call(at + dice.between(BACKSTOP, 2 * HOUR), job, at),
            Fate::OtherTimes => {
                self.call(at, job, at - HOUR);
                self.call(at, job, at + 7);
                self.call(at, job, at);
            }
            Fate::Forged => {
                self.call(at, job, at);
                let forged = Call { is_forged: true, ..self.calls[self.calls.len() - 1].clone() };
                self.calls.push(forged);
            }
            Fate::Lost => {}
            Fate::Forgotten => {
                self.forgot.insert(job.to_owned(), now);
                return false;
            }
        }
        true
    }

    pub(super) fn next(&self) -> Option<i64> {
        self.calls.iter().map(|call| call.at).min()
    }

    /// Those that are to be made now.
    pub(super) fn take(&mut self, now: i64) -> Vec<Call> {
        let mut due: Vec<_> = self.calls.extract_if(.., |call| call.at <= now).collect();
        due.sort();
        due
    }
}

/// Something that happens to one of both.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blow {
    /// The scheduler outside is away for so long.
    Away(i64),
    /// It has started again, with what it knew at the blow before.
    OlderMemory,
    /// It knows nothing any more.
    NoMemory,
    /// teawatch is killed, and comes again so much later.
    Kill(i64),
    /// teawatch is killed as soon as it has taken the next call.
    KillInside,
}

const BLOWS: [Blow; 6] = [
    Blow::Away(0),
    Blow::OlderMemory,
    Blow::NoMemory,
    Blow::Kill(0),
    Blow::Kill(1),
    Blow::KillInside,
];

/// One of each on every day, none of them near midnight: what comes only once comes then.
pub(super) fn blows(dice: &mut Dice) -> Vec<(i64, Blow)> {
    let mut blows = Vec::new();
    for day in 0..7 {
        let mut at = BEGIN + day * DAY + 2 * HOUR;
        let mut left = BLOWS.to_vec();
        while !left.is_empty() {
            at += dice.between(MINUTE, 70 * MINUTE);
            let lasts = dice.between(HOUR / 2, 3 * HOUR);
            let blow = match left.remove(dice.index(left.len())) {
                Blow::Away(_) => Blow::Away(lasts),
                Blow::Kill(1) => Blow::Kill(lasts),
                blow => blow,
            };
            blows.push((at, blow));
            if let Blow::Away(lasts) | Blow::Kill(lasts) = blow {
                at += lasts;
            }
        }
    }
    blows
}

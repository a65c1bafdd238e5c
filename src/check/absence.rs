//! Stretches of time in which teawatch was not looking.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{earlier, later};

/// How many absences are kept; the oldest go first.
const ABSENCES_MAX: usize = 64;

/// A stretch of time in which teawatch was down, stalled, asleep, or its clock jumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The newest absences, oldest first, none overlapping another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absences(Vec<Absence>);

impl Absences {
    /// Adds an absence that has just ended. One that overlaps a known one extends it.
    pub fn push(&mut self, absence: Absence) {
        if absence.until <= absence.from {
            return;
        }
        match self.0.last_mut() {
            // Clocks may go back: what was counted already is not counted again.
            Some(last) if absence.from <= last.until => last.until = last.until.max(absence.until),
            Some(_) | None => self.0.push(absence),
        }
        if self.0.len() > ABSENCES_MAX {
            self.0.remove(0);
        }
    }

    /// The moment at which `patience` has passed since `from`, absences not counted.
    pub fn end_of(&self, from: Timestamp, patience: SignedDuration) -> Timestamp {
        let mut end = later(from, patience);
        for absence in self.0.iter().filter(|absence| absence.until > from) {
            let began = absence.from.max(from);
            if began > end {
                break;
            }
            end = later(end, absence.until.duration_since(began));
        }
        end
    }

    /// The absences that ended after `from`, oldest first.
    pub fn since(&self, from: Timestamp) -> impl Iterator<Item = &Absence> {
        self.0.iter().filter(move |absence| absence.until > from)
    }

    /// The clock was set back: what is remembered moves with it.
    pub fn rewind(&mut self, by: SignedDuration) {
        for absence in &mut self.0 {
            absence.from = earlier(absence.from, by);
            absence.until = earlier(absence.until, by);
        }
    }

    /// The newest absence.
    pub fn last(&self) -> Option<&Absence> {
        self.0.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn absences(list: &[(i64, i64)]) -> Absences {
        let mut absences = Absences::default();
        for &(from, until) in list {
            absences.push(Absence { from: at(from), until: at(until) });
        }
        absences
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let minute = SignedDuration::from_secs(60);
        for (list, from, end) in [
            (&[][..], 0, 60),
            (&[(10, 30)], 0, 80),
            // Only the part after `from` counts.
            (&[(10, 30)], 20, 90),
            // An absence after the end changes nothing; one that begins at it does.
            (&[(61, 90)], 0, 60),
            (&[(60, 90)], 0, 90),
            // The time won by one absence reaches into the next.
            (&[(10, 30), (70, 100)], 0, 110),
            (&[(10, 30), (20, 50)], 0, 100),
        ] {
            assert_eq!(absences(list).end_of(at(from), minute), at(end), "{list:?} from {from}");
        }
    }

    #[test]
    fn the_newest_64_are_kept() {
        let list: Vec<_> = (0..70).map(|n| (n * 10, n * 10 + 5)).collect();
        let absences = absences(&list);
        assert_eq!(absences.since(at(-1)).count(), ABSENCES_MAX);
        assert_eq!(absences.last().unwrap().until, at(695));
    }

    #[test]
    fn an_absence_that_ends_before_it_begins_is_none() {
        assert_eq!(absences(&[(30, 10)]), Absences::default());
    }
}

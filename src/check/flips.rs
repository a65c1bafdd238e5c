//! When a check has turned from well to trouble and back: the newest times.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Moment, earlier};

/// So many turns of a check are remembered.
pub const FLIPS_MAX: usize = 50;

/// One turn of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    pub at: Moment,
    /// Since then all is well; otherwise it is in trouble.
    pub is_up: bool,
}

/// The newest turns of a check, in the memory of a pointer where there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flips(Option<Box<Known>>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// The newest last.
    newest: Vec<Flip>,
}

impl Flips {
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All that are remembered, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Flip> {
        self.0.iter().flat_map(|known| known.newest.iter().rev())
    }

    /// It has turned. What is no turn is not taken.
    pub fn add(&mut self, is_up: bool, now: Timestamp) {
        if self.iter().next().is_some_and(|last| last.is_up == is_up) {
            return;
        }
        let newest = &mut self.0.get_or_insert_default().newest;
        if newest.len() >= FLIPS_MAX {
            newest.remove(0);
        }
        newest.push(Flip { at: now.into(), is_up });
    }

    /// The clock was set back.
    pub(super) fn rewind(&mut self, by: SignedDuration) {
        for flip in self.0.iter_mut().flat_map(|known| &mut known.newest) {
            flip.at = earlier(flip.at.get(), by).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_turns_count_and_the_newest_are_remembered() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut flips = Flips::default();
        assert!(flips.is_empty());
        for (second, is_up) in [(1, true), (2, true), (3, false), (4, false), (5, true)] {
            flips.add(is_up, at(second));
        }
        let found: Vec<_> = flips.iter().map(|flip| (flip.at.get(), flip.is_up)).collect();
        assert_eq!(found, [(at(5), true), (at(3), false), (at(1), true)]);
        for second in 6..100 {
            flips.add(second % 2 == 1, at(second));
        }
        assert_eq!(flips.iter().count(), FLIPS_MAX);
        assert_eq!(flips.iter().next().unwrap().at.get(), at(99));
        assert_eq!(flips.iter().last().unwrap().at.get(), at(50));
        flips.rewind(SignedDuration::from_secs(50));
        assert_eq!(flips.iter().next().unwrap().at.get(), at(49));
        let json = serde_json::to_string(&flips).unwrap();
        assert_eq!(serde_json::from_str::<Flips>(&json).unwrap(), flips);
    }
}

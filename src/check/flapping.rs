//! Changing too often: judged on a window with two thresholds, as Nagios does.

use serde::{Deserialize, Serialize};

/// When a check counts as flapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flapping {
    /// How many results are looked at, 2 to 64; 0 switches flapping off.
    pub window: u32,
    /// Percent of possible changes from which on the check is flapping.
    pub on: u32,
    /// Percent of possible changes below which it no longer is.
    pub off: u32,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { window: 21, on: 50, off: 25 }
    }
}

impl Flapping {
    /// The widest window: results are kept in one word.
    pub const WINDOW_MAX: u32 = 64;

    /// Whether a check that `was` flapping is, after the results in `recent`.
    ///
    /// The share is of the changes that a full window can hold, so a check with few
    /// results is not flapping after its first change.
    pub fn judge(&self, was: bool, recent: Recent) -> bool {
        if self.window < 2 {
            return false;
        }
        let percent = recent.changes(self.window) * 100 / (self.window - 1);
        if was { percent >= self.off } else { percent >= self.on }
    }
}

/// The newest results, one bit each, the newest lowest; a set bit is a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    bits: u64,
    len: u32,
}

impl Recent {
    /// Remembers one more result.
    #[must_use]
    pub fn with(self, failing: bool) -> Self {
        Self {
            bits: (self.bits << 1) | u64::from(failing),
            len: (self.len + 1).min(Flapping::WINDOW_MAX),
        }
    }

    /// How often neighbours among the newest `window` results differ.
    fn changes(self, window: u32) -> u32 {
        let pairs = window.min(self.len).saturating_sub(1);
        let mask = 1_u64.checked_shl(pairs).map_or(u64::MAX, |bit| bit - 1);
        ((self.bits ^ (self.bits >> 1)) & mask).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(results: &str) -> Recent {
        results.chars().fold(Recent::default(), |recent, result| recent.with(result == 'x'))
    }

    #[test]
    fn changes_are_counted_in_the_window_only() {
        for (results, window, changes) in [
            ("", 21, 0),
            ("x", 21, 0),
            (".x", 21, 1),
            (".x.x", 21, 3),
            (".x.xx", 2, 0),
            (".x.x.", 3, 2),
            (&".x".repeat(40), 64, 63),
        ] {
            assert_eq!(recent(results).changes(window), changes, "{results:?} in {window}");
        }
    }

    #[test]
    fn flapping_begins_at_one_threshold_and_ends_at_a_lower_one() {
        let flapping = Flapping::default();
        // Ten changes of twenty possible ones are 50 %.
        assert!(!flapping.judge(false, recent(".x.x.x.x.x")));
        assert!(flapping.judge(false, recent(".x.x.x.x.x.")));
        // Five of twenty are 25 %, four are less.
        assert!(flapping.judge(true, recent(".x.x.xxxxxxxxxxxxxxxx")));
        assert!(!flapping.judge(true, recent(".x.x.xxxxxxxxxxxxxxxxx")));
        assert!(!Flapping { window: 0, ..flapping }.judge(true, recent(".x.x.x.x.x.x.x")));
    }
}

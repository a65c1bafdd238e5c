//! How often a proven caller may call.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::outbox::{Bucket, Priority};

/// Reports per second of one source, in the long run: far more than an agent sends, and
/// few enough that one that has gone wild does not shut the others out. Gitea, with all its
/// webhooks, counts as one more.
const REPORTS_PER_SECOND: f64 = 500.0;
/// Reports of one source at once.
pub(super) const REPORTS_BURST: u32 = 2_000;
/// Sources whose rate is remembered; those that have been quiet go first.
const SOURCES_MAX: usize = 10_000;

/// The rate of each source.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<BTreeMap<String, Bucket>>);

impl Rates {
    /// Whether `source` may call now.
    pub(super) fn admit(&self, source: &str, now: Timestamp) -> bool {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = rates.get_mut(source) {
            return bucket.take(Priority::Open, now).is_ok();
        }
        if rates.len() >= SOURCES_MAX {
            rates.retain(|_, bucket| !bucket.is_full(now));
        }
        let mut bucket = Bucket::new(REPORTS_PER_SECOND, REPORTS_BURST, now);
        let may = bucket.take(Priority::Open, now).is_ok();
        rates.insert(source.to_owned(), bucket);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_fits_and_one_more_has_to_wait() {
        let rates = Rates::default();
        let at = |milli| Timestamp::from_millisecond(milli).unwrap();
        assert!((0..REPORTS_BURST).all(|_| rates.admit("a", at(0))));
        assert!(!rates.admit("a", at(0)));
        assert!(rates.admit("b", at(0)));
        assert!(rates.admit("a", at(2)));
    }
}

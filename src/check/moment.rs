//! A moment in eight bytes.

use std::fmt;
use std::num::NonZeroU64;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, to the nanosecond, in half the memory of a [`Timestamp`], and in a third of it
/// where there may be none: there are several of them in each of a million checks.
///
/// One before 1677 or after 2262 becomes the first or the last that there is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(NonZeroU64);

/// Lies between what sorts as numbers with a sign do and what sorts as those without.
const SIGN: u64 = 1 << 63;

impl Moment {
    pub fn get(self) -> Timestamp {
        let nanoseconds = (self.0.get() ^ SIGN).cast_signed();
        Timestamp::from_nanosecond(nanoseconds.into())
            .expect("a timestamp has room for 64 bits of nanoseconds")
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let nanoseconds = at.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into());
        let nanoseconds = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        // The very first moment is the second one, so that none is zero.
        Self(NonZeroU64::new(nanoseconds.cast_unsigned() ^ SIGN).unwrap_or(NonZeroU64::MIN))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_timestamp_that_it_was_made_of_and_is_written_as_one() {
        let moments = ["1677-09-21T00:12:44Z", "1969-12-31T23:59:59.999999999Z"];
        let moments = moments.into_iter().chain(["1970-01-01T00:00:00Z"]);
        let moments = moments.chain(["2026-11-25T17:16:53.000000001Z", "2262-04-11T23:47:16Z"]);
        let timestamps: Vec<Timestamp> = moments.map(|text| text.parse().unwrap()).collect();
        let moments: Vec<_> = timestamps.iter().copied().map(Moment::from).collect();
        assert!(moments.is_sorted_by(|a, b| a < b));
        for (timestamp, moment) in timestamps.iter().zip(&moments) {
            assert_eq!(moment.get(), *timestamp);
            let json = serde_json::to_string(timestamp).unwrap();
            assert_eq!(serde_json::to_string(moment).unwrap(), json);
            assert_eq!(serde_json::from_str::<Moment>(&json).unwrap(), *moment);
        }
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }

    #[test]
    fn what_is_too_far_away_becomes_the_nearest_moment() {
        let [first, last] = [Timestamp::MIN, Timestamp::MAX].map(Moment::from);
        assert!(
            first
                < Moment::from(
                    first.get().checked_add(jiff::SignedDuration::from_nanos(1)).unwrap()
                )
        );
        assert_eq!(first.get().as_nanosecond(), i128::from(i64::MIN + 1));
        assert_eq!(last.get().as_nanosecond(), i128::from(i64::MAX));
    }
}

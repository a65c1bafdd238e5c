//! The rate budget of a host: a token bucket, a pure function of `now`.

use jiff::{SignedDuration, Timestamp};

/// Who goes first when tokens are short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Finding out what happened, and closing.
    LookOrClose,
    Open,
    /// Answering people.
    Answer,
    /// Comments and edits.
    Talk,
    /// Asking what people have done.
    Reconcile,
    /// Asking a target that refuses whether it still does.
    Probe,
}

impl Priority {
    /// All of them, the first first.
    pub const ALL: [Self; 6] =
        [Self::LookOrClose, Self::Open, Self::Answer, Self::Talk, Self::Reconcile, Self::Probe];

    /// Tokens that must be there: the last of the burst is kept for the first two.
    fn needs(self) -> f64 {
        match self {
            Self::LookOrClose | Self::Open => 1.0,
            Self::Answer | Self::Talk | Self::Reconcile | Self::Probe => 2.0,
        }
    }
}

/// Tokens for requests: `burst` at most, `rate` more each second.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: f64, burst: u32, now: Timestamp) -> Self {
        // With a burst of one the last token could never be used for talk.
        let burst = f64::from(burst.max(2));
        Self { rate, burst, tokens: burst, at: now }
    }

    /// Takes a token, or says how long to wait for it. A clock that went back fills
    /// nothing and takes nothing.
    pub fn take(&mut self, priority: Priority, now: Timestamp) -> Result<(), SignedDuration> {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.at = now;
        let missing = priority.needs() - self.tokens;
        if missing <= 0.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // A moment more, so that rounding does not make us come too early for ever.
        Err(SignedDuration::from_secs_f64(missing / self.rate) + SignedDuration::from_millis(1))
    }

    /// Whether nothing was taken for so long that it is as good as new.
    pub fn is_full(&self, now: Timestamp) -> bool {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.tokens + passed * self.rate >= self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milli: i64) -> Timestamp {
        Timestamp::from_millisecond(milli).unwrap()
    }

    #[test]
    fn the_last_token_is_kept_for_what_cannot_wait() {
        let mut bucket = Bucket::new(1.0, 3, at(0));
        assert_eq!(bucket.take(Priority::Talk, at(0)), Ok(()));
        assert_eq!(bucket.take(Priority::Talk, at(0)), Ok(()));
        assert!(bucket.take(Priority::Talk, at(0)).is_err());
        assert_eq!(bucket.take(Priority::Open, at(0)), Ok(()));
        assert!(bucket.take(Priority::LookOrClose, at(0)).is_err());
    }

    #[test]
    fn a_second_gives_as_many_tokens_as_the_rate_says() {
        let mut bucket = Bucket::new(5.0, 10, at(0));
        let mut taken = 0;
        for milli in 0..10_000 {
            taken += u32::from(bucket.take(Priority::Open, at(milli)).is_ok());
        }
        assert_eq!(taken, 10 + 49);
    }

    #[test]
    fn a_clock_that_goes_back_neither_fills_nor_blocks() {
        let mut bucket = Bucket::new(1.0, 2, at(100_000));
        assert!(bucket.take(Priority::Open, at(100_000)).is_ok());
        assert!(bucket.take(Priority::Open, at(0)).is_ok());
        assert!(bucket.take(Priority::Open, at(0)).is_err());
        assert!(bucket.take(Priority::Open, at(1_000)).is_ok());
    }
}

//! How many requests the host was sent, counted beside the server.

use super::oracle::Held;

/// A bucket of our own, filled by requests and emptied by time.
#[derive(Debug, Default)]
pub struct Budget {
    level: f64,
    at: i64,
}

impl Budget {
    /// Time passes; `now` is that of the wall clock, in milliseconds. A clock that is set back
    /// allows nothing.
    pub fn pass(&mut self, rate: f64, now: i64) {
        let passed = i32::try_from((now - self.at).max(0)).unwrap_or(i32::MAX);
        self.at = now;
        self.level = (self.level - f64::from(passed) / 1e3 * rate).max(0.0);
    }

    /// A request was sent.
    pub fn spend(&mut self, burst: u32) -> Held {
        self.level += 1.0;
        // A little more, for what is rounded.
        if self.level > f64::from(burst.max(2)) + 0.1 {
            return Err(format!("{} requests at once, and {burst} are allowed", self.level));
        }
        Ok(())
    }

    /// A new process begins with a full bucket.
    pub fn forgive(&mut self) {
        self.level = 0.0;
    }
}

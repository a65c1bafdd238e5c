//! How many requests the host was sent, counted beside the server.

use super::oracle::Held;

/// A bucket of our own, filled by requests and emptied by time.
#[derive(Debug, Default)]
pub struct Budget {
    level: f64,
    at: i64,
}

impl Budget {
    /// A request was sent, `now` by the wall clock in milliseconds.
    pub fn spend(&mut self, rate: f64, burst: u32, now: i64) -> Held {
        let seconds = f64::from(i32::try_from((now - self.at).max(0)).unwrap_or(i32::MAX)) / 1e3;
        self.at = now;
        self.level = (self.level - seconds * rate).max(0.0) + 1.0;
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

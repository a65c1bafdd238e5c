//! How long the demo may take: each step, and the whole.

use std::time::{Duration, Instant};

use anyhow::bail;

/// The demo, from its first word to its end, if it is told once. A newcomer gives it a
/// minute.
const WHOLE: Duration = Duration::from_secs(55);
/// Of that, to take everything down. The server itself gives its parts 5 s each.
pub(super) const LEAVING: Duration = Duration::from_secs(12);
/// What does not happen within this time does not happen.
const PATIENCE: Duration = Duration::from_secs(12);

const _: () = assert!(WHOLE.as_secs() < 60, "longer than a newcomer waits");

/// When everything must be there, up to the last word of the story.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    began: Instant,
    whole: Duration,
}

impl Deadline {
    /// The whole begins now.
    pub(super) fn begin() -> Self {
        Self::within(WHOLE.saturating_sub(LEAVING))
    }

    pub(super) fn within(whole: Duration) -> Self {
        Self { began: Instant::now(), whole }
    }

    /// What a step becomes, if it is in time. An error says what was waited for in vain,
    /// and how long.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        step: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        let left = self.whole.saturating_sub(self.began.elapsed());
        let patience = left.min(PATIENCE);
        if let Ok(done) = tokio::time::timeout(patience, step).await {
            return Ok(done);
        }
        let waited = patience.as_secs_f64();
        if patience < PATIENCE {
            let whole = self.whole.as_secs_f64();
            bail!(
                "waited {waited:.0} s for {what} in vain, and the {whole:.0} s of the demo are over"
            );
        }
        bail!("waited {waited:.0} s for {what} in vain")
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    /// What is said of a step that hangs.
    fn hung(deadline: Deadline) -> String {
        crate::cli::runtime().unwrap().block_on(async {
            let step = deadline.wait("the moon", pending::<()>());
            let step = tokio::time::timeout(Duration::from_secs(40), step).await;
            step.expect("it waits for ever").unwrap_err().to_string()
        })
    }

    #[test]
    fn the_whole_ends_a_step_that_would_still_have_time() {
        let deadline = Deadline::within(Duration::from_millis(1_400));
        let said = hung(deadline);
        assert!(said.starts_with("waited 1 s for the moon in vain, and the 1 s of"), "{said}");
        let said = hung(deadline);
        assert!(said.starts_with("waited 0 s for the moon in vain"), "{said}");
    }

    #[test]
    fn what_is_there_is_taken() {
        let deadline = Deadline::within(Duration::ZERO);
        let there = crate::cli::runtime().unwrap().block_on(deadline.wait("it", ready(7)));
        assert_eq!(there.unwrap(), 7);
    }
}

//! Keeps tasks running: one that ends or panics is started again, and one that does so
//! again and again ends the process.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Mark, Marks, Pace};

/// How often a task is started again before it is given up.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The first pause before a restart; it doubles from one to the next.
    pub first: Duration,
    /// So many ends of one task within `within`, and it is given up.
    pub ends: usize,
    pub within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let within = Duration::from_secs(10 * 60);
        Self { first: Duration::from_secs(1), ends: 5, within }
    }
}

/// The newest ends of a task.
#[derive(Debug, Default)]
pub struct Ends(VecDeque<Instant>);

impl Ends {
    /// It has ended once more: how long to wait before it is started again, unless that was
    /// once too often.
    pub fn another(&mut self, patience: &Patience, now: Instant) -> Option<Duration> {
        self.0.push_back(now);
        self.0.retain(|end| now.duration_since(*end) < patience.within);
        let earlier = self.0.len() - 1;
        let doublings = u32::try_from(earlier).unwrap_or(u32::MAX);
        let pause = patience.first.saturating_mul(2_u32.saturating_pow(doublings));
        (self.0.len() < patience.ends).then_some(pause)
    }
}

/// A task that could not be kept running.
#[derive(Debug)]
pub struct GivenUp {
    pub task: String,
    pub why: String,
}

/// Tasks that are kept running. All of them end when this is dropped.
#[derive(Debug)]
pub struct Supervisor {
    marks: Marks,
    /// With the tasks that are started from now on.
    pub patience: Patience,
    keepers: JoinSet<Option<GivenUp>>,
    stops: BTreeMap<&'static str, (CancellationToken, CancellationToken)>,
}

impl Supervisor {
    /// One that has no task yet.
    pub fn new(marks: Marks, patience: Patience) -> Self {
        Self { marks, patience, keepers: JoinSet::new(), stops: BTreeMap::new() }
    }

    /// Starts a task, and starts it again whenever it ends though it was not asked to.
    ///
    /// `make` makes it: the mark is for it to say how it is, the token says when it is asked
    /// to end, for those that must not be cut off.
    pub fn start<W>(
        &mut self,
        name: &'static str,
        pace: Pace,
        make: impl FnMut(Mark, CancellationToken) -> W + Send + 'static,
    ) where
        W: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        self.stops.insert(name, (stop.clone(), stopped.clone()));
        let mark = self.marks.task(name, pace);
        let patience = self.patience;
        self.keepers.spawn(async move {
            // Also where making the task panics.
            let _stopped = stopped.drop_guard();
            keep(make, mark, stop, patience).await
        });
    }

    /// Resolves when a task is given up.
    pub async fn given_up(&mut self) -> GivenUp {
        loop {
            match self.keepers.join_next().await {
                Some(Ok(None)) => {}
                Some(Ok(Some(given_up))) => return given_up,
                Some(Err(error)) => {
                    let task = "supervisor".to_owned();
                    return GivenUp { task, why: words(error) };
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Asks a task to end, and waits until it has.
    pub async fn stop(&self, name: &str) {
        if let Some((stop, stopped)) = self.stops.get(name) {
            stop.cancel();
            stopped.cancelled().await;
        }
    }
}

async fn keep<W>(
    mut make: impl FnMut(Mark, CancellationToken) -> W,
    mark: Mark,
    stop: CancellationToken,
    patience: Patience,
) -> Option<GivenUp>
where
    W: Future<Output = ()> + Send + 'static,
{
    let mut ends = Ends::default();
    loop {
        // A set, so that the task ends with its keeper.
        let mut running = JoinSet::new();
        running.spawn(make(mark.clone(), stop.clone()));
        let ended = running.join_next().await;
        if stop.is_cancelled() {
            return None;
        }
        let why = match ended {
            Some(Err(error)) => words(error),
            Some(Ok(())) | None => "it has ended".to_owned(),
        };
        let task = mark.name();
        let Some(pause) = ends.another(&patience, Instant::now()) else {
            let (ends, within) = (patience.ends, patience.within.as_secs() / 60);
            mark.failed(format!("{why}, {ends} times within {within} min"));
            return Some(GivenUp { task: task.to_owned(), why });
        };
        let pause_ms = pause.as_millis();
        mark.failed(format!("{why}; it is started again"));
        tracing::error!(pause_ms, "the task `{task}` is started again: {why}");
        tokio::select! {
            () = stop.cancelled() => return None,
            () = mark.rest(pause) => {}
        }
    }
}

/// How a task ended that did not return.
fn words(error: JoinError) -> String {
    if error.is_cancelled() {
        return "it was cut off".to_owned();
    }
    format!("it panicked: {}", said(&*error.into_panic()))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_the_fifth_end_within_ten_minutes_is_the_last() {
        let (patience, start) = (Patience::default(), Instant::now());
        let mut ends = Ends::default();
        let mut at = |second| {
            let pause = ends.another(&patience, start + Duration::from_secs(second));
            pause.map(|pause| pause.as_secs())
        };
        assert_eq!([0, 10, 20, 30].map(&mut at), [Some(1), Some(2), Some(4), Some(8)]);
        // The first of them is just old enough to be forgotten.
        assert_eq!(at(600), Some(8));
        assert_eq!(at(609), None);
    }
}

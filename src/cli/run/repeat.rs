//! When a command is run again.

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::Instant;

use crate::agent::Signals;

/// Waits between two runs of a command.
#[derive(Debug)]
pub(super) struct Repeat {
    every: Duration,
    alarm: unix::Signal,
    /// All of them are heard from the beginning on: none that comes during a run is missed.
    signals: Signals,
}

impl Repeat {
    pub(super) fn new(every: Duration) -> anyhow::Result<Self> {
        let alarm = signal(SignalKind::alarm()).context("cannot wait for SIGALRM")?;
        let signals = Signals::new().context("cannot wait for signals")?;
        Ok(Self { every, alarm, signals })
    }

    /// Waits until it is time again, which is so long after the last run began, at once if
    /// that took longer, or with SIGALRM. Says whether to go on: a signal to end has come, now
    /// or during the run, if not.
    pub(super) async fn goes_on(&mut self, began: Instant) -> bool {
        let stop = async {
            while !matches!(
                self.signals.next().await,
                Signal::TERM | Signal::INT | Signal::QUIT | Signal::HUP
            ) {}
        };
        tokio::select! {
            biased;
            () = stop => false,
            _ = self.alarm.recv() => true,
            () = tokio::time::sleep_until(began + self.every) => true,
        }
    }
}

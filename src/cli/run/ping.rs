//! Telling how a command goes by pings.

use std::pin::pin;

use anyhow::Context as _;
use tokio::sync::watch;

use super::super::reporting::tell;
use super::super::stop_signal;
use crate::agent::job::{Ending, Job, Run};
use crate::agent::ping::{Event, Lost, Pinger, Taken, body, random_run};
use crate::check::Uuid;

/// Sent of the end of the output if nobody says otherwise, in bytes.
const BODY_BYTES: usize = 10_000;
/// Sent of it at the most, in bytes, whatever the server takes.
const BODY_BYTES_MAX: u32 = 10_000_000;

/// How a command is told of by pings.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pings of a run")]
pub(super) struct Pings {
    /// What is pinged when the command ends well
    #[arg(long, value_name = "KIND", value_enum, default_value = "success")]
    on_success: Kind,
    /// What is pinged when it ends otherwise, or is ended at its limit
    #[arg(long, value_name = "KIND", value_enum, default_value = "exit-code")]
    on_nonzero_exit: Kind,
    /// What is pinged when it cannot be run
    #[arg(long, value_name = "KIND", value_enum, default_value = "fail")]
    on_exec_fail: Kind,
    /// Do not ping when it starts
    #[arg(long)]
    no_start_ping: bool,
    /// Do not send what it says
    #[arg(long)]
    no_output_in_ping: bool,
    /// Send the last so many bytes of what it says, or fewer if the server takes fewer; 0 is
    /// all, up to 10 MB [default: 10000, or what the server takes]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(..=i64::from(BODY_BYTES_MAX)))]
    ping_body_limit: Option<u32>,
}

/// A kind of ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    ExitCode,
    Success,
    Fail,
    Log,
}

impl Kind {
    fn event(self, exit_code: u8) -> Event {
        match self {
            Self::ExitCode => Event::Exited(exit_code),
            Self::Success => Event::Success,
            Self::Fail => Event::Fail,
            Self::Log => Event::Log,
        }
    }
}

impl Pings {
    /// What must be kept of what the command says, in bytes. How much the server takes is
    /// known only when it has answered.
    pub(super) fn kept(&self) -> usize {
        match self.limit() {
            _ if self.no_output_in_ping => 0,
            Some(limit) => limit,
            None if self.no_start_ping => BODY_BYTES,
            None => bytes(BODY_BYTES_MAX),
        }
    }

    fn limit(&self) -> Option<usize> {
        let limit = self.ping_body_limit?;
        Some(bytes(if limit == 0 { BODY_BYTES_MAX } else { limit }))
    }

    fn event(&self, run: &Run) -> Event {
        let kind = match (&run.ending, run.exit_code()) {
            (Ending::NotStarted(_), _) => self.on_exec_fail,
            (_, 0) => self.on_success,
            (_, _) => self.on_nonzero_exit,
        };
        kind.event(run.exit_code())
    }
}

fn bytes(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Pings for a command.
pub(super) struct Pinged<'a> {
    pub(super) pinger: Pinger,
    pub(super) pings: &'a Pings,
}

impl Pinged<'_> {
    /// Runs the command, and tells of it what gets through.
    pub(super) async fn run(&self, job: &Job) -> anyhow::Result<Run> {
        let id = random_run();
        let (end, mut ended) = watch::channel(false);
        let mut start = pin!(async {
            if self.pings.no_start_ping {
                return None;
            }
            // Whoever would say so may have gone: that is an end as well.
            let no_more = async { drop(ended.wait_for(|ended| *ended).await) };
            Some(self.pinger.send(Event::Start, id, &[], no_more).await)
        });
        let mut started = None;
        let run = {
            // The command waits for nothing: it is there before its start is told.
            let mut running = pin!(job.run());
            loop {
                tokio::select! {
                    biased;
                    run = &mut running => break run,
                    told = &mut start, if started.is_none() => started = Some(told),
                }
            }
        };
        let run = run.context("cannot wait for the command")?;
        end.send_replace(true);
        let tell_end = async {
            // A start that arrives after the end would look like another run.
            let started = match started {
                Some(started) => started,
                None => start.await,
            };
            self.tell_end(id, &run, job, started).await;
        };
        tokio::select! {
            () = tell_end => {}
            // Whoever wants us to end by now has seen the command end.
            signal = stop_signal()? => {
                tell(&format!("run: {signal} while pings were sent: they may be lost"));
            }
        }
        Ok(run)
    }

    async fn tell_end(
        &self,
        id: Option<Uuid>,
        run: &Run,
        job: &Job,
        started: Option<Result<Taken, Lost>>,
    ) {
        let told = started.as_ref().and_then(|started| started.as_ref().ok()?.body_limit);
        let max = match (self.pings.limit(), told) {
            (Some(limit), Some(told)) => limit.min(told),
            (Some(limit), None) => limit,
            (None, Some(told)) => told.min(bytes(BODY_BYTES_MAX)),
            (None, None) => BODY_BYTES,
        };
        let body = body(run, job.limit, max);
        let end = self.pinger.send(self.pings.event(run), id, &body, std::future::pending()).await;
        for (what, told) in [("start", started), ("end", Some(end))] {
            if let Some(Err(lost)) = told {
                let lost = anyhow::Error::from(lost);
                tell(&format!("run: the ping of its {what} is lost: {lost:#}"));
            }
        }
    }
}

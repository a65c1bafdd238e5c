//! Telling how a command goes by reports, which wait where they cannot be sent.

use std::convert::Infallible;

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;

use super::super::reporting::{self, tell, tell_all};
use super::super::stop_signal;
use crate::agent::job::{Job, Run};
use crate::agent::{self, Settings, Undelivered, post};
use crate::check::{Kind, Observation};
use crate::clock::Clock;

/// Reports a command as the check `name`.
pub(super) struct Reporter {
    /// Or why nothing is reported.
    pub(super) settings: anyhow::Result<Settings>,
    pub(super) name: String,
    pub(super) every: Option<SignedDuration>,
}

impl Reporter {
    /// Runs the command, and tells of it what can be told.
    pub(super) async fn run(&self, job: &Job) -> anyhow::Result<Run> {
        let start =
            Observation { interval: self.every, ..Observation::new(Kind::Start, "running") };
        let started = async {
            if let Ok(settings) = &self.settings {
                // What cannot be told now waits, and is told with the end.
                self.report(settings, start).await.ok();
            }
            std::future::pending::<Infallible>().await
        };
        // The command waits for nothing: it is there before its start is told.
        let ended = tokio::select! {
            biased;
            ended = job.run() => ended,
            never = started => match never {},
        };
        let ended = ended.context("cannot wait for the command")?;
        let mut end = ended.observation(job.limit);
        end.interval = self.every;
        let told = match &self.settings {
            // Whoever wants us to end by now has seen the command end.
            Ok(settings) => tokio::select! {
                told = self.report(settings, end) => told,
                signal = stop_signal()? => Err(anyhow!("{signal} while the report was sent")),
            },
            Err(error) => Err(anyhow!("{error:#}")),
        };
        match told {
            Ok(failures) => tell_all(failures),
            Err(error) => tell(&format!("run: {error:#}")),
        }
        Ok(ended)
    }

    /// Gives what went wrong with it after it was kept, or was not.
    async fn report(
        &self,
        settings: &Settings,
        observation: Observation,
    ) -> anyhow::Result<Vec<Undelivered>> {
        agent::install_crypto();
        let clock = Clock::system();
        let observation = Observation { observed_at: Some(clock.now()), ..observation };
        let spool = reporting::spool(settings);
        let source = settings.source_name()?;
        let unkept = post::keep(&spool, source, &self.name, observation).await?;
        let mut sender = reporting::sender(settings, &clock)?;
        let mut tell_it = |line: String| tell(&line);
        Ok(post::send(unkept, &spool, &mut sender, &clock, &mut tell_it).await?)
    }
}

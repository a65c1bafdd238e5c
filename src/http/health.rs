//! Whether teawatch is alive, and whether it can do its work.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{App, Inner};
use crate::engine::{Core, Health};
use crate::reconcile::Compared;
use crate::tasks::{Mark, Pace, Report, State};

/// An engine that does not answer for this long is not at work.
const PATIENCE: Duration = Duration::from_secs(5);

/// Alive, and nothing else.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Whether teawatch can do its work, in words.
#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    /// What keeps teawatch from its work.
    pub(super) reasons: Vec<String>,
    /// What people should look at, though the work goes on.
    pub(super) notes: Vec<String>,
    /// By repository: when it was last read what people did to issues there.
    pub(super) reconcile: BTreeMap<String, Compared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Health>,
    /// How the tasks in the background are.
    pub(super) tasks: Vec<Report>,
    /// Whether something is wrong, and not only unknown so far.
    #[serde(skip)]
    pub(super) is_trouble: bool,
}

/// The task that judges now and then whether teawatch can do its work, so that its mark says
/// so when nobody can be asked.
#[derive(Debug)]
pub struct Watch;

impl Watch {
    /// What it is called.
    pub const NAME: &str = "readiness";
    const EVERY: SignedDuration = SignedDuration::from_secs(5);
    /// The same while it cannot be told yet.
    const SOON: Duration = Duration::from_millis(500);
    /// How often it is heard of.
    pub const PACE: Pace = Pace { beats: Self::EVERY, succeeds: Self::EVERY };

    /// Judges for ever. Success is to be ready.
    pub async fn run(app: App, mark: Mark) {
        loop {
            let (readiness, _) = mark.during(judge(&app.0, |_, _| ())).await;
            let pause = match (readiness.ready, readiness.is_trouble) {
                (true, _) => {
                    mark.succeeded();
                    Self::EVERY.unsigned_abs()
                }
                (false, true) => {
                    mark.failed(readiness.reasons.join("; "));
                    Self::EVERY.unsigned_abs()
                }
                // Unknown is no failure, and no success.
                (false, false) => Self::SOON,
            };
            mark.rest(pause).await;
        }
    }
}

/// 200 when reports are taken and Gitea takes what follows; otherwise 503, and why.
pub(super) async fn ready(extract::State(App(app)): extract::State<App>) -> Response {
    let (readiness, _) = judge(&app, |_, _| ()).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Whether teawatch can do its work, and what was read with the same question, if the
/// engine answers.
pub(super) async fn judge<T: Send + 'static>(
    app: &Inner,
    read: impl FnOnce(&Core, Timestamp) -> T + Send + 'static,
) -> (Readiness, Option<T>) {
    let asked = app.engine.ask(|core, now| (core.health(), read(core, now)));
    let mut reasons = Vec::new();
    let mut notes = Vec::new();
    let (engine, found) = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((health, found))) => (Some(health), Some(found)),
        Ok(Err(error)) => {
            reasons.push(format!("the engine does not answer: {error}"));
            (None, None)
        }
        Err(_) => {
            reasons.push(format!("the engine has not answered for {} s", PATIENCE.as_secs()));
            (None, None)
        }
    };
    let outbox = app.told.outbox.borrow().clone();
    if let Some(pause) = outbox.pause {
        let waits = engine.as_ref().is_some_and(|health| health.undelivered > health.parked);
        let is_trouble = waits && pause.outlasts(app.settings.pause_max);
        let until = pause.until;
        let words = format!("Gitea asked for a pause: nothing is sent until {until}");
        if is_trouble { reasons.push(words) } else { notes.push(words) }
    }
    for (repository, refusing) in &outbox.refusing {
        let (since, reason) = (refusing.since, &refusing.reason);
        reasons.push(format!("{repository} refuses since {since}: {reason}"));
    }
    let reconcile = app.told.reconcile.borrow().clone();
    for (words, is_for_too_long) in reconcile.trouble(app.clock.now()) {
        if is_for_too_long { reasons.push(words) } else { notes.push(words) }
    }
    notes.extend(reconcile.unreadable().cloned());
    reasons.extend(app.told.shortage.borrow().clone());
    if let Some(health) = &engine {
        if let Some(key) = &health.copied {
            reasons.push(format!(
                "a copy of this store runs elsewhere: it wrote {key}, which this one never did; \
                 nothing more is written until both are stopped and one of them is started with \
                 an empty data directory and the same salt"
            ));
        }
        if let Some(stuck) = &health.stuck {
            let (oldest, since, reason) = (&stuck.oldest, stuck.since, &stuck.reason);
            let not = stuck.not.iter().map(String::as_str).collect::<Vec<_>>().join(" or ");
            reasons.push(match stuck.effects {
                1 => format!("{oldest} could not be {not} since {since}: {reason}"),
                many => format!(
                    "{many} issues could not be {not} so far, {oldest} since {since}: {reason}"
                ),
            });
        }
        if let Some(pause) = &health.jobs.paused {
            notes.push(format!("all jobs are paused since {}: {}", pause.since, pause.reason));
        }
        for (key, why) in &health.jobs.unreadable {
            notes.push(format!("the record of a job at {key} cannot be read: {why}"));
        }
        match health.parked {
            0 => {}
            1 => notes.push("1 effect is parked; see `teawatch outbox list`".to_owned()),
            many => notes.push(format!("{many} effects are parked; see `teawatch outbox list`")),
        }
        for (repository, unclaimed) in &health.unclaimed {
            let numbers: Vec<_> =
                unclaimed.iter().map(|issue| format!("#{}", issue.number)).collect();
            notes.push(format!(
                "{repository} has open issues of ours that no check has claimed: {}",
                numbers.join(", ")
            ));
        }
    }
    let tasks = app.told.marks.report();
    // What this itself has found earlier says nothing about now.
    let others = tasks.iter().filter(|task| task.name != Watch::NAME);
    // The fault may be theirs who are told. One that has stalled is ours.
    let (aside, others): (Vec<_>, Vec<_>) = others.partition(|task| {
        app.told.watchers.contains(&task.name.as_str()) && task.state != State::Stalled
    });
    let (troubled, untold): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|task| task.state.is_trouble());
    let troubled: Vec<_> = troubled.into_iter().filter(|task| !says(&reasons, task)).collect();
    reasons.extend(troubled.into_iter().filter_map(Report::complaint));
    let is_trouble = !reasons.is_empty();
    reasons.extend(untold.into_iter().filter_map(Report::complaint));
    notes.extend(aside.into_iter().filter_map(Report::complaint));
    notes.extend(app.told.marks.trouble());
    notes.extend(app.jobs.get().and_then(|runner| runner.warning().map(str::to_owned)));
    let (ready, reconcile) = (reasons.is_empty(), reconcile.repositories);
    (Readiness { ready, reasons, notes, reconcile, engine, tasks, is_trouble }, found)
}

/// Whether one of the reasons is why a task fails: it is not told twice.
fn says(reasons: &[String], task: &Report) -> bool {
    let error = task.error.as_ref().filter(|_| task.state == State::Failing);
    error.is_some_and(|error| {
        !error.is_over && reasons.iter().any(|reason| error.text.contains(reason))
    })
}

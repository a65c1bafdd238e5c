//! What is run on a schedule.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::{Cursor, cursor, numbered};
use super::auth::{Reader, Writer};
use super::{ApiError, App, Inner, body};
use crate::engine::{JobView, JobsHealth, Page, Unmade};
use crate::job::{Ask, By, Draft, NotFired, Run};

/// What follows on something that cannot be done to a job.
const HINT: &str = "see `teawatch jobs list`";

/// The longest body that describes a job, in bytes.
const BYTES_MAX: usize = 64 * 1024;

pub(super) fn doors() -> Router<App> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/{job}", get(show).patch(edit).delete(remove))
        .route("/{job}/runs", get(runs))
        .route("/{job}/run", post(fire))
        .route("/{job}/pause", post(pause))
        .route("/{job}/resume", post(resume))
}

type Which = Result<Path<String>, PathRejection>;

/// Why something is paused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    reason: String,
}

/// What a person wants to be run.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct What {
    /// The slot that is due, instead of a run besides the schedule.
    slot: bool,
}

async fn list(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<JobView>>, ApiError> {
    let (after, limit) = cursor(query)?;
    let page = app.engine.ask(move |core, _| core.jobs_page(after.as_deref(), limit));
    Ok(Json(page.await?))
}

async fn show(
    State(App(app)): State<App>,
    _: Reader,
    which: Which,
) -> Result<Json<JobView>, ApiError> {
    let which = name(which)?;
    Ok(Json(app.engine.ask(move |core, _| core.job(&which)).await??))
}

async fn runs(
    State(App(app)): State<App>,
    _: Reader,
    which: Which,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<Run>>, ApiError> {
    let (which, (before, limit)) = (name(which)?, numbered(query)?);
    Ok(Json(app.engine.ask(move |core, _| core.runs_page(&which, before, limit)).await??))
}

/// Makes a job, and answers with it once it is on the disk.
async fn create(
    State(App(app)): State<App>,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<JobView>, ApiError> {
    let draft: Draft = asked(&app, proof, request).await?;
    let made = app.engine.ask(move |core, now| core.add_job(&draft, now)).await??;
    changed(&app);
    Ok(Json(made))
}

async fn edit(
    State(App(app)): State<App>,
    which: Which,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<JobView>, ApiError> {
    let draft: Draft = asked(&app, proof, request).await?;
    let which = name(which)?;
    let job = app.engine.ask(move |core, now| core.edit_job(&which, &draft, now)).await??;
    changed(&app);
    Ok(Json(job))
}

async fn remove(
    State(App(app)): State<App>,
    _: Writer,
    which: Which,
) -> Result<Json<Value>, ApiError> {
    let which = name(which)?;
    let id = app.engine.ask(move |core, now| core.remove_job(&which, now)).await??;
    changed(&app);
    Ok(Json(json!({ "removed": id })))
}

/// Runs a job now, and answers once its claim is on the disk.
async fn fire(
    State(App(app)): State<App>,
    which: Which,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let What { slot } = asked(&app, proof, request).await?;
    let which = name(which)?;
    let conflict = |what| ApiError::Conflict { what, hint: HINT };
    let not_yet = || conflict("no jobs are run at the moment".to_owned());
    let runner = app.jobs.get().filter(|runner| !runner.is_closing()).ok_or_else(not_yet)?;
    let ask = if slot { Ask::Next } else { Ask::Now };
    let fired = runner.fire(&which, ask, By::Person).await?;
    let run = fired.map_err(|why| match why {
        NotFired::Gone => ApiError::Unknown(format!("job `{which}`")),
        NotFired::Duplicate
        | NotFired::Running
        | NotFired::Paused
        | NotFired::AllPaused
        | NotFired::Early(_)
        | NotFired::Never => conflict(format!("the job `{which}` is not run: {why}")),
    })?;
    runner.changed();
    Ok(Json(json!({ "run": run })))
}

async fn pause(
    State(App(app)): State<App>,
    which: Which,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<JobView>, ApiError> {
    let Why { reason } = asked(&app, proof, request).await?;
    let which = name(which)?;
    let job = app.engine.ask(move |core, now| core.pause_job(&which, reason, now)).await??;
    changed(&app);
    Ok(Json(job))
}

async fn resume(
    State(App(app)): State<App>,
    _: Writer,
    which: Which,
) -> Result<Json<JobView>, ApiError> {
    let which = name(which)?;
    let job = app.engine.ask(move |core, now| core.resume_job(&which, now)).await??;
    changed(&app);
    Ok(Json(job))
}

/// How jobs are, as a whole.
pub(super) async fn health(
    State(App(app)): State<App>,
    _: Reader,
) -> Result<Json<JobsHealth>, ApiError> {
    Ok(Json(app.engine.ask(|core, _| core.jobs_health()).await?))
}

/// Runs nothing on schedule any more.
pub(super) async fn pause_all(
    State(App(app)): State<App>,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<JobsHealth>, ApiError> {
    let Why { reason } = asked(&app, proof, request).await?;
    let paused = move |core: &mut crate::engine::Core, now| {
        core.pause_jobs(reason, now).map(|()| core.jobs_health())
    };
    let health = app.engine.ask(paused).await??;
    changed(&app);
    Ok(Json(health))
}

pub(super) async fn resume_all(
    State(App(app)): State<App>,
    _: Writer,
) -> Result<Json<JobsHealth>, ApiError> {
    let resumed = |core: &mut crate::engine::Core, _| {
        core.resume_jobs();
        core.jobs_health()
    };
    let health = app.engine.ask(resumed).await?;
    changed(&app);
    Ok(Json(health))
}

fn name(which: Which) -> Result<String, ApiError> {
    which.map(|Path(name)| name).map_err(|error| ApiError::BadQuery(error.body_text()))
}

/// After the disk has it.
fn changed(app: &Inner) {
    if let Some(runner) = app.jobs.get() {
        runner.changed();
    }
}

/// What somebody asks for who may. An empty body asks for nothing in particular.
async fn asked<T: DeserializeOwned>(
    app: &Inner,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    if let Err(error) = proof {
        body::turn_away(&parts.headers, body).await;
        return Err(error);
    }
    let body = body::read(app, &parts.headers, body, BYTES_MAX).await?;
    body::object(if body.is_empty() { b"{}" } else { &body })
}

impl From<Unmade> for ApiError {
    fn from(why: Unmade) -> Self {
        match why {
            Unmade::Wrong(what) => Self::BadBody(what.to_string()),
            Unmade::Unknown(_) => Self::Unknown(why.to_string()),
            Unmade::Taken(_) | Unmade::Configured(_) | Unmade::Full => {
                Self::Conflict { what: why.to_string(), hint: HINT }
            }
        }
    }
}

//! The management of checks as Healthchecks has it, `/api/v3/`, so that its clients, and what
//! keeps infrastructure as code, work by a changed address.
//!
//! A key manages the checks of its source that are defined, and no others. It answers in the
//! protocol of Healthchecks: `{"error": "..."}` says what is wrong.

mod caller;
mod refused;
mod shown;
mod span;
mod wanted;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use url::form_urlencoded;

use self::caller::Caller;
use self::refused::Refused;
use self::shown::{Base, flip, pings, shown};
use self::span::Span;
use self::wanted::Wanted;
use super::{App, Inner};
use crate::check::{CheckId, Uuid};
use crate::engine::{Core, Managed, Resumed, Unamended, Weight};

/// The longest body, in bytes.
const BODY_BYTES: usize = 64 * 1024;

/// The doors below `/api/v3`.
pub(super) fn doors() -> Router<App> {
    Router::new()
        .route("/checks/", get(list).post(create))
        .route("/checks/{uuid}", get(show).post(update).delete(remove))
        .route("/checks/{uuid}/pause", post(pause))
        .route("/checks/{uuid}/resume", post(resume))
        .route("/checks/{uuid}/pings/", get(show_pings))
        .route("/checks/{uuid}/flips/", get(show_flips))
        .route("/channels/", get(channels))
        .route("/status/", get(status))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

type Answer = Result<Response, Refused>;

/// All checks of the source that are defined: those of a slug, and those that wear all tags.
async fn list(State(App(app)): State<App>, RawQuery(query): RawQuery, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let query = query.unwrap_or_default();
    let asked = |name: &str| -> Vec<String> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    };
    let (tags, slug) = (asked("tag"), asked("slug").pop().filter(|slug| !slug.is_empty()));
    let (mut checks, mut after) = (Vec::new(), None);
    loop {
        let (source, from) = (caller.source.clone(), after.take());
        let page = app.engine.ask(move |core, now| core.managed_page(&source, from, now)).await?;
        checks.extend(page.items.iter().map(|check| shown(check, &base)));
        match page.next {
            Some(next) => after = CheckId::parse(&next),
            None => break,
        }
    }
    checks.retain(|check: &Value| {
        let worn = check["tags"].as_str().unwrap_or_default();
        tags.iter().all(|tag| worn.split(' ').any(|worn| worn == tag))
            && slug.as_ref().is_none_or(|slug| check["slug"] == slug.as_str())
    });
    Ok(Json(json!({ "checks": checks })).into_response())
}

/// Defines a check, or changes the one that is meant by `unique`.
async fn create(State(App(app)): State<App>, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let wanted = Wanted::read(&caller.json)?;
    let source = caller.source;
    let work = move |core: &mut Core, now| {
        if let Some(id) = find(core, &source, &wanted) {
            let id = wanted.keeps_name_of(id)?;
            let amendment = wanted.amendment(core.definition(&id).as_ref());
            core.amend_definition(&id, amendment, now)?;
            return Ok((core.managed(&id, now), StatusCode::OK));
        }
        let id = wanted.id(&source)?;
        core.add_definition(&id, wanted.amendment(None), now)?;
        Ok((core.managed(&id, now), StatusCode::CREATED))
    };
    let (managed, status) = submit(&app, work).await?;
    let managed = managed.ok_or(Refused::NotFound)?;
    Ok((status, Json(shown(&managed, &base))).into_response())
}

/// The check that `unique` means, the first in order.
fn find(core: &Core, source: &str, wanted: &Wanted) -> Option<CheckId> {
    core.defined_of(source).find(|(id, it)| wanted.means(id, it)).map(|(id, _)| id.clone())
}

async fn show(State(App(app)): State<App>, path: CheckPath, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let managed = app.engine.ask(move |core, now| core.managed(&id, now)).await?;
    answer(managed, &base)
}

/// The UUID in an address, if that is text.
type CheckPath = Result<Path<String>, PathRejection>;

async fn update(State(App(app)): State<App>, path: CheckPath, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let wanted = Wanted::read(&caller.json)?;
    let id = wanted.keeps_name_of(id)?;
    let work = move |core: &mut Core, now| {
        let amendment = wanted.amendment(core.definition(&id).as_ref());
        core.amend_definition(&id, amendment, now)?;
        Ok(core.managed(&id, now))
    };
    answer(submit(&app, work).await?, &base)
}

async fn remove(State(App(app)): State<App>, path: CheckPath, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let work = move |core: &mut Core, now| {
        let managed = core.managed(&id, now);
        core.dismiss(&id, now)?;
        Ok(managed)
    };
    answer(submit(&app, work).await?, &base)
}

async fn pause(State(App(app)): State<App>, path: CheckPath, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let managed = app.engine.ask(move |core, now| {
        core.pause(&id, "it was paused by HTTP", now);
        core.managed(&id, now)
    });
    answer(managed.await?, &base)
}

async fn resume(State(App(app)): State<App>, path: CheckPath, request: Request) -> Answer {
    let (caller, base) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let resumed = app.engine.ask(move |core, now| (core.resume(&id, now), core.managed(&id, now)));
    match resumed.await? {
        (Resumed::WasNotPaused, _) => Err(Refused::Conflict("check is not paused".to_owned())),
        (Resumed::Done | Resumed::Unknown, managed) => answer(managed, &base),
    }
}

/// What is kept of pings: the newest result, the newest log, and the starts of runs that go on.
async fn show_pings(State(App(app)): State<App>, path: CheckPath, request: Request) -> Answer {
    let (caller, _) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let managed = app.engine.ask(move |core, now| core.managed(&id, now)).await?;
    let managed = managed.ok_or(Refused::NotFound)?;
    Ok(Json(json!({ "pings": pings(&managed.view) })).into_response())
}

/// When the check has turned, as far as that is remembered, the newest first.
async fn show_flips(
    State(App(app)): State<App>,
    path: CheckPath,
    RawQuery(query): RawQuery,
    request: Request,
) -> Answer {
    let (caller, _) = Caller::of(&app, request).await?;
    let id = caller.check(&app, path)?;
    let span = Span::read(&query.unwrap_or_default(), app.clock.now())?;
    let managed = app.engine.ask(move |core, now| core.managed(&id, now)).await?;
    let flips = managed.ok_or(Refused::NotFound)?.flips;
    let flips: Vec<_> = flips.iter().filter(|flip| span.holds(flip.at.get())).map(flip).collect();
    Ok(Json(json!({ "flips": flips })).into_response())
}

/// There are none: whom to tell is a matter of routes.
async fn channels(State(App(app)): State<App>, request: Request) -> Answer {
    Caller::of(&app, request).await?;
    Ok(Json(json!({ "channels": [] })).into_response())
}

/// Whether the engine is at work, which it is once it answers.
async fn status(State(App(app)): State<App>) -> Answer {
    app.engine.ask(|_, _| ()).await?;
    Ok("OK".into_response())
}

async fn unknown() -> Refused {
    Refused::NotFound
}

async fn wrong_method() -> Refused {
    Refused::Method
}

fn answer(managed: Option<Managed>, base: &Base) -> Answer {
    let managed = managed.ok_or(Refused::NotFound)?;
    Ok(Json(shown(&managed, base)).into_response())
}

/// Runs work on the engine that may be refused.
async fn submit<T: Send + 'static>(
    app: &Inner,
    work: impl FnOnce(&mut Core, jiff::Timestamp) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let weight = Weight { bytes: BODY_BYTES, ..Weight::default() };
    app.engine.submit(weight, work).await?
}

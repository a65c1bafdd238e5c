//! What people decide of checks: definitions, pauses, addresses.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use serde_json::{Value, json};

use super::api::Named;
use super::auth::Writer;
use super::{ApiError, App, body};
use crate::engine::{Amendment, CheckView, Core, Resumed, Unamended, Weight};

/// The longest body that describes a check, in bytes: all its texts at their longest, escaped.
const BYTES_MAX: usize = 256 * 1024;

/// Which check it is about.
type Which = Result<Query<Named>, QueryRejection>;

/// Defines a check that nobody has defined, and answers with it once it is on the disk.
pub(super) async fn add(
    State(app): State<App>,
    query: Which,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<CheckView>, ApiError> {
    change(app, query, proof, request, true).await
}

/// Changes what is said of one that is defined.
pub(super) async fn amend(
    State(app): State<App>,
    query: Which,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<CheckView>, ApiError> {
    change(app, query, proof, request, false).await
}

async fn change(
    app: App,
    query: Which,
    proof: Result<Writer, ApiError>,
    request: Request,
    is_new: bool,
) -> Result<Json<CheckView>, ApiError> {
    let amendment: Amendment = body::json(&app, proof, request, BYTES_MAX).await?;
    let id = Named::id(query)?;
    let shown = id.to_string();
    let weight = Weight { bytes: BYTES_MAX, ..Weight::default() };
    let work = move |core: &mut Core, now| {
        match is_new {
            true => core.add_definition(&id, amendment, now),
            false => core.amend_definition(&id, amendment, now),
        }
        .map(|()| core.check(&id, now))
    };
    let view = app.0.engine.submit(weight, work).await?.map_err(|why| refused(&shown, &why))?;
    view.map(Json).ok_or_else(|| unknown(&shown))
}

pub(super) async fn pause(
    State(App(app)): State<App>,
    _: Writer,
    query: Which,
) -> Result<Json<CheckView>, ApiError> {
    let id = Named::id(query)?;
    let shown = id.to_string();
    let view = app.engine.ask(move |core, now| {
        core.pause(&id, "a person paused it", now);
        core.check(&id, now)
    });
    view.await?.map(Json).ok_or_else(|| unknown(&shown))
}

pub(super) async fn resume(
    State(App(app)): State<App>,
    _: Writer,
    query: Which,
) -> Result<Json<CheckView>, ApiError> {
    let id = Named::id(query)?;
    let shown = id.to_string();
    let resumed =
        app.engine.ask(move |core, now| (core.resume(&id, now), core.check(&id, now))).await?;
    match resumed {
        (Resumed::Done, Some(view)) => Ok(Json(view)),
        (Resumed::WasNotPaused, Some(_)) => Err(ApiError::Conflict {
            what: format!("check `{shown}` is not paused"),
            hint: "`teawatch checks` shows which are",
        }),
        (_, _) => Err(unknown(&shown)),
    }
}

/// By what a check is pinged. It is all that it takes, so only who may write sees it.
pub(super) async fn address(
    State(App(app)): State<App>,
    _: Writer,
    query: Which,
) -> Result<Json<Value>, ApiError> {
    let id = Named::id(query)?;
    let shown = id.to_string();
    let uuid = app.engine.ask(move |core, _| core.ping_uuid(&id)).await?;
    let uuid = uuid.ok_or_else(|| {
        let what = format!("address of check `{shown}`: only what is defined has one");
        ApiError::Unknown(what)
    })?;
    Ok(Json(json!({ "uuid": uuid })))
}

fn unknown(check: &str) -> ApiError {
    ApiError::Unknown(format!("check `{check}`"))
}

/// Why a check is not changed.
pub(super) fn refused(check: &str, why: &Unamended) -> ApiError {
    let conflict = |hint| ApiError::Conflict { what: format!("check `{check}`: {why}"), hint };
    match why {
        Unamended::Wrong(wrong) => ApiError::BadBody(wrong.to_string()),
        Unamended::Configured => conflict("change its [[check]] there, and start the server anew"),
        Unamended::Defined => conflict("`teawatch checks edit` changes it"),
        Unamended::Full => conflict("remove some, or use another source"),
        Unamended::Undefined => ApiError::Unknown(format!(
            "definition of check `{check}`; `teawatch checks add` makes one"
        )),
    }
}

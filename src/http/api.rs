//! What tools read and change.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Reader, Writer};
use super::definitions::refused;
use super::{ApiError, App};
use crate::check::CheckId;
use crate::engine::{AlertView, CheckView, DeliveryView, Dropped, Entry, PAGE_MAX, Page};

/// Where a page begins, and how long it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 500, 100 if not said.
    limit: Option<usize>,
}

const LIMIT_DEFAULT: usize = 100;

impl Cursor {
    fn limit(&self) -> Result<usize, ApiError> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
            _ => Err(ApiError::BadQuery(format!("limit: must be 1 to {PAGE_MAX}"))),
        }
    }
}

pub(super) fn cursor(
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<(Option<String>, usize), ApiError> {
    let Query(cursor) = query.map_err(|error| ApiError::BadQuery(error.body_text()))?;
    let limit = cursor.limit()?;
    Ok((cursor.after, limit))
}

/// The same where items are numbered.
pub(super) fn numbered(
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<(Option<u64>, usize), ApiError> {
    let (after, limit) = cursor(query)?;
    let after = after.map(|after| after.parse()).transpose();
    let after = after.map_err(|_| ApiError::BadQuery("after: must be a number".to_owned()))?;
    Ok((after, limit))
}

pub(super) async fn alerts(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<AlertView>>, ApiError> {
    let (after, limit) = cursor(query)?;
    if after.as_deref().is_some_and(|after| !AlertView::is_cursor(after)) {
        return Err(ApiError::BadQuery("after: must be a fingerprint".to_owned()));
    }
    let refusing = app.told.outbox.borrow().reasons();
    let page =
        app.engine.ask(move |core, _| core.alerts_explained(after.as_deref(), limit, &refusing));
    Ok(Json(page.await?))
}

pub(super) async fn checks(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<CheckView>>, ApiError> {
    let (after, limit) = cursor(query)?;
    let page = app.engine.ask(move |core, now| core.checks_page(after.as_deref(), limit, now));
    Ok(Json(page.await?))
}

pub(super) async fn check(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Named>, QueryRejection>,
) -> Result<Json<CheckView>, ApiError> {
    let id = Named::id(query)?;
    let shown = id.to_string();
    let view = app.engine.ask(move |core, now| core.check(&id, now)).await?;
    view.map(Json).ok_or_else(|| ApiError::Unknown(format!("check `{shown}`")))
}

/// Which check. It stands in the query: in a path `.` and `..` have a meaning of their own,
/// and whatever is on the way may tidy the rest up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    source: String,
    name: String,
}

impl Named {
    pub(super) fn id(query: Result<Query<Self>, QueryRejection>) -> Result<CheckId, ApiError> {
        let Query(named) = query.map_err(|error| ApiError::BadQuery(error.body_text()))?;
        Ok(CheckId::new(named.source, named.name))
    }
}

/// Stops watching a check, until it reports again.
pub(super) async fn forget(
    State(App(app)): State<App>,
    _: Writer,
    query: Result<Query<Named>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let id = Named::id(query)?;
    let shown = id.to_string();
    let was_known = app.engine.ask(move |core, now| core.dismiss(&id, now)).await?;
    let was_known = was_known.map_err(|why| refused(&shown, &why))?;
    if was_known {
        Ok(Json(json!({ "forgotten": shown })))
    } else {
        Err(ApiError::Unknown(format!("check `{shown}`")))
    }
}

pub(super) async fn outbox(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<Entry>>, ApiError> {
    let (after, limit) = numbered(query)?;
    let page = app.engine.ask(move |core, _| core.outbox_page(after, limit));
    Ok(Json(page.await?))
}

pub(super) async fn deliveries(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<DeliveryView>>, ApiError> {
    let (after, limit) = numbered(query)?;
    let page = app.engine.ask(move |core, _| core.deliveries_page(after, limit));
    Ok(Json(page.await?))
}

pub(super) async fn outbox_entry(
    State(App(app)): State<App>,
    _: Reader,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<Entry>, ApiError> {
    let seq = number(path)?;
    let entry = app.engine.ask(move |core, _| core.outbox_entry(seq)).await?;
    entry.map(Json).ok_or_else(|| missing(seq))
}

pub(super) async fn retry_entry(
    State(App(app)): State<App>,
    _: Writer,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let seq = number(path)?;
    let exists = app.engine.ask(move |core, _| core.retry(seq)).await?;
    if exists { Ok(Json(json!({ "retried": seq }))) } else { Err(missing(seq)) }
}

pub(super) async fn drop_entry(
    State(App(app)): State<App>,
    _: Writer,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let seq = number(path)?;
    match app.engine.ask(move |core, now| core.drop_effect(seq, now)).await? {
        Dropped::Done => Ok(Json(json!({ "dropped": seq }))),
        Dropped::Missing => Err(missing(seq)),
        Dropped::InDoubt => Err(ApiError::InDoubt(seq)),
    }
}

pub(super) fn number(path: Result<Path<u64>, PathRejection>) -> Result<u64, ApiError> {
    path.map(|Path(number)| number).map_err(|error| ApiError::BadQuery(error.body_text()))
}

fn missing(seq: u64) -> ApiError {
    ApiError::Unknown(format!("effect {seq} in the outbox"))
}

//! Silences by pattern.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use serde_json::{Value, json};

use super::api::{Cursor, number, numbered};
use super::auth::{Reader, Writer};
use super::{ApiError, App, body};
use crate::engine::{Draft, Page, SilenceView, Unsilenced};

/// The longest body that describes a silence, in bytes: all its texts at their longest,
/// escaped.
const BYTES_MAX: usize = 64 * 1024;

pub(super) async fn list(
    State(App(app)): State<App>,
    _: Reader,
    query: Result<Query<Cursor>, QueryRejection>,
) -> Result<Json<Page<SilenceView>>, ApiError> {
    let (after, limit) = numbered(query)?;
    let page = app.engine.ask(move |core, now| core.silences_page(after, limit, now));
    Ok(Json(page.await?))
}

/// Makes a silence, and answers with it once it is on the disk.
pub(super) async fn create(
    State(app): State<App>,
    proof: Result<Writer, ApiError>,
    request: Request,
) -> Result<Json<SilenceView>, ApiError> {
    let draft: Draft = body::json(&app, proof, request, BYTES_MAX).await?;
    Ok(Json(app.0.engine.ask(move |core, now| core.silence(draft, now)).await??))
}

/// Ends a silence.
pub(super) async fn expire(
    State(App(app)): State<App>,
    _: Writer,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let number = number(path)?;
    if app.engine.ask(move |core, now| core.end_silence(number, now)).await? {
        Ok(Json(json!({ "expired": number })))
    } else {
        Err(ApiError::Unknown(format!("silence {number}")))
    }
}

impl From<Unsilenced> for ApiError {
    fn from(why: Unsilenced) -> Self {
        match why {
            Unsilenced::Wrong(what) => Self::BadBody(what),
            Unsilenced::Full => Self::Full(why.to_string()),
        }
    }
}

//! A backup of everything, in pieces.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::auth::Reader;
use super::{ApiError, App};
use crate::engine;

/// Answers with everything as it was when this was asked for. One that breaks off has no end,
/// by which whoever reads it knows.
pub(super) async fn make(State(App(app)): State<App>, _: Reader) -> Result<Response, ApiError> {
    let backup = app.engine.backup().await?;
    let pieces = stream::try_unfold(backup, |backup| async move {
        let piece = backup.next().await.inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "a backup broke off");
        })?;
        Ok::<_, engine::Error>(piece.map(|piece| (Bytes::from(piece), backup)))
    });
    let kind = [(CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, Body::from_stream(pieces)).into_response())
}

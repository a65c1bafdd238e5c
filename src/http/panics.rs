//! What is answered where a door panics.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;

use super::ApiError;

/// Answers for a door that panics: else its caller would be cut off without a word. What the
/// door has asked of the engine before that may be done; sending again changes nothing.
pub(super) async fn answered(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        // The panic has said itself where it was and why. The address may hold a key.
        tracing::error!(%method, "a door panicked");
        ApiError::Panicked.into_response()
    })
}

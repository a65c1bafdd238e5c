//! What is answered where a door panics.

use std::panic::AssertUnwindSafe;

use axum::http::Method;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;

use super::ApiError;

/// Answers for a door that panics: else its caller would be cut off without a word. What the
/// door has asked of the engine before that may be done; sending again changes nothing.
pub(super) async fn answered(method: &Method, answer: impl Future<Output = Response>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        // The panic has said itself where it was and why. The address may hold a key.
        tracing::error!(%method, "a door panicked");
        ApiError::Panicked.into_response()
    })
}

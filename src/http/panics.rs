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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn whoever_called_a_door_that_panics_is_answered_and_not_told_why() {
        let answer = answered(&Method::POST, async { panic!("s3cret") }).await;
        assert_eq!(answer.status(), 500);
        let said = answer.into_body().collect().await.unwrap().to_bytes();
        let said = String::from_utf8(said.to_vec()).unwrap();
        assert!(said.contains("\"error\"") && !said.contains("s3cret"), "{said}");
    }
}

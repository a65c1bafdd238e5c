//! Bodies: read up to a limit, or thrown away.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::auth::Writer;
use super::{ApiError, App};
use crate::observation::read_object;

/// How much is read of a body that nobody wants, in bytes, and for how long.
///
/// A connection that is closed while its body is still on the way is reset, and the reset
/// may overtake the answer: its sender would see a broken connection where there was a
/// reason to read. Who sends more than this is cut off all the same.
const UNWANTED_MAX: usize = 16 << 20;
const UNWANTED_PATIENCE: Duration = Duration::from_secs(5);

/// Reads a body of at most `limit` bytes, which may take as long as `timeout` to arrive: who
/// has proven nothing so far holds memory and a connection no longer. One that says
/// beforehand that it is longer is not held in memory for a moment.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, ApiError> {
    let declared = headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|declared: u64| declared > limit as u64) {
        turn_away(headers, body).await;
        return Err(ApiError::TooLong { limit });
    }
    match tokio::time::timeout(timeout, Limited::new(&mut body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            throw_away(body).await;
            Err(ApiError::TooLong { limit })
        }
        Ok(Err(_)) => Err(ApiError::Incomplete),
        Err(_) => Err(ApiError::TooSlow),
    }
}

/// What somebody has written as a JSON object who may write, of at most `limit` bytes.
pub(super) async fn json<T: DeserializeOwned>(
    App(app): &App,
    proof: Result<Writer, ApiError>,
    request: Request,
    limit: usize,
) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    if let Err(error) = proof {
        turn_away(&parts.headers, body).await;
        return Err(error);
    }
    let body = read(&parts.headers, body, limit, app.settings.body_timeout).await?;
    object(&body)
}

/// What a body says that is a JSON object.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    read_object(body).map_err(|error| ApiError::BadBody(error.to_string()))
}

/// Refuses a body of which nothing was read yet.
pub(super) async fn turn_away(headers: &HeaderMap, body: Body) {
    // Who waits to be told to go on, as curl does, has sent nothing.
    if !headers.contains_key(header::EXPECT) {
        throw_away(body).await;
    }
}

/// Lets the sender of an unwanted body finish, so that it reads the answer.
async fn throw_away(body: Body) {
    let mut body = Limited::new(body, UNWANTED_MAX);
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    // Out of patience, the answer is given all the same.
    drop(tokio::time::timeout(UNWANTED_PATIENCE, all).await);
}

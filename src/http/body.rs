//! Bodies: read up to a limit, or thrown away.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::auth::Writer;
use super::room::{Place, Room};
use super::{ApiError, App, Inner};
use crate::observation::read_object;

/// How much is read of a body that nobody wants, in bytes, and for how long.
///
/// A connection that is closed while its body is still on the way is reset, and the reset
/// may overtake the answer: its sender would see a broken connection where there was a
/// reason to read. Who sends more than this is cut off all the same.
const UNWANTED_MAX: usize = 16 << 20;
const UNWANTED_PATIENCE: Duration = Duration::from_secs(5);

/// Reads a body of at most `limit` bytes of somebody who has proven to be welcome. It may take
/// as long as the settings say: after that it holds memory and a connection no longer. One that
/// says beforehand that it is longer is not held in memory for a moment.
pub(super) async fn read(
    app: &Inner,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, ApiError> {
    read_into(app, None, headers, body, limit).await
}

/// The same of a body that somebody has signed, which cannot be known before it is there.
/// Until then it takes some of the [`Room`] that there is for such bodies.
pub(super) async fn read_unproven(
    app: &Inner,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, ApiError> {
    read_into(app, Some(&app.room), headers, body, limit).await
}

async fn read_into(
    app: &Inner,
    room: Option<&Room>,
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let declared = headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|declared: u64| declared > limit as u64) {
        turn_away(headers, body).await;
        return Err(ApiError::TooLong { limit });
    }
    let whole = whole(room, Limited::new(&mut body, limit));
    match tokio::time::timeout(app.settings.body_timeout, whole).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(Stopped::Crowded)) => {
            app.figures.count_crowded();
            throw_away(body).await;
            Err(ApiError::Crowded)
        }
        Ok(Err(Stopped::Broken(error))) if error.is::<LengthLimitError>() => {
            throw_away(body).await;
            Err(ApiError::TooLong { limit })
        }
        Ok(Err(Stopped::Broken(_))) => Err(ApiError::Incomplete),
        Err(_) => Err(ApiError::TooSlow),
    }
}

/// Why a body is not there.
enum Stopped {
    /// It had to make room for others.
    Crowded,
    Broken(axum::BoxError),
}

/// All of a body. One that is there at once is not copied, and takes no room.
async fn whole(room: Option<&Room>, mut body: Limited<&mut Body>) -> Result<Bytes, Stopped> {
    let (mut held, mut place) = (Vec::new(), None::<Place<'_>>);
    loop {
        let frame = match &mut place {
            None => body.frame().await,
            Some(place) => tokio::select! {
                biased;
                () = place.lost() => return Err(Stopped::Crowded),
                frame = body.frame() => frame,
            },
        };
        let Some(frame) = frame else { return Ok(held.into()) };
        let Ok(data) = frame.map_err(Stopped::Broken)?.into_data() else { continue };
        if held.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        held.extend_from_slice(&data);
        if let Some(room) = room {
            place.get_or_insert_with(|| room.enter()).take(data.len());
        }
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
    let body = read(app, &parts.headers, body, limit).await?;
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

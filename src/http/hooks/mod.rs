//! Gitea's webhooks.
//!
//! A message is a hint to look, and nothing that it says is believed. It is answered once it
//! is on the disk; whoever looks is woken afterwards.

mod payload;
mod proof;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use self::payload::Kind;
pub use self::proof::Proofs;
use self::proof::Proven;
use super::{ApiError, App, Inner};
use crate::engine::{Message, Taken};

pub(super) use self::payload::KINDS;

/// What Gitea is told, for whoever reads it there.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    accepted: bool,
    duplicate: bool,
}

/// Takes one message. Answers once it is on the disk.
pub(super) async fn create(
    State(App(app)): State<App>,
    kind: Kind,
    proven: Result<Proven, ApiError>,
) -> Result<Json<Accepted>, ApiError> {
    let answer = take(&app, kind, proven).await;
    app.figures.count_delivery(
        kind.name(),
        match &answer {
            Ok(Taken::New) => "taken",
            Ok(Taken::Duplicate) => "duplicate",
            Err(error) => error.code(),
        },
    );
    answer.map(|taken| Json(Accepted { accepted: true, duplicate: taken == Taken::Duplicate }))
}

async fn take(
    app: &Inner,
    kind: Kind,
    proven: Result<Proven, ApiError>,
) -> Result<Taken, ApiError> {
    let Proven { payload, id, event } = proven?;
    let message: Message = payload::read(kind, &id, &event, &payload)?;
    // Nothing of it is held while it waits.
    drop(payload);
    let taken = app.engine.ask(move |core, now| core.deliver(message, now)).await?;
    app.bell.ring();
    Ok(taken)
}

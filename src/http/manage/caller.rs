//! Who manages checks: a source, by its key in a header or in the body.

use axum::extract::{Path, Request};
use axum::http::header;
use serde_json::{Map, Value};

use super::super::auth::{source_of, text};
use super::super::{ApiError, Inner, body};
use super::refused::Refused;
use super::shown::Base;
use super::{BODY_BYTES, CheckPath, Uuid};
use crate::check::CheckId;
use crate::signature;

/// A source that has proven to be one, and what it says. It has no [`std::fmt::Debug`]: what
/// it says may hold its key.
pub(super) struct Caller {
    pub(super) source: String,
    /// Empty where nothing was sent.
    pub(super) json: Map<String, Value>,
}

impl Caller {
    /// Reads and judges a call. Returns also what the addresses in its answer begin with.
    pub(super) async fn of(app: &Inner, request: Request) -> Result<(Self, Base), Refused> {
        let (parts, body) = request.into_parts();
        let body = body::read_unproven(app, &parts.headers, body, BODY_BYTES).await?;
        let json = match body.is_empty() {
            true => Map::new(),
            false => match serde_json::from_slice(&body) {
                Ok(Value::Object(json)) => json,
                Ok(_) => {
                    return Err(Refused::Wrong(
                        "json validation error: value is not an object".to_owned(),
                    ));
                }
                Err(_) => return Err(Refused::Wrong("could not parse request body".to_owned())),
            },
        };
        let key = text(&parts.headers, "x-api-key");
        let key = key.or_else(|| json.get("api_key")?.as_str()).unwrap_or_default();
        if key.is_empty() {
            return Err(Refused::NoKey("missing api key"));
        }
        let source = source_of(&app.settings, key, signature::manage_key)
            .ok_or(Refused::NoKey("wrong api key"))?;
        if !app.rates.admit(&source, app.clock.now()) {
            return Err(ApiError::TooMany.into());
        }
        let host = text(&parts.headers, header::HOST.as_str());
        let base = Base::of(app.settings.public_url.as_deref(), host);
        Ok((Self { source, json }, base))
    }

    /// The check of this UUID, which must be one of the caller's.
    pub(super) fn check(&self, app: &Inner, path: CheckPath) -> Result<CheckId, Refused> {
        let Path(uuid) = path.map_err(|_| Refused::NotFound)?;
        let uuid = Uuid::parse(&uuid).ok_or(Refused::NotFound)?;
        let id = app.engine.addresses().find(&uuid).ok_or(Refused::NotFound)?;
        if id.source() != self.source {
            return Err(Refused::OtherSource);
        }
        Ok(id)
    }
}

//! Who pings: a source, by the key in its address or the UUID of a check of it.

use std::sync::Arc;

use super::super::auth::{admits, generation, source_of};
use super::super::{ApiError, Inner, Settings};
use super::Refused;
use crate::check::Uuid;
use crate::engine::Derive;
use crate::signature;

/// A source that has proven to be one.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) source: String,
}

impl Caller {
    /// Judges a key, `SOURCE.SECRET`. Why one is not taken is not said: it stands in logs of
    /// proxies, and who tries keys learns nothing.
    pub(super) fn of(key: &str, app: &Inner) -> Result<Self, Refused> {
        let source = source_of(&app.settings, key, signature::ping_key).ok_or(Refused::NotFound)?;
        admit(app, &source)?;
        Ok(Self { source })
    }
}

/// Whether a source that has proven to be one may call now.
pub(super) fn admit(app: &Inner, source: &str) -> Result<(), Refused> {
    match app.rates.admit(source, app.clock.now()) {
        true => Ok(()),
        false => Err(Refused::NotNow(ApiError::TooMany)),
    }
}

impl Settings {
    /// How UUIDs follow for checks, for who keeps the addresses. Those of every master secret
    /// count; a source that may not report has none.
    pub fn ping_uuids(&self) -> Derive {
        let masters = self.masters.clone();
        let (auto, allow, deny) = (self.auto, self.allow.clone(), self.deny.clone());
        let generations = self.generations.clone();
        Arc::new(move |id, address| {
            let (source, name) = id.parts();
            if !admits(auto, &allow, &deny, source) {
                return Vec::new();
            }
            let generation = generation(&generations, source);
            let bytes =
                |master| signature::ping_uuid(master, (source, generation), (name, address));
            masters.iter().map(|master| Uuid::of(bytes(master))).collect()
        })
    }
}

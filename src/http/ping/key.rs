//! Who pings: a source, by the key in its address or the UUID of a check of it.

use std::sync::Arc;

use super::super::auth::{admits, generation};
use super::super::{ApiError, Inner, Settings};
use super::Refused;
use crate::check::Uuid;
use crate::engine::Derive;
use crate::observation::check_source;
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
        let (source, _) = key.rsplit_once('.').ok_or(Refused::NotFound)?;
        let settings = &app.settings;
        check_source(source, settings.limits.source_bytes).map_err(|_| Refused::NotFound)?;
        let generation = settings.generation(source);
        let keys = settings.masters.iter();
        let keys: Vec<_> =
            keys.map(|master| signature::ping_key(master, source, generation)).collect();
        if !signature::bearer_matches(&keys, key) || !settings.admits(source) {
            return Err(Refused::NotFound);
        }
        admit(app, source)?;
        Ok(Self { source: source.to_owned() })
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

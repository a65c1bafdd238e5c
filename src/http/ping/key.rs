//! Who pings: a source, by the key in its address.

use super::super::{ApiError, Inner};
use super::Refused;
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
        if !app.rates.admit(source, app.clock.now()) {
            return Err(Refused::NotNow(ApiError::TooMany));
        }
        Ok(Self { source: source.to_owned() })
    }
}

//! The stable name of an alert.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Group;

/// A secret of the configuration that makes fingerprints and markers ours.
///
/// It is not kept in the store, so fingerprints outlive the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(Vec<u8>);

impl Salt {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// HMAC-SHA256 under this salt over length-prefixed parts, so that no two lists of
    /// parts look alike.
    pub(super) fn mac(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// The stable, salted id of an alert: 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a group.
    pub fn new(salt: &Salt, group: &Group) -> Self {
        let mac = match group {
            Group::Check { source, name } => salt.mac(&["alert", "check", source, name]),
            Group::Source { source } => salt.mac(&["alert", "source", source]),
            Group::Named { name } => salt.mac(&["alert", "named", name]),
            Group::Blind { source, name } => salt.mac(&["alert", "blind", source, name]),
            Group::Overflow { repository } => salt.mac(&["alert", "overflow", repository]),
            Group::Night { repository } => salt.mac(&["alert", "night", repository]),
        };
        Self(hex::encode(&mac[..16]))
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == 32 && is_hex).then(|| Self(text.to_owned()))
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, name: &str) -> Group {
        Group::Check { source: source.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn neighbouring_parts_do_not_run_together() {
        let salt = Salt::new("salt");
        let one = Fingerprint::new(&salt, &check("ab", "c"));
        assert_ne!(one, Fingerprint::new(&salt, &check("a", "bc")));
        assert_ne!(one, Fingerprint::new(&Salt::new("other"), &check("ab", "c")));
        assert_eq!(one, Fingerprint::new(&salt, &check("ab", "c")));
    }

    #[test]
    fn a_fingerprint_does_not_change_from_release_to_release() {
        // Computed with another implementation of HMAC over the same parts.
        let fingerprint = Fingerprint::new(&Salt::new("salt"), &check("db1", "disk"));
        assert_eq!(fingerprint.as_str(), "b9b8fa034d44d2023bda1a0da0874a8c");
    }

    #[test]
    fn only_its_own_form_is_read() {
        let fingerprint = Fingerprint::new(&Salt::new("salt"), &check("a", "b"));
        assert_eq!(Fingerprint::parse(fingerprint.as_str()), Some(fingerprint));
        assert_eq!(Fingerprint::parse("abc"), None);
        assert_eq!(Fingerprint::parse(&"G".repeat(32)), None);
    }
}

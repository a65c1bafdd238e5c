//! The hidden line by which teawatch knows its own issues and comments.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Effect, EffectKind, Fingerprint, Salt};

/// Which store wrote something: made with a new store, and raised by each restore.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instance {
    /// 16 hex digits, random.
    pub id: String,
    pub generation: u64,
}

/// Who wrote this, and for which effect. Hidden as an HTML comment on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    pub instance: Instance,
    pub fingerprint: Fingerprint,
    pub effect: Effect,
}

const OPENING: &str = "<!-- teawatch:";
const CLOSING: &str = " -->";

impl Marker {
    /// The line to write.
    pub fn line(&self, salt: &Salt) -> String {
        let claim = self.to_string();
        let signature = sign(salt, &claim);
        format!("{OPENING}{claim} {signature}{CLOSING}")
    }

    /// The first marker in `text` that `salt` signed, on a line of its own.
    pub fn find(salt: &Salt, text: &str) -> Option<Self> {
        text.lines().find_map(|line| Self::parse(salt, line.trim_end()))
    }

    /// Which store a marker in `text` claims to be of, whoever signed it.
    pub fn claimant(text: &str) -> Option<&str> {
        let inner = text.lines().find_map(|line| inner(line.trim_end()))?;
        inner.split_once('.').map(|(id, _)| id)
    }

    fn parse(salt: &Salt, line: &str) -> Option<Self> {
        let inner = inner(line)?;
        let (claim, signature) = inner.rsplit_once(' ')?;
        if sign(salt, claim) != signature {
            return None;
        }
        let (instance, key) = claim.split_once(' ')?;
        let (id, generation) = instance.split_once('.')?;
        let mut parts = key.split('/');
        let fingerprint = Fingerprint::parse(parts.next()?)?;
        let episode = parts.next()?.parse().ok()?;
        let kind = match parts.next()? {
            "open" => EffectKind::Open,
            "comment" => EffectKind::Comment,
            "edit" => EffectKind::Edit,
            "close" => EffectKind::Close,
            "reopen" => EffectKind::Reopen,
            "heal" => EffectKind::Heal,
            "react" => EffectKind::React,
            "reply" => EffectKind::Reply,
            _ => return None,
        };
        let number = parts.next()?.parse().ok()?;
        let instance = Instance { id: id.to_owned(), generation: generation.parse().ok()? };
        Some(Self { instance, fingerprint, effect: Effect { kind, episode, number } })
    }
}

/// What stands in a line that looks like a marker.
fn inner(line: &str) -> Option<&str> {
    line.strip_prefix(OPENING)?.strip_suffix(CLOSING)
}

impl fmt::Display for Marker {
    /// What is signed: instance, generation and dedup key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, fingerprint, effect } = self;
        write!(f, "{}.{} {}", instance.id, instance.generation, effect.dedup_key(fingerprint))
    }
}

/// The signature is public, in an issue that many can read, so comparing it in constant
/// time would protect nothing.
fn sign(salt: &Salt, claim: &str) -> String {
    hex::encode(&salt.mac(&["marker", claim])[..16])
}

#[cfg(test)]
mod tests {
    use super::super::Group;
    use super::*;

    fn marker(salt: &Salt) -> Marker {
        let group = Group::Source { source: "db1".to_owned() };
        Marker {
            instance: Instance { id: "00ff00ff00ff00ff".to_owned(), generation: 3 },
            fingerprint: Fingerprint::new(salt, &group),
            effect: Effect { kind: EffectKind::Comment, episode: 7, number: 12 },
        }
    }

    #[test]
    fn a_marker_is_found_again_on_a_line_of_its_own() {
        let salt = Salt::new("salt");
        let marker = marker(&salt);
        let line = marker.line(&salt);
        assert_eq!(Marker::find(&salt, &format!("text\r\n{line}\r\nmore")), Some(marker));
        assert_eq!(Marker::find(&salt, &format!("text {line}")), None);
        assert_eq!(Marker::find(&salt, &format!("{line} text")), None);
        assert_eq!(Marker::find(&salt, &format!("    {line}")), None);
    }

    #[test]
    fn a_marker_names_its_store_also_to_whoever_has_another_salt() {
        let line = marker(&Salt::new("salt")).line(&Salt::new("salt"));
        assert_eq!(Marker::claimant(&format!("text\n{line}\r\n")), Some("00ff00ff00ff00ff"));
        assert_eq!(Marker::claimant(&format!("text {line}")), None);
        assert_eq!(Marker::claimant("text"), None);
    }

    #[test]
    fn a_marker_that_another_salt_signed_or_somebody_changed_is_not_ours() {
        let salt = Salt::new("salt");
        let line = marker(&salt).line(&salt);
        assert_eq!(Marker::find(&Salt::new("other"), &line), None);
        assert_eq!(Marker::find(&salt, &line.replace("/7/", "/8/")), None);
        assert_eq!(Marker::find(&salt, &line.replace("ff.3", "ff.4")), None);
    }
}

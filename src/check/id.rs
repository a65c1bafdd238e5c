//! Which check.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of the implicit check that every reporting source has.
///
/// It is down while the source is silent; the source's other checks then say nothing.
pub const AGENT: &str = "agent";

/// The source of teawatch's own checks, such as those of its jobs. Nobody else speaks for it.
pub const OWN_SOURCE: &str = "teawatch";

/// Stands between source and name. It is in neither, and less than all that may be in a
/// source: ids sort by source, then by name.
const BETWEEN: char = '\0';

/// Which check: where it is watched from, and its name there.
///
/// There may be a million of them, each in several places, so all clones share one text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(Arc<str>);

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename = "CheckId")]
struct Parts<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl CheckId {
    /// Names a check. The caller has checked the limits.
    pub fn new(source: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        let mut text = String::new();
        Self::spell(&mut text, source.as_ref(), name.as_ref());
        Self(text.into())
    }

    /// The implicit check of `source`.
    pub fn agent(source: impl AsRef<str>) -> Self {
        Self::new(source, AGENT)
    }

    /// Reads what [`Display`](fmt::Display) wrote: no source has a slash in its name.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, name) = text.split_once('/')?;
        Some(Self::new(source, name))
    }

    /// Writes into `text` what finds the check of these names in a map by their ids, for
    /// who looks many up.
    pub fn spell(text: &mut String, source: &str, name: &str) {
        text.clear();
        text.reserve_exact(source.len() + BETWEEN.len_utf8() + name.len());
        text.push_str(source);
        text.push(BETWEEN);
        text.push_str(name);
    }

    /// 1 to 100 bytes of `[A-Za-z0-9._-]`.
    pub fn source(&self) -> &str {
        self.parts().0
    }

    /// 1 to 200 bytes without control characters.
    pub fn name(&self) -> &str {
        self.parts().1
    }

    /// Whether this is its source's implicit check.
    pub fn is_agent(&self) -> bool {
        self.name() == AGENT
    }

    /// Source and name.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once(BETWEEN).unwrap_or((&self.0, ""))
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, name) = self.parts();
        write!(f, "{source}/{name}")
    }
}

impl fmt::Debug for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckId({self})")
    }
}

/// Maps by ids can be asked with what [`CheckId::spell`] writes.
impl Borrow<str> for CheckId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (source, name) = self.parts();
        Parts { source: source.into(), name: name.into() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CheckId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Parts { source, name } = Parts::deserialize(deserializer)?;
        Ok(Self::new(source, name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn ids_sort_by_source_and_then_by_name() {
        let mut pairs = Vec::new();
        for source in ["a", "a-b", "a.b", "a0", "ab", "B", "_"] {
            for name in ["", " ", "agent", "disk", "disk/", "disk/a", "é"] {
                pairs.push((source, name));
            }
        }
        pairs.sort_unstable();
        let mut ids: Vec<_> =
            pairs.iter().map(|(source, name)| CheckId::new(source, name)).collect();
        ids.sort_unstable();
        assert_eq!(ids.iter().map(CheckId::parts).collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn an_id_is_written_with_its_parts_by_name() {
        let id = CheckId::new("db1", "disk/\"root\"");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, r#"{"source":"db1","name":"disk/\"root\""}"#);
        assert_eq!(serde_json::from_str::<CheckId>(&json).unwrap(), id);
        assert_eq!(id.to_string(), "db1/disk/\"root\"");
        assert_eq!(CheckId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn a_map_finds_a_check_by_how_its_names_are_spelled() {
        let ids = [CheckId::agent("db1"), CheckId::new("db1", "disk"), CheckId::new("db", "1disk")];
        let map: BTreeMap<_, _> = ids.iter().cloned().zip(0..).collect();
        let mut text = String::new();
        for (id, number) in ids.iter().zip(0..) {
            CheckId::spell(&mut text, id.source(), id.name());
            assert_eq!(map.get(text.as_str()), Some(&number), "{id}");
        }
    }
}

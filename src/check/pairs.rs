//! What a check wears and what was measured of it, in as little memory as it takes: there
//! may be a million of each.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Labels by name, sorted. All are in one block: for each its name and its value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[u8]>);

/// Numbers by name, sorted. All are in one block: for each its name and eight bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Numbers(Box<[u8]>);

impl Labels {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(label, _)| *label == name).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || Some((take(&mut rest)?, take(&mut rest)?)))
    }
}

impl Numbers {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let name = take(&mut rest)?;
            let (number, others) = rest.split_first_chunk()?;
            rest = others;
            Some((name, f64::from_le_bytes(*number)))
        })
    }
}

/// A text is this and its length in four bytes, or, if it is short, its length in this place.
const LONG: u8 = u8::MAX;

fn put(bytes: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) if length != LONG => bytes.push(length),
        Ok(_) | Err(_) => {
            let length = u32::try_from(text.len()).expect("no text has four gigabytes");
            bytes.push(LONG);
            bytes.extend(length.to_le_bytes());
        }
    }
    bytes.extend(text.as_bytes());
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (&short, mut others) = rest.split_first()?;
    let mut length = usize::from(short);
    if short == LONG {
        let (long, behind) = others.split_first_chunk()?;
        (length, others) = (usize::try_from(u32::from_le_bytes(*long)).ok()?, behind);
    }
    let (text, others) = others.split_at_checked(length)?;
    *rest = others;
    Some(str::from_utf8(text).expect("only texts are put in"))
}

impl From<&BTreeMap<String, String>> for Labels {
    fn from(labels: &BTreeMap<String, String>) -> Self {
        let mut bytes = Vec::new();
        for (name, value) in labels {
            put(&mut bytes, name);
            put(&mut bytes, value);
        }
        Self(bytes.into())
    }
}

impl From<&BTreeMap<String, f64>> for Numbers {
    fn from(numbers: &BTreeMap<String, f64>) -> Self {
        let mut bytes = Vec::new();
        for (name, number) in numbers {
            put(&mut bytes, name);
            bytes.extend(number.to_le_bytes());
        }
        Self(bytes.into())
    }
}

impl From<&Labels> for BTreeMap<String, String> {
    fn from(labels: &Labels) -> Self {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl From<&Numbers> for BTreeMap<String, f64> {
    fn from(numbers: &Numbers) -> Self {
        numbers.iter().map(|(name, number)| (name.to_owned(), number)).collect()
    }
}

impl PartialEq<BTreeMap<String, String>> for Labels {
    fn eq(&self, other: &BTreeMap<String, String>) -> bool {
        self.iter().eq(other.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl PartialEq<BTreeMap<String, f64>> for Numbers {
    fn eq(&self, other: &BTreeMap<String, f64>) -> bool {
        self.iter().eq(other.iter().map(|(name, number)| (name.as_str(), *number)))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|labels| Self::from(&labels))
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|numbers| Self::from(&numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_they_were_made_of_and_are_written_as_before() {
        let long = |bytes: usize| "é".repeat(bytes / 2);
        for labels in [
            vec![],
            vec![("team", "storage".to_owned())],
            // The longest short text, and the shortest long one.
            vec![("x", "x".repeat(254)), ("y", "x".repeat(255)), ("z", "x".repeat(256))],
            vec![("", String::new()), ("a", long(254)), ("b", long(256)), ("c\"", long(70_000))],
        ] {
            let map = labels.into_iter().map(|(name, value)| (name.to_owned(), value));
            let map: BTreeMap<_, _> = map.collect();
            let labels = Labels::from(&map);
            assert_eq!(labels, map);
            assert_eq!(BTreeMap::from(&labels), map);
            for (name, value) in &map {
                assert_eq!(labels.get(name), Some(value.as_str()));
            }
            for other in ["none", "te", "teams"] {
                assert_eq!(labels.get(other), None);
            }
            let json = serde_json::to_string(&map).unwrap();
            assert_eq!(serde_json::to_string(&labels).unwrap(), json);
            assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        }
    }

    #[test]
    fn numbers_are_what_they_were_made_of_and_are_written_as_before() {
        let map = [("used", 41.0), ("free", f64::MIN_POSITIVE), ("", -0.1), ("z", f64::MAX)];
        let map: BTreeMap<_, _> = map.map(|(name, number)| (name.to_owned(), number)).into();
        let numbers = Numbers::from(&map);
        assert_eq!(numbers, map);
        assert_eq!(BTreeMap::from(&numbers), map);
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::to_string(&numbers).unwrap(), json);
        assert_eq!(serde_json::from_str::<Numbers>(&json).unwrap(), numbers);
        assert_ne!(numbers, BTreeMap::from([("used".to_owned(), 41.0)]));
    }
}

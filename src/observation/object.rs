//! JSON objects, and nothing that merely looks like one.
//!
//! What serde derives for a struct also takes an array, whose items it gives to the fields by
//! their place. Somebody who sends one has meant something else, so everything that comes
//! from outside is read as an [`Object`].

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::brief;

/// Told of a place and of what is wrong there, in bytes.
const PLACE_MAX: usize = 100;
const WHAT_MAX: usize = 300;

/// Why a body is not what it should be: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct BadBody {
    pub place: String,
    pub what: String,
}

impl BadBody {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        // Names that somebody made up are in both, and are as long as they like.
        let (place, what) = (brief(&place.into(), PLACE_MAX), brief(&what.into(), WHAT_MAX));
        Self { place, what }
    }
}

/// Reads a body that is one JSON object, with nothing but blanks around it. What is wrong is
/// named with its place, such as `observations[3].name`.
pub fn read_object<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, BadBody> {
    let text = std::str::from_utf8(body).map_err(|error| {
        BadBody::new(format!("byte {}", error.valid_up_to()), "the body is not UTF-8")
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let read: Result<Object<T>, _> = serde_path_to_error::deserialize(&mut json);
    let Object(read) = read.map_err(|error| {
        let is_whole = error.path().iter().next().is_none();
        let place = if is_whole { "the body".to_owned() } else { error.path().to_string() };
        BadBody::new(place, error.inner().to_string())
    })?;
    json.end().map_err(|error| BadBody::new("the end", error.to_string()))?;
    Ok(read)
}

/// A value that is written as a JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfMap(PhantomData))
    }
}

struct OfMap<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in braces, {...}")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// For a field with `deserialize_with`: it must be an object.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Object::deserialize(from).map(|Object(value)| value)
}

/// The same of a field that may be left out, or null.
pub fn maybe_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from).map(|value| value.map(|Object(value)| value))
}

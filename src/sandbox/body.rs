//! Request bodies, bound as Gitea binds them.
//!
//! Knows content types and the texts of binding errors; knows no endpoint.

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::message::Request;
use super::refusal::Refusal;

/// The fields of a body, by name. `null` counts as absent.
#[derive(Debug)]
pub(super) struct Fields {
    /// The name of the structure in Gitea, which its errors tell.
    kind: &'static str,
    map: Map<String, Value>,
}

impl Fields {
    /// Binds the body. JSON and forms are understood; without a content type, POST and PUT
    /// are refused, while PATCH and DELETE are read as a form, which holds nothing.
    pub(super) fn of(request: &Request, kind: &'static str) -> Result<Self, Refusal> {
        let content_type = request.header(CONTENT_TYPE).unwrap_or_default();
        let map = if content_type.contains("json") {
            json(&request.body, kind)?
        } else if content_type.contains("form-urlencoded") {
            url::form_urlencoded::parse(&request.body)
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect()
        } else if !content_type.is_empty() {
            return Err(Refusal::unprocessable("[]: Unsupported Content-Type"));
        } else if matches!(request.method, Method::POST | Method::PUT) {
            return Err(Refusal::unprocessable("[]: Empty Content-Type"));
        } else {
            Map::new()
        };
        Ok(Self { kind, map })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.mismatch(name, other, "string")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.mismatch(name, other, "bool")),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(integer) => Ok(Some(integer)),
                None => Err(self.mismatch(name, value, "int64")),
            },
        }
    }

    /// The items of an array; `None` where the field is absent.
    pub(super) fn items(&self, name: &str) -> Result<Option<&[Value]>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.mismatch(name, other, "[]")),
        }
    }

    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>, Refusal> {
        self.items(name)?
            .unwrap_or_default()
            .iter()
            .map(|item| item.as_i64().ok_or_else(|| self.mismatch(name, item, "int64")))
            .collect()
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Refusal> {
        let Some(items) = self.items(name)? else { return Ok(None) };
        items
            .iter()
            .map(|item| item.as_str().ok_or_else(|| self.mismatch(name, item, "string")))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn mismatch(&self, name: &str, found: &Value, wanted: &str) -> Refusal {
        Refusal::unprocessable(format!(
            "[]: json: cannot unmarshal {} into Go struct field {}.{name} of type {wanted}",
            kind_of(found),
            self.kind,
        ))
    }
}

fn json(body: &[u8], kind: &str) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Err(Refusal::unprocessable(format!(
            "[]: json: cannot unmarshal {} into Go value of type structs.{kind}",
            kind_of(&other),
        ))),
        Err(error) if error.is_eof() => Err(Refusal::unprocessable("[]: unexpected EOF")),
        Err(_) => Err(Refusal::unprocessable("[]: invalid character in a JSON value")),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

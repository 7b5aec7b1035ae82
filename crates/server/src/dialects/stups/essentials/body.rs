//! Reading bodies as friboo reads them (`stups.md` 4.1): unknown attributes are refused, null counts
//! as absent, and texts stand for the numbers and switches that they spell.

use serde_json::{Map, Value, json};

use super::reply::Refusal;
use super::{Call, is_json};

/// The attributes of a body, taken one by one.
#[derive(Debug)]
pub(super) struct Attributes(Map<String, Value>);

fn bad(attribute: &str, expected: &str) -> Refusal {
    Refusal::detailed("The body is not valid", &json!({ attribute: expected }))
}

impl Attributes {
    /// Reads the body.
    pub(super) fn read(call: &Call) -> Result<Self, Refusal> {
        if !is_json(&call.headers) {
            let status = axum::http::StatusCode::NOT_ACCEPTABLE;
            return Err(Refusal::new(status, "The body has to be application/json"));
        }
        grantor_crypto::json::parse_strict_object(&call.body).map(Self).map_err(|error| {
            Refusal::detailed("The body is no JSON object", &json!(error.to_string()))
        })
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text, if it is there.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(name, "expected a string")),
        }
    }

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| bad(name, "is missing"))
    }

    /// A switch that has to be there.
    pub(super) fn required_switch(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name) {
            Some(Value::Bool(value)) => Ok(value),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(bad(name, "expected true or false")),
            None => Err(bad(name, "is missing")),
        }
    }

    /// A small number, if it is there.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u8>, Refusal> {
        let value = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().and_then(|number| u8::try_from(number).ok()),
        };
        value.map(Some).ok_or_else(|| bad(name, "expected a number"))
    }

    /// Texts, none of them twice; none at all if they are not there.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let items = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(bad(name, "expected an array of strings")),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let Value::String(text) = item else {
                return Err(bad(name, "expected an array of strings"));
            };
            if texts.contains(&text) {
                return Err(bad(name, "the same entry twice"));
            }
            texts.push(text);
        }
        Ok(texts)
    }

    /// Nothing else may be there.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            Some(name) => Err(bad(name, "is not allowed here")),
            None => Ok(()),
        }
    }
}

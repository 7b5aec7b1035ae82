//! JSON, read without mercy (SEC-079).
//!
//! Two readers that disagree about a document are an attack: one sees the first `sub`, the other
//! the last. So duplicate members are refused at every depth (RFC 7515 §4, RFC 7519 §4), as are data
//! behind the document, numbers that no `f64` holds, and nesting that only serves to burn stack.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 32;

/// The bytes are not one JSON document in the form we insist on.
#[derive(Debug, thiserror::Error)]
#[error("not strict JSON: {0}")]
pub struct StrictJsonError(#[from] serde_json::Error);

/// Reads one JSON document: no duplicate members at any depth, nothing behind it, at most
/// [`MAX_DEPTH`] levels.
pub fn parse_strict(bytes: &[u8]) -> Result<Value, StrictJsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// As [`parse_strict`], and the document is an object.
pub fn parse_strict_object(bytes: &[u8]) -> Result<Map<String, Value>, StrictJsonError> {
    match parse_strict(bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(StrictJsonError(serde_json::Error::custom("not an object"))),
    }
}

/// A value that was read strictly; for use inside other `Deserialize` types.
#[derive(Clone, Debug, PartialEq)]
pub struct StrictValue(pub Value);

impl<'de> serde::Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict { depth: 0 }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_document_reads_as_serde_json_reads_it() {
        let text = br#"{"a":[1,-2,3.5,true,null,"\u00e4"],"b":{"a":{}}}"#;
        assert_eq!(parse_strict(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn sec_079_what_two_readers_could_read_differently_is_refused() {
        let table: &[(&str, &str)] = &[
            ("7519-4-duplicate", r#"{"sub":"mallory","sub":"alice"}"#),
            ("7515-4-duplicate", r#"{"alg":"RS256","alg":"none"}"#),
            ("duplicate-escaped", r#"{"sub":"a","s\u0075b":"b"}"#),
            ("duplicate-inside", r#"{"a":[{"b":1,"b":2}]}"#),
            ("not-a-number", r#"{"exp":NaN}"#),
            ("infinity", r#"{"exp":Infinity}"#),
            ("beyond-f64", r#"{"exp":1e400}"#),
            ("two-documents", "{} {}"),
            ("trailing", "{}x"),
            ("comment", "{}/* */"),
            ("trailing-comma", r#"{"a":1,}"#),
            ("single-quotes", "{'a':1}"),
            ("byte-order-mark", "\u{feff}{}"),
            ("lone-surrogate", r#"{"a":"\ud800"}"#),
            ("control-character", "{\"a\":\"\n\"}"),
            ("empty", ""),
        ];
        for (rule, text) in table {
            assert!(parse_strict(text.as_bytes()).is_err(), "{rule}");
        }
        assert!(parse_strict(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }

    #[test]
    fn thirty_two_levels_are_read_and_no_more() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_strict(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse_strict(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse_strict("[".repeat(1_000_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_what_is_read_reads_again(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse_strict(&bytes) {
                let again = serde_json::to_vec(&value).unwrap();
                prop_assert_eq!(parse_strict(&again).unwrap(), value);
            }
        }
    }
}

//! What comes in: strict JSON (SEC-012, SEC-079, SEC-164), preconditions and query parameters.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use grantor_domain::params::Params;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Problem;
use crate::app::App;
use crate::extract::media_type;

/// The body of a request: one strict JSON object. What it means is for [`JsonBody::read`].
#[derive(Debug)]
pub(crate) struct JsonBody(Map<String, Value>);

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let json = media_type(request.headers())
            .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
        if !json {
            let detail = "the body has to be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| match rejection
            .status()
        {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
            }
            _ => Problem::bad("the body could not be read"),
        })?;
        grantor_crypto::json::parse_strict_object(&bytes)
            .map(Self)
            .map_err(|error| Problem::bad(format!("the body is no JSON object: {error}")))
    }
}

impl JsonBody {
    /// A body that is a part of another.
    pub(crate) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Takes a member that is a body of its own.
    pub(crate) fn take_part(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(part)) => Ok(Some(part)),
            Some(_) => Err(Problem::field(format!("/{name}"), "expected an object")),
        }
    }

    /// Takes the member that names the thing, out of a body that makes one.
    pub(crate) fn take_key(&mut self, name: &str) -> Result<String, Problem> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Problem::field(format!("/{name}"), "expected a string")),
            None => Err(Problem::field(format!("/{name}"), "is missing")),
        }
    }

    /// Reads the body as what it should be. Members that mean nothing are errors at any depth
    /// (SEC-164): whatever came in has to be there when it is written again.
    pub(crate) fn read<T: DeserializeOwned + Serialize>(self) -> Result<T, Problem> {
        let value = Value::Object(self.0);
        let body: T = serde_path_to_error::deserialize(&value).map_err(|error| {
            let pointer = pointer_of(error.path());
            Problem::field(pointer, error.into_inner().to_string())
        })?;
        let again = serde_json::to_value(&body).expect("bodies have string keys only");
        let mut left = value.clone();
        for _ in 0..MOST_LEFT_OUT {
            let Some(pointer) = unknown(&left, &again, 0) else { return Ok(body) };
            if !is_left_out::<T>(&value, &pointer) || !remove(&mut left, &pointer) {
                return Err(Problem::field(pointer, "is not known here"));
            }
        }
        Err(Problem::bad("too many members say what is so anyhow: leave them out"))
    }
}

/// How many members that have their default are looked at: each costs reading the body once more.
const MOST_LEFT_OUT: usize = 32;

/// Whether a member that is not there when the body is written again is known all the same: some are
/// left out while they have their default. What is known has a form, and this is none of anything.
fn is_left_out<T: DeserializeOwned>(body: &Value, pointer: &str) -> bool {
    let mut probe = body.clone();
    let Some(member) = probe.pointer_mut(pointer).filter(|_| pointer.rfind('/') > Some(0)) else {
        return false;
    };
    *member = serde_json::json!([{ "": [[]] }]);
    serde_json::from_value::<T>(probe).is_err()
}

/// Takes the member at a pointer away, if it is one of an object.
fn remove(from: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let members = from.pointer_mut(parent).and_then(Value::as_object_mut);
    members.is_some_and(|members| members.remove(name).is_some())
}

/// The form in which the API writes this body again: every member is there. An error is what the API
/// would answer to it.
pub(super) fn normal<T: DeserializeOwned + Serialize>(
    body: Map<String, Value>,
) -> Result<Value, Problem> {
    let body: T = JsonBody(body).read()?;
    Ok(serde_json::to_value(&body).expect("bodies have string keys only"))
}

/// The JSON pointer of a path.
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// The first member of `sent` that is not in `read`.
///
/// Inside, a switch that is off may be missing: newer ones are left out when they are written again,
/// and types of switches refuse by themselves what they do not know.
fn unknown(sent: &Value, read: &Value, depth: usize) -> Option<String> {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => sent.iter().find_map(|(name, value)| {
            let inner = match read.get(name) {
                Some(read) => unknown(value, read, depth + 1),
                None if depth > 0 && *value == Value::Bool(false) => None,
                None => Some(String::new()),
            };
            inner.map(|rest| format!("/{name}{rest}"))
        }),
        (Value::Array(sent), Value::Array(read)) => {
            let mut pairs = sent.iter().zip(read).enumerate();
            pairs.find_map(|(at, (sent, read))| {
                Some(format!("/{at}{}", unknown(sent, read, depth + 1)?))
            })
        }
        _ => None,
    }
}

/// Which version a caller wants to change. RFC 9110 §13.1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Whatever there is
    Any,
    /// One of these
    Versions(Vec<i64>),
}

impl Precondition {
    /// `If-Match`, which has to be there: 428 otherwise (RFC 6585 §3).
    pub(crate) fn required(headers: &HeaderMap) -> Result<Self, Problem> {
        let values: Vec<&str> = headers
            .get_all(header::IF_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        match values.as_slice() {
            [] => Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "send If-Match with the ETag you have read, or *",
            )),
            ["*"] => Ok(Self::Any),
            // What is no tag of ours, a weak one among them, matches nothing (§8.8.3.2).
            tags => Ok(Self::Versions(tags.iter().filter_map(|tag| version(tag)).collect())),
        }
    }

    /// Whether the thing may be changed at this version.
    pub(crate) fn check(&self, version: i64) -> Result<(), Problem> {
        match self {
            Self::Versions(versions) if !versions.contains(&version) => Err(Problem::stale()),
            _ => Ok(()),
        }
    }
}

fn version(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The entity tag of a version.
pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Reads a query; what is left over is an error.
pub(crate) fn query(text: Option<&str>) -> Result<Params, Problem> {
    Params::parse(text.unwrap_or_default().as_bytes()).map_err(|e| Problem::bad(e.to_string()))
}

/// The names that a route knows are all that it takes (SEC-165).
pub(crate) fn only(params: &Params, known: &[&str]) -> Result<(), Problem> {
    let unknown = params.names().find(|name| !known.contains(name));
    unknown.map_or(Ok(()), |name| Err(Problem::field(name, "is no parameter here")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn if_match(value: &str) -> Result<Precondition, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, value.parse().unwrap());
        Precondition::required(&headers)
    }

    #[test]
    fn if_match_compares_strongly() {
        assert_eq!(if_match("*").unwrap(), Precondition::Any);
        for (value, matches) in [
            ("\"3\"", true),
            ("\"2\", \"3\"", true),
            ("W/\"3\"", false),
            ("3", false),
            ("\"+3\"", false),
            ("\"4\"", false),
            ("", false),
        ] {
            assert_eq!(if_match(value).unwrap().check(3).is_ok(), matches, "{value}");
        }
        let missing = Precondition::required(&HeaderMap::new()).unwrap_err();
        assert_eq!(missing.status(), StatusCode::PRECONDITION_REQUIRED);
    }

    #[test]
    fn sec_164_what_is_lost_on_the_way_is_found() {
        let sent = json!({ "a": { "b": [ { "c": 1, "d": 2 } ] } });
        let read = json!({ "a": { "b": [ { "c": 1 } ] }, "e": null });
        assert_eq!(unknown(&sent, &read, 0).as_deref(), Some("/a/b/0/d"));
        assert_eq!(unknown(&read, &read, 0), None);
    }

    #[test]
    fn sec_164_a_default_that_is_written_out_is_known_and_what_nobody_knows_is_not() {
        #[derive(Debug, serde::Deserialize, Serialize)]
        struct Outer {
            settings: Inner,
        }
        #[derive(Debug, serde::Deserialize, Serialize)]
        struct Inner {
            #[serde(default, skip_serializing_if = "is_seven")]
            days: u32,
        }
        #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
        fn is_seven(days: &u32) -> bool {
            *days == 7
        }
        let read = |settings: Value| {
            let body = json!({ "settings": settings });
            JsonBody(body.as_object().unwrap().clone()).read::<Outer>()
        };
        assert_eq!(read(json!({ "days": 7 })).unwrap().settings.days, 7);
        assert_eq!(read(json!({ "days": 8 })).unwrap().settings.days, 8);
        for (settings, pointer) in [
            (json!({ "days": 7, "weeks": 1 }), "/settings/weeks"),
            (json!({ "weeks": null }), "/settings/weeks"),
        ] {
            assert_eq!(read(settings).unwrap_err().errors()[0].pointer, pointer);
        }
    }

    #[test]
    fn a_switch_that_is_off_may_be_left_out_inside() {
        let read = json!({ "compat": { "implicit": false } });
        for (sent, lost) in [
            (json!({ "compat": { "implicit": false, "other": false } }), None),
            (json!({ "compat": { "other": true } }), Some("/compat/other")),
            (json!({ "compat": { "other": [] } }), Some("/compat/other")),
            (json!({ "other": false }), Some("/other")),
        ] {
            assert_eq!(unknown(&sent, &read, 0).as_deref(), lost, "{sent}");
        }
    }
}

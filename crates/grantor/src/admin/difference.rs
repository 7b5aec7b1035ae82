//! How a thing of the server differs from what a file wants of it.

use grantor_server::api::{Problem, normal_body};
use serde_json::{Map, Value};

use super::kinds::Kind;
use super::schema::Schemas;

/// What is read of things and never written.
const READ_ONLY: [&str; 4] = ["secrets", "passwords", "created", "created_by"];

/// What is written and never read: a hash is taken from a file while the user has no password, so that
/// one which was chosen or renewed since is not undone.
const PASSWORD_HASH: &str = "password_hash";

/// Whole objects, although their members have names: one choice does not take over what belongs to
/// another.
const CHOICES: [&str; 1] = ["rule"];

/// A thing that differs.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The body that makes it as it is wanted
    pub(crate) body: Value,
    /// Member, before, after
    pub(crate) members: Vec<(String, Value, Value)>,
}

/// The body that makes a new thing, in its normal form.
pub(crate) fn checked(kind: Kind, wanted: &Map<String, Value>) -> Result<(), String> {
    normal(kind, without_key(kind, wanted)).map(|_| ())
}

/// Compares; what the file does not name stays as it is.
pub(crate) fn difference(
    schemas: &Schemas,
    kind: Kind,
    found: &Value,
    wanted: &Map<String, Value>,
) -> Result<Option<Difference>, String> {
    let mut before = found.as_object().cloned().unwrap_or_default();
    let has_password = found["passwords"].as_array().is_some_and(|known| !known.is_empty());
    for name in READ_ONLY.into_iter().chain([kind.key.unwrap_or("id")]) {
        before.remove(name);
    }
    let mut wanted = without_key(kind, wanted);
    let hash = wanted.remove(PASSWORD_HASH).filter(|hash| !hash.is_null());
    let mut body = Value::Object(before.clone());
    merge(schemas, &mut body, &Value::Object(wanted.clone()), schemas.body(kind));
    // A server that is newer may have members that this program does not know: then what was read is
    // compared with what was written, letter by letter.
    let (before, after) = match normal(kind, before.clone()) {
        Err(_) => (Value::Object(before), body.clone()),
        Ok(before) => (before, normal(kind, body.as_object().cloned().unwrap_or_default())?),
    };
    let mut members: Vec<_> = wanted
        .keys()
        .filter(|name| !same(&before[name.as_str()], &after[name.as_str()]))
        .map(|name| (name.clone(), before[name.as_str()].clone(), after[name.as_str()].clone()))
        .collect();
    if let Some(hash) = hash.filter(|_| !has_password) {
        members.push((PASSWORD_HASH.to_owned(), Value::Null, "…".into()));
        body[PASSWORD_HASH] = hash;
        normal(kind, body.as_object().cloned().unwrap_or_default())?;
    }
    Ok((!members.is_empty()).then_some(Difference { body, members }))
}

/// What a person is shown of an entry.
pub(crate) fn shown(kind: Kind, wanted: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut shown = Vec::new();
    for (name, value) in wanted.iter().filter(|(name, _)| !kind.naming().contains(&name.as_str())) {
        let value = if name == PASSWORD_HASH { "…".into() } else { value.clone() };
        shown.push((name.clone(), value));
    }
    shown
}

fn without_key(kind: Kind, wanted: &Map<String, Value>) -> Map<String, Value> {
    let named = wanted.iter().filter(|(name, _)| Some(name.as_str()) != kind.key);
    named.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// In the form in which the API writes it, or why it cannot be read.
fn normal(kind: Kind, body: Map<String, Value>) -> Result<Value, String> {
    let normal = normal_body(kind.path, body.clone());
    normal.unwrap_or(Ok(Value::Object(body))).map_err(|problem: Problem| {
        let words = |error: &grantor_server::api::FieldError| {
            format!("{}: {}", error.pointer, error.detail)
        };
        let fields: Vec<String> = problem.errors().iter().map(words).collect();
        if fields.is_empty() { problem.to_string() } else { fields.join("; ") }
    })
}

/// Objects whose members have names of their own are merged; lists, texts by language and choices are
/// what the file says.
fn merge(schemas: &Schemas, into: &mut Value, wanted: &Value, schema: &Value) {
    let schema = schemas.resolve(schema);
    if let (Value::Object(into), Value::Object(wanted), Value::Object(named)) =
        (&mut *into, wanted, &schema["properties"])
    {
        for (name, value) in wanted {
            match (into.get_mut(name), named.get(name)) {
                (Some(known), Some(schema)) if !CHOICES.contains(&name.as_str()) => {
                    merge(schemas, known, value, schema);
                }
                _ => {
                    into.insert(name.clone(), value.clone());
                }
            }
        }
        return;
    }
    *into = wanted.clone();
}

/// Equal in meaning: what is not there is null, and the order of a list says nothing.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let mut left: Vec<&Value> = other.iter().collect();
            one.len() == other.len()
                && one.iter().all(|item| {
                    let at = left.iter().position(|candidate| same(item, candidate));
                    at.map(|at| left.swap_remove(at)).is_some()
                })
        }
        (Value::Object(one), Value::Object(other)) => one.keys().chain(other.keys()).all(|name| {
            let member = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or_default();
            same(&member(one), &member(other))
        }),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differs(kind: &str, found: &Value, wanted: &Value) -> Option<Difference> {
        let kind = Kind::find(kind).unwrap();
        difference(&Schemas::new(), kind, found, wanted.as_object().unwrap()).unwrap()
    }

    #[test]
    fn only_named_members_are_compared_and_order_does_not_matter() {
        let found = json!({
            "id": "shop", "auth_method": "none", "scopes": ["a", "b"], "name": "Shop", "secrets": [],
        });
        let same = json!({ "id": "shop", "scopes": ["b", "a"] });
        assert!(differs("clients", &found, &same).is_none());
        let difference =
            differs("clients", &found, &json!({ "id": "shop", "scopes": ["a"] })).unwrap();
        let body = json!({ "auth_method": "none", "scopes": ["a"], "name": "Shop" });
        assert_eq!(difference.body, body);
        assert_eq!(difference.members.len(), 1);
    }

    #[test]
    fn what_can_be_written_in_two_ways_is_the_same() {
        let found = json!({
            "id": "asn_1", "principal": { "client": "a" }, "scope": "a.b", "reason": "r",
            "expires": "2030-01-01T00:00:00Z", "approver": null,
        });
        let wanted = json!({
            "principal": { "client": "a" }, "scope": "a.b", "expires": "2030-01-01T01:00:00+01:00",
        });
        assert!(differs("assignments", &found, &wanted).is_none());
        let user = "usr_00000000000000000000000000000001";
        let found = json!({
            "id": "g", "name": "g", "members": [{ "who": { "user": user }, "source": null }],
        });
        let wanted = json!({ "name": "g", "members": [{ "who": { "user": user } }] });
        assert!(differs("groups", &found, &wanted).is_none());
    }

    #[test]
    fn settings_that_a_file_does_not_name_stay_and_a_choice_is_whole() {
        let found = json!({
            "name": "main", "issuer": "https://a.example", "hosts": [], "enabled": true,
            "settings": { "code_seconds": 60, "look": { "texts": { "en": {}, "de": {} } } },
        });
        let wanted = json!({ "name": "main", "settings": { "id_token_seconds": 601 } });
        let difference = differs("tenants", &found, &wanted).unwrap();
        assert_eq!(difference.body["settings"]["code_seconds"], 60);
        assert_eq!(difference.body["settings"]["id_token_seconds"], 601);
        let found = json!({
            "token": "a.b", "summary": { "en": "A", "de": "B" },
            "rule": { "granted": "group", "groups": ["grp_00000000000000000000000000000001"] },
        });
        let wanted = json!({ "rule": { "granted": "assigned" }, "summary": { "en": "A" } });
        let difference = differs("scopes", &found, &wanted).unwrap();
        assert_eq!(difference.body["rule"], json!({ "granted": "assigned" }));
        assert_eq!(difference.body["summary"], json!({ "en": "A" }));
    }

    #[test]
    fn a_hash_is_for_users_without_a_password() {
        let hash = "$2b$04$Fi507f0edFyO0Fg/yQ2WQuE5oMuLLqReAXzq/1gGPPIAvZEvP3fnC";
        let found = |passwords: Value| json!({ "id": "u", "realm": "a", "name": "b", "passwords": passwords });
        let wanted = json!({ "realm": "a", "name": "b", "password_hash": hash });
        let difference = differs("users", &found(json!([])), &wanted).unwrap();
        assert_eq!(difference.body["password_hash"], hash);
        assert!(!format!("{:?}", difference.members).contains("Fi507"));
        let with = found(json!([{ "created": "2026-01-01T00:00:00Z", "created_by": "x" }]));
        assert!(differs("users", &with, &wanted).is_none());
    }

    #[test]
    fn what_the_api_does_not_know_is_said() {
        let kind = Kind::find("clients").unwrap();
        let entry = json!({ "id": "x", "auth_method": "none", "grant_typos": [] });
        let error = checked(kind, entry.as_object().unwrap()).unwrap_err();
        assert!(error.contains("grant_typos"), "{error}");
    }
}

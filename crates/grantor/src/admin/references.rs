//! Which members of things name other things. In files each of them is a name, or the id that the
//! server has made.

use serde_json::{Map, Value};

use super::kinds::Kind;

/// A member that names another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Of which kind
    pub(crate) of: &'static str,
    /// Where: member by member, `*` is every item of a list
    pub(crate) path: &'static [&'static str],
    /// Which kind of thing it names
    pub(crate) to: &'static str,
    /// Whether a new thing can do without it until what it names is there
    pub(crate) later: bool,
}

const fn now(of: &'static str, path: &'static [&'static str], to: &'static str) -> Reference {
    Reference { of, path, to, later: false }
}

const fn later(of: &'static str, path: &'static [&'static str], to: &'static str) -> Reference {
    Reference { of, path, to, later: true }
}

/// Every reference.
pub(crate) const REFERENCES: [Reference; 17] = [
    later("realms", &["default_scopes", "*"], "scopes"),
    later("resource_types", &["owners", "*"], "realms"),
    later("groups", &["members", "*", "who", "user"], "users"),
    later("groups", &["members", "*", "who", "group"], "groups"),
    now("scopes", &["resource_type"], "resource_types"),
    now("scopes", &["rule", "groups", "*"], "groups"),
    later("applications", &["service_user"], "users"),
    now("users", &["realm"], "realms"),
    now("users", &["application"], "applications"),
    now("clients", &["application"], "applications"),
    now("clients", &["realms", "*"], "realms"),
    now("clients", &["scopes", "*"], "scopes"),
    now("clients", &["default_scopes", "*"], "scopes"),
    now("assignments", &["principal", "user"], "users"),
    now("assignments", &["principal", "client"], "clients"),
    now("assignments", &["principal", "group"], "groups"),
    now("assignments", &["scope"], "scopes"),
];

/// A reference that is there: where, as a JSON pointer (RFC 6901), and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) reference: Reference,
    pub(crate) pointer: String,
    pub(crate) text: String,
}

/// The references of a thing.
pub(crate) fn of(kind: Kind, thing: &Map<String, Value>) -> Vec<Found> {
    let mut found = Vec::new();
    let whole = Value::Object(thing.clone());
    for reference in REFERENCES.into_iter().filter(|reference| reference.of == kind.name) {
        walk(&whole, reference.path, "", &mut |pointer, text| {
            found.push(Found { reference, pointer, text });
        });
    }
    found
}

fn walk(value: &Value, path: &[&str], pointer: &str, take: &mut dyn FnMut(String, String)) {
    let Some((first, rest)) = path.split_first() else {
        if let Value::String(text) = value {
            take(pointer.to_owned(), text.clone());
        }
        return;
    };
    match value {
        Value::Array(items) if *first == "*" => {
            for (at, item) in items.iter().enumerate() {
                walk(item, rest, &format!("{pointer}/{at}"), take);
            }
        }
        Value::Object(members) => {
            if let Some(member) = members.get(*first) {
                walk(member, rest, &format!("{pointer}/{first}"), take);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_where_they_are() {
        let group = json!({ "name": "a", "members": [
            { "who": { "user": "customers/ada" } }, { "who": { "group": "b" }, "source": "x" },
        ] });
        let found = of(Kind::find("groups").unwrap(), group.as_object().unwrap());
        let found: Vec<_> =
            found.iter().map(|f| (f.pointer.as_str(), f.text.as_str(), f.reference.to)).collect();
        assert_eq!(
            found,
            [
                ("/members/0/who/user", "customers/ada", "users"),
                ("/members/1/who/group", "b", "groups"),
            ]
        );
    }
}

//! The kinds of things of the management API, and how each is named in configuration files.

use serde_json::Value;

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// In files: `resource_types`
    pub(crate) name: &'static str,
    /// In paths: `resource-types`
    pub(crate) path: &'static str,
    /// The member that names it in paths; `None` where the server makes an id
    pub(crate) key: Option<&'static str>,
    /// The members that name it for people, where the server makes the id
    pub(crate) natural: &'static [&'static str],
}

/// Every kind, in an order in which what is referred to mostly comes first; what changes a tenant may
/// end the token that it is changed with, so it is last.
pub(crate) const KINDS: [Kind; 9] = [
    keyed("realms", "realms", "name"),
    keyed("resource_types", "resource-types", "id"),
    Kind { name: "groups", path: "groups", key: None, natural: &["name"] },
    keyed("scopes", "scopes", "token"),
    keyed("applications", "applications", "id"),
    Kind { name: "users", path: "users", key: None, natural: &["realm", "name"] },
    keyed("clients", "clients", "id"),
    Kind { name: "assignments", path: "assignments", key: None, natural: &["principal", "scope"] },
    keyed("tenants", "tenants", "name"),
];

const fn keyed(name: &'static str, path: &'static str, key: &'static str) -> Kind {
    Kind { name, path, key: Some(key), natural: &[] }
}

impl Kind {
    /// The kind of this name, as files or paths write it.
    pub(crate) fn find(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.name == name || kind.path == name)
    }

    /// One of them: `resource_type`
    pub(crate) fn one(self) -> &'static str {
        self.name.trim_end_matches('s')
    }

    /// The members that say which one is meant.
    pub(crate) fn naming(&self) -> &[&'static str] {
        self.key.as_ref().map_or(self.natural, std::slice::from_ref)
    }

    /// What a thing is called: its key, or the values of its natural key.
    pub(crate) fn label(self, thing: &Value) -> String {
        let words = self.naming().iter().map(|member| match &thing[*member] {
            Value::String(text) => text.clone(),
            // A principal: `client report`
            Value::Object(named) => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let words = named.iter().map(|(kind, name)| format!("{kind} {}", text(name)));
                words.collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        });
        let between = if self.name == "users" { "/" } else { " " };
        words.collect::<Vec<_>>().join(between)
    }

    /// The path segment of a thing that the server knows.
    pub(crate) fn segment(self, thing: &Value) -> String {
        let member = self.key.unwrap_or("id");
        escape(thing[member].as_str().unwrap_or_default())
    }
}

/// A path segment (RFC 3986 §3.3).
pub(crate) fn escape(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

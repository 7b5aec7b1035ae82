//! What has to change so that the server is as the files want it, and doing it.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use reqwest::Method;
use serde_json::{Map, Value};

use super::desired::Desired;
use super::kinds::{KINDS, Kind};
use super::session::Session;

/// One change.
#[derive(Debug)]
pub(crate) struct Change {
    kind: Kind,
    label: String,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Create(Value),
    /// Path segment, whole new body, and what differs: member, before, after
    Replace(String, Value, Vec<(String, Value, Value)>),
    Delete(String),
}

/// Compares what the files want with what the server has. With `prune`, things of the kinds that
/// the files speak of, and that they do not name, go.
pub(crate) async fn compare(
    session: &Session,
    desired: &Desired,
    prune: bool,
) -> anyhow::Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut names = Names::default();
    for kind in KINDS {
        let wanted = desired.of(kind);
        if wanted.is_empty() && !Names::are_of(kind) {
            continue;
        }
        let present = session.all(kind.path).await?;
        names.learn(kind, &present);
        let mut kept = Vec::new();
        for entry in wanted {
            let entry = names.resolve(kind, entry)?;
            let label = kind.label(&entry);
            let found = present.iter().find(|thing| kind.label(thing) == label);
            kept.push(label.clone());
            if let Some(action) = difference(kind, entry, found) {
                changes.push(Change { kind, label, action });
            }
        }
        if prune && !wanted.is_empty() {
            let gone = present.iter().filter(|thing| !kept.contains(&kind.label(thing)));
            changes.extend(gone.filter(|thing| !is_built_in(thing)).map(|thing| Change {
                kind,
                label: kind.label(thing),
                action: Action::Delete(kind.segment(thing)),
            }));
        }
    }
    Ok(changes)
}

/// What the server brings along and keeps.
fn is_built_in(thing: &Value) -> bool {
    let names = ["token", "id", "scope"].map(|member| thing[member].as_str().unwrap_or_default());
    names.iter().any(|name| *name == "grantor" || name.starts_with("grantor."))
        || ["uid", "azp"].contains(&names[0])
}

/// Only members that the file names are compared: the rest stays as it is.
fn difference(kind: Kind, wanted: Value, found: Option<&Value>) -> Option<Action> {
    let Some(found) = found else { return Some(Action::Create(wanted)) };
    let members = wanted.as_object().expect("entries are objects");
    let differing: Vec<_> = members
        .iter()
        .filter(|(name, value)| !same(&found[name.as_str()], value))
        .map(|(name, value)| (name.clone(), found[name.as_str()].clone(), value.clone()))
        .collect();
    if differing.is_empty() {
        return None;
    }
    let mut body = found.clone();
    let whole = body.as_object_mut().expect("things are objects");
    for read_only in ["secrets", "passwords", "created", "created_by"] {
        whole.remove(read_only);
    }
    whole.remove(kind.key.unwrap_or("id"));
    for (name, value) in members.iter().filter(|(name, _)| Some(name.as_str()) != kind.key) {
        whole.insert(name.clone(), value.clone());
    }
    Some(Action::Replace(kind.segment(found), body, differing))
}

/// Equal in meaning: lists of words are sets, and a space-separated text is such a list.
fn same(found: &Value, wanted: &Value) -> bool {
    match (words(found), words(wanted)) {
        (Some(found), Some(wanted)) => found == wanted,
        _ => match (found, wanted) {
            (Value::Object(found), Value::Object(wanted)) => wanted
                .iter()
                .all(|(name, value)| found.get(name).is_some_and(|found| same(found, value))),
            (found, wanted) => found == wanted,
        },
    }
}

fn words(value: &Value) -> Option<Vec<&str>> {
    let mut words: Vec<&str> =
        value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    words.sort_unstable();
    Some(words)
}

/// What people call users and groups, and what the server calls them.
#[derive(Default)]
struct Names {
    users: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
}

impl Names {
    /// Whether things of this kind are referred to by a name that the server does not know.
    fn are_of(kind: Kind) -> bool {
        kind.name == "users" || kind.name == "groups"
    }

    fn learn(&mut self, kind: Kind, present: &[Value]) {
        let text = |thing: &Value, name: &str| thing[name].as_str().unwrap_or_default().to_owned();
        for thing in present {
            match kind.name {
                "users" => {
                    let name = format!("{}/{}", text(thing, "realm"), text(thing, "name"));
                    self.users.insert(name, text(thing, "id"));
                }
                "groups" => {
                    self.groups.insert(text(thing, "name"), text(thing, "id"));
                }
                _ => {}
            }
        }
    }

    /// The entry with names replaced by ids where the API wants ids.
    fn resolve(&self, kind: Kind, entry: &Map<String, Value>) -> anyhow::Result<Value> {
        let mut entry = entry.clone();
        if kind.name == "assignments"
            && let Some(Value::Object(principal)) = entry.get_mut("principal")
        {
            for (member, known, prefix) in
                [("user", &self.users, "usr_"), ("group", &self.groups, "grp_")]
            {
                let Some(Value::String(name)) = principal.get_mut(member) else { continue };
                if !name.starts_with(prefix) {
                    let id = known.get(name.as_str());
                    *name = id.cloned().ok_or_else(|| {
                        anyhow!("there is no {member} {name} yet: apply what makes it first")
                    })?;
                }
            }
        }
        Ok(Value::Object(entry))
    }
}

impl Change {
    /// The change in words, a line or more.
    pub(crate) fn describe(&self) -> String {
        let (kind, label) = (self.kind.name, &self.label);
        match &self.action {
            Action::Create(_) => format!("+ {kind} {label}"),
            Action::Delete(_) => format!("- {kind} {label}"),
            Action::Replace(_, _, differing) => {
                let mut text = format!("~ {kind} {label}");
                for (member, before, after) in differing {
                    text.push_str(&format!("\n    {member}: {before} -> {after}"));
                }
                text
            }
        }
    }

    /// Makes the change. What comes back may hold a secret that is shown this once.
    pub(crate) async fn make(&self, session: &Session) -> anyhow::Result<Value> {
        let path = self.kind.path;
        let answer = match &self.action {
            Action::Create(body) => session.request(Method::POST, path, Some(body), None).await,
            Action::Replace(segment, body, _) => {
                let path = format!("{path}/{segment}");
                let etag = session.find(&path).await?.and_then(|answer| answer.etag);
                session.request(Method::PUT, &path, Some(body), etag.as_deref()).await
            }
            Action::Delete(segment) => {
                let path = format!("{path}/{segment}");
                let etag = session.find(&path).await?.and_then(|answer| answer.etag);
                session.request(Method::DELETE, &path, None, etag.as_deref()).await
            }
        };
        answer.map(|answer| answer.body).with_context(|| self.describe())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn clients() -> Kind {
        Kind::find("clients").unwrap()
    }

    #[test]
    fn only_named_members_are_compared_and_order_does_not_matter() {
        let found = json!({ "id": "shop", "scopes": ["a", "b"], "name": "Shop", "secrets": [] });
        let same = json!({ "id": "shop", "scopes": ["b", "a"] });
        assert!(difference(clients(), same, Some(&found)).is_none());
        let other = json!({ "id": "shop", "scopes": ["a"] });
        let Some(Action::Replace(segment, body, differing)) =
            difference(clients(), other, Some(&found))
        else {
            panic!("no change")
        };
        assert_eq!(segment, "shop");
        assert_eq!(body, json!({ "scopes": ["a"], "name": "Shop" }));
        assert_eq!(differing.len(), 1);
    }

    #[test]
    fn what_is_not_there_is_made() {
        let action = difference(clients(), json!({ "id": "new" }), None);
        assert!(matches!(action, Some(Action::Create(_))));
    }

    #[test]
    fn a_user_is_named_by_realm_and_name() {
        let mut names = Names::default();
        let users = [json!({ "realm": "services", "name": "stups_a", "id": "usr_1" })];
        names.learn(Kind::find("users").unwrap(), &users);
        let entry = json!({ "principal": { "user": "services/stups_a" }, "scope": "a.b" });
        let assignments = Kind::find("assignments").unwrap();
        let resolved = names.resolve(assignments, entry.as_object().unwrap()).unwrap();
        assert_eq!(resolved["principal"]["user"], "usr_1");
        let entry = json!({ "principal": { "user": "services/nobody" }, "scope": "a.b" });
        assert!(names.resolve(assignments, entry.as_object().unwrap()).is_err());
    }
}

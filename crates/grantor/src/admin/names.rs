//! What the names in files mean: things of the server, or of the files themselves.
//!
//! What a file makes has no id yet. Until it has, it goes by one that only this run knows; every
//! request has them replaced by those that the server has given meanwhile.

use std::collections::HashMap;

use anyhow::bail;
use grantor_oauth_types::id::{GroupId, UserId};
use serde_json::Value;
use uuid::Uuid;

use super::desired::{Desired, Entry};
use super::kinds::Kind;
use super::lookup::{Lookup, Present, login_key};

/// What the entries of the files are on the server.
pub(crate) struct Names {
    /// By kind and identity
    entries: HashMap<(&'static str, String), usize>,
    /// Of each entry: its id or key, here or there
    pub(crate) ids: Vec<String>,
    /// Of each entry: what the server has
    pub(crate) present: Vec<Option<Present>>,
    /// What ids are called by people
    told: HashMap<String, String>,
}

/// What a name means.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// What the API wants
    pub(crate) id: String,
    /// The entry that it is, if the files speak of it
    pub(crate) entry: Option<usize>,
}

impl Names {
    /// Looks for every entry that names itself; assignments name others.
    pub(crate) async fn learn(desired: &Desired, lookup: &mut Lookup<'_>) -> anyhow::Result<Self> {
        let (entries, told) = (HashMap::new(), HashMap::new());
        let mut names = Self { entries, ids: Vec::new(), present: Vec::new(), told };
        for (at, entry) in desired.entries.iter().enumerate() {
            let (identity, listed) = match entry.kind.name {
                "users" => {
                    let (realm, name) = (text(entry, "realm"), text(entry, "name"));
                    (login_key(realm, name), lookup.user(realm, name).await)
                }
                "groups" => {
                    let name = text(entry, "name");
                    (name.to_owned(), lookup.group(name).await)
                }
                "assignments" => {
                    names.add(provisional(entry.kind, at), None);
                    continue;
                }
                _ => {
                    let key = text(entry, entry.kind.naming()[0]).to_owned();
                    let present = lookup.at(entry.kind, &key).await;
                    let present = present.map_err(|e| e.context(entry.place.to_string()))?;
                    names.enter(desired, at, key.clone())?;
                    names.add(key, present);
                    continue;
                }
            };
            let listed = listed.map_err(|error| error.context(entry.place.to_string()))?;
            names.enter(desired, at, identity)?;
            let id = listed.as_ref().and_then(|thing| thing["id"].as_str()).map(str::to_owned);
            let present = match &id {
                Some(id) => lookup.at(entry.kind, id).await?,
                None => None,
            };
            let id = id.unwrap_or_else(|| provisional(entry.kind, at));
            names.told.insert(id.clone(), entry.label().to_owned());
            names.add(id, present);
        }
        Ok(names)
    }

    fn add(&mut self, id: String, present: Option<Present>) {
        self.ids.push(id);
        self.present.push(present);
    }

    /// Remembers who an entry is. However it is written, nobody is there twice.
    pub(crate) fn enter(
        &mut self,
        desired: &Desired,
        at: usize,
        identity: String,
    ) -> anyhow::Result<()> {
        let entry = &desired.entries[at];
        if let Some(first) = self.entries.insert((entry.kind.name, identity), at) {
            let first = &desired.entries[first].place;
            bail!("{}: the same one is there already: {first}", entry.place);
        }
        Ok(())
    }

    /// What a text in a file means where a thing of this kind is named.
    pub(crate) async fn resolve(
        &mut self,
        kind: Kind,
        name: &str,
        lookup: &mut Lookup<'_>,
    ) -> anyhow::Result<Meaning> {
        match kind.name {
            "users" => self.user(kind, name, lookup).await,
            "groups" => self.group(kind, name, lookup).await,
            _ => {
                let key = if kind.name == "realms" { name.trim_start_matches('/') } else { name };
                let entry = self.entries.get(&(kind.name, key.to_owned())).copied();
                if entry.is_none() && !lookup.is_there(kind, key).await? {
                    bail!("{}", nobody(kind, name));
                }
                Ok(Meaning { id: key.to_owned(), entry })
            }
        }
    }

    async fn user(
        &mut self,
        kind: Kind,
        name: &str,
        lookup: &mut Lookup<'_>,
    ) -> anyhow::Result<Meaning> {
        if let Some((realm, name_there)) = name.trim_start_matches('/').split_once('/') {
            let found = self.user_of(realm, name_there, lookup).await?;
            return found.ok_or_else(|| anyhow::anyhow!(nobody(kind, name)));
        }
        if name.parse::<UserId>().is_ok() {
            return self.by_id(kind, name, lookup).await;
        }
        let mut found: Vec<(String, Meaning)> = Vec::new();
        for realm in self.realms(lookup).await? {
            if let Some(meaning) = self.user_of(&realm, name, lookup).await? {
                found.push((format!("{realm}/{name}"), meaning));
            }
        }
        match found.len() {
            0 => bail!("{}; a user is named realm/name", nobody(kind, name)),
            1 => Ok(found.remove(0).1),
            _ => {
                let all: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
                bail!("{name:?} is ambiguous: it may be {}; say which", all.join(" or "))
            }
        }
    }

    async fn user_of(
        &mut self,
        realm: &str,
        name: &str,
        lookup: &mut Lookup<'_>,
    ) -> anyhow::Result<Option<Meaning>> {
        if let Some(entry) = self.entries.get(&("users", login_key(realm, name))).copied() {
            return Ok(Some(Meaning { id: self.ids[entry].clone(), entry: Some(entry) }));
        }
        let found = lookup.user(realm, name).await?;
        Ok(found.map(|found| self.of_server(&found, format!("{realm}/{name}"))))
    }

    /// The realms of the server and of the files.
    async fn realms(&self, lookup: &mut Lookup<'_>) -> anyhow::Result<Vec<String>> {
        let listed = lookup.list("realms").await?;
        let mut realms: Vec<String> =
            listed.iter().filter_map(|realm| realm["name"].as_str()).map(str::to_owned).collect();
        realms.extend(self.entries.keys().filter(|(k, _)| *k == "realms").map(|(_, n)| n.clone()));
        realms.sort();
        realms.dedup();
        Ok(realms)
    }

    /// A group may be called what looks like an id: then nobody knows which is meant.
    async fn group(
        &mut self,
        kind: Kind,
        name: &str,
        lookup: &mut Lookup<'_>,
    ) -> anyhow::Result<Meaning> {
        let named = match self.entries.get(&(kind.name, name.to_owned())).copied() {
            Some(entry) => Some(Meaning { id: self.ids[entry].clone(), entry: Some(entry) }),
            None => {
                let found = lookup.group(name).await?;
                found.map(|found| self.of_server(&found, name.to_owned()))
            }
        };
        if name.parse::<GroupId>().is_err() {
            return named.ok_or_else(|| anyhow::anyhow!(nobody(kind, name)));
        }
        match (named, self.by_id(kind, name, lookup).await) {
            (Some(named), Ok(other)) if named.id != other.id => {
                bail!("{name:?} is ambiguous: it is the id of a group and the name of another")
            }
            (Some(named), _) => Ok(named),
            (None, found) => found,
        }
    }

    async fn by_id(
        &mut self,
        kind: Kind,
        id: &str,
        lookup: &mut Lookup<'_>,
    ) -> anyhow::Result<Meaning> {
        let found = lookup.at(kind, id).await?;
        let found = found.ok_or_else(|| anyhow::anyhow!(nobody(kind, id)))?;
        let label = kind.label(&found.thing);
        Ok(self.of_server(&found.thing, label))
    }

    fn of_server(&mut self, thing: &Value, label: String) -> Meaning {
        let id = thing["id"].as_str().unwrap_or_default().to_owned();
        let entry = self.ids.iter().position(|known| *known == id);
        self.told.insert(id.clone(), label);
        Meaning { id, entry }
    }

    /// The same value, with names where ids are.
    pub(crate) fn told(&self, value: &Value) -> Value {
        replaced(value, &self.told)
    }

    /// Whether this is what something goes by that is not there yet.
    pub(crate) fn is_new(id: &str) -> bool {
        let digits = id.strip_prefix("usr_").or_else(|| id.strip_prefix("grp_"));
        digits.is_some_and(|digits| digits.starts_with("0000000000000000"))
    }

    /// Whether people can read this id already.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.told.contains_key(id)
    }
}

/// The same value, with other texts where some are.
pub(crate) fn replaced(value: &Value, by: &HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => by.get(text).unwrap_or(text).as_str().into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, by)).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), replaced(value, by))).collect(),
        ),
        other => other.clone(),
    }
}

/// An id that the server never gives: it has no time.
fn provisional(kind: Kind, at: usize) -> String {
    let uuid = Uuid::from_u128(at as u128 + 1);
    match kind.name {
        "groups" => GroupId::from_uuid(uuid).to_string(),
        "assignments" => format!("assignment {at}"),
        _ => UserId::from_uuid(uuid).to_string(),
    }
}

fn text<'a>(entry: &'a Entry, member: &str) -> &'a str {
    entry.members[member].as_str().unwrap_or_default()
}

fn nobody(kind: Kind, name: &str) -> String {
    format!("there is no {} {name:?}, neither on the server nor in the files", kind.one())
}

//! What has to change so that the server is as the files want it.

use anyhow::bail;
use serde_json::{Map, Value};

use super::change::{Action, Change};
use super::desired::{Desired, Entry};
use super::difference::{self, checked, difference};
use super::kinds::{KINDS, Kind};
use super::lookup::{Lookup, Present};
use super::names::Names;
use super::order::{Need, Step, ordered};
use super::references;
use super::schema::Schemas;
use super::session::Session;

/// What goes first: nothing that goes is named by what is left, and nothing that goes changes what
/// goes later. A tenant is never deleted.
const LEAVING: [&str; 8] = [
    "assignments",
    "clients",
    "scopes",
    "groups",
    "users",
    "applications",
    "resource_types",
    "realms",
];

/// Compares what the files want with what the server has. With `prune`, things of the kinds that
/// the files speak of, and that they do not name, go.
pub(crate) async fn compare(
    session: &Session,
    desired: &Desired,
    prune: bool,
) -> anyhow::Result<Vec<Change>> {
    let mut lookup = Lookup::new(session);
    let names = Names::learn(desired, &mut lookup).await?;
    let mut plan = Plan { desired, lookup, names, schemas: Schemas::new() };
    let (mut steps, mut wrong) = (Vec::new(), Vec::new());
    for kind in KINDS {
        for (at, entry) in desired.entries.iter().enumerate().filter(|(_, e)| e.kind == kind) {
            match plan.step(at, entry).await {
                Ok(step) => steps.extend(step),
                // Nobody can say more about the files when there is no server.
                Err(error) if error.is::<reqwest::Error>() => return Err(error),
                Err(error) => wrong.push(format!("{}: {error:#}", entry.place)),
            }
        }
    }
    if !wrong.is_empty() {
        bail!("the files cannot be applied:\n  {}", wrong.join("\n  "));
    }
    let mut changes = ordered(steps)?;
    if prune {
        changes.extend(plan.leaving().await?);
    }
    Ok(changes)
}

struct Plan<'a> {
    desired: &'a Desired,
    lookup: Lookup<'a>,
    names: Names,
    schemas: Schemas,
}

impl Plan<'_> {
    /// What has to change of an entry.
    async fn step(&mut self, at: usize, entry: &Entry) -> anyhow::Result<Option<Step>> {
        let (kind, label) = (entry.kind, entry.label().to_owned());
        let (wanted, needs) = self.resolved(entry).await?;
        if kind.name == "assignments" {
            self.recognise(at, &wanted).await?;
        }
        let change = match self.names.present[at].clone() {
            None => {
                checked(kind, &wanted).map_err(anyhow::Error::msg)?;
                let shown = difference::shown(kind, &entry.members);
                let lines = shown.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                let provisional = self.names.ids[at].clone();
                Change { kind, label, lines, action: Action::Create { body: wanted, provisional } }
            }
            Some(Present { thing, etag }) => {
                let found = difference(&self.schemas, kind, &thing, &wanted);
                let Some(found) = found.map_err(anyhow::Error::msg)? else { return Ok(None) };
                self.learn_names(kind, &thing).await?;
                let line = |(name, before, after): &(String, Value, Value)| {
                    let (before, after) = (self.names.told(before), self.names.told(after));
                    format!("{name}: {before} -> {after}")
                };
                let lines = found.members.iter().map(line).collect();
                let segment = kind.segment(&thing);
                let action = Action::Replace { segment, body: found.body, etag };
                Change { kind, label, lines, action }
            }
        };
        Ok(Some(Step { entry: at, change, needs }))
    }

    /// The members of an entry as the API wants them, and the entries that they name.
    async fn resolved(&mut self, entry: &Entry) -> anyhow::Result<(Map<String, Value>, Vec<Need>)> {
        let mut whole = Value::Object(entry.members.clone());
        let (mut needs, mut wrong) = (Vec::new(), Vec::new());
        for found in references::of(entry.kind, &entry.members) {
            let to = Kind::find(found.reference.to).expect("references are to kinds");
            let meaning = self.names.resolve(to, &found.text, &mut self.lookup).await;
            let meaning = match meaning {
                Ok(meaning) => meaning,
                Err(error) if error.is::<reqwest::Error>() => return Err(error),
                Err(error) => {
                    wrong.push(format!("{}: {error:#}", found.pointer));
                    continue;
                }
            };
            needs.extend(meaning.entry.map(|entry| Need {
                entry,
                new: self.names.present[entry].is_none(),
                later: found.reference.later,
                member: found.reference.path[0],
            }));
            if let Some(member) = whole.pointer_mut(&found.pointer) {
                *member = meaning.id.into();
            }
        }
        if !wrong.is_empty() {
            bail!("{}", wrong.join("; "));
        }
        match whole {
            Value::Object(members) => Ok((members, needs)),
            _ => unreachable!("it was made of an object"),
        }
    }

    /// An assignment is known by what it is to whom.
    async fn recognise(&mut self, at: usize, wanted: &Map<String, Value>) -> anyhow::Result<()> {
        let principal = wanted["principal"].as_object().and_then(|named| named.iter().next());
        let named = principal.and_then(|(kind, id)| Some((kind.as_str(), id.as_str()?)));
        let (Some(named), Some(scope)) = (named, wanted["scope"].as_str()) else { return Ok(()) };
        self.names.enter(self.desired, at, format!("{} {} {scope}", named.0, named.1))?;
        if Names::is_new(named.1) {
            return Ok(());
        }
        let Some(found) = self.lookup.assignment(named, scope).await? else { return Ok(()) };
        let kind = self.desired.entries[at].kind;
        let id = found["id"].as_str().unwrap_or_default().to_owned();
        self.names.present[at] = self.lookup.at(kind, &id).await?;
        self.names.ids[at] = id;
        Ok(())
    }

    /// Learns what the things are called that the server has there.
    async fn learn_names(&mut self, kind: Kind, thing: &Value) -> anyhow::Result<()> {
        let members = thing.as_object().cloned().unwrap_or_default();
        for found in references::of(kind, &members) {
            let to = Kind::find(found.reference.to).expect("references are to kinds");
            if to.key.is_none() && !self.names.knows(&found.text) {
                // Who is gone keeps the id.
                let _ = self.names.resolve(to, &found.text, &mut self.lookup).await;
            }
        }
        Ok(())
    }

    /// What the files do not name, of the kinds that they speak of.
    async fn leaving(&mut self) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut applications = Vec::new();
        for kind in LEAVING.into_iter().filter_map(Kind::find) {
            if !self.desired.speaks_of(kind) {
                continue;
            }
            let mut gone: Vec<Value> = self.lookup.list(kind.path).await?.to_vec();
            gone.retain(|thing| {
                !is_built_in(thing) && !self.is_kept(kind, thing) && !self.is_own(kind, thing)
            });
            if kind.name == "groups" {
                gone = outer_first(gone);
            }
            for thing in gone {
                let segment = kind.segment(&thing);
                let id = thing[kind.key.unwrap_or("id")].as_str().unwrap_or_default();
                let etag = self.lookup.at(kind, id).await?.and_then(|found| found.etag);
                let label = kind.label(&self.names.told(&thing));
                let action = Action::Delete { segment, etag };
                if kind.name == "applications" {
                    applications.extend(thing["service_user"].as_str().map(str::to_owned));
                }
                changes.push(Change { kind, label, lines: Vec::new(), action });
            }
        }
        // A service user goes with its application, and not before.
        changes.retain(|change| {
            let Action::Delete { segment, .. } = &change.action else { return true };
            change.kind.name != "users" || !applications.contains(segment)
        });
        Ok(changes)
    }

    /// The client that this session is of: without it nobody could bring it back.
    fn is_own(&self, kind: Kind, thing: &Value) -> bool {
        kind.name == "clients" && thing["id"] == self.lookup.session().client_id.as_str()
    }

    fn is_kept(&self, kind: Kind, thing: &Value) -> bool {
        let id = thing[kind.key.unwrap_or("id")].as_str().unwrap_or_default();
        let entries = self.desired.entries.iter().zip(&self.names.ids);
        entries.into_iter().any(|(entry, known)| entry.kind == kind && known == id)
    }
}

/// The scopes that every tenant begins with, and gets again when the server starts.
const BASE_SCOPES: [&str; 8] =
    ["uid", "azp", "openid", "profile", "email", "address", "phone", "offline_access"];

/// What the server brings along and keeps.
fn is_built_in(thing: &Value) -> bool {
    let names = ["token", "id", "scope"].map(|member| thing[member].as_str().unwrap_or_default());
    names.iter().any(|name| *name == "grantor" || name.starts_with("grantor."))
        || BASE_SCOPES.contains(&names[0])
}

/// A group that goes leaves the groups that contain it, which changes those: they go before.
fn outer_first(mut groups: Vec<Value>) -> Vec<Value> {
    let mut ordered = Vec::new();
    while !groups.is_empty() {
        let contains = |outer: &Value, id: &Value| {
            let members = outer["members"].as_array().into_iter().flatten();
            members.into_iter().any(|member| member["who"]["group"] == *id)
        };
        let free = groups.iter().position(|group| {
            groups.iter().all(|outer| outer["id"] == group["id"] || !contains(outer, &group["id"]))
        });
        // Groups that contain each other go in any order.
        ordered.push(groups.remove(free.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests;

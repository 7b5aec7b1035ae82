//! `/resource-types` (`stups.md` 4.2).

use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use grantor_domain::resource_type::ResourceType;
use grantor_oauth_types::name::{RealmName, ResourceTypeId};
use serde_json::{Value, json};

use super::Call;
use super::body::Attributes;
use super::reply::{Refusal, answer};
use crate::api::resource::Resource as _;
use crate::api::resource_types::{Body as Written, ResourceTypes};
use crate::api::{Precondition, write};

/// `GET /resource-types`, sorted by id.
pub(super) async fn list(call: Call) -> Response<Body> {
    answer(call.reader().map(|caller| {
        let known = caller.context.tenant.resource_types.values();
        let mut shown: Vec<&ResourceType> =
            known.filter(|known| !ResourceTypes::is_built_in(known)).collect();
        shown.sort_by(|a, b| a.id.cmp(&b.id));
        let short = |known: &&ResourceType| json!({ "id": known.id, "name": known.name });
        Some(shown.iter().map(short).collect::<Value>())
    }))
}

/// The type of a path, as far as it is there and not the server's own.
pub(super) fn find<'a>(
    caller: &'a crate::access::Caller,
    id: &str,
) -> Result<&'a ResourceType, Refusal> {
    let found = caller.context.tenant.resource_types.get(id);
    found.filter(|known| !ResourceTypes::is_built_in(known)).ok_or_else(Refusal::missing)
}

/// `GET /resource-types/{rt}`
pub(super) async fn get(Path(id): Path<String>, call: Call) -> Response<Body> {
    let show = || {
        let caller = call.reader()?;
        let known = find(&caller, &id)?;
        Ok(Some(json!({
            "id": known.id,
            "name": known.name,
            "description": known.description,
            "resource_owners": known.owners,
        })))
    };
    answer(show())
}

/// `PUT /resource-types/{rt}`: makes it, or replaces what is written here.
pub(super) async fn put(Path(id): Path<String>, call: Call) -> Response<Body> {
    answer(write(&id, &call).await.map(|()| None))
}

/// A path that can be no id is refused as the pattern of 4.3.
pub(super) fn parse(id: &str) -> Result<ResourceTypeId, Refusal> {
    ResourceTypeId::parse(id)
        .map_err(|e| Refusal::detailed("The id is not valid", &json!({ "id": e.to_string() })))
}

async fn write(id: &str, call: &Call) -> Result<(), Refusal> {
    // Who calls comes before what he says.
    call.reader()?;
    let id = parse(id)?;
    let caller = call.writer(&id).await?;
    let mut attributes = Attributes::read(call)?;
    let name = attributes.required_text("name")?;
    let description = attributes.text("description")?.unwrap_or_default();
    let named = attributes.texts("resource_owners")?;
    attributes.end()?;
    let owners = owners(call, &named)?;
    let realms = realms(call);
    let refused = |problem| Refusal::of_write(&problem, &id, None, &realms);
    let body = Written { name, description, owners, audience: None };
    let key = ResourceTypes::at(&caller.context.tenant.tenant.name, id.as_str());
    let key = key.ok_or_else(Refusal::missing)?;
    if !caller.context.tenant.resource_types.contains_key(&id) {
        let made = ResourceTypes::create(id.as_str(), body.clone(), &caller).map_err(refused)?;
        return write::create::<ResourceTypes>(&call.app, &caller, &made).await.map_err(refused);
    }
    let change = write::Change {
        key: &key,
        expected: &Precondition::Any,
        kind: "resource_type.changed",
        more: &|_, _| {},
    };
    let rule = |before: &ResourceType| {
        // essentials knows no audience: it stays what it is.
        let audience = before.audience.clone();
        ResourceTypes::replace(before, Written { audience, ..body.clone() }, &caller)
    };
    let done = write::change::<ResourceTypes>(&call.app, &caller, change, rule).await;
    done.map(|_| ()).map_err(refused)
}

/// Realms, with or without slash; what can be none is told as an unknown one.
fn owners(call: &Call, named: &[String]) -> Result<Vec<RealmName>, Refusal> {
    let parsed = named.iter().map(|name| RealmName::parse_lenient(name).ok());
    let owners: Option<Vec<RealmName>> = parsed.collect();
    owners.ok_or_else(|| {
        let known = realms(call);
        let unknown: Vec<&String> =
            named.iter().filter(|name| !known.iter().any(|known| known == *name)).collect();
        let details =
            json!({ "invalid_resource_owners": unknown, "possible_resource_owners": known });
        Refusal::detailed("Resource owner list contains invalid entries", &details)
    })
}

/// The populations that can own something.
pub(super) fn realms(call: &Call) -> Vec<String> {
    let mut realms: Vec<String> = call.here.0.realms.keys().map(ToString::to_string).collect();
    realms.sort_unstable();
    realms
}

/// `DELETE /resource-types/{rt}`: with its scopes.
pub(super) async fn delete(Path(id): Path<String>, call: Call) -> Response<Body> {
    answer(take_away(&id, &call).await.map(|()| None))
}

async fn take_away(id: &str, call: &Call) -> Result<(), Refusal> {
    call.reader()?;
    let id = parse(id)?;
    let caller = call.writer(&id).await?;
    let key = ResourceTypes::at(&caller.context.tenant.tenant.name, id.as_str());
    let key = key.ok_or_else(Refusal::missing)?;
    let done = write::delete::<ResourceTypes>(&call.app, &caller, &key, &Precondition::Any).await;
    done.map_err(|problem| Refusal::of_write(&problem, &id, None, &[]))
}

//! `/resource-types/{rt}/scopes` (`stups.md` 4.2).

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use grantor_domain::scope::{GrantRule, Scope};
use grantor_oauth_types::name::ResourceTypeId;
use serde_json::{Value, json};

use super::Call;
use super::body::Attributes;
use super::reply::{Refusal, answer};
use super::resource_types::{find, parse};
use crate::access::Caller;
use crate::api::resource::Resource as _;
use crate::api::scopes::{Body as Written, CatalogueScopes};
use crate::api::{Precondition, Problem, write};

/// The language of texts that say none.
const LANGUAGE: &str = "en";

/// The scope object of 4.2.
fn shown(scope: &Scope, prefix: &str) -> Value {
    let text = |texts: &BTreeMap<String, String>| {
        texts.get(LANGUAGE).or_else(|| texts.values().next()).cloned().unwrap_or_default()
    };
    json!({
        "id": scope.token.as_str().strip_prefix(prefix).unwrap_or_default(),
        "summary": text(&scope.summary),
        "description": scope.description,
        "user_information": text(&scope.user_information),
        "is_resource_owner_scope": scope.rule == GrantRule::Owner,
        "criticality_level": scope.risk,
    })
}

/// `GET …/scopes`: nothing for an unknown type.
pub(super) async fn list(Path(id): Path<String>, call: Call) -> Response<Body> {
    answer(call.reader().map(|caller| {
        let Ok(of) = find(&caller, &id) else { return Some(json!([])) };
        let scopes = caller.context.tenant.scopes.values();
        let mut scopes: Vec<&Scope> =
            scopes.filter(|scope| scope.resource_type.as_ref() == Some(&of.id)).collect();
        scopes.sort_by(|a, b| a.token.cmp(&b.token));
        let prefix = format!("{id}.");
        Some(scopes.iter().map(|scope| shown(scope, &prefix)).collect())
    }))
}

/// `GET …/scopes/{s}`
pub(super) async fn get(Path((id, scope)): Path<(String, String)>, call: Call) -> Response<Body> {
    let show = || {
        let caller = call.reader()?;
        find(&caller, &id)?;
        let found = caller.context.tenant.scopes.get(&*format!("{id}.{scope}"));
        let found = found.ok_or_else(Refusal::missing)?;
        Ok(Some(shown(found, &format!("{id}."))))
    };
    answer(show())
}

/// `PUT …/scopes/{s}`: makes it, or replaces what is written here.
pub(super) async fn put(Path((id, scope)): Path<(String, String)>, call: Call) -> Response<Body> {
    answer(write(&id, &scope, &call).await.map(|()| None))
}

/// What essentials writes of a scope.
struct Attributed {
    summary: String,
    description: String,
    user_information: Option<String>,
    owner: bool,
    risk: u8,
}

fn read(call: &Call) -> Result<Attributed, Refusal> {
    let mut attributes = Attributes::read(call)?;
    let read = Attributed {
        summary: attributes.required_text("summary")?,
        owner: attributes.required_switch("is_resource_owner_scope")?,
        description: attributes.text("description")?.unwrap_or_default(),
        user_information: attributes.text("user_information")?.filter(|text| !text.is_empty()),
        risk: attributes.number("criticality_level")?.unwrap_or(2),
    };
    attributes.end()?;
    Ok(read)
}

async fn write(id: &str, scope: &str, call: &Call) -> Result<(), Refusal> {
    let of = parse(id)?;
    let caller = allowed(id, &of, call).await?;
    if !grantor_oauth_types::name::is_scope_id(scope) {
        let details = json!({ "scope_id": "expected ^[a-z][a-z0-9-_]*[a-z0-9]$" });
        return Err(Refusal::detailed("The id is not valid", &details));
    }
    let attributed = read(call)?;
    let token = format!("{id}.{scope}");
    let refused = |problem: Problem| Refusal::of_write(&problem, &of, Some(scope), &[]);
    let key = CatalogueScopes::at(&caller.context.tenant.tenant.name, &token);
    let key = key.ok_or_else(Refusal::missing)?;
    if !caller.context.tenant.scopes.contains_key(&*token) {
        let body = body(&attributed, &of, None);
        let made = CatalogueScopes::create(&token, body, &caller).map_err(refused)?;
        return write::create::<CatalogueScopes>(&call.app, &caller, &made).await.map_err(refused);
    }
    let change = write::Change {
        key: &key,
        expected: &Precondition::Any,
        kind: "scope.changed",
        more: &|_, _| {},
    };
    let rule = |before: &Scope| {
        CatalogueScopes::replace(before, body(&attributed, &of, Some(before)), &caller)
    };
    let done = write::change::<CatalogueScopes>(&call.app, &caller, change, rule).await;
    done.map(|_| ()).map_err(refused)
}

/// Somebody who may write the type, which is there.
async fn allowed(id: &str, of: &ResourceTypeId, call: &Call) -> Result<Caller, Refusal> {
    let reader = call.reader()?;
    find(&reader, id)?;
    call.writer(of).await
}

/// What essentials does not know stays what it is: other languages, approver, the level of login,
/// and a rule that is neither of the two it can tell apart.
fn body(attributed: &Attributed, of: &ResourceTypeId, before: Option<&Scope>) -> Written {
    let before = before.cloned();
    let mut summary = before.as_ref().map(|b| b.summary.clone()).unwrap_or_default();
    summary.insert(LANGUAGE.to_owned(), attributed.summary.clone());
    let mut information = before.as_ref().map(|b| b.user_information.clone()).unwrap_or_default();
    match &attributed.user_information {
        Some(text) => information.insert(LANGUAGE.to_owned(), text.clone()),
        None => information.remove(LANGUAGE),
    };
    let rule = match (attributed.owner, before.as_ref().map(|before| &before.rule)) {
        (true, _) => GrantRule::Owner,
        (false, Some(rule)) if *rule != GrantRule::Owner => rule.clone(),
        (false, _) => GrantRule::Assigned,
    };
    Written {
        resource_type: Some(of.clone()),
        rule,
        summary,
        description: attributed.description.clone(),
        user_information: information,
        risk: attributed.risk,
        group_claim: before.as_ref().and_then(|before| before.group_claim.clone()),
        consent_seconds: before.as_ref().and_then(|before| before.consent_seconds),
        required_acr: before.as_ref().and_then(|before| before.required_acr.clone()),
        approver: before.as_ref().and_then(|before| before.approver.clone()),
        assignment_seconds: before.and_then(|before| before.assignment_seconds),
    }
}

/// `DELETE …/scopes/{s}`: done, also where there was none.
pub(super) async fn delete(
    Path((id, scope)): Path<(String, String)>,
    call: Call,
) -> Response<Body> {
    answer(take_away(&id, &scope, &call).await.map(|()| None))
}

async fn take_away(id: &str, scope: &str, call: &Call) -> Result<(), Refusal> {
    let of = parse(id)?;
    let caller = allowed(id, &of, call).await?;
    let token = format!("{id}.{scope}");
    let Some(key) = CatalogueScopes::at(&caller.context.tenant.tenant.name, &token) else {
        return Ok(());
    };
    let done = write::delete::<CatalogueScopes>(&call.app, &caller, &key, &Precondition::Any).await;
    match done {
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Ok(()),
        other => other.map_err(|problem| Refusal::of_write(&problem, &of, Some(scope), &[])),
    }
}

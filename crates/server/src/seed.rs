//! What a tenant begins with: base scopes, the permissions of the management API, and three realms.

use std::collections::BTreeMap;

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::document::{Document, DocumentKey};
use grantor_domain::realm::Realm;
use grantor_domain::registry::{Entry as _, Known};
use grantor_domain::resource_type::ResourceType;
use grantor_domain::scope::{GrantRule, Scope};
use grantor_domain::tenant::{Tenant, TenantSettings};
use grantor_oauth_types::name::{RealmName, ResourceTypeId, TenantName};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use grantor_store::{
    Claim, Claimed, DocumentQuery, Documents as _, Effects, Expect, Store, StoreError, operations,
};
use jiff::Timestamp;
use serde_json::json;

use crate::access::{ALL, RESOURCE_TYPE};
use crate::api::Problem;
use crate::app::new_id;

/// Scopes that concern no data: the caller's own name, and the client in STUPS tokens. Each with what
/// people read, in English and German.
const BASE_SCOPES: [[&str; 3]; 2] = [
    ["uid", "Know who you are", "Wissen, wer Sie sind"],
    ["azp", "Know which application acts for you", "Wissen, welche Anwendung für Sie handelt"],
];

/// Scopes that release claims about a person (OIDC Core §5.4), and the one for offline use (§11).
const IDENTITY_SCOPES: [[&str; 3]; 6] = [
    ["openid", "Know that it is you", "Wissen, dass Sie es sind"],
    [
        "profile",
        "See your name and what else is in your profile",
        "Ihren Namen sehen und was sonst in Ihrem Profil steht",
    ],
    ["email", "See your e-mail address", "Ihre E-Mail-Adresse sehen"],
    ["address", "See your postal address", "Ihre Anschrift sehen"],
    ["phone", "See your telephone number", "Ihre Telefonnummer sehen"],
    [
        "offline_access",
        "Act for you while you are away",
        "Für Sie handeln, während Sie nicht da sind",
    ],
];

/// The realms, and whether their users are services.
const REALMS: [(&str, bool); 3] = [("customers", false), ("employees", false), ("services", true)];

/// A tenant and what it begins with.
#[derive(Clone, Debug)]
pub struct Seed {
    tenant: Tenant,
    realms: Vec<Realm>,
    resource_type: ResourceType,
    scopes: Vec<Scope>,
}

/// What a new tenant needs. `is_default` says whether its administrators manage tenants.
pub fn tenant(tenant: Tenant, is_default: bool) -> Seed {
    let name = &tenant.name;
    let base = BASE_SCOPES.iter().map(|texts| for_people(name, GrantRule::Always, texts));
    let identity = identity(name);
    let permissions = permissions(name, is_default);
    let realm = |(realm, services): &(&str, bool)| Realm {
        tenant: name.clone(),
        name: RealmName::parse(realm).expect("a label"),
        services: *services,
        password_grant: false,
        default_scopes: Scopes::parse("uid").expect("a scope"),
        access_token_seconds: None,
        sign_in_page: None,
    };
    Seed {
        realms: REALMS.iter().map(realm).collect(),
        resource_type: resource_type(name),
        scopes: base.chain(identity).chain(permissions).collect(),
        tenant,
    }
}

fn resource_type(tenant: &TenantName) -> ResourceType {
    ResourceType {
        tenant: tenant.clone(),
        id: ResourceTypeId::parse(RESOURCE_TYPE).expect("an id"),
        name: "Grantor".to_owned(),
        description: "The configuration of this tenant".to_owned(),
        owners: Vec::new(),
        audience: None,
    }
}

fn identity(tenant: &TenantName) -> impl Iterator<Item = Scope> {
    IDENTITY_SCOPES.iter().map(|texts| for_people(tenant, GrantRule::Identity, texts))
}

/// A scope that people are asked for, in every language of the pages.
fn for_people(tenant: &TenantName, rule: GrantRule, texts: &[&str; 3]) -> Scope {
    let [token, english, german] = texts;
    let mut scope = scope(tenant, token, None, rule, english);
    scope.summary.insert("de".to_owned(), (*german).to_owned());
    scope
}

fn permissions(tenant: &TenantName, is_default: bool) -> impl Iterator<Item = Scope> {
    ALL.iter().filter(move |listed| is_default || !listed.across_tenants).map(move |listed| {
        let of = ResourceTypeId::parse(RESOURCE_TYPE).expect("an id");
        scope(tenant, listed.scope, Some(of), GrantRule::Assigned, listed.summary)
    })
}

fn scope(
    tenant: &TenantName,
    token: &str,
    resource_type: Option<ResourceTypeId>,
    rule: GrantRule,
    summary: &str,
) -> Scope {
    let risk = if resource_type.is_some() { 3 } else { 1 };
    Scope {
        tenant: tenant.clone(),
        token: ScopeToken::parse(token).expect("a scope"),
        resource_type,
        rule,
        summary: BTreeMap::from([("en".to_owned(), summary.to_owned())]),
        description: String::new(),
        user_information: BTreeMap::new(),
        risk,
        required_acr: None,
        consent_seconds: None,
        group_claim: None,
        approver: None,
        assignment_seconds: None,
    }
}

impl Seed {
    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Writes everything; nothing of it may be there yet.
    pub fn effects(&self) -> Effects {
        self.contents().put(&self.tenant, Expect::New)
    }

    /// Writes what is in the tenant, without the tenant itself.
    pub fn contents(&self) -> Effects {
        let mut effects = Effects::NONE;
        for scope in &self.scopes {
            effects = effects.put(scope, Expect::New);
        }
        for realm in &self.realms {
            effects = effects.put(realm, Expect::New);
        }
        effects.put(&self.resource_type, Expect::New)
    }
}

/// What the first start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstStart {
    /// Nothing: the tenant was made
    Created,
    /// The tenant, with this issuer; permissions that this version added are there now
    Existing {
        /// Its issuer: to be compared with the configuration
        issuer: String,
    },
}

/// The database is that of a server with another default tenant.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database has no tenant {name:?}, but {known:?}: tenant.name is the name it was made with"
)]
pub struct OtherTenants {
    name: TenantName,
    known: Vec<TenantName>,
}

/// Makes the default tenant unless it is there, and gives every tenant the permissions that this
/// version of the program knows. Of several nodes that start at once one does each.
pub async fn first_start(
    store: &dyn Store,
    name: &TenantName,
    issuer: &str,
    hosts: &[String],
    now: Timestamp,
) -> Result<FirstStart, StoreError> {
    let first = Tenant {
        name: name.clone(),
        issuer: issuer.to_owned(),
        hosts: hosts.to_vec(),
        enabled: true,
        settings: TenantSettings::default(),
    };
    first.check(&Known::at(now)).map_err(|flaws| Problem::flaws(&flaws))?;
    let query = DocumentQuery { tenant: None, ..DocumentQuery::of::<Tenant>(name, 10_000) };
    let known = store.list::<Tenant>(&query).await?;
    if !known.is_empty() && known.iter().all(|known| known.value.name != *name) {
        let known = known.into_iter().map(|known| known.value.name).collect();
        return Err(StoreError::refused(OtherTenants { name: name.clone(), known }));
    }
    let found = make(store, tenant(first, true), now).await?;
    for found in store.list::<Tenant>(&query).await? {
        complete(store, &found.value.name, found.value.name == *name).await?;
    }
    Ok(found)
}

async fn make(store: &dyn Store, seed: Seed, now: Timestamp) -> Result<FirstStart, StoreError> {
    let name = seed.tenant.name.clone();
    // Whoever claims the tenant first makes it; the others find it.
    let claims = vec![Claim::Document(DocumentKey::id::<Tenant>(&name, name.as_str()))];
    let event = AuditEvent {
        id: new_id(now),
        tenant: name,
        at: now,
        kind: "tenant.created".to_owned(),
        outcome: AuditOutcome::Done,
        actor: "system".to_owned(),
        subject: Some(format!("tenant/{}", seed.tenant.name)),
        address: None,
        detail: json!({ "issuer": seed.tenant.issuer }),
    };
    operations::judge(store, claims, move |claimed| {
        if let Some(found) = claimed.document::<Tenant>(0)? {
            let issuer = found.value.issuer;
            return Ok((FirstStart::Existing { issuer }, Effects::NONE));
        }
        Ok((FirstStart::Created, seed.effects().audit(event.clone())))
    })
    .await
}

/// Adds the permissions that a tenant does not have yet.
async fn complete(
    store: &dyn Store,
    name: &TenantName,
    is_default: bool,
) -> Result<(), StoreError> {
    let scopes: Vec<Scope> = permissions(name, is_default).chain(identity(name)).collect();
    let known = DocumentQuery::of::<Scope>(name, 10_000);
    let known = store.list::<Scope>(&known).await?;
    let mut missing = scopes;
    missing.retain(|scope| known.iter().all(|known| known.value.token != scope.token));
    if missing.is_empty() {
        return Ok(());
    }
    let resource_type = resource_type(name);
    let mut claims = vec![claim(&resource_type)];
    claims.extend(missing.iter().map(claim));
    let rule = move |claimed: &Claimed| {
        let mut effects = Effects::NONE;
        if claimed.stored(0).is_none() {
            effects = effects.put(&resource_type, Expect::New);
        }
        for (at, scope) in missing.iter().enumerate() {
            if claimed.stored(at + 1).is_none() {
                effects = effects.put(scope, Expect::New);
            }
        }
        Ok(((), effects))
    };
    operations::judge(store, claims, rule).await
}

fn claim<D: Document>(document: &D) -> Claim {
    Claim::Document(DocumentKey::id::<D>(document.tenant(), document.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_passes_the_rules_that_everybody_elses_writes_meet() {
        let name = TenantName::parse("main").unwrap();
        let first = Tenant {
            name,
            issuer: "https://as.example".to_owned(),
            hosts: Vec::new(),
            enabled: true,
            settings: TenantSettings::default(),
        };
        let seed = tenant(first, true);
        let now = Timestamp::UNIX_EPOCH;
        let mut known = Known::at(now).and(&seed.resource_type);
        for scope in &seed.scopes {
            known = known.and(scope);
        }
        seed.tenant.check(&known).unwrap();
        seed.scopes.iter().for_each(|scope| scope.check(&known).unwrap());
        seed.realms.iter().for_each(|realm| realm.check(&known).unwrap());
        let tenants = |seed: &Seed| {
            seed.scopes.iter().filter(|scope| scope.token.as_str().contains("tenant")).count()
        };
        assert_eq!(tenants(&seed), 2);
        assert_eq!(tenants(&super::tenant(seed.tenant.clone(), false)), 0);
    }

    #[test]
    fn sec_053_no_realm_allows_the_password_grant_by_default() {
        let name = TenantName::parse("main").unwrap();
        let first = Tenant {
            name,
            issuer: "https://as.example".to_owned(),
            hosts: Vec::new(),
            enabled: true,
            settings: TenantSettings::default(),
        };
        assert!(tenant(first, true).realms.iter().all(|realm| !realm.password_grant));
    }
}

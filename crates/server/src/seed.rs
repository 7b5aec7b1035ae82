//! What a tenant begins with.

use std::collections::BTreeMap;

use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::document::DocumentKey;
use grantor_domain::realm::Realm;
use grantor_domain::scope::{GrantRule, Scope};
use grantor_domain::tenant::{Tenant, TenantSettings};
use grantor_oauth_types::name::{RealmName, TenantName};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use grantor_store::{Claim, Effects, Expect, Store, StoreError, operations};
use jiff::Timestamp;
use serde_json::json;

/// Makes the default tenant unless there is one. Of several nodes that start at once, one does.
/// Returns whether this one did.
pub async fn first_start(
    store: &dyn Store,
    name: &TenantName,
    issuer: &str,
    hosts: &[String],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let tenant = Tenant {
        name: name.clone(),
        issuer: issuer.to_owned(),
        hosts: hosts.to_vec(),
        enabled: true,
        settings: TenantSettings::default(),
    };
    let claim = Claim::Document(DocumentKey::id::<Tenant>(name, name.as_str()));
    let created = AuditEvent {
        id: crate::app::new_id(now),
        tenant: name.clone(),
        at: now,
        kind: "tenant.created".to_owned(),
        outcome: AuditOutcome::Done,
        actor: "system".to_owned(),
        subject: Some(format!("tenant/{name}")),
        address: None,
        detail: json!({ "issuer": issuer }),
    };
    operations::judge(store, vec![claim], move |claimed| {
        if claimed.document::<Tenant>(0)?.is_some() {
            return Ok((false, Effects::NONE));
        }
        let effects = contents(&tenant).put(&tenant, Expect::New).audit(created.clone());
        Ok((true, effects))
    })
    .await
}

/// Realms and base scopes of a new tenant.
pub fn contents(tenant: &Tenant) -> Effects {
    let mut effects = Effects::NONE;
    for (name, services) in [("customers", false), ("employees", false), ("services", true)] {
        let realm = Realm {
            tenant: tenant.name.clone(),
            name: RealmName::parse(name).expect("a plain label"),
            services,
            password_grant: false,
            default_scopes: Scopes::parse(UID).expect("a plain scope"),
            access_token_seconds: None,
        };
        effects = effects.put(&realm, Expect::New);
    }
    for (token, summary) in BASE_SCOPES {
        let scope = Scope {
            tenant: tenant.name.clone(),
            token: ScopeToken::parse(token).expect("a plain scope"),
            resource_type: None,
            rule: GrantRule::Always,
            summary: BTreeMap::from([("en".to_owned(), summary.to_owned())]),
            description: String::new(),
            user_information: BTreeMap::new(),
            risk: 1,
            required_acr: None,
            approver: None,
            assignment_seconds: None,
        };
        effects = effects.put(&scope, Expect::New);
    }
    effects
}

/// The scope by which an API learns who the caller is.
const UID: &str = "uid";

/// Scopes that concern no data of their own.
const BASE_SCOPES: [(&str, &str); 2] =
    [(UID, "Know who you are"), ("azp", "Name the client in STUPS tokens")];

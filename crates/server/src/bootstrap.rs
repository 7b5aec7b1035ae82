//! The first administrator (SEC-168).
//!
//! While a tenant has no administrator, whoever starts the server or works on its host gets a
//! one-time secret, and redeems it for a client that may do everything. The secret is sealed, not
//! kept: tenant and end are inside, readable to every node with the master key and to nobody else.
//! So it works on any node of several, survives a restart within its hour, and leaves nothing
//! behind. What makes it one-time is the mark that redeeming sets, in the operation that makes the
//! administrator; once there is one, no secret is worth anything.

use grantor_crypto::secret::{BearerSecret, SecretKind};
use grantor_domain::assignment::{Assignment, Principal};
use grantor_domain::audit::{AuditEvent, AuditOutcome};
use grantor_domain::client::{Client, StoredSecret};
use grantor_domain::document::{Document as _, DocumentKey};
use grantor_domain::scope::Scope;
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::{ClientId, TenantName};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{
    Claim, DocumentQuery, Documents as _, Effect, Effects, Expect, Store, StoreError, UsedKind,
    operations,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::access::{RESOURCE_TYPE, is_permission};
use crate::app::new_id;
use crate::secrets::Secrets;

/// How long a secret is good for, in seconds.
pub const SECONDS: i64 = 3_600;

/// How many assignments are looked through at once.
const AT_ONCE: usize = 1_000;

/// The name of the first administrator's client, unless it is told another.
pub const CLIENT: &str = "admin";

/// A client that may do everything in its tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct Administrator {
    /// Its id
    pub client_id: ClientId,
    /// Its secret, shown this once
    pub client_secret: String,
}

impl std::fmt::Debug for Administrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administrator").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Why there is no first administrator to be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Not one of our secrets, of another tenant, or past its hour
    #[error("the secret is not valid, or no longer")]
    WrongSecret,
    /// There is one
    #[error("there is an administrator already")]
    AdministratorExists,
    /// The store said no
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether anything of the management API is assigned to anybody, at this moment or later.
pub async fn administrator_exists(
    store: &dyn Store,
    tenant: &TenantName,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut query = DocumentQuery::of::<Assignment>(tenant, AT_ONCE);
    loop {
        let found = store.list::<Assignment>(&query).await?;
        let counts = |a: &Assignment| is_permission(&a.scope) && a.is_live(now);
        if found.iter().any(|found| counts(&found.value)) {
            return Ok(true);
        }
        if found.len() < AT_ONCE {
            return Ok(false);
        }
        query.after = found.last().map(|last| last.value.id());
    }
}

/// The secret to print once, if the tenant has no administrator.
pub async fn secret_if_needed(
    store: &dyn Store,
    secrets: &Secrets,
    tenant: &TenantName,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let exists = administrator_exists(store, tenant, now).await?;
    let end = (now.as_second() + SECONDS).to_string();
    let seal = || secrets.bootstrap.seal(PREFIX, tenant.as_str().as_bytes(), end.as_bytes());
    Ok((!exists).then(seal))
}

const PREFIX: &str = SecretKind::Bootstrap.prefix();

fn is_valid(secrets: &Secrets, tenant: &TenantName, text: &str, now: Timestamp) -> bool {
    let opened = secrets.bootstrap.open(PREFIX, tenant.as_str().as_bytes(), text);
    let end = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    let end: Option<i64> = end.and_then(|text| text.parse().ok());
    end.is_some_and(|end| now.as_second() < end)
}

/// Redeems a secret that somebody presents.
pub async fn redeem(
    store: &dyn Store,
    secrets: &Secrets,
    tenant: &TenantName,
    secret: &str,
    client: ClientId,
    now: Timestamp,
) -> Result<Administrator, BootstrapError> {
    if !is_valid(secrets, tenant, secret, now) {
        return Err(BootstrapError::WrongSecret);
    }
    on_host(store, secrets, tenant, client, "bootstrap", now).await
}

/// Makes the first administrator of a tenant, for whoever holds the database and the master key
/// already; `actor` goes into the audit log.
pub async fn on_host(
    store: &dyn Store,
    secrets: &Secrets,
    tenant: &TenantName,
    client_id: ClientId,
    actor: &str,
    now: Timestamp,
) -> Result<Administrator, BootstrapError> {
    if administrator_exists(store, tenant, now).await? {
        return Err(BootstrapError::AdministratorExists);
    }
    let client_secret = BearerSecret::mint(SecretKind::ClientSecret).reveal();
    let stored = StoredSecret {
        digest: secrets.client_digest.digest(&client_secret),
        created: now,
        expires: None,
    };
    let (name, id, actor) = (tenant.clone(), client_id.clone(), actor.to_owned());
    let mark = tenant.as_str().as_bytes().to_vec();
    let claims = vec![
        Claim::Document(DocumentKey::id::<Tenant>(tenant, tenant.as_str())),
        Claim::Children { tenant: name.clone(), kind: Scope::KIND, parent: RESOURCE_TYPE.into() },
        Claim::Used(UsedKind::Bootstrap, mark.clone()),
    ];
    let made = operations::judge(store, claims, move |claimed| {
        // Of two who redeem at once the second finds the mark, wherever it looked for the first
        // administrator before.
        if claimed.used(2) || claimed.stored(0).is_none() {
            return Ok((false, Effects::NONE));
        }
        let scopes = claimed.children::<Scope>(1)?;
        let scopes: Scopes = scopes.into_iter().map(|found| found.value.token).collect();
        let client = administrator(&name, &id, scopes, stored.clone());
        let until = now.saturating_add(SignedDuration::from_secs(SECONDS));
        let mark =
            Effect::MarkUsed(UsedKind::Bootstrap, mark.clone(), until.unwrap_or(Timestamp::MAX));
        Ok((true, everything(&client, &actor, now).and(mark)))
    })
    .await?;
    if made {
        Ok(Administrator { client_id, client_secret })
    } else {
        Err(BootstrapError::AdministratorExists)
    }
}

fn administrator(
    tenant: &TenantName,
    id: &ClientId,
    scopes: Scopes,
    secret: StoredSecret,
) -> Client {
    Client {
        name: "First administrator".to_owned(),
        secrets: vec![secret],
        grant_types: [GrantType::ClientCredentials].into(),
        default_scopes: scopes.clone(),
        scopes,
        ..Client::new(tenant.clone(), id.clone(), ClientAuthMethod::ClientSecretBasic)
    }
}

/// The client, an assignment of each of its scopes, and what the audit log says of it.
fn everything(client: &Client, actor: &str, now: Timestamp) -> Effects {
    let mut effects = Effects::NONE.put(client, Expect::New);
    for scope in client.scopes.iter() {
        let assignment = Assignment {
            tenant: client.tenant.clone(),
            id: new_id(now),
            principal: Principal::Client(client.id.clone()),
            scope: scope.clone(),
            reason: "First administrator".to_owned(),
            approver: None,
            created: now,
            created_by: actor.to_owned(),
            expires: None,
        };
        effects = effects.put(&assignment, Expect::New);
    }
    effects.audit(AuditEvent {
        id: new_id(now),
        tenant: client.tenant.clone(),
        at: now,
        kind: "administrator.created".to_owned(),
        outcome: AuditOutcome::Done,
        actor: actor.to_owned(),
        subject: Some(format!("client/{}", client.id)),
        address: None,
        detail: json!({ "scopes": client.scopes }),
    })
}

//! A client or a user, with everything a decision about it looks at.

use std::sync::Arc;

use grantor_crypto::jwk::JwkSet;
use grantor_domain::application::Application;
use grantor_domain::assignment::{Assignment, Principal};
use grantor_domain::client::Client;
use grantor_domain::client_auth::RegisteredClient;
use grantor_domain::consent::Consent;
use grantor_domain::document::DocumentKey;
use grantor_domain::user::User;
use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::{ApplicationId, ClientId, TenantName};
use grantor_store::{DocumentQuery, Documents as _, Store, StoreError};

/// The most assignments of one principal, and consents of one user, that count.
const MOST: usize = 1_000;

/// A client and what belongs to it.
#[derive(Debug)]
pub struct ClientEntry {
    /// The registration
    pub registered: RegisteredClient,
    /// Its application
    pub application: Option<Application>,
    /// What is assigned to the client itself
    pub assignments: Vec<Assignment>,
    /// The service user of its application
    pub service_user: Option<UserEntry>,
}

/// A user and what belongs to it.
#[derive(Debug)]
pub struct UserEntry {
    /// The user
    pub user: Arc<User>,
    /// The application whose service user it is
    pub application: Option<Application>,
    /// What is assigned to the user and to the groups it is in
    pub assignments: Vec<Assignment>,
    /// Every group, nested ones included
    pub groups: Vec<GroupId>,
    /// What it has decided about clients
    pub consents: Vec<Consent>,
}

impl ClientEntry {
    /// The registration.
    pub fn client(&self) -> &Client {
        &self.registered.client
    }
}

pub(super) async fn load_client(
    store: &dyn Store,
    tenant: &TenantName,
    id: &ClientId,
) -> Result<Option<ClientEntry>, StoreError> {
    let key = DocumentKey::id::<Client>(tenant, id.as_str());
    let Some(found) = store.find::<Client>(&key).await? else { return Ok(None) };
    let client = found.value;
    let application = application(store, tenant, client.application.as_ref()).await?;
    let service_user = match application.as_ref().and_then(|application| application.service_user) {
        Some(id) => load_user(store, &DocumentKey::id::<User>(tenant, id.to_string())).await?,
        None => None,
    };
    let keys = client.jwks.as_ref().map(|jwks| JwkSet::parse(jwks.to_string().as_bytes()));
    let keys = keys.transpose().map_err(|_| StoreError::Corrupt(format!("jwks of client {id}")))?;
    Ok(Some(ClientEntry {
        assignments: assigned(store, tenant, &Principal::Client(id.clone())).await?,
        registered: RegisteredClient {
            client: Arc::new(client),
            keys: Arc::new(keys.unwrap_or_default()),
        },
        application,
        service_user,
    }))
}

pub(super) async fn load_user(
    store: &dyn Store,
    key: &DocumentKey,
) -> Result<Option<UserEntry>, StoreError> {
    let Some(found) = store.find::<User>(key).await? else { return Ok(None) };
    let user = found.value;
    let tenant = &user.tenant;
    let groups = store.groups_of(tenant, user.id).await?;
    let mut assignments = assigned(store, tenant, &Principal::User(user.id)).await?;
    for group in &groups {
        assignments.extend(assigned(store, tenant, &Principal::Group(*group)).await?);
    }
    let consents = DocumentQuery::of::<Consent>(tenant, MOST).under(user.id.to_string());
    let consents = store.list::<Consent>(&consents).await?;
    Ok(Some(UserEntry {
        application: application(store, tenant, user.application.as_ref()).await?,
        assignments,
        groups,
        consents: consents.into_iter().map(|found| found.value).collect(),
        user: Arc::new(user),
    }))
}

async fn application(
    store: &dyn Store,
    tenant: &TenantName,
    id: Option<&ApplicationId>,
) -> Result<Option<Application>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    let key = DocumentKey::id::<Application>(tenant, id.as_str());
    Ok(store.find::<Application>(&key).await?.map(|found| found.value))
}

async fn assigned(
    store: &dyn Store,
    tenant: &TenantName,
    principal: &Principal,
) -> Result<Vec<Assignment>, StoreError> {
    let query = DocumentQuery::of::<Assignment>(tenant, MOST).under(principal.key());
    Ok(store.list::<Assignment>(&query).await?.into_iter().map(|found| found.value).collect())
}

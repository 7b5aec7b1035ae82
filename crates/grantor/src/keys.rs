//! The signing keys of a database, opened on its host. SEC-094.

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::jwk::{JwkSet, KeySet};
use grantor_crypto::key::SigningKey;
use grantor_crypto::seal::Keyring;
use grantor_domain::document::Kind;
use grantor_domain::signing_key::SigningKeyRecord;
use grantor_domain::tenant::Tenant;
use grantor_oauth_types::name::TenantName;
use grantor_store::{DocumentQuery, Documents as _, Store, StoreError};

use crate::config::Config;

/// More keys than this in one tenant are not looked at.
const MOST: usize = 1_000;

/// Every tenant.
pub(crate) async fn tenants(store: &dyn Store) -> Result<Vec<Tenant>, StoreError> {
    let query = DocumentQuery {
        tenant: None,
        kind: Kind::Tenant,
        parent: None,
        after: None,
        limit: 10_000,
    };
    Ok(store.list::<Tenant>(&query).await?.into_iter().map(|found| found.value).collect())
}

/// The keys of a tenant, oldest first.
pub(crate) async fn records(
    store: &dyn Store,
    tenant: &TenantName,
) -> Result<Vec<SigningKeyRecord>, StoreError> {
    let query = DocumentQuery::of::<SigningKeyRecord>(tenant, MOST);
    let found = store.list::<SigningKeyRecord>(&query).await?;
    let mut records: Vec<_> = found.into_iter().map(|found| found.value).collect();
    records.sort_by_key(|record| (record.created, record.active_from));
    Ok(records)
}

/// The sealed private part.
pub(crate) fn sealed(record: &SigningKeyRecord) -> anyhow::Result<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD
        .decode(&record.sealed)
        .with_context(|| format!("the signing key {} does not read", record.kid))
}

/// Opens a key.
pub(crate) fn open(record: &SigningKeyRecord, keyring: &Keyring) -> anyhow::Result<SigningKey> {
    let context = SigningKeyRecord::seal_context(&record.tenant, &record.kid);
    let about = || format!("the signing key {} of {}", record.kid, record.tenant);
    let der = keyring.open(context.as_bytes(), &sealed(record)?).with_context(about)?;
    SigningKey::from_pkcs8(record.alg, Some(record.kid.clone()), &der).with_context(about)
}

/// The public parts of every key that was not withdrawn, retired ones too: what verifies
/// checkpoints of the past.
pub(crate) async fn public(
    store: &dyn Store,
    tenant: &TenantName,
    keyring: &Keyring,
) -> anyhow::Result<JwkSet> {
    let records = records(store, tenant).await?;
    let trusted = records.iter().filter(|record| record.withdrawn.is_none());
    let keys = trusted.map(|record| Ok(open(record, keyring)?.public_jwk()));
    // The set that a server publishes is shorter than this one may be; readers take a hundred.
    let keys: Vec<_> = keys.collect::<anyhow::Result<_>>()?;
    let newest = keys.len().saturating_sub(JwkSet::MAX_KEYS);
    let json = serde_json::json!({ "keys": &keys[newest..] });
    JwkSet::parse(json.to_string().as_bytes()).map_err(|e| anyhow!("the keys of {tenant}: {e}"))
}

/// What verifies the checkpoints of the audit chain.
pub(crate) async fn verifying(
    store: &dyn Store,
    config: &Config,
    keyring: &Keyring,
) -> anyhow::Result<KeySet> {
    let records = records(store, &config.settings.default_tenant).await?;
    let trusted = records.iter().filter(|record| record.withdrawn.is_none());
    let keys = trusted.map(|record| Ok(open(record, keyring)?.verifying_key()));
    Ok(KeySet::new(keys.collect::<anyhow::Result<Vec<_>>>()?)?)
}

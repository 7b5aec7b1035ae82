//! What works once: codes, pushed requests.

use grantor_crypto::digest::SecretDigest;
use grantor_domain::single_use::{SingleUse, SingleUseKind};
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::column::{self, get, micros};
use crate::step::{Step, step};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT tenant, kind, id, digest, expires, spent, body FROM single_use ", $rest)
    };
}

const FIND: &str = select!("WHERE tenant = $1 AND kind = $2 AND id = $3");

const CLAIM: &str = select!("WHERE tenant = $1 AND kind = $2 AND id = $3 FOR UPDATE");

const INSERT: &str = "
    INSERT INTO single_use (tenant, kind, id, digest, expires, spent, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const SPEND: &str = "UPDATE single_use SET spent = $4 WHERE tenant = $1 AND kind = $2 AND id = $3";

const PURGE: &str = "
    DELETE FROM single_use WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM single_use WHERE expires < $1 ORDER BY expires LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1";

/// Every value.
pub(crate) const DUMP: &str = select!("ORDER BY tenant, kind, id");

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM single_use)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 7] = [FIND, CLAIM, INSERT, SPEND, PURGE, DUMP, ANY];

/// Finds a value.
pub(crate) fn find(tenant: &TenantName, kind: SingleUseKind, id: [u8; 16]) -> Step {
    step!(FIND, tenant.to_string(), kind.as_str(), Uuid::from_bytes(id))
}

/// Finds a value and keeps others from spending it.
pub(crate) fn claim(tenant: &TenantName, kind: SingleUseKind, id: [u8; 16]) -> Step {
    step!(CLAIM, tenant.to_string(), kind.as_str(), Uuid::from_bytes(id))
}

/// Adds a value.
pub(crate) fn open(value: SingleUse) -> Step {
    step!(
        INSERT,
        value.tenant.to_string(),
        value.kind.as_str(),
        Uuid::from_bytes(value.id),
        value.digest.as_bytes().to_vec(),
        micros(value.expires),
        value.spent.map(micros),
        value.body,
    )
}

/// Marks a value that was claimed as spent.
pub(crate) fn spend(value: &SingleUse, at: Timestamp) -> Step {
    let SingleUse { tenant, kind, id, .. } = value;
    step!(SPEND, tenant.to_string(), kind.as_str(), Uuid::from_bytes(*id), micros(at))
}

/// Deletes values whose end was before `over`.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Reads a value.
pub(crate) fn read(row: &Row) -> Result<SingleUse, StoreError> {
    let kind = |text: &str| SingleUseKind::ALL.into_iter().find(|k| k.as_str() == text).ok_or(());
    Ok(SingleUse {
        tenant: column::tenant(row)?,
        kind: column::parsed(row, "kind", kind)?,
        id: get::<Uuid>(row, "id")?.into_bytes(),
        digest: SecretDigest::from_bytes(column::hash(row, "digest")?),
        expires: column::time(row, "expires")?,
        spent: column::maybe_time(row, "spent")?,
        body: get(row, "body")?,
    })
}

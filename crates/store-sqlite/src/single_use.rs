//! What works once: codes, pushed requests.

use grantor_crypto::digest::SecretDigest;
use grantor_domain::single_use::{SingleUse, SingleUseKind};
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::column::{Checksum, Columns, micros};
use crate::fault::Fault;
use crate::rows;

const FIND: &str = "
    SELECT tenant, kind, id, digest, expires, spent, body, checksum FROM single_use
    WHERE tenant = ?1 AND kind = ?2 AND id = ?3";

const INSERT: &str = "
    INSERT INTO single_use (tenant, kind, id, digest, expires, spent, body, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const SPEND: &str = "
    UPDATE single_use SET spent = ?4, checksum = ?5
    WHERE tenant = ?1 AND kind = ?2 AND id = ?3";

const PURGE: &str = "
    DELETE FROM single_use WHERE (tenant, kind, id) IN
        (SELECT tenant, kind, id FROM single_use WHERE expires < ?1 ORDER BY expires LIMIT ?2)";

const DUMP: &str = "
    SELECT tenant, kind, id, digest, expires, spent, body, checksum FROM single_use
    ORDER BY tenant, kind, id";

/// What must be found through which index, however the tables grow.
#[cfg(test)]
pub(crate) const PLANS: [(&str, &str); 1] = [(PURGE, "single_use_expires (expires<?)")];

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 5] = [FIND, INSERT, SPEND, PURGE, DUMP];

/// Finds a value.
pub(crate) fn find(
    db: &Connection,
    tenant: &TenantName,
    kind: SingleUseKind,
    id: &[u8; 16],
) -> Result<Option<SingleUse>, Fault> {
    rows::first(db, FIND, params![tenant.as_str(), kind.as_str(), id], read)
}

/// Adds a value.
pub(crate) fn open(db: &Connection, value: &SingleUse) -> Result<(), Fault> {
    db.prepare_cached(INSERT)?.execute(params![
        value.tenant.as_str(),
        value.kind.as_str(),
        value.id,
        value.digest.as_bytes(),
        micros(value.expires),
        value.spent.map(micros),
        value.body,
        checksum(value),
    ])?;
    Ok(())
}

/// Marks a value that was claimed as spent.
pub(crate) fn spend(db: &Connection, value: &SingleUse, at: Timestamp) -> Result<(), Fault> {
    let spent = SingleUse { spent: Some(at), ..value.clone() };
    let (tenant, kind) = (value.tenant.as_str(), value.kind.as_str());
    let values = params![tenant, kind, value.id, micros(at), checksum(&spent)];
    if db.prepare_cached(SPEND)?.execute(values)? == 0 {
        // A mistake in a rule: what is spent was claimed.
        return Err(StoreError::Corrupt("a value that is not there was spent".into()).into());
    }
    Ok(())
}

/// Deletes values whose end was before `over`.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every value.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(SingleUse) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| take(read(row)?))
}

fn read(row: &Row<'_>) -> Result<SingleUse, Fault> {
    let kind = |text: &str| SingleUseKind::ALL.into_iter().find(|k| k.as_str() == text).ok_or(());
    let mut columns = Columns::of(row);
    let value = SingleUse {
        tenant: columns.tenant()?,
        kind: columns.parsed("kind", kind)?,
        id: columns.get("id")?,
        digest: SecretDigest::from_bytes(columns.get("digest")?),
        expires: columns.time("expires")?,
        spent: columns.maybe_time("spent")?,
        body: columns.get("body")?,
    };
    columns.verify(checksum(&value), "a single-use value")?;
    Ok(value)
}

fn checksum(value: &SingleUse) -> [u8; 8] {
    Checksum::default()
        .text(value.tenant.as_str())
        .text(value.kind.as_str())
        .bytes(&value.id)
        .bytes(value.digest.as_bytes())
        .number(micros(value.expires))
        .number(value.spent.map_or(i64::MIN, micros))
        .text(&value.body)
        .finish()
}

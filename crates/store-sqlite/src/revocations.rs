//! The revocation sequence.

use grantor_domain::revocation::Revocation;
use grantor_oauth_types::name::TenantName;
use grantor_store::Changed;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::changes;
use crate::column::{Checksum, Columns, micros};
use crate::fault::Fault;
use crate::rows;

macro_rules! columns {
    () => {
        "tenant, target, issued_before, revoked, until, checksum"
    };
}

const APPEND: &str =
    concat!("INSERT INTO revocations (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

const AFTER: &str = concat!(
    "SELECT seq, ",
    columns!(),
    " FROM revocations
     WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
);

const SINCE: &str = concat!(
    "SELECT seq, ",
    columns!(),
    " FROM revocations
     WHERE tenant = ?1 AND revoked >= ?2 ORDER BY revoked, seq LIMIT ?3"
);

const PURGE: &str = "
    DELETE FROM revocations WHERE seq IN
        (SELECT seq FROM revocations WHERE until < ?1 ORDER BY until LIMIT ?2)";

const DUMP: &str = concat!("SELECT seq, ", columns!(), " FROM revocations ORDER BY seq");

const LOAD: &str =
    concat!("INSERT INTO revocations (", columns!(), ", seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 6] = [APPEND, AFTER, SINCE, PURGE, DUMP, LOAD];

/// What is read through which index.
#[cfg(test)]
pub(crate) const PLANS: [(&str, &str); 1] =
    [(SINCE, "revocations_revoked (tenant=? AND revoked>?)")];

/// Appends a revocation, and says so in the change sequence.
pub(crate) fn append(db: &Connection, revocation: &Revocation) -> Result<(), Fault> {
    let target = target_text(revocation);
    db.prepare_cached(APPEND)?.execute(params![
        revocation.tenant.as_str(),
        target,
        revocation.issued_before,
        micros(revocation.revoked),
        micros(revocation.until),
        checksum(revocation, &target),
    ])?;
    changes::append(db, &revocation.tenant, &Changed::Revocations)
}

/// The sequence of a tenant behind a number.
pub(crate) fn after(
    db: &Connection,
    tenant: &TenantName,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, Revocation)>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows::list(db, AFTER, params![tenant.as_str(), after, limit], read)
}

/// What was revoked in a tenant at a time or later.
pub(crate) fn since(
    db: &Connection,
    tenant: &TenantName,
    from: Timestamp,
    limit: usize,
) -> Result<Vec<Revocation>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| read(row).map(|(_, revocation)| revocation);
    rows::list(db, SINCE, params![tenant.as_str(), micros(from), limit], read)
}

/// Deletes revocations that can match no living token since `over`.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every revocation.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(i64, Revocation) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| {
        let (seq, revocation) = read(row)?;
        take(seq, revocation)
    })
}

/// Writes a revocation as it was dumped.
pub(crate) fn load(db: &Connection, seq: i64, revocation: &Revocation) -> Result<(), Fault> {
    let target = target_text(revocation);
    db.prepare_cached(LOAD)?.execute(params![
        revocation.tenant.as_str(),
        target,
        revocation.issued_before,
        micros(revocation.revoked),
        micros(revocation.until),
        checksum(revocation, &target),
        seq,
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(i64, Revocation), Fault> {
    let mut columns = Columns::of(row);
    let seq = columns.get("seq")?;
    let revocation = Revocation {
        tenant: columns.tenant()?,
        target: columns.parsed("target", |text| serde_json::from_str(text))?,
        issued_before: columns.get("issued_before")?,
        revoked: columns.time("revoked")?,
        until: columns.time("until")?,
    };
    let expected = checksum(&revocation, &target_text(&revocation));
    columns.verify(expected, "a revocation")?;
    Ok((seq, revocation))
}

fn target_text(revocation: &Revocation) -> String {
    serde_json::to_string(&revocation.target).expect("a target has string keys only")
}

fn checksum(revocation: &Revocation, target: &str) -> [u8; 8] {
    Checksum::default()
        .text(revocation.tenant.as_str())
        .text(target)
        .number(revocation.issued_before)
        .number(micros(revocation.revoked))
        .number(micros(revocation.until))
        .finish()
}

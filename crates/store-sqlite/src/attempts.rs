//! Failure counters.

use grantor_domain::throttle::Attempts;
use grantor_oauth_types::name::TenantName;
use rusqlite::{Connection, Row, params};

use crate::column::Columns;
use crate::fault::Fault;
use crate::rows;

const FIND: &str = "SELECT count, last FROM attempts WHERE tenant = ?1 AND account = ?2";

const SET: &str = "
    INSERT INTO attempts (tenant, account, count, last) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tenant, account) DO UPDATE SET count = excluded.count, last = excluded.last";

const FORGET: &str = "DELETE FROM attempts WHERE tenant = ?1 AND account = ?2";

const PURGE: &str = "
    DELETE FROM attempts WHERE (tenant, account) IN
        (SELECT tenant, account FROM attempts WHERE last < ?1 ORDER BY last LIMIT ?2)";

const DUMP: &str = "SELECT tenant, account, count, last FROM attempts ORDER BY tenant, account";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 5] = [FIND, SET, FORGET, PURGE, DUMP];

/// The counter of an account; zero if there is none.
pub(crate) fn find(db: &Connection, tenant: &TenantName, account: &str) -> Result<Attempts, Fault> {
    let counted = |row: &Row<'_>| counted(&mut Columns::of(row));
    Ok(rows::first(db, FIND, [tenant.as_str(), account], counted)?.unwrap_or_default())
}

/// Keeps a counter; a zero count deletes it.
pub(crate) fn set(
    db: &Connection,
    tenant: &TenantName,
    account: &str,
    attempts: Attempts,
) -> Result<(), Fault> {
    if attempts.count == 0 {
        db.prepare_cached(FORGET)?.execute([tenant.as_str(), account])?;
    } else {
        let values = params![tenant.as_str(), account, attempts.count, attempts.last];
        db.prepare_cached(SET)?.execute(values)?;
    }
    Ok(())
}

/// Deletes counters whose last attempt was before this second: the longest wait is long over.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every counter.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(TenantName, String, Attempts) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| {
        let mut columns = Columns::of(row);
        let (tenant, account) = (columns.tenant()?, columns.get("account")?);
        take(tenant, account, counted(&mut columns)?)
    })
}

fn counted(columns: &mut Columns<'_>) -> Result<Attempts, Fault> {
    Ok(Attempts { count: columns.get("count")?, last: columns.get("last")? })
}

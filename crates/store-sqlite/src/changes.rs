//! The change sequence. One writer commits in order, so a number that is seen is never followed
//! by a smaller one.

use grantor_domain::document::Kind;
use grantor_oauth_types::name::TenantName;
use grantor_store::{Change, Changed, KEPT_CHANGES};
use rusqlite::{Connection, Row, params};

use crate::column::Columns;
use crate::fault::{Fault, corrupt};
use crate::rows;

/// The kind of rows that say: the revocations grew.
const REVOCATIONS: &str = "revocations";

const APPEND: &str = "INSERT INTO changes (tenant, kind, id, parent) VALUES (?1, ?2, ?3, ?4)";

const AFTER: &str = "
    SELECT seq, tenant, kind, id, parent FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2";

const LAST: &str = "SELECT coalesce(max(seq), 0) FROM changes";

// The newest row always stays, so the largest number is known.
const PURGE: &str = "
    DELETE FROM changes WHERE seq IN
        (SELECT seq FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - ?1
         ORDER BY seq LIMIT ?2)";

const LOAD: &str =
    "INSERT INTO changes (seq, tenant, kind, id, parent) VALUES (?1, ?2, ?3, ?4, ?5)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 5] = [APPEND, AFTER, LAST, PURGE, LOAD];

/// Appends a change.
pub(crate) fn append(db: &Connection, tenant: &TenantName, what: &Changed) -> Result<(), Fault> {
    let (kind, id, parent) = columns(what);
    db.prepare_cached(APPEND)?.execute(params![tenant.as_str(), kind, id, parent])?;
    Ok(())
}

fn columns(what: &Changed) -> (&str, Option<&str>, Option<&str>) {
    match what {
        Changed::Document(kind, id, parent) => (kind.as_str(), Some(id), parent.as_deref()),
        Changed::Revocations => (REVOCATIONS, None, None),
    }
}

/// The sequence behind a number.
pub(crate) fn after(db: &Connection, after: i64, limit: usize) -> Result<Vec<Change>, Fault> {
    rows::list(db, AFTER, [after, i64::try_from(limit).unwrap_or(i64::MAX)], read)
}

/// The last number, 0 before the first.
pub(crate) fn last(db: &Connection) -> Result<i64, Fault> {
    Ok(db.prepare_cached(LAST)?.query_row([], |row| row.get(0))?)
}

/// Deletes what no follower that keeps up needs.
pub(crate) fn purge(db: &Connection, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([KEPT_CHANGES, limit])?)
}

/// Writes a change as it was dumped.
pub(crate) fn load(db: &Connection, change: &Change) -> Result<(), Fault> {
    let (kind, id, parent) = columns(&change.what);
    let values = params![change.seq, change.tenant.as_str(), kind, id, parent];
    db.prepare_cached(LOAD)?.execute(values)?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Change, Fault> {
    let mut columns = Columns::of(row);
    let (seq, tenant) = (columns.get("seq")?, columns.tenant()?);
    let kind = columns.text("kind")?;
    let what = if kind == REVOCATIONS {
        Changed::Revocations
    } else {
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
        let kind = kind.ok_or_else(|| corrupt("kind"))?;
        Changed::Document(kind, columns.get("id")?, columns.get("parent")?)
    };
    Ok(Change { seq, tenant, what })
}

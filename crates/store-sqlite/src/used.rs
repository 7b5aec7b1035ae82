//! What can be used only once.

use grantor_store::UsedKind;
use grantor_store::record::used_digest;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::column::micros;
use crate::fault::Fault;
use crate::rows;

const FIND: &str = "SELECT 1 FROM used WHERE kind = ?1 AND value = ?2";

const MARK: &str = "
    INSERT INTO used (kind, value, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (kind, value) DO UPDATE SET until = max(until, excluded.until)";

const PURGE: &str = "
    DELETE FROM used WHERE (kind, value) IN
        (SELECT kind, value FROM used WHERE until < ?1 ORDER BY until LIMIT ?2)";

const DUMP: &str = "SELECT kind, value, until FROM used ORDER BY kind, value";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 4] = [FIND, MARK, PURGE, DUMP];

/// Whether it was used and is still remembered.
pub(crate) fn find(db: &Connection, kind: UsedKind, value: &[u8]) -> Result<bool, Fault> {
    let mut statement = db.prepare_cached(FIND)?;
    Ok(statement.exists(params![kind.as_str(), used_digest(value)])?)
}

/// Marks as used.
pub(crate) fn mark(
    db: &Connection,
    kind: UsedKind,
    value: &[u8],
    until: Timestamp,
) -> Result<(), Fault> {
    load(db, kind.as_str(), &used_digest(value), micros(until))
}

/// Writes a mark as it was dumped.
pub(crate) fn load(db: &Connection, kind: &str, value: &[u8; 32], until: i64) -> Result<(), Fault> {
    db.prepare_cached(MARK)?.execute(params![kind, value, until])?;
    Ok(())
}

/// Deletes marks that need not be remembered since `over`.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every mark.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(String, [u8; 32], i64) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| take(row.get(0)?, row.get(1)?, row.get(2)?))
}

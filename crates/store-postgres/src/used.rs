//! What can be used only once.

use grantor_store::record::used_digest;
use grantor_store::{StoreError, UsedKind};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::column::{self, get, micros};
use crate::step::{Step, step};

// Without a row lock: whoever marks has the claim's lock, and a mark that is there only goes when
// it is purged.
const FIND: &str = "SELECT 1 FROM used WHERE kind = $1 AND value = $2";

const MARK: &str = "
    INSERT INTO used AS t (kind, value, until) VALUES ($1, $2, $3)
    ON CONFLICT (kind, value) DO UPDATE SET until = greatest(t.until, excluded.until)";

const PURGE: &str = "
    DELETE FROM used WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM used WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1";

/// Every mark.
pub(crate) const DUMP: &str = "SELECT kind, value, until FROM used ORDER BY kind, value";

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM used)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 5] = [FIND, MARK, PURGE, DUMP, ANY];

/// Whether it was used and is still remembered. Its lock is taken before.
pub(crate) fn find(kind: UsedKind, value: &[u8]) -> Step {
    step!(FIND, kind.as_str(), used_digest(value).to_vec())
}

/// Marks as used.
pub(crate) fn mark(kind: UsedKind, value: &[u8], until: Timestamp) -> Step {
    load(kind.as_str().to_owned(), used_digest(value), micros(until))
}

/// Writes a mark as it was dumped.
pub(crate) fn load(kind: String, value: [u8; 32], until: i64) -> Step {
    step!(MARK, kind, value.to_vec(), until)
}

/// Deletes marks that need not be remembered since `over`.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Reads a mark.
pub(crate) fn read(row: &Row) -> Result<(String, [u8; 32], i64), StoreError> {
    Ok((get(row, "kind")?, column::hash(row, "value")?, get(row, "until")?))
}

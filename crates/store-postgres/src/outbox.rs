//! Messages that were not told yet (REL-038).

use grantor_domain::outbox::{Message, Notice};
use grantor_store::StoreError;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::column::{self, get, micros};
use crate::step::{Step, step};

const PUT: &str = "
    INSERT INTO outbox (id, tenant, due, expires, tries, body) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO NOTHING";

const DELETE: &str = "DELETE FROM outbox WHERE id = $1";

const AGAIN: &str = "UPDATE outbox SET due = $2 WHERE id = $1";

// Two nodes that take at once take different ones.
const TAKE: &str = "
    UPDATE outbox SET due = $2, tries = tries + 1 WHERE id IN (
        SELECT id FROM outbox WHERE due <= $1 ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING tenant, id, due, expires, tries, body";

const PURGE: &str = "
    DELETE FROM outbox WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM outbox WHERE due < $1 AND expires < $1 ORDER BY due LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1";

/// Every message.
pub(crate) const DUMP: &str =
    "SELECT tenant, id, due, expires, tries, body FROM outbox ORDER BY id";

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM outbox)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 7] = [PUT, DELETE, AGAIN, TAKE, PURGE, DUMP, ANY];

/// Adds a message; one that is there already is the same.
pub(crate) fn put(notice: &Notice) -> Step {
    let body = serde_json::to_string(&notice.message).expect("messages have string keys only");
    step!(
        PUT,
        Uuid::from_bytes(notice.id),
        notice.tenant.to_string(),
        micros(notice.due),
        micros(notice.expires),
        i64::from(notice.tries),
        body,
    )
}

/// A message was told, or is given up.
pub(crate) fn delete(id: [u8; 16]) -> Step {
    step!(DELETE, Uuid::from_bytes(id))
}

/// A message is tried again; nothing if it was told meanwhile.
pub(crate) fn again(id: [u8; 16], due: Timestamp) -> Step {
    step!(AGAIN, Uuid::from_bytes(id), micros(due))
}

/// Takes messages that are due: they are due again at `until`.
pub(crate) fn take(now: Timestamp, until: Timestamp, limit: usize) -> Step {
    step!(TAKE, micros(now), micros(until), column::limit(limit))
}

/// Deletes messages whose end was before `over`.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Reads a message.
pub(crate) fn read(row: &Row) -> Result<Notice, StoreError> {
    let message = column::parsed(row, "body", |text| serde_json::from_str::<Message>(text))?;
    Ok(Notice {
        tenant: column::tenant(row)?,
        id: get::<Uuid>(row, "id")?.into_bytes(),
        due: column::time(row, "due")?,
        expires: column::time(row, "expires")?,
        tries: u32::try_from(get::<i64>(row, "tries")?).unwrap_or(u32::MAX),
        message,
    })
}

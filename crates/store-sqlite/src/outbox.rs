//! Messages that were not told yet (REL-038).

use grantor_domain::outbox::{Message, Notice};
use grantor_store::StoreError;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::column::{Checksum, Columns, micros};
use crate::fault::Fault;
use crate::rows;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT tenant, id, due, expires, tries, body, checksum FROM outbox", $rest)
    };
}

const PUT: &str = "
    INSERT INTO outbox (id, tenant, due, expires, tries, body, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO NOTHING";

const DELETE: &str = "DELETE FROM outbox WHERE id = ?1";

const AGAIN: &str = "UPDATE outbox SET due = ?2 WHERE id = ?1";

const ANY_DUE: &str = "SELECT 1 FROM outbox WHERE due <= ?1 LIMIT 1";

const DUE: &str = select!(" WHERE due <= ?1 ORDER BY due LIMIT ?2");

const TAKE: &str = "UPDATE outbox SET due = ?2, tries = ?3 WHERE id = ?1";

const PURGE: &str = "
    DELETE FROM outbox WHERE id IN
        (SELECT id FROM outbox WHERE due < ?1 AND expires < ?1 ORDER BY due LIMIT ?2)";

const DUMP: &str = select!(" ORDER BY id");

/// What must be found through which index, however the tables grow.
#[cfg(test)]
pub(crate) const PLANS: [(&str, &str); 3] =
    [(ANY_DUE, "outbox_due (due<?)"), (DUE, "outbox_due (due<?)"), (PURGE, "outbox_due (due<?)")];

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 8] = [PUT, DELETE, AGAIN, ANY_DUE, DUE, TAKE, PURGE, DUMP];

/// Adds a message; one that is there already is the same.
pub(crate) fn put(db: &Connection, notice: &Notice) -> Result<(), Fault> {
    let body = serde_json::to_string(&notice.message).expect("messages have string keys only");
    db.prepare_cached(PUT)?.execute(params![
        notice.id,
        notice.tenant.as_str(),
        micros(notice.due),
        micros(notice.expires),
        notice.tries,
        body,
        checksum(notice, &body),
    ])?;
    Ok(())
}

/// A message was told, or is given up.
pub(crate) fn delete(db: &Connection, id: &[u8; 16]) -> Result<(), Fault> {
    db.prepare_cached(DELETE)?.execute([id])?;
    Ok(())
}

/// A message is tried again; nothing if it was told meanwhile.
pub(crate) fn again(db: &Connection, id: &[u8; 16], due: Timestamp) -> Result<(), Fault> {
    db.prepare_cached(AGAIN)?.execute(params![id, micros(due)])?;
    Ok(())
}

/// Whether one is due.
pub(crate) fn any_due(db: &Connection, now: Timestamp) -> Result<bool, Fault> {
    Ok(db.prepare_cached(ANY_DUE)?.exists([micros(now)])?)
}

/// Takes messages that are due: they are due again at `until`.
pub(crate) fn take(
    db: &Connection,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Notice>, Fault> {
    let mut taken = rows::list(db, DUE, [micros(now), limit], read)?;
    for notice in &mut taken {
        (notice.due, notice.tries) = (until, notice.tries.saturating_add(1));
        db.prepare_cached(TAKE)?.execute(params![notice.id, micros(until), notice.tries])?;
    }
    Ok(taken)
}

/// Deletes messages whose end was before `over`.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every message.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(Notice) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| take(read(row)?))
}

fn read(row: &Row<'_>) -> Result<Notice, Fault> {
    let mut columns = Columns::of(row);
    let (tenant, id) = (columns.tenant()?, columns.get("id")?);
    let (due, expires) = (columns.time("due")?, columns.time("expires")?);
    let (tries, body) = (columns.get("tries")?, columns.get::<String>("body")?);
    let message: Message = serde_json::from_str(&body)
        .map_err(|error| StoreError::Corrupt(format!("a message does not read: {error}")))?;
    let notice = Notice { tenant, id, due, expires, tries, message };
    columns.verify(checksum(&notice, &body), "a message")?;
    Ok(notice)
}

fn checksum(notice: &Notice, body: &str) -> [u8; 8] {
    Checksum::default()
        .bytes(&notice.id)
        .text(notice.tenant.as_str())
        .number(micros(notice.expires))
        .text(body)
        .finish()
}

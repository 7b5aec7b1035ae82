//! Sessions: one row per browser that signed in.

use grantor_domain::session::Session;
use grantor_oauth_types::id::{Id, SessionId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::SessionQuery;
use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql, params};

use crate::column::{Checksum, Columns, micros};
use crate::fault::{Fault, corrupt};
use crate::rows;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT tenant, id, \"user\", ended_at, body, checksum FROM sessions", $rest)
    };
}

const BY_ID: &str = select!(" WHERE tenant = ?1 AND id = ?2");

const PAGE: &str = select!(
    " INDEXED BY sessions_user
     WHERE tenant = ?1 AND \"user\" = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
);

const LIVE: &str = select!(
    " INDEXED BY sessions_user
     WHERE tenant = ?1 AND \"user\" = ?2 AND ended_at IS NULL"
);

const PUT: &str = "
    INSERT INTO sessions (tenant, id, \"user\", expires, ended_at, body, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (tenant, id) DO UPDATE SET expires = excluded.expires,
        ended_at = excluded.ended_at, body = excluded.body, checksum = excluded.checksum";

const PURGE: &str = "
    DELETE FROM sessions WHERE (tenant, id) IN
        (SELECT tenant, id FROM sessions WHERE expires < ?1 ORDER BY expires LIMIT ?2)";

const DUMP: &str = select!(" ORDER BY tenant, id");

/// What must be found through which index, however the tables grow.
#[cfg(test)]
pub(crate) const PLANS: [(&str, &str); 3] = [
    (PAGE, "sessions_user (tenant=? AND user=? AND id<?)"),
    (LIVE, "sessions_user (tenant=? AND user=?)"),
    (PURGE, "sessions_expires (expires<?)"),
];

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 6] = [BY_ID, PAGE, LIVE, PUT, PURGE, DUMP];

/// Finds a session.
pub(crate) fn find(
    db: &Connection,
    tenant: &TenantName,
    id: SessionId,
) -> Result<Option<Session>, Fault> {
    rows::first(db, BY_ID, params![tenant.as_str(), id.bytes()], read)
}

/// Lists sessions, newest first.
pub(crate) fn page(db: &Connection, query: &SessionQuery) -> Result<Vec<Session>, Fault> {
    let behind_all = [0xff; 17];
    let before = query.before.map(Id::bytes);
    let before = before.as_ref().map_or(&behind_all[..], |id| &id[..]);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    list(db, PAGE, params![query.tenant.as_str(), query.user.bytes(), before, limit])
}

fn list(db: &Connection, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Session>, Fault> {
    rows::list(db, sql, params, read)
}

/// Adds or replaces a session.
pub(crate) fn put(db: &Connection, session: &Session) -> Result<(), Fault> {
    let body = body_of(session);
    db.prepare_cached(PUT)?.execute(params![
        session.tenant.as_str(),
        session.id.bytes(),
        session.user.bytes(),
        micros(session.expires),
        session.ended.map(micros),
        body,
        checksum(session, &body),
    ])?;
    Ok(())
}

/// Ends every live session of a user but one.
pub(crate) fn end(
    db: &Connection,
    tenant: &TenantName,
    user: UserId,
    except: Option<SessionId>,
    at: Timestamp,
) -> Result<(), Fault> {
    for mut session in list(db, LIVE, params![tenant.as_str(), user.bytes()])? {
        if Some(session.id) != except {
            session.ended = Some(at);
            put(db, &session)?;
        }
    }
    Ok(())
}

/// Deletes sessions whose absolute end was before `over`.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every session.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(Session) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| take(read(row)?))
}

/// The end is a column: ending many needs no look at what else they are.
fn body_of(session: &Session) -> String {
    let live = Session { ended: None, ..session.clone() };
    serde_json::to_string(&live).expect("sessions have string keys only")
}

fn read(row: &Row<'_>) -> Result<Session, Fault> {
    let mut columns = Columns::of(row);
    let (tenant, id, user) = (columns.tenant()?, columns.id("id")?, columns.id("user")?);
    let (ended, body) = (columns.maybe_time("ended_at")?, columns.text("body")?);
    let session: Session = serde_json::from_str(body).map_err(|_| corrupt("body"))?;
    if (&session.tenant, session.id, session.user) != (&tenant, id, user) {
        return Err(corrupt("body"));
    }
    let session = Session { ended, ..session };
    columns.verify(checksum(&session, body), "a session")?;
    Ok(session)
}

fn checksum(session: &Session, body: &str) -> [u8; 8] {
    Checksum::default()
        .text(session.tenant.as_str())
        .bytes(&session.id.bytes())
        .bytes(&session.user.bytes())
        .number(micros(session.expires))
        .number(session.ended.map_or(i64::MIN, micros))
        .text(body)
        .finish()
}

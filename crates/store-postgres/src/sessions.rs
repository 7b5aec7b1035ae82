//! Sessions: one row per browser that signed in.

use grantor_domain::session::Session;
use grantor_oauth_types::id::{SessionId, UserId};
use grantor_oauth_types::name::TenantName;
use grantor_store::{SessionQuery, StoreError};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::column::{self, corrupt, micros};
use crate::step::{Step, step};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT tenant, id, \"user\", ended_at, body FROM sessions ", $rest)
    };
}

const BY_ID: &str = select!("WHERE tenant = $1 AND id = $2");

const CLAIM: &str = select!("WHERE tenant = $1 AND id = $2 FOR UPDATE");

const PAGE: &str =
    select!("WHERE tenant = $1 AND \"user\" = $2 AND id < $3 ORDER BY id DESC LIMIT $4");

const PUT: &str = "
    INSERT INTO sessions (tenant, id, \"user\", expires, ended_at, body)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant, id) DO UPDATE SET expires = excluded.expires,
        ended_at = excluded.ended_at, body = excluded.body";

const END: &str = "
    UPDATE sessions SET ended_at = $3
    WHERE tenant = $1 AND \"user\" = $2 AND ended_at IS NULL AND id IS DISTINCT FROM $4";

const PURGE: &str = "
    DELETE FROM sessions WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM sessions WHERE expires < $1 ORDER BY expires LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1";

/// Every session.
pub(crate) const DUMP: &str = select!("ORDER BY tenant, id");

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM sessions)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 8] = [BY_ID, CLAIM, PAGE, PUT, END, PURGE, DUMP, ANY];

/// Finds a session.
pub(crate) fn find(tenant: &TenantName, id: SessionId) -> Step {
    step!(BY_ID, tenant.to_string(), id.uuid())
}

/// Finds a session and keeps others from changing it.
pub(crate) fn claim(tenant: &TenantName, id: SessionId) -> Step {
    step!(CLAIM, tenant.to_string(), id.uuid())
}

/// Lists sessions, newest first.
pub(crate) fn page(query: &SessionQuery) -> Step {
    let before = query.before.map_or(Uuid::max(), SessionId::uuid);
    let limit = column::limit(query.limit);
    step!(PAGE, query.tenant.to_string(), query.user.uuid(), before, limit)
}

/// Adds or replaces a session.
pub(crate) fn put(mut session: Session) -> Step {
    // The end is a column: ending many needs no look at what else they are.
    let ended = session.ended.take().map(micros);
    let body = serde_json::to_string(&session).expect("sessions have string keys only");
    step!(
        PUT,
        session.tenant.to_string(),
        session.id.uuid(),
        session.user.uuid(),
        micros(session.expires),
        ended,
        body,
    )
}

/// Ends every live session of a user but one.
pub(crate) fn end(
    tenant: &TenantName,
    user: UserId,
    except: Option<SessionId>,
    at: Timestamp,
) -> Step {
    step!(END, tenant.to_string(), user.uuid(), micros(at), except.map(SessionId::uuid))
}

/// Deletes sessions whose absolute end was before `over`.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Reads a session.
pub(crate) fn read(row: &Row) -> Result<Session, StoreError> {
    let mut session: Session =
        column::parsed(row, "body", |text| serde_json::from_str::<Session>(text))?;
    session.ended = column::maybe_time(row, "ended_at")?;
    let same = session.tenant == column::tenant(row)?
        && session.id == column::id(row, "id")?
        && session.user == column::id(row, "user")?;
    if same { Ok(session) } else { Err(corrupt("body")) }
}

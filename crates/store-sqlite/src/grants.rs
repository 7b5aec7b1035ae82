//! Grants: one row per delegation, updated in place.

use grantor_crypto::digest::SecretDigest;
use grantor_domain::grant::{
    EndReason, Grant, GrantEnd, GrantOrigin, PreviousRefresh, RefreshState,
};
use grantor_oauth_types::id::{GrantId, Id, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{GrantQuery, StoreError};
use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql, params};

use crate::column::{Checksum, Columns, micros};
use crate::fault::{Fault, corrupt};
use crate::rows;

macro_rules! columns {
    () => {
        "tenant, id, client, \"user\", realm, scopes, audiences, created, expires, generation, \
         digest, idle_expires, previous_digest, previous_rotated, previous_sealed, ended_at, \
         ended_why, origin, checksum"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM grants WHERE tenant = ?1 AND id = ?2");

const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants
     WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
);

// Without a word the planner takes the primary key, which is in the right order, and looks at every
// grant of the tenant.
const PAGE_OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants INDEXED BY grants_user
     WHERE tenant = ?1 AND id < ?2 AND \"user\" = ?4
     ORDER BY id DESC LIMIT ?3"
);

const PAGE_OF_CLIENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants INDEXED BY grants_client
     WHERE tenant = ?1 AND id < ?2 AND client = ?4
     ORDER BY id DESC LIMIT ?3"
);

// By user: nobody has as many grants as a client has.
const PAGE_OF_BOTH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants INDEXED BY grants_user
     WHERE tenant = ?1 AND id < ?2 AND \"user\" = ?4 AND client = ?5
     ORDER BY id DESC LIMIT ?3"
);

const INSERT: &str = concat!(
    "INSERT INTO grants (",
    columns!(),
    ") VALUES
     (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
);

// Only what changes in the life of a grant: the rest is compared, so that nothing in an index
// is written.
const REPLACE: &str = "
    UPDATE grants SET scopes = ?6, audiences = ?7, generation = ?10, digest = ?11,
        idle_expires = ?12, previous_digest = ?13, previous_rotated = ?14, previous_sealed = ?15,
        ended_at = ?16, ended_why = ?17, origin = ?18, checksum = ?19
    WHERE tenant = ?1 AND id = ?2 AND client = ?3 AND \"user\" = ?4 AND realm = ?5
        AND created = ?8 AND expires = ?9";

const LIVE_OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants INDEXED BY grants_user
     WHERE tenant = ?1 AND id > ?2 AND ended_at IS NULL AND \"user\" = ?4
        AND (?5 IS NULL OR client = ?5)
     ORDER BY id LIMIT ?3"
);

const LIVE_OF_CLIENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants INDEXED BY grants_client
     WHERE tenant = ?1 AND id > ?2 AND ended_at IS NULL AND client = ?4 ORDER BY id LIMIT ?3"
);

const LIVE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM grants
     WHERE tenant = ?1 AND id > ?2 AND ended_at IS NULL ORDER BY id LIMIT ?3"
);

/// How many grants are in memory while many end.
const CHUNK: i64 = 1_000;

const PURGE: &str = "
    DELETE FROM grants WHERE (tenant, id) IN
        (SELECT tenant, id FROM grants WHERE expires < ?1 ORDER BY expires LIMIT ?2)";

const DUMP: &str = concat!("SELECT ", columns!(), " FROM grants ORDER BY tenant, id");

/// What must be found through which index, however the tables grow.
#[cfg(test)]
pub(crate) const PLANS: [(&str, &str); 7] = [
    (PAGE, "PRIMARY KEY (tenant=? AND id<?)"),
    (PAGE_OF_USER, "grants_user (tenant=? AND user=? AND id<?)"),
    (PAGE_OF_CLIENT, "grants_client (tenant=? AND client=? AND id<?)"),
    (PAGE_OF_BOTH, "grants_user (tenant=? AND user=? AND id<?)"),
    (LIVE_OF_USER, "grants_user (tenant=? AND user=? AND id>?)"),
    (LIVE_OF_CLIENT, "grants_client (tenant=? AND client=? AND id>?)"),
    (PURGE, "grants_expires (expires<?)"),
];

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 12] = [
    BY_ID,
    PAGE,
    PAGE_OF_USER,
    PAGE_OF_CLIENT,
    PAGE_OF_BOTH,
    INSERT,
    REPLACE,
    LIVE_OF_USER,
    LIVE_OF_CLIENT,
    LIVE,
    PURGE,
    DUMP,
];

/// Finds a grant.
pub(crate) fn find(
    db: &Connection,
    tenant: &TenantName,
    id: GrantId,
) -> Result<Option<Grant>, Fault> {
    rows::first(db, BY_ID, params![tenant.as_str(), id.bytes()], read)
}

/// Lists grants, newest first.
pub(crate) fn page(db: &Connection, query: &GrantQuery) -> Result<Vec<Grant>, Fault> {
    let tenant = query.tenant.as_str();
    // Behind every id: a condition that may be missing would keep the planner off the indexes.
    let behind_all = [0xff; 17];
    let before = query.before.map(Id::bytes);
    let before = before.as_ref().map_or(&behind_all[..], |id| &id[..]);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let user = query.user.map(Id::bytes);
    let client = query.client.as_ref().map(ClientId::as_str);
    match (user, client) {
        (None, None) => list(db, PAGE, params![tenant, before, limit]),
        (Some(user), None) => list(db, PAGE_OF_USER, params![tenant, before, limit, user]),
        (None, Some(client)) => list(db, PAGE_OF_CLIENT, params![tenant, before, limit, client]),
        (Some(user), Some(client)) => {
            list(db, PAGE_OF_BOTH, params![tenant, before, limit, user, client])
        }
    }
}

fn list(db: &Connection, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Grant>, Fault> {
    rows::list(db, sql, params, read)
}

/// Adds a grant.
pub(crate) fn open(db: &Connection, grant: &Grant) -> Result<(), Fault> {
    write(db, INSERT, grant).map(|_| ())
}

/// Replaces a grant that was claimed.
pub(crate) fn update(db: &Connection, grant: &Grant) -> Result<(), Fault> {
    if write(db, REPLACE, grant)? == 0 {
        // A mistake in a rule: whose a grant is and when it ends never changes.
        return Err(StoreError::Corrupt("a grant that is not there was replaced".into()).into());
    }
    Ok(())
}

/// Ends every live grant of a user, a client, or both. Nobody else writes meanwhile: a million of
/// them take seconds, which is what a kill switch may cost.
pub(crate) fn end(
    db: &Connection,
    tenant: &TenantName,
    user: Option<UserId>,
    client: Option<&ClientId>,
    at: Timestamp,
) -> Result<(), Fault> {
    let tenant = tenant.as_str();
    let user = user.map(Id::bytes);
    let client = client.map(ClientId::as_str);
    let mut after = [0; 16];
    loop {
        let live = match (user, client) {
            (Some(user), client) => {
                list(db, LIVE_OF_USER, params![tenant, after, CHUNK, user, client])
            }
            (None, Some(client)) => list(db, LIVE_OF_CLIENT, params![tenant, after, CHUNK, client]),
            (None, None) => list(db, LIVE, params![tenant, after, CHUNK]),
        }?;
        let Some(last) = live.last() else { return Ok(()) };
        after = last.id.bytes();
        for mut grant in live {
            grant.ended = Some(GrantEnd { at, why: EndReason::Revoked });
            update(db, &grant)?;
        }
    }
}

/// Deletes grants whose absolute end was before `over`.
pub(crate) fn purge(db: &Connection, over: i64, limit: i64) -> Result<usize, Fault> {
    Ok(db.prepare_cached(PURGE)?.execute([over, limit])?)
}

/// Hands out every grant.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(Grant) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, DUMP, |row| take(read(row)?))
}

fn write(db: &Connection, sql: &str, grant: &Grant) -> Result<usize, Fault> {
    let audiences = audiences_text(&grant.audiences);
    let origin = grant.origin.as_ref().map(origin_text);
    let previous = grant.refresh.previous.as_ref();
    Ok(db.prepare_cached(sql)?.execute(params![
        grant.tenant.as_str(),
        grant.id.bytes(),
        grant.client.as_str(),
        grant.user.bytes(),
        grant.realm.as_str(),
        grant.scopes.to_string(),
        audiences,
        micros(grant.created),
        micros(grant.expires),
        grant.refresh.generation,
        grant.refresh.digest.as_bytes(),
        micros(grant.refresh.idle_expires),
        previous.map(|previous| previous.digest.as_bytes()),
        previous.map(|previous| micros(previous.rotated)),
        previous.map(|previous| previous.sealed_successor.as_slice()),
        grant.ended.map(|end| micros(end.at)),
        grant.ended.map(|end| reason_text(end.why)),
        origin,
        checksum(grant, &audiences, origin.as_deref()),
    ])?)
}

fn read(row: &Row<'_>) -> Result<Grant, Fault> {
    let mut columns = Columns::of(row);
    let (tenant, id) = (columns.tenant()?, columns.id("id")?);
    let client = columns.parsed("client", ClientId::parse)?;
    let (user, realm) = (columns.id("user")?, columns.parsed("realm", RealmName::parse)?);
    let scopes = columns.parsed("scopes", Scopes::parse)?;
    let audiences = columns.text("audiences")?;
    let (created, expires) = (columns.time("created")?, columns.time("expires")?);
    let refresh = RefreshState {
        generation: columns.get("generation")?,
        digest: SecretDigest::from_bytes(columns.get("digest")?),
        idle_expires: columns.time("idle_expires")?,
        previous: previous(&mut columns)?,
    };
    let ended = end_of(&mut columns)?;
    let origin_text = columns.maybe_text("origin")?;
    let origin = origin_text.map(serde_json::from_str::<GrantOrigin>).transpose();
    let grant = Grant {
        tenant,
        id,
        client,
        user,
        realm,
        scopes,
        audiences: serde_json::from_str(audiences).map_err(|_| corrupt("audiences"))?,
        created,
        expires,
        refresh,
        ended,
        origin: origin.map_err(|_| corrupt("origin"))?,
    };
    columns.verify(checksum(&grant, audiences, origin_text), "a grant")?;
    Ok(grant)
}

fn previous(columns: &mut Columns<'_>) -> Result<Option<PreviousRefresh>, Fault> {
    let digest: Option<[u8; 32]> = columns.get("previous_digest")?;
    let rotated = columns.maybe_time("previous_rotated")?;
    let sealed: Option<Vec<u8>> = columns.get("previous_sealed")?;
    let Some(rotated) = rotated else { return Ok(None) };
    let digest = digest.ok_or_else(|| corrupt("previous_digest"))?;
    Ok(Some(PreviousRefresh {
        digest: SecretDigest::from_bytes(digest),
        rotated,
        sealed_successor: sealed.ok_or_else(|| corrupt("previous_sealed"))?,
    }))
}

fn end_of(columns: &mut Columns<'_>) -> Result<Option<GrantEnd>, Fault> {
    let (at, why) = (columns.maybe_time("ended_at")?, columns.maybe_text("ended_why")?);
    let Some(at) = at else { return Ok(None) };
    let why = match why {
        Some("revoked") => EndReason::Revoked,
        Some("reuse") => EndReason::Reuse,
        _ => return Err(corrupt("ended_why")),
    };
    Ok(Some(GrantEnd { at, why }))
}

fn origin_text(origin: &GrantOrigin) -> String {
    serde_json::to_string(origin).expect("an origin has string keys only")
}

const fn reason_text(why: EndReason) -> &'static str {
    match why {
        EndReason::Revoked => "revoked",
        EndReason::Reuse => "reuse",
    }
}

fn audiences_text(audiences: &[String]) -> String {
    serde_json::to_string(audiences).expect("a list of texts")
}

/// Over the texts as they are kept, so that nothing is written anew to be compared.
fn checksum(grant: &Grant, audiences: &str, origin: Option<&str>) -> [u8; 8] {
    let mut sum = Checksum::default()
        .text(grant.tenant.as_str())
        .bytes(&grant.id.bytes())
        .text(grant.client.as_str())
        .bytes(&grant.user.bytes())
        .text(grant.realm.as_str())
        .text(audiences)
        .number(micros(grant.created))
        .number(micros(grant.expires))
        .number(grant.refresh.generation)
        .bytes(grant.refresh.digest.as_bytes())
        .number(micros(grant.refresh.idle_expires));
    for scope in grant.scopes.iter() {
        sum = sum.text(scope.as_str());
    }
    if let Some(previous) = &grant.refresh.previous {
        sum = sum
            .number(micros(previous.rotated))
            .bytes(previous.digest.as_bytes())
            .bytes(&previous.sealed_successor);
    }
    if let Some(end) = grant.ended {
        sum = sum.number(micros(end.at)).text(reason_text(end.why));
    }
    if let Some(origin) = origin {
        sum = sum.text(origin);
    }
    sum.finish()
}

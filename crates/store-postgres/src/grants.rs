//! Grants: one row per delegation, updated in place.

use grantor_crypto::digest::SecretDigest;
use grantor_domain::grant::{EndReason, Grant, GrantEnd, PreviousRefresh, RefreshState};
use grantor_oauth_types::id::{GrantId, UserId};
use grantor_oauth_types::name::{ClientId, RealmName, TenantName};
use grantor_oauth_types::scope::Scopes;
use grantor_store::{GrantQuery, StoreError};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::column::{self, corrupt, get, micros};
use crate::step::{Step, Value, step};

macro_rules! columns {
    () => {
        "tenant, id, client, \"user\", realm, scopes, audiences, created, expires, generation, \
         digest, idle_expires, previous_digest, previous_rotated, previous_sealed, ended_at, \
         ended_why, origin"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM grants ", $rest)
    };
}

const BY_ID: &str = select!("WHERE tenant = $1 AND id = $2");

const CLAIM: &str = select!("WHERE tenant = $1 AND id = $2 FOR UPDATE");

const PAGE: &str = select!("WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3");

const PAGE_OF_USER: &str =
    select!("WHERE tenant = $1 AND id < $2 AND \"user\" = $4 ORDER BY id DESC LIMIT $3");

const PAGE_OF_CLIENT: &str =
    select!("WHERE tenant = $1 AND id < $2 AND client = $4 ORDER BY id DESC LIMIT $3");

const PAGE_OF_BOTH: &str = select!(
    "WHERE tenant = $1 AND id < $2 AND \"user\" = $4 AND client = $5 ORDER BY id DESC LIMIT $3"
);

const INSERT: &str = concat!(
    "INSERT INTO grants (",
    columns!(),
    ") VALUES
     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
);

// Only what changes in the life of a grant, and none of it is in an index.
const REPLACE: &str = "
    UPDATE grants SET scopes = $3, audiences = $4, generation = $5, digest = $6,
        idle_expires = $7, previous_digest = $8, previous_rotated = $9, previous_sealed = $10,
        ended_at = $11, ended_why = $12, origin = $13
    WHERE tenant = $1 AND id = $2";

const END_OF_USER: &str = "
    UPDATE grants SET ended_at = $2, ended_why = $3
    WHERE tenant = $1 AND ended_at IS NULL AND \"user\" = $4";

const END_OF_CLIENT: &str = "
    UPDATE grants SET ended_at = $2, ended_why = $3
    WHERE tenant = $1 AND ended_at IS NULL AND client = $4";

const END_OF_BOTH: &str = "
    UPDATE grants SET ended_at = $2, ended_why = $3
    WHERE tenant = $1 AND ended_at IS NULL AND \"user\" = $4 AND client = $5";

const END_ALL: &str =
    "UPDATE grants SET ended_at = $2, ended_why = $3 WHERE tenant = $1 AND ended_at IS NULL";

const PURGE: &str = "
    DELETE FROM grants WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM grants WHERE expires < $1 ORDER BY expires LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1";

/// Every grant.
pub(crate) const DUMP: &str = select!("ORDER BY tenant, id");

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM grants)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 15] = [
    BY_ID,
    CLAIM,
    PAGE,
    PAGE_OF_USER,
    PAGE_OF_CLIENT,
    PAGE_OF_BOTH,
    INSERT,
    REPLACE,
    END_OF_USER,
    END_OF_CLIENT,
    END_OF_BOTH,
    END_ALL,
    PURGE,
    DUMP,
    ANY,
];

/// Finds a grant.
pub(crate) fn find(tenant: &TenantName, id: GrantId) -> Step {
    step!(BY_ID, tenant.to_string(), id.uuid())
}

/// Finds a grant and keeps others from changing it.
pub(crate) fn claim(tenant: &TenantName, id: GrantId) -> Step {
    step!(CLAIM, tenant.to_string(), id.uuid())
}

/// Lists grants, newest first.
pub(crate) fn page(query: &GrantQuery) -> Step {
    let tenant = query.tenant.to_string();
    let before = query.before.map_or(Uuid::max(), GrantId::uuid);
    let limit = column::limit(query.limit);
    let user = query.user.map(UserId::uuid);
    let client = query.client.as_ref().map(ToString::to_string);
    match (user, client) {
        (None, None) => step!(PAGE, tenant, before, limit),
        (Some(user), None) => step!(PAGE_OF_USER, tenant, before, limit, user),
        (None, Some(client)) => step!(PAGE_OF_CLIENT, tenant, before, limit, client),
        (Some(user), Some(client)) => step!(PAGE_OF_BOTH, tenant, before, limit, user, client),
    }
}

/// Adds a grant.
pub(crate) fn open(grant: Grant) -> Step {
    let mut values: Vec<Value> = vec![
        Box::new(grant.tenant.to_string()),
        Box::new(grant.id.uuid()),
        Box::new(grant.client.to_string()),
        Box::new(grant.user.uuid()),
        Box::new(grant.realm.to_string()),
    ];
    let (created, expires) = (micros(grant.created), micros(grant.expires));
    let mut state = changing(grant);
    values.extend(state.drain(..2));
    values.push(Box::new(created));
    values.push(Box::new(expires));
    values.extend(state);
    Step { sql: INSERT, values }
}

/// Replaces a grant that was claimed, so it is there.
pub(crate) fn update(grant: Grant) -> Step {
    let mut values: Vec<Value> =
        vec![Box::new(grant.tenant.to_string()), Box::new(grant.id.uuid())];
    values.extend(changing(grant));
    Step { sql: REPLACE, values }
}

/// What can change in the life of a grant, in the order of the columns.
fn changing(grant: Grant) -> Vec<Value> {
    let RefreshState { generation, digest, idle_expires, previous } = grant.refresh;
    let (previous_digest, previous_rotated, previous_sealed) = match previous {
        Some(previous) => (
            Some(previous.digest.as_bytes().to_vec()),
            Some(micros(previous.rotated)),
            Some(previous.sealed_successor),
        ),
        None => (None, None, None),
    };
    let audiences =
        serde_json::to_string(&grant.audiences).expect("a list of text has string keys only");
    vec![
        Box::new(grant.scopes.to_string()),
        Box::new(audiences),
        Box::new(generation),
        Box::new(digest.as_bytes().to_vec()),
        Box::new(micros(idle_expires)),
        Box::new(previous_digest),
        Box::new(previous_rotated),
        Box::new(previous_sealed),
        Box::new(grant.ended.map(|end| micros(end.at))),
        Box::new(grant.ended.map(|end| end_text(end.why))),
        Box::new(
            grant.origin.map(|origin| {
                serde_json::to_string(&origin).expect("an origin has string keys only")
            }),
        ),
    ]
}

/// Ends every live grant of a user, a client, or both.
pub(crate) fn end(
    tenant: &TenantName,
    user: Option<UserId>,
    client: Option<ClientId>,
    at: Timestamp,
) -> Step {
    let (tenant, at, why) = (tenant.to_string(), micros(at), end_text(EndReason::Revoked));
    match (user.map(UserId::uuid), client.map(|client| client.to_string())) {
        (None, None) => step!(END_ALL, tenant, at, why),
        (Some(user), None) => step!(END_OF_USER, tenant, at, why, user),
        (None, Some(client)) => step!(END_OF_CLIENT, tenant, at, why, client),
        (Some(user), Some(client)) => step!(END_OF_BOTH, tenant, at, why, user, client),
    }
}

/// Deletes grants whose absolute end was before `over`.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Reads a grant.
pub(crate) fn read(row: &Row) -> Result<Grant, StoreError> {
    Ok(Grant {
        tenant: column::tenant(row)?,
        id: column::id(row, "id")?,
        client: column::parsed(row, "client", ClientId::parse)?,
        user: column::id(row, "user")?,
        realm: column::parsed(row, "realm", RealmName::parse)?,
        scopes: column::parsed(row, "scopes", Scopes::parse)?,
        audiences: column::parsed(row, "audiences", |text| serde_json::from_str(text))?,
        created: column::time(row, "created")?,
        expires: column::time(row, "expires")?,
        refresh: RefreshState {
            generation: get(row, "generation")?,
            digest: SecretDigest::from_bytes(column::hash(row, "digest")?),
            idle_expires: column::time(row, "idle_expires")?,
            previous: previous(row)?,
        },
        ended: ended(row)?,
        origin: get::<Option<&str>>(row, "origin")?
            .map(|text| serde_json::from_str(text).map_err(|_| corrupt("origin")))
            .transpose()?,
    })
}

fn previous(row: &Row) -> Result<Option<PreviousRefresh>, StoreError> {
    let digest = column::maybe_hash(row, "previous_digest")?;
    let rotated = column::maybe_time(row, "previous_rotated")?;
    let sealed: Option<Vec<u8>> = get(row, "previous_sealed")?;
    match (digest, rotated, sealed) {
        (None, None, None) => Ok(None),
        (Some(digest), Some(rotated), Some(sealed_successor)) => Ok(Some(PreviousRefresh {
            digest: SecretDigest::from_bytes(digest),
            rotated,
            sealed_successor,
        })),
        _ => Err(corrupt("previous_digest")),
    }
}

fn ended(row: &Row) -> Result<Option<GrantEnd>, StoreError> {
    let Some(at) = column::maybe_time(row, "ended_at")? else { return Ok(None) };
    let why = column::parsed(row, "ended_why", |text| end_reason(text).ok_or(()))?;
    Ok(Some(GrantEnd { at, why }))
}

const fn end_text(why: EndReason) -> &'static str {
    match why {
        EndReason::Revoked => "revoked",
        EndReason::Reuse => "reuse",
    }
}

fn end_reason(text: &str) -> Option<EndReason> {
    [EndReason::Revoked, EndReason::Reuse].into_iter().find(|why| end_text(*why) == text)
}

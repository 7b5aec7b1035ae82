//! Claims: loading what an operation must know, and keeping others from changing it.
//!
//! What has a row is kept by its row lock (`FOR UPDATE`). What may have none is kept by a lock of
//! [`crate::lock`], taken before the row is looked for and in the statement before: a statement
//! sees what was committed when it began, so a lock taken inside it would come too late.

use std::borrow::Cow;

use grantor_domain::document::{At, DocumentKey, Kind};
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::name::TenantName;
use grantor_store::{Claim, Claimed, Found, StoreError};
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::fault::Fault;
use crate::lock::Locks;
use crate::step::Step;
use crate::{attempts, documents, grants, sessions, single_use, used};

/// Begins the transaction and loads all claims.
///
/// They are locked in one order for all operations, whatever the order in which an operation names
/// them: two that want the same things never hold one each and wait for the other.
pub(crate) async fn load(
    connection: &mut Connection,
    locks: &Locks,
    claims: &[Claim],
) -> Result<Claimed, Fault> {
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|claim| rank(&claims[*claim]));
    let mut steps = Vec::with_capacity(2 * claims.len());
    let mut places = vec![None; claims.len()];
    for claim in &order {
        let (lock, load) = steps_of(&claims[*claim], locks);
        steps.extend(lock);
        places[*claim] = load.is_some().then_some(steps.len());
        steps.extend(load);
    }
    let rows = connection.begin(&steps).await?;
    let mut found = vec![Found::Used(false); claims.len()];
    for claim in order {
        let rows = places[claim].map_or(&[][..], |place| rows[place].as_slice());
        found[claim] = match (&claims[claim], rows) {
            (Claim::Document(key), []) => absent(connection, locks, key).await?,
            (claim, rows) => read(claim, rows)?,
        };
    }
    Ok(Claimed::new(found))
}

/// The order of locking.
fn rank(claim: &Claim) -> (u8, &str, &str, Cow<'_, [u8]>) {
    match claim {
        Claim::Document(DocumentKey { tenant, kind, at: At::Id(at) | At::Name(at) }) => {
            (0, tenant.as_str(), kind.as_str(), at.as_bytes().into())
        }
        Claim::Children { tenant, kind, parent } => {
            (1, tenant.as_str(), kind.as_str(), parent.as_bytes().into())
        }
        Claim::Grant(tenant, id) => (2, tenant.as_str(), "", id.bytes().to_vec().into()),
        Claim::Session(tenant, id) => (3, tenant.as_str(), "", id.bytes().to_vec().into()),
        Claim::SingleUse(tenant, kind, id) => (4, tenant.as_str(), kind.as_str(), id[..].into()),
        Claim::Attempts(tenant, account) => (5, tenant.as_str(), "", account.as_bytes().into()),
        Claim::Used(kind, value) => (6, "", kind.as_str(), value.into()),
    }
}

/// The lock for what may have no row, and what loads it.
fn steps_of(claim: &Claim, locks: &Locks) -> (Option<Step>, Option<Step>) {
    match claim {
        // Most documents that are claimed are there; see `absent` for the others.
        Claim::Document(key) => (None, documents::claim(key)),
        Claim::Children { tenant, kind, parent } => (
            Some(locks.exclusive("children", &set_of_children(tenant, *kind, parent))),
            Some(documents::claim_children(tenant, *kind, parent)),
        ),
        Claim::Grant(tenant, id) => (None, Some(grants::claim(tenant, *id))),
        Claim::Session(tenant, id) => (None, Some(sessions::claim(tenant, *id))),
        Claim::SingleUse(tenant, kind, id) => (None, Some(single_use::claim(tenant, *kind, *id))),
        Claim::Attempts(tenant, account) => (
            Some(locks.exclusive("attempts", &[tenant.as_str().as_bytes(), account.as_bytes()])),
            Some(attempts::claim(tenant, account)),
        ),
        Claim::Used(kind, value) => (
            Some(locks.exclusive("used", &[kind.as_str().as_bytes(), value])),
            Some(used::find(*kind, value)),
        ),
    }
}

/// What names the children of a parent. Whoever claims them holds its lock alone, whoever adds one
/// holds it with others: no child appears while the claim holds.
pub(crate) fn set_of_children<'a>(
    tenant: &'a TenantName,
    kind: Kind,
    parent: &'a str,
) -> [&'a [u8]; 3] {
    [tenant.as_str().as_bytes(), kind.as_str().as_bytes(), parent.as_bytes()]
}

/// A document that is not there has no row to lock. Whoever claims its key takes a lock on the key
/// and looks again: it may have been written while we waited.
async fn absent(connection: &Connection, locks: &Locks, key: &DocumentKey) -> Result<Found, Fault> {
    let Some(load) = documents::claim(key) else { return Ok(Found::Document(None)) };
    let (space, at) = match &key.at {
        At::Id(id) => ("document id", id),
        At::Name(name) => ("document name", name),
    };
    let key_of = [key.tenant.as_str().as_bytes(), key.kind.as_str().as_bytes(), at.as_bytes()];
    let rows = connection.run(&[locks.exclusive(space, &key_of), load]).await?;
    Ok(read(&Claim::Document(key.clone()), &rows[1])?)
}

fn read(claim: &Claim, rows: &[Row]) -> Result<Found, StoreError> {
    let row = rows.first();
    Ok(match claim {
        Claim::Document(key) => {
            Found::Document(row.map(|row| documents::read(row, key.kind)).transpose()?)
        }
        Claim::Children { kind, .. } => Found::Children(documents::read_children(rows, *kind)?),
        Claim::Grant(..) => Found::Grant(row.map(grants::read).transpose()?.map(Box::new)),
        Claim::Session(..) => Found::Session(row.map(sessions::read).transpose()?.map(Box::new)),
        Claim::SingleUse(..) => {
            Found::SingleUse(row.map(single_use::read).transpose()?.map(Box::new))
        }
        Claim::Attempts(..) => {
            Found::Attempts(row.map_or(Ok(Attempts::default()), attempts::read)?)
        }
        Claim::Used(..) => Found::Used(row.is_some()),
    })
}

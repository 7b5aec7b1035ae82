//! The change sequence, and the lock that keeps both sequences whole.
//!
//! A number that is taken is not yet committed: a transaction that took 7 may commit after one
//! that took 8, and a follower who read up to 8 in between would never see 7. So numbers are taken
//! under a lock that ends with the transaction: whoever takes 8 does so after 7 is committed or
//! gone. The lock is taken last, right before the numbers, so that nobody waits for longer than
//! one commit and whoever holds it waits for nobody: it cannot be part of a deadlock. Changes of
//! documents and revocations are rare beside rotations, which never take it.
//!
//! (The other way, to hide numbers from readers until every older transaction is over, makes
//! followers wait for the slowest transaction of the whole database cluster.)

use grantor_domain::document::Kind;
use grantor_oauth_types::name::TenantName;
use grantor_store::{Change, Changed, KEPT_CHANGES, StoreError};
use tokio_postgres::Row;

use crate::column::{self, corrupt, get};
use crate::lock::Locks;
use crate::step::{Step, step};

/// The kind of rows that say: the revocations grew.
const REVOCATIONS: &str = "revocations";

// One statement however many there are: while it runs, everybody else waits.
const APPEND: &str = "
    INSERT INTO changes (tenant, kind, id, parent)
    SELECT tenant, kind, id, parent
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        WITH ORDINALITY AS what (tenant, kind, id, parent, place)
    ORDER BY place";

const AFTER: &str =
    "SELECT seq, tenant, kind, id, parent FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2";

const LAST: &str = "SELECT coalesce(max(seq), 0) AS seq FROM changes";

// The newest row always stays, so the largest number is known.
const PURGE: &str = "
    DELETE FROM changes WHERE seq IN
        (SELECT seq FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - $1
         ORDER BY seq LIMIT $2)
    RETURNING 1";

const LOAD: &str =
    "INSERT INTO changes (seq, tenant, kind, id, parent) VALUES ($1, $2, $3, $4, $5)";

/// The whole sequence.
pub(crate) const DUMP: &str = "SELECT seq, tenant, kind, id, parent FROM changes ORDER BY seq";

/// How far the sequence has counted.
pub(crate) const COUNTED: &str = "
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('changes', 'seq')), 0) AS seq";

/// Goes on counting behind a number, if it has not come as far.
pub(crate) const COUNT_ON: &str = "
    SELECT setval(pg_get_serial_sequence('changes', 'seq'), greatest(n, 1), n > 0)
    FROM (
        SELECT greatest(
            $1, max(seq), pg_sequence_last_value(pg_get_serial_sequence('changes', 'seq'))
        ) AS n FROM changes
    ) AS counted";

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM changes)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 9] =
    [APPEND, AFTER, LAST, PURGE, LOAD, DUMP, COUNTED, COUNT_ON, ANY];

/// Lets nobody else take numbers until the transaction ends.
pub(crate) fn lock(locks: &Locks) -> Step {
    locks.exclusive("sequence", &[])
}

/// Appends changes in their order; under the lock.
pub(crate) fn append(changes: Vec<(TenantName, Changed)>) -> Step {
    let (mut tenants, mut kinds) = (Vec::new(), Vec::new());
    let (mut ids, mut parents) = (Vec::new(), Vec::new());
    for (tenant, what) in changes {
        let (kind, id, parent) = columns(what);
        tenants.push(tenant.to_string());
        kinds.push(kind);
        ids.push(id);
        parents.push(parent);
    }
    step!(APPEND, tenants, kinds, ids, parents)
}

fn columns(what: Changed) -> (&'static str, Option<String>, Option<String>) {
    match what {
        Changed::Document(kind, id, parent) => (kind.as_str(), Some(id), parent),
        Changed::Revocations => (REVOCATIONS, None, None),
    }
}

/// The sequence behind a number.
pub(crate) fn after(after: i64, limit: usize) -> Step {
    step!(AFTER, after, column::limit(limit))
}

/// The last number, 0 before the first.
pub(crate) fn last() -> Step {
    step!(LAST)
}

/// Deletes what no follower that keeps up needs.
pub(crate) fn purge(limit: i64) -> Step {
    step!(PURGE, KEPT_CHANGES, limit)
}

/// Writes a change as it was dumped.
pub(crate) fn load(change: Change) -> Step {
    let (kind, id, parent) = columns(change.what);
    step!(LOAD, change.seq, change.tenant.to_string(), kind, id, parent)
}

/// Reads a change.
pub(crate) fn read(row: &Row) -> Result<Change, StoreError> {
    let kind: &str = get(row, "kind")?;
    let what = if kind == REVOCATIONS {
        Changed::Revocations
    } else {
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
        Changed::Document(
            kind.ok_or_else(|| corrupt("kind"))?,
            get(row, "id")?,
            get(row, "parent")?,
        )
    };
    Ok(Change { seq: get(row, "seq")?, tenant: column::tenant(row)?, what })
}

//! The revocation sequence. Numbers are taken under the lock of [`crate::changes`].

use grantor_domain::revocation::Revocation;
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::column::{self, get, micros};
use crate::step::{Step, step};

macro_rules! columns {
    () => {
        "tenant, target, issued_before, revoked, until"
    };
}

const APPEND: &str =
    concat!("INSERT INTO revocations (", columns!(), ") VALUES ($1, $2, $3, $4, $5)");

const AFTER: &str = concat!(
    "SELECT seq, ",
    columns!(),
    " FROM revocations
     WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3"
);

const SINCE: &str = concat!(
    "SELECT seq, ",
    columns!(),
    " FROM revocations
     WHERE tenant = $1 AND revoked >= $2 ORDER BY revoked, seq LIMIT $3"
);

const PURGE: &str = "
    DELETE FROM revocations WHERE seq IN
        (SELECT seq FROM revocations WHERE until < $1 ORDER BY until LIMIT $2)
    RETURNING 1";

const LOAD: &str =
    concat!("INSERT INTO revocations (", columns!(), ", seq) VALUES ($1, $2, $3, $4, $5, $6)");

/// The whole sequence.
pub(crate) const DUMP: &str = concat!("SELECT seq, ", columns!(), " FROM revocations ORDER BY seq");

/// How far the sequence has counted.
pub(crate) const COUNTED: &str = "
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('revocations', 'seq')), 0)
        AS seq";

/// Goes on counting behind a number, if it has not come as far.
pub(crate) const COUNT_ON: &str = "
    SELECT setval(pg_get_serial_sequence('revocations', 'seq'), greatest(n, 1), n > 0)
    FROM (
        SELECT greatest(
            $1, max(seq), pg_sequence_last_value(pg_get_serial_sequence('revocations', 'seq'))
        ) AS n FROM revocations
    ) AS counted";

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM revocations)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 9] =
    [APPEND, AFTER, SINCE, PURGE, LOAD, DUMP, COUNTED, COUNT_ON, ANY];

/// Appends a revocation; under the lock.
pub(crate) fn append(revocation: &Revocation) -> Step {
    let mut step = load(0, revocation);
    step.sql = APPEND;
    step.values.pop();
    step
}

/// The sequence of a tenant behind a number.
pub(crate) fn after(tenant: &TenantName, after: i64, limit: usize) -> Step {
    step!(AFTER, tenant.to_string(), after, column::limit(limit))
}

/// What was revoked in a tenant at a time or later.
pub(crate) fn since(tenant: &TenantName, from: Timestamp, limit: usize) -> Step {
    step!(SINCE, tenant.to_string(), micros(from), column::limit(limit))
}

/// Deletes revocations that can match no living token since `over`.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Writes a revocation as it was dumped.
pub(crate) fn load(seq: i64, revocation: &Revocation) -> Step {
    let target = serde_json::to_string(&revocation.target).expect("a target has string keys only");
    step!(
        LOAD,
        revocation.tenant.to_string(),
        target,
        revocation.issued_before,
        micros(revocation.revoked),
        micros(revocation.until),
        seq,
    )
}

/// Reads a revocation and its place.
pub(crate) fn read(row: &Row) -> Result<(i64, Revocation), StoreError> {
    let revocation = Revocation {
        tenant: column::tenant(row)?,
        target: column::parsed(row, "target", |text| serde_json::from_str(text))?,
        issued_before: get(row, "issued_before")?,
        revoked: column::time(row, "revoked")?,
        until: column::time(row, "until")?,
    };
    Ok((get(row, "seq")?, revocation))
}

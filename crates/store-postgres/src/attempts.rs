//! Failure counters.

use std::borrow::Cow;

use grantor_crypto::digest::sha256;
use grantor_domain::throttle::Attempts;
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use tokio_postgres::Row;

use crate::column::{self, corrupt, get};
use crate::step::{Step, step};

const CLAIM: &str =
    "SELECT count, last FROM attempts WHERE tenant = $1 AND account = $2 FOR UPDATE";

const SET: &str = "
    INSERT INTO attempts (tenant, account, count, last) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant, account) DO UPDATE SET count = excluded.count, last = excluded.last";

const FORGET: &str = "DELETE FROM attempts WHERE tenant = $1 AND account = $2";

const PURGE: &str = "
    DELETE FROM attempts WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM attempts WHERE last < $1 ORDER BY last LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1";

/// Every counter.
pub(crate) const DUMP: &str =
    "SELECT tenant, account, count, last FROM attempts ORDER BY tenant, account";

/// Whether there is any.
pub(crate) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM attempts)";

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) const ALL_SQL: [&str; 6] = [CLAIM, SET, FORGET, PURGE, DUMP, ANY];

/// The longest account that is kept as it is. An index entry has at most 2,700 bytes.
const LONGEST_ACCOUNT: usize = 1_024;

/// An account as a column can hold it: what somebody typed as a name may be long, or hold a NUL,
/// and must have its own counter all the same (SEC-115).
pub(crate) fn account_key(account: &str) -> Cow<'_, str> {
    if account.len() <= LONGEST_ACCOUNT && !account.contains('\0') {
        return Cow::Borrowed(account);
    }
    let hash = sha256(account.as_bytes()).map(|byte| format!("{byte:02x}")).concat();
    Cow::Owned(format!("sha256:{hash}"))
}

/// The counter of an account, kept from others. Its lock is taken before.
pub(crate) fn claim(tenant: &TenantName, account: &str) -> Step {
    step!(CLAIM, tenant.to_string(), account_key(account).into_owned())
}

/// Keeps a counter; a zero count deletes it.
pub(crate) fn set(tenant: &TenantName, account: &str, attempts: Attempts) -> Step {
    let (tenant, account) = (tenant.to_string(), account_key(account).into_owned());
    if attempts.count == 0 {
        step!(FORGET, tenant, account)
    } else {
        step!(SET, tenant, account, i64::from(attempts.count), attempts.last)
    }
}

/// Deletes counters whose last attempt was before this second: the longest wait is long over.
pub(crate) fn purge(over: i64, limit: i64) -> Step {
    step!(PURGE, over, limit)
}

/// Reads a counter.
pub(crate) fn read(row: &Row) -> Result<Attempts, StoreError> {
    let count: i64 = get(row, "count")?;
    let count = u32::try_from(count).map_err(|_| corrupt("count"))?;
    Ok(Attempts { count, last: get(row, "last")? })
}

/// Reads a counter and whose it is.
pub(crate) fn read_dumped(row: &Row) -> Result<(TenantName, String, Attempts), StoreError> {
    Ok((column::tenant(row)?, get(row, "account")?, read(row)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_115_whatever_is_typed_as_a_name_has_a_counter_of_its_own() {
        let (long, longer) = ("x".repeat(2_000), "x".repeat(2_001));
        let accounts = ["", "ann", "a\0b", "a\0c", &long, &longer];
        let keys: std::collections::HashSet<_> = accounts.iter().map(|a| account_key(a)).collect();
        assert_eq!(keys.len(), accounts.len());
        assert!(keys.iter().all(|key| key.len() <= LONGEST_ACCOUNT && !key.contains('\0')));
        assert_eq!(account_key("ann"), "ann");
    }
}

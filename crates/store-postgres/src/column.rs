//! Columns and what they mean. A column that does not read is damage, and is named.

use grantor_oauth_types::id::Id;
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

/// A time as it is kept: microseconds since 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A limit as PostgreSQL takes it.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A column does not hold what it should.
pub(crate) fn corrupt(column: &str) -> StoreError {
    StoreError::Corrupt(format!("the column `{column}` does not read"))
}

/// A column as its type.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| corrupt(column))
}

/// A time as it was kept.
pub(crate) fn time(row: &Row, column: &str) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(get(row, column)?).map_err(|_| corrupt(column))
}

/// A time that may be missing.
pub(crate) fn maybe_time(row: &Row, column: &str) -> Result<Option<Timestamp>, StoreError> {
    get::<Option<i64>>(row, column)?
        .map(|at| Timestamp::from_microsecond(at).map_err(|_| corrupt(column)))
        .transpose()
}

/// An id.
pub(crate) fn id<K>(row: &Row, column: &str) -> Result<Id<K>, StoreError> {
    Ok(Id::from_uuid(get::<Uuid>(row, column)?))
}

/// Thirty-two bytes.
pub(crate) fn hash(row: &Row, column: &str) -> Result<[u8; 32], StoreError> {
    get::<&[u8]>(row, column)?.try_into().map_err(|_| corrupt(column))
}

/// Thirty-two bytes that may be missing.
pub(crate) fn maybe_hash(row: &Row, column: &str) -> Result<Option<[u8; 32]>, StoreError> {
    get::<Option<&[u8]>>(row, column)?
        .map(|bytes| bytes.try_into().map_err(|_| corrupt(column)))
        .transpose()
}

/// Whose a row is.
pub(crate) fn tenant(row: &Row) -> Result<TenantName, StoreError> {
    parsed(row, "tenant", TenantName::parse)
}

/// A text that means something.
pub(crate) fn parsed<T, E>(
    row: &Row,
    column: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(get(row, column)?).map_err(|_| corrupt(column))
}

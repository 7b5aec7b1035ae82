//! Columns and what they mean; and the checksum that shows damage.

use grantor_oauth_types::id::Id;
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use jiff::Timestamp;
use rusqlite::Row;
use uuid::Uuid;

use crate::fault::{Fault, corrupt};

/// A time as it is kept: microseconds since 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time as it was kept.
pub(crate) fn time(row: &Row<'_>, column: &'static str) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|_| corrupt(column))
}

/// A time that may be missing.
pub(crate) fn maybe_time(row: &Row<'_>, column: &'static str) -> Result<Option<Timestamp>, Fault> {
    row.get::<_, Option<i64>>(column)?
        .map(|at| Timestamp::from_microsecond(at).map_err(|_| corrupt(column)))
        .transpose()
}

/// An id of sixteen bytes.
pub(crate) fn id<K>(row: &Row<'_>, column: &'static str) -> Result<Id<K>, Fault> {
    let bytes: [u8; 16] = row.get(column).map_err(|_| corrupt(column))?;
    Ok(Id::from_uuid(Uuid::from_bytes(bytes)))
}

/// Whose a row is.
pub(crate) fn tenant(row: &Row<'_>) -> Result<TenantName, Fault> {
    parsed(row, "tenant", TenantName::parse)
}

/// A text that means something.
pub(crate) fn parsed<T, E>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Fault> {
    let text = row.get_ref(column)?.as_str().map_err(|_| corrupt(column))?;
    parse(text).map_err(|_| corrupt(column))
}

/// A checksum over columns, each with its length, so that no two rows run together.
#[derive(Debug)]
pub(crate) struct Checksum(Vec<u8>);

impl Default for Checksum {
    fn default() -> Self {
        // Most rows are no larger.
        Self(Vec::with_capacity(1_024))
    }
}

impl Checksum {
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn maybe(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    pub(crate) fn number(mut self, number: i64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Eight bytes: against accidents, not against people.
    pub(crate) fn finish(self) -> [u8; 8] {
        let hash = grantor_crypto::digest::sha256(&self.0);
        *hash.first_chunk().expect("a hash has more than eight bytes")
    }
}

/// Compares the checksum of a row with what its columns give (REL-007).
pub(crate) fn verify(row: &Row<'_>, expected: [u8; 8], what: &str) -> Result<(), Fault> {
    let found = row.get_ref("checksum")?.as_blob().map_err(|_| corrupt("checksum"))?;
    if found == expected {
        return Ok(());
    }
    Err(Fault::Store(StoreError::Corrupt(format!(
        "the checksum of {what} is wrong: the disk is damaged, restore a backup"
    ))))
}

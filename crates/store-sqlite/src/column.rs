//! Columns and what they mean; and the checksum that shows damage.

use grantor_oauth_types::id::Id;
use grantor_oauth_types::name::TenantName;
use grantor_store::StoreError;
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::FromSql;
use uuid::Uuid;

use crate::fault::{Fault, corrupt};

/// A time as it is kept: microseconds since 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The columns of a row, taken one after the other in the order in which the statement names them:
/// to look each up by its name would cost more than to read it.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    fn place(&mut self, name: &'static str) -> usize {
        let place = self.next;
        debug_assert_eq!(self.row.as_ref().column_name(place).ok(), Some(name));
        self.next += 1;
        place
    }

    /// A value as it is.
    pub(crate) fn get<T: FromSql>(&mut self, name: &'static str) -> Result<T, Fault> {
        let place = self.place(name);
        Ok(self.row.get(place)?)
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<&'r str, Fault> {
        self.maybe_text(name)?.ok_or_else(|| corrupt(name))
    }

    /// A text that may be missing.
    pub(crate) fn maybe_text(&mut self, name: &'static str) -> Result<Option<&'r str>, Fault> {
        let place = self.place(name);
        self.row.get_ref(place)?.as_str_or_null().map_err(|_| corrupt(name))
    }

    /// A text that means something.
    pub(crate) fn parsed<T, E>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Fault> {
        parse(self.text(name)?).map_err(|_| corrupt(name))
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Timestamp, Fault> {
        self.maybe_time(name)?.ok_or_else(|| corrupt(name))
    }

    /// A time that may be missing.
    pub(crate) fn maybe_time(&mut self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let at: Option<i64> = self.get(name)?;
        at.map(Timestamp::from_microsecond).transpose().map_err(|_| corrupt(name))
    }

    /// An id of sixteen bytes.
    pub(crate) fn id<K>(&mut self, name: &'static str) -> Result<Id<K>, Fault> {
        let bytes: [u8; 16] = self.get(name).map_err(|_| corrupt(name))?;
        Ok(Id::from_uuid(Uuid::from_bytes(bytes)))
    }

    /// Whose the row is.
    pub(crate) fn tenant(&mut self) -> Result<TenantName, Fault> {
        self.parsed("tenant", TenantName::parse)
    }

    /// The checksum, which is the last column, is that of the others (REL-007).
    pub(crate) fn verify(mut self, expected: [u8; 8], what: &str) -> Result<(), Fault> {
        let place = self.place("checksum");
        let found = self.row.get_ref(place)?.as_blob().map_err(|_| corrupt("checksum"))?;
        if found == expected {
            return Ok(());
        }
        Err(Fault::Store(StoreError::Corrupt(format!(
            "the checksum of {what} is wrong: the disk is damaged, restore a backup"
        ))))
    }
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

//! What SQLite says, and what that means for the store.

use grantor_store::StoreError;
use rusqlite::ffi;

/// Why a piece of work failed, with what SQLite said still in it.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Ours: a rule or a check said no
    Store(StoreError),
    /// SQLite's
    Sql(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Sql(error) => store_error(&error),
        }
    }
}

impl Fault {
    /// Whether nobody can know any more what is on the disk: a failed `fsync` drops the pages it
    /// could not write, and the next one succeeds without them (REL-003).
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::Sql(error) if is_fatal(error))
    }
}

/// The number of a column that does not read.
pub(crate) fn corrupt(what: &str) -> Fault {
    Fault::Store(StoreError::Corrupt(format!("{what} does not read")))
}

fn code_of(error: &rusqlite::Error) -> Option<(i32, i32)> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            Some((failure.extended_code & 0xff, failure.extended_code))
        }
        _ => None,
    }
}

fn is_fatal(error: &rusqlite::Error) -> bool {
    match code_of(error) {
        // The index of the log is in shared memory, which is made anew: no data is lost with it,
        // and a full disk shows here first.
        Some((
            _,
            ffi::SQLITE_IOERR_SHMOPEN
            | ffi::SQLITE_IOERR_SHMSIZE
            | ffi::SQLITE_IOERR_SHMMAP
            | ffi::SQLITE_IOERR_SHMLOCK
            | ffi::SQLITE_IOERR_NOMEM,
        )) => false,
        Some((ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB, _)) => true,
        _ => false,
    }
}

fn store_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;
    match error {
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::Utf8Error(..)
        | E::InvalidColumnType(..) => StoreError::Corrupt(error.to_string()),
        _ => match code_of(error) {
            Some((ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB, _)) => {
                StoreError::Corrupt(error.to_string())
            }
            _ => StoreError::Unavailable(error.to_string()),
        },
    }
}

/// Which key of a table is taken, if that is what the error says.
pub(crate) fn taken_key(error: &rusqlite::Error) -> Option<&'static str> {
    match code_of(error)?.1 {
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Some("id"),
        ffi::SQLITE_CONSTRAINT_UNIQUE => Some("name"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended: i32) -> Fault {
        Fault::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(extended), None))
    }

    #[test]
    fn rel_003_a_failed_write_or_sync_is_fatal_and_a_full_disk_is_not() {
        for fatal in [
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
        ] {
            assert!(failure(fatal).is_fatal(), "{fatal}");
        }
        for passing in
            [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_CONSTRAINT]
        {
            assert!(!failure(passing).is_fatal(), "{passing}");
        }
    }
}

//! What PostgreSQL and the way to it can say, and what that means for an operation.

use grantor_store::StoreError;
use tokio_postgres::error::SqlState;

use crate::documents;

/// Why a statement or transaction did not succeed, before it is decided whether to try again.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It stays: the caller hears it
    Final(StoreError),
    /// The database undid the transaction and asks to be tried again (40001, 40P01)
    Again(String),
    /// The connection is of no use any more; what was in flight may or may not have happened
    Lost(String),
}

impl Fault {
    /// What the caller hears if nobody tries again.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::Final(error) => error,
            Self::Again(reason) | Self::Lost(reason) => StoreError::Unavailable(reason),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return without_state(&error);
        };
        if let Some((kind, key)) = documents::taken_key(db) {
            return Self::Final(StoreError::Conflict { kind, key });
        }
        // The message names statements and constraints; `DETAIL` would name values.
        by_state(db.code(), format!("{}: {}", db.code().code(), db.message()))
    }
}

fn without_state(error: &tokio_postgres::Error) -> Fault {
    let reason = error.to_string();
    // Parameters and columns are converted on our side: a failure there is a value that cannot be.
    let converts = std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<tokio_postgres::types::WrongType>);
    if converts
        || reason.starts_with("error serializing")
        || reason.starts_with("error deserializing")
    {
        return Fault::Final(StoreError::Corrupt(reason));
    }
    Fault::Lost(reason)
}

fn by_state(state: &SqlState, reason: String) -> Fault {
    match *state {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            Fault::Again(reason)
        }
        // We talk to what is or was a standby; the primary is elsewhere.
        SqlState::READ_ONLY_SQL_TRANSACTION
        // The plan or the statement is not what it was when it was prepared: prepare anew.
        | SqlState::FEATURE_NOT_SUPPORTED
        | SqlState::INVALID_SQL_STATEMENT_NAME => Fault::Lost(reason),
        SqlState::LOCK_NOT_AVAILABLE | SqlState::QUERY_CANCELED => {
            Fault::Final(StoreError::Unavailable(reason))
        }
        SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::UNTRANSLATABLE_CHARACTER => {
            Fault::Final(StoreError::Corrupt(reason))
        }
        _ => by_class(state.code(), reason),
    }
}

/// The first two characters of a state are its class (PostgreSQL manual, appendix A).
fn by_class(code: &str, reason: String) -> Fault {
    match &code[..2.min(code.len())] {
        // Connection; operator intervention (shutdown, crash); idle in transaction too long
        "08" | "57" | "25" => Fault::Lost(reason),
        // Disk full, out of memory, too many connections; input and output of the system
        "53" | "58" | "28" | "3D" => Fault::Final(StoreError::Unavailable(reason)),
        "54" => Fault::Final(StoreError::TooLarge),
        _ => Fault::Final(StoreError::Corrupt(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_says_has_one_meaning() {
        let table = [
            ("40001", "again"),
            ("40P01", "again"),
            ("08006", "lost"),
            ("57P01", "lost"),
            ("25006", "lost"),
            ("25P03", "lost"),
            ("26000", "lost"),
            ("0A000", "lost"),
            ("55P03", "unavailable"),
            ("57014", "unavailable"),
            ("53100", "unavailable"),
            ("53300", "unavailable"),
            ("58030", "unavailable"),
            ("54000", "too large"),
            ("22021", "corrupt"),
            ("42P01", "corrupt"),
            ("XX001", "corrupt"),
        ];
        for (code, expected) in table {
            let meaning = match by_state(&SqlState::from_code(code), code.to_owned()) {
                Fault::Again(_) => "again",
                Fault::Lost(_) => "lost",
                Fault::Final(StoreError::Unavailable(_)) => "unavailable",
                Fault::Final(StoreError::TooLarge) => "too large",
                Fault::Final(StoreError::Corrupt(_)) => "corrupt",
                Fault::Final(_) => "something else",
            };
            assert_eq!(meaning, expected, "{code}");
        }
    }
}

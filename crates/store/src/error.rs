//! What can go wrong with a store: taken, stale, refused, away, or damaged.

use grantor_domain::document::{CorruptDocument, Kind};

/// Why an operation did not happen. Nothing of it did.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A key or name that must be unique is taken (409)
    #[error("a {kind} with this {key} exists already", kind = kind.as_str())]
    Conflict {
        /// Of which kind
        kind: Kind,
        /// `id` or `name`
        key: &'static str,
    },
    /// Somebody changed it in between (412 where the caller said which version it knew)
    #[error("the {kind} was changed in between", kind = kind.as_str())]
    Stale {
        /// Of which kind
        kind: Kind,
    },
    /// The rule said no; the caller knows what it means
    #[error("refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More rows than an operation may touch
    #[error("too many rows for one operation")]
    TooLarge,
    /// The database is away, full, or too slow (503 with `Retry-After`); a retry is safe
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database says something that cannot be
    #[error("the database is damaged: {0}")]
    Corrupt(String),
}

impl From<CorruptDocument> for StoreError {
    fn from(error: CorruptDocument) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl StoreError {
    /// For a rule that says no.
    pub fn refused(reason: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Refused(Box::new(reason))
    }
}

//! What works once: found by a lookup id, decided by a digest, spent by one change of state.
//!
//! Each kind is a space and a type of its own (SEC-049): a value of one kind is neither found nor
//! spent as another.

use grantor_crypto::digest::SecretDigest;
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The kinds of single-use values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SingleUseKind {
    /// [`crate::code::AuthorizationCode`]
    AuthorizationCode,
    /// [`crate::pushed::PushedRequest`]
    PushedRequest,
}

impl SingleUseKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::AuthorizationCode, Self::PushedRequest];

    /// The spelling in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::PushedRequest => "pushed_request",
        }
    }
}

/// What a single-use value stands for.
pub trait SingleUseBody: Serialize + DeserializeOwned {
    /// Which kind it is.
    const KIND: SingleUseKind;
}

/// A single-use value as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleUse {
    /// Whose it is
    pub tenant: TenantName,
    /// What it is
    pub kind: SingleUseKind,
    /// Time-ordered; the lookup id inside the secret
    pub id: [u8; 16],
    /// Of the whole secret
    pub digest: SecretDigest,
    /// When it ends unused
    pub expires: Timestamp,
    /// When it was used; then it stays, so that a second use is noticed (SEC-046)
    pub spent: Option<Timestamp>,
    /// What it stands for: JSON text
    pub body: String,
}

/// The body in the database does not read.
#[derive(Debug, thiserror::Error)]
#[error("a single-use value of the kind {kind} does not read: {reason}", kind = .kind.as_str())]
pub struct CorruptSingleUse {
    /// What it should be
    pub kind: SingleUseKind,
    /// What the reader said
    pub reason: String,
}

impl SingleUse {
    /// A new one.
    pub fn new<B: SingleUseBody>(
        tenant: TenantName,
        id: [u8; 16],
        digest: SecretDigest,
        expires: Timestamp,
        body: &B,
    ) -> Self {
        let body = serde_json::to_string(body).expect("bodies have string keys only");
        Self { tenant, kind: B::KIND, id, digest, expires, spent: None, body }
    }

    /// What it stands for.
    pub fn decode<B: SingleUseBody>(&self) -> Result<B, CorruptSingleUse> {
        let corrupt = |reason: String| CorruptSingleUse { kind: B::KIND, reason };
        if self.kind != B::KIND {
            return Err(corrupt(format!("it is of the kind {}", self.kind.as_str())));
        }
        serde_json::from_str(&self.body).map_err(|error| corrupt(error.to_string()))
    }
}

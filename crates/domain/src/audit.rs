//! Events worth remembering, each in the transaction of the change it tells of (SEC-190); and the
//! signed statement about the end of their chain (SEC-191).

use grantor_oauth_types::id::DecisionId;
use grantor_oauth_types::name::TenantName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Time-ordered; what `grantor explain` is asked with when a decision is attached
    pub id: DecisionId,
    /// Where
    pub tenant: TenantName,
    /// When
    pub at: Timestamp,
    /// What, as dotted words: `token.issued`, `token.refused`, `client.changed`, …
    pub kind: String,
    /// Whether it was done or refused
    pub outcome: AuditOutcome,
    /// Who did it: `user:usr_…`, `client:shop`, `system`
    pub actor: String,
    /// About whom or what: `client/shop`, `user/usr_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// From which address
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What else: before and after (secrets masked), or the recorded decision with its inputs
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// Done
    Done,
    /// Refused
    Refused,
}

/// The `typ` of a signed [`CheckpointClaims`]: no other statement passes for one (RFC 8725 §3.11).
pub const CHECKPOINT_TYP: &str = "audit-checkpoint+jwt";

/// What a signed checkpoint says: at this time the audit chain ended with this link. Kept where
/// the database is not, it shows that the end was cut off or everything made anew (SEC-191).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointClaims {
    /// The issuer of the default tenant, whose key signs
    pub iss: String,
    /// The number of the link
    pub link: i64,
    /// The hash of the link, base64url
    pub hash: String,
    /// When it was signed, in seconds since 1970
    pub iat: i64,
}

//! Events worth remembering, each in the transaction of the change it tells of (SEC-190).

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

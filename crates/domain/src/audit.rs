//! Events worth remembering, each in the transaction of the change it tells of (SEC-190); and the
//! signed statement about the end of their chain (SEC-191).

use std::collections::BTreeSet;

use grantor_oauth_types::id::{DecisionId, UserId};
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

impl AuditEvent {
    /// Whose log this is in: of whoever did it, and of whom it was done to. What is issued all day is
    /// in nobody's, for it is the client that does it.
    pub fn persons(&self) -> BTreeSet<UserId> {
        if ["token.", "authorization.", "authorize."].iter().any(|of| self.kind.starts_with(of)) {
            return BTreeSet::new();
        }
        let actor = self.actor.strip_prefix("user:");
        let subject = self.subject.as_deref().and_then(|subject| subject.strip_prefix("user/"));
        let user = self.detail.get("user").and_then(serde_json::Value::as_str);
        [actor, subject, user].into_iter().flatten().filter_map(|id| id.parse().ok()).collect()
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::example::{at, tenant_name, user_id};

    #[test]
    fn an_event_is_in_the_log_of_who_did_it_and_of_whom_it_was_done_to() {
        let (jane, admin) = (user_id(1), user_id(2));
        let event = |kind: &str, actor: String, subject: String, detail| AuditEvent {
            id: DecisionId::new(1, [1; 10]),
            tenant: tenant_name(),
            at: at(1),
            kind: kind.to_owned(),
            outcome: AuditOutcome::Done,
            actor,
            subject: Some(subject),
            address: None,
            detail,
        };
        let (by_jane, by_admin) = (format!("user:{jane}"), format!("user:{admin}"));
        let of = |event: AuditEvent| event.persons().into_iter().collect::<Vec<_>>();
        let table = [
            (event("session.opened", by_jane.clone(), "session/s".into(), json!({})), vec![jane]),
            (event("user.changed", by_admin, format!("user/{jane}"), json!({})), vec![jane, admin]),
            (
                event(
                    "session.ended",
                    "system".into(),
                    "session/s".into(),
                    json!({ "user": jane }),
                ),
                vec![jane],
            ),
            (event("key.created", "system".into(), "signing_key/k".into(), json!({})), vec![]),
            (event("token.issued", by_jane.clone(), "t".into(), json!({ "user": jane })), vec![]),
            (event("authorization.granted", by_jane, "t".into(), json!({})), vec![]),
            (event("sign_in.failed", "anonymous".into(), "t".into(), json!({ "user": 7 })), vec![]),
        ];
        for (event, expected) in table {
            let kind = event.kind.clone();
            assert_eq!(of(event), expected, "{kind}");
        }
    }
}

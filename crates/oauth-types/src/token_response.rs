//! A successful token response. RFC 6749 §5.1.

use serde::{Deserialize, Serialize};

/// What the standard token endpoint answers; absent members are left out.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenResponse {
    /// REQUIRED
    pub access_token: String,
    /// REQUIRED: `Bearer`
    pub token_type: String,
    /// Seconds from now
    pub expires_in: u64,
    /// The granted scope: always stated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// OPTIONAL
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// OIDC Core §3.1.3.3
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// STUPS: the realm with its leading slash
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// Ours: ask `grantor explain` why this was granted
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
}

impl std::fmt::Debug for TokenResponse {
    /// Mute: it carries bearer secrets (SEC-189).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// What a refused request hears. RFC 6749 §5.2.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ErrorResponse {
    /// One of the registered codes
    pub error: String,
    /// For the developer who reads it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// Ours: ask `grantor explain` what would change it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn sec_071_an_answer_has_the_registered_members_and_one_more() {
        let least = TokenResponse {
            access_token: "CANARY".to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: 600,
            scope: None,
            refresh_token: None,
            id_token: None,
            realm: None,
            decision_id: None,
        };
        let expected = json!({"access_token": "CANARY", "token_type": "Bearer", "expires_in": 600});
        assert_eq!(to_value(&least).unwrap(), expected);
        let all = TokenResponse {
            scope: Some("a b".to_owned()),
            refresh_token: Some("CANARY".to_owned()),
            id_token: Some("CANARY".to_owned()),
            realm: Some("/services".to_owned()),
            decision_id: Some("dec_1".to_owned()),
            ..least
        };
        let names: Vec<String> =
            to_value(&all).unwrap().as_object().unwrap().keys().cloned().collect();
        let known = [
            "access_token",
            "decision_id",
            "expires_in",
            "id_token",
            "realm",
            "refresh_token",
            "scope",
            "token_type",
        ];
        assert_eq!(names, known);
        assert!(!format!("{all:?}").contains("CANARY"), "SEC-189");
    }

    #[test]
    fn an_error_leaves_out_what_it_does_not_say() {
        let error = ErrorResponse {
            error: "invalid_scope".into(),
            error_description: None,
            decision_id: None,
        };
        assert_eq!(to_value(error).unwrap(), json!({"error": "invalid_scope"}));
    }
}

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

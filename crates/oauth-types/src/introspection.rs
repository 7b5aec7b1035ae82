//! What introspection answers. RFC 7662 §2.2.

use serde::{Deserialize, Serialize};

use crate::confirmation::Confirmation;

/// The answer about a token. `active: false` comes alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introspection {
    /// REQUIRED
    pub active: bool,
    /// Space-delimited
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client that asked for the token
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// A name for people
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `Bearer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// Seconds since 1970
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Seconds since 1970
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The subject
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Whom the token is for
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aud: Vec<String>,
    /// Who issued it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Its identifier
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The realm of the subject, with its leading slash
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// To which certificate the token is bound (RFC 8705 §3.2)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl Introspection {
    /// What everybody hears who may not know, and about every token that is worth nothing.
    pub fn inactive() -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_103_inactive_comes_alone() {
        let text = serde_json::to_string(&Introspection::inactive()).unwrap();
        assert_eq!(text, r#"{"active":false}"#);
        assert_eq!(
            serde_json::from_str::<Introspection>(&text).unwrap(),
            Introspection::inactive()
        );
    }

    #[test]
    fn an_answer_without_active_is_none() {
        assert!(serde_json::from_str::<Introspection>(r#"{"scope":"a"}"#).is_err());
        assert!(serde_json::from_str::<Introspection>(r#"{"active":"true"}"#).is_err());
    }
}

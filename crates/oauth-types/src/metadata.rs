//! What discovery answers. RFC 8414 §2, OIDC Discovery §3.

use serde::{Deserialize, Serialize};

/// Authorization server metadata. Only what exists is stated; the rest is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// REQUIRED: compared exactly (SEC-084)
    pub issuer: String,
    /// Where people are sent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// Where tokens are asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Where the keys are
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// RFC 7662
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// RFC 7009
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// REQUIRED by RFC 8414: empty while there is no authorization endpoint
    #[serde(default)]
    pub response_types_supported: Vec<String>,
    /// Multiple Response Types; without it, `query` and `fragment`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// JARM §4
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_signing_alg_values_supported: Vec<String>,
    /// JARM §4
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_encryption_alg_values_supported: Vec<String>,
    /// JARM §4
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_encryption_enc_values_supported: Vec<String>,
    /// RFC 7636 §6.2.1
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// RFC 9207 §3: true only if every answer has `iss`, errors included
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authorization_response_iss_parameter_supported: bool,
    /// RFC 9126 §5
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// RFC 9126 §5: for every client; each may be registered so besides
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_pushed_authorization_requests: Option<bool>,
    /// OIDC Discovery §3: by reference only from where a client registered
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_request_uri_registration: Option<bool>,
    /// OIDC Discovery §3
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_object_signing_alg_values_supported: Vec<String>,
    /// OIDC Discovery §3: false without it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_parameter_supported: Option<bool>,
    /// OIDC Discovery §3: TRUE without it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_uri_parameter_supported: Option<bool>,
    /// Initiating User Registration 1.0 §4.1
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt_values_supported: Vec<String>,
    /// OIDC Discovery §3: the levels of sign-in there is a way to reach
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values_supported: Vec<String>,
    /// OIDC Discovery §3, RFC 5646
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales_supported: Vec<String>,
    /// Every grant the token endpoint knows
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// Scopes of the catalogue that a stranger may know
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// How clients authenticate at the token endpoint
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms for `private_key_jwt`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How clients authenticate at introspection
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms for `private_key_jwt` at introspection (RFC 8414 §2: required with that method)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How clients authenticate at revocation
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms for `private_key_jwt` at revocation
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// OIDC Discovery: REQUIRED there
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// OIDC Discovery: REQUIRED there
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// OIDC Discovery §3: the same for encryption besides
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_encryption_alg_values_supported: Vec<String>,
    /// OIDC Discovery §3
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_encryption_enc_values_supported: Vec<String>,
    /// OIDC Discovery §3
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// OIDC Discovery §3
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_signing_alg_values_supported: Vec<String>,
    /// OIDC Discovery §3
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_encryption_alg_values_supported: Vec<String>,
    /// OIDC Discovery §3
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_encryption_enc_values_supported: Vec<String>,
    /// OIDC Discovery §3: claims that can be had
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,
    /// OIDC Discovery §3: false without it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_parameter_supported: Option<bool>,
    /// RFC 7591, where clients may register themselves
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// RP-Initiated Logout §2.1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// Session Management §3.3
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_session_iframe: Option<String>,
    /// Front-Channel Logout §3
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_supported: Option<bool>,
    /// Front-Channel Logout §3: `iss` and `sid` come along
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_session_supported: Option<bool>,
    /// Back-Channel Logout §2.1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_supported: Option<bool>,
    /// Back-Channel Logout §2.1: `sid` is in logout tokens
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_session_supported: Option<bool>,
    /// RFC 8705 §3.3
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// RFC 8705 §5: where a client goes that shows a certificate
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtls_endpoint_aliases: Option<EndpointAliases>,
    /// Ours: where verifiers pull revocations (see [`crate::revocation_feed`])
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grantor_revocation_feed: Option<String>,
    /// STUPS token info
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grantor_tokeninfo_endpoint: Option<String>,
}

/// The endpoints that clients ask directly, where certificates are asked for. RFC 8705 §5.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointAliases {
    /// Where tokens are asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// RFC 9126
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// RFC 7662
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// RFC 7009
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// OIDC Core §5.3
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// RFC 7591, where clients may register themselves
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// STUPS token info
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grantor_tokeninfo_endpoint: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    /// RFC 8414 §2: `issuer` and `response_types_supported` are REQUIRED, if only empty.
    #[test]
    fn what_is_not_there_is_not_stated() {
        let least = Metadata { issuer: "https://id.example".to_owned(), ..Metadata::default() };
        let expected = json!({
            "issuer": "https://id.example",
            "response_types_supported": [],
            "grant_types_supported": [],
            "token_endpoint_auth_methods_supported": [],
        });
        assert_eq!(to_value(&least).unwrap(), expected);
        assert_eq!(serde_json::from_value::<Metadata>(expected).unwrap(), least);
    }
}

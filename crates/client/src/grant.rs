//! What the client presents for a token. RFC 6749 §4.1, §4.3, §4.4 and §6.

use std::fmt;

use crate::secret::Secret;

/// A grant: who asks, apart from the client.
#[derive(Clone)]
#[non_exhaustive]
pub enum Grant {
    /// `client_credentials`: the client for itself. RFC 6749 §4.4.
    ClientCredentials,
    /// `password`: a service user, in the STUPS way. RFC 6749 §4.3; never for people.
    Password {
        /// Its name.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// `refresh_token`. RFC 6749 §6.
    RefreshToken(Secret),
    /// `authorization_code` with PKCE. RFC 6749 §4.1.3, RFC 7636 §4.5.
    AuthorizationCode {
        /// The code.
        code: Secret,
        /// The same redirect URI as in the authorization request.
        redirect_uri: String,
        /// The `code_verifier` whose challenge the authorization request had.
        verifier: Secret,
    },
}

impl Grant {
    /// Whether the scopes were settled before: then none are sent. RFC 6749 §4.1.3.
    pub(crate) fn settles_scopes(&self) -> bool {
        matches!(self, Self::AuthorizationCode { .. })
    }

    /// The parameters, `grant_type` first.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, Secret)> {
        match self {
            Self::ClientCredentials => vec![("grant_type", "client_credentials".into())],
            Self::Password { username, password } => vec![
                ("grant_type", "password".into()),
                ("username", username.as_str().into()),
                ("password", password.clone()),
            ],
            Self::RefreshToken(token) => {
                vec![("grant_type", "refresh_token".into()), ("refresh_token", token.clone())]
            }
            Self::AuthorizationCode { code, redirect_uri, verifier } => vec![
                ("grant_type", "authorization_code".into()),
                ("code", code.clone()),
                ("redirect_uri", redirect_uri.as_str().into()),
                ("code_verifier", verifier.clone()),
            ],
        }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientCredentials => "ClientCredentials",
            Self::Password { .. } => "Password([redacted])",
            Self::RefreshToken(_) => "RefreshToken([redacted])",
            Self::AuthorizationCode { .. } => "AuthorizationCode([redacted])",
        })
    }
}

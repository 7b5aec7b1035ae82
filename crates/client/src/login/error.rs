//! Why nobody is signed in. No message carries a secret, a token or a query.

use std::fmt;

use grantor_crypto::jws::JwsError;
use grantor_crypto::jwt::ClaimError;

use crate::error::TokenError;

/// Why there is no login.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The metadata of the provider cannot be used. OIDC Discovery §4.3.
    #[error("the metadata of the provider is not usable: {0}")]
    Metadata(&'static str),
    /// The metadata names another issuer than the one that was asked for, byte by byte. OIDC
    /// Discovery §4.3, SEC-084.
    #[error("the metadata names another issuer")]
    MetadataIssuer,
    /// A setting cannot be used.
    #[error("the setting is not usable: {0}")]
    Settings(&'static str),
    /// The callback is not one that an authorization server makes. RFC 6749 §4.1.2.
    #[error("the callback is malformed: {0}")]
    Callback(&'static str),
    /// The `state` is not the one that this browser was sent away with: the login was not begun
    /// here. RFC 6749 §10.12.
    #[error("the callback does not belong to the login that was begun")]
    State,
    /// The answer came from another issuer than was asked, or does not say from which although the
    /// provider always does. RFC 9207 §2.4.
    #[error("the callback comes from another issuer")]
    Issuer,
    /// The login was begun too long ago.
    #[error("the login was begun too long ago")]
    TooLate,
    /// The provider, or the person, said no. RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6.
    #[error("the login was refused: {0}")]
    Refused(AuthorizationRefusal),
    /// The token endpoint was not reached, refused, or answered nonsense; so for other endpoints.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no ID token although `openid` was asked for. OIDC Core §3.1.3.3.
    #[error("the provider sent no ID token")]
    NoIdToken,
    /// The ID token is not one to believe.
    #[error("the ID token is refused: {0}")]
    IdToken(#[from] IdTokenError),
    /// The answer of the userinfo endpoint is not one to believe. OIDC Core §5.3.2.
    #[error("the userinfo answer is refused: {0}")]
    UserInfo(&'static str),
    /// The provider does not have what was asked for.
    #[error("the provider has no {0}")]
    Unsupported(&'static str),
    /// No browser came back in time. RFC 8252 §7.3.
    #[error("nobody came back from the browser in time")]
    NobodyCame,
    /// The loopback address could not be used.
    #[error("cannot listen on the loopback address: {0}")]
    Loopback(std::io::ErrorKind),
}

impl LoginError {
    /// The error code, when the provider or the person said no: `access_denied`, `login_required`…
    pub fn refusal(&self) -> Option<&AuthorizationRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// An error answer of the authorization endpoint. All texts are free of control characters and
/// bounded; they may be shown, escaped, and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationRefusal {
    /// `error`, RFC 6749 §4.1.2.1.
    pub error: String,
    /// `error_description`, for a developer.
    pub description: Option<String>,
}

impl fmt::Display for AuthorizationRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)?;
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        Ok(())
    }
}

/// Why an ID token is not believed. OIDC Core §3.1.3.7.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenError {
    /// It is not a signed token in compact form, or its signature is wrong (point 6).
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// Its algorithm is not one that this client takes (points 7 and 8, SEC-072).
    #[error("it is signed with {0}, which this client does not take")]
    Algorithm(String),
    /// No key of the provider has its `kid` and algorithm.
    #[error("no key of the provider has its name and algorithm")]
    UnknownKey,
    /// A claim is missing, malformed, of another issuer or audience, too old or too new.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// It is also for somebody whom this client does not trust (point 3).
    #[error("it is also for an audience that is not trusted")]
    UntrustedAudience,
    /// It was issued to another client (points 4 and 5).
    #[error("it was issued to another client")]
    AuthorizedParty,
    /// `sub` is empty, longer than 255 characters or not ASCII (§2).
    #[error("its subject is not a subject")]
    Subject,
    /// It answers another login (point 11).
    #[error("its nonce is not the one that was sent")]
    Nonce,
    /// The person signed in longer ago than `max_age` allows, or it does not say when (point 13).
    #[error("the person signed in too long ago, or it does not say when")]
    AuthTime,
    /// The person signed in with less than was demanded (point 12).
    #[error("the person signed in with less than was demanded")]
    Acr,
    /// It is not for the access token beside it (§3.1.3.8).
    #[error("it does not belong to the access token beside it")]
    AccessTokenHash,
    /// It is about another person or login than the one it renews (§12.2).
    #[error("it does not continue the login that was refreshed")]
    Continuity,
}

//! What can go wrong on the way to a token. No message carries a secret, a body or a query.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// Why there is no token.
///
/// Cheap to clone: all who waited for the one request of a name hear the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No token URL was configured, and no ready-made token exists for the name.
    #[error("no token URL is configured (OAUTH2_ACCESS_TOKEN_URL)")]
    NoTokenUrl,
    /// The token URL is not an absolute http(s) URL without user info and fragment.
    #[error("the token URL is not usable: {0}")]
    InvalidUrl(&'static str),
    /// A secret would travel readable for everybody. Https is needed except on loopback.
    #[error("refusing to send a secret or token to {host} over plain http")]
    PlainHttp {
        /// The host it would have gone to.
        host: String,
    },
    /// A setting is malformed. The text names the setting and the place, never the content.
    #[error("{0}")]
    Settings(String),
    /// [`get`](crate::Tokens::get) for a name that was never given to `manage`.
    #[error("no token is managed under the name {0:?}")]
    UnknownName(String),
    /// A credential file is missing, unreadable or malformed. The content is never shown.
    #[error("credentials: {}: {reason}", file.display())]
    Credentials {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        reason: CredentialFault,
    },
    /// The login has no refresh token, so its access token cannot be renewed.
    #[error("the login has no refresh token")]
    NoRefreshToken,
    /// The [`AssertionSigner`](crate::AssertionSigner) failed.
    #[error("the client assertion could not be signed: {0}")]
    Signing(Arc<dyn std::error::Error + Send + Sync>),
    /// No answer: connection, TLS, timeout.
    #[error("the token endpoint did not answer")]
    Unreachable(#[source] Arc<reqwest::Error>),
    /// The server answered with an error. RFC 6749 §5.2.
    #[error("the token endpoint refused: {0}")]
    Refused(Refusal),
    /// The server answered with a redirect, which is never followed: secrets stay with the host
    /// that was configured.
    #[error("the token endpoint answered with a redirect ({0}), which is never followed")]
    Redirected(StatusCode),
    /// The answer was a success, but not a usable one. RFC 6749 §5.1.
    #[error("the answer of the token endpoint is not usable: {0}")]
    InvalidResponse(&'static str),
    /// The last attempt failed and the next is not due yet.
    #[error("{last} (next attempt in {retry_in:.1?})")]
    BackingOff {
        /// How long until an attempt is made again.
        retry_in: Duration,
        /// How the last one failed.
        #[source]
        last: Box<TokenError>,
    },
    /// The runtime was shut down under the request.
    #[error("the token request was interrupted")]
    Interrupted,
}

impl TokenError {
    /// What the server said, if it was the server that refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::BackingOff { last, .. } => last.refusal(),
            _ => None,
        }
    }

    /// Whether the same attempt may succeed later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Interrupted => true,
            Self::Refused(refusal) => {
                refusal.status.is_server_error() || refusal.status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::BackingOff { last, .. } => last.is_temporary(),
            _ => false,
        }
    }

    /// Whether nothing is wrong but that nobody configured how to get a token: no URL, or a
    /// credential file that does not exist.
    pub fn is_unconfigured(&self) -> bool {
        match self {
            Self::NoTokenUrl => true,
            Self::Credentials { reason: CredentialFault::Unreadable(kind), .. } => {
                *kind == std::io::ErrorKind::NotFound
            }
            Self::BackingOff { last, .. } => last.is_unconfigured(),
            _ => false,
        }
    }

    /// How long the server asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }
}

/// What is wrong with a credential file.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CredentialFault {
    /// It does not exist or may not be read.
    #[error("{0}")]
    Unreadable(std::io::ErrorKind),
    /// It is not a JSON object with the members it must have.
    #[error("not a JSON object with {0}")]
    Malformed(&'static str),
    /// It holds something that cannot be a token.
    #[error("does not hold a token")]
    NoToken,
    /// It is bigger than a credential can be.
    #[error("too big")]
    TooBig,
}

/// An error answer of the server. All texts are free of control characters and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// `error`: RFC 6749 §5.2, or a code of the dialect.
    pub error: Option<String>,
    /// `error_description`, for a person.
    pub description: Option<String>,
    /// Where `grantor explain ID` starts: member `decision_id` or header `grantor-decision-id`.
    pub decision_id: Option<String>,
    /// `Retry-After`, RFC 9110 §10.2.3, as a time from now.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => f.write_str(error)?,
            None => write!(f, "HTTP status {}", self.status)?,
        }
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        if let Some(id) = &self.decision_id {
            write!(f, " (decision {id})")?;
        }
        Ok(())
    }
}

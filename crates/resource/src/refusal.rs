//! Why a request is refused, and the one place that says how (RFC 6750 §3, RFC 9728 §5.1).
//!
//! The reason is ours and goes to the log; what the caller hears is coarser, since whoever presents
//! a token that is not theirs should learn nothing from the answer (SEC-188).

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use grantor_oauth_types::error_code::BearerErrorCode;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::challenge::Challenge;
use crate::require::ScopeRule;

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a compact token that can be read (SEC-085).
    #[error("malformed")]
    Malformed,
    /// None of the issuer's keys has this name and algorithm (SEC-072, SEC-074, SEC-076).
    #[error("no key of the issuer fits")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("wrong signature")]
    Signature,
    /// A token of another kind: an ID token, an assertion (SEC-082).
    #[error("not an access token")]
    Kind,
    /// A claim is missing or has the wrong type (SEC-080, SEC-081).
    #[error("a claim is missing or malformed")]
    Claims,
    /// From somebody else (SEC-084).
    #[error("another issuer")]
    Issuer,
    /// For somebody else (SEC-083).
    #[error("another audience")]
    Audience,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come.
    #[error("not valid yet")]
    NotYetValid,
    /// Bound to a certificate that did not come with the connection (RFC 8705 §3, SEC-102), or to a
    /// key in a way that is not known here (RFC 9449 §7.2, SEC-099).
    #[error("bound to a key")]
    Bound,
    /// Revoked, or the authorization server calls it inactive.
    #[error("revoked")]
    Revoked,
    /// Not readable offline, and introspection is not configured.
    #[error("opaque")]
    Opaque,
}

/// What is missing before anything can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The authorization server was never reached.
    #[error("the keys of the issuer are not known yet")]
    Starting,
    /// The keys are older than a day (SEC-186).
    #[error("the keys of the issuer are too old")]
    StaleKeys,
    /// A key is unknown and the key set cannot be asked for.
    #[error("the keys of the issuer cannot be refreshed")]
    KeysUnreachable,
    /// Revocations are older than configured, or were never learnt.
    #[error("the revocations are too old")]
    StaleRevocations,
    /// Introspection failed.
    #[error("introspection is out of reach")]
    Introspection,
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No credentials, or of a scheme other than `Bearer`.
    #[error("no credentials")]
    NoCredentials,
    /// Two tokens, or a header that cannot be read.
    #[error("malformed credentials")]
    MalformedRequest,
    /// The token is worth nothing.
    #[error("the token is refused: {0}")]
    InvalidToken(#[from] TokenFault),
    /// The token lacks a scope.
    #[error("insufficient scope")]
    InsufficientScope(ScopeRule),
    /// The thing belongs to somebody else.
    #[error("not the owner")]
    NotOwner,
    /// The caller's realm has no business here.
    #[error("realm not allowed")]
    RealmNotAllowed,
    /// No rule covers the method; these have one.
    #[error("no rule for the method")]
    MethodNotAllowed(HeaderValue),
    /// Nothing can be decided now.
    #[error("not ready: {0}")]
    Unavailable(#[from] NotReady),
}

/// A [`Refusal`] with what it takes to answer it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Denied {
    refusal: Refusal,
    challenge: Arc<Challenge>,
}

/// After how long to try again.
const RETRY: Duration = Duration::from_secs(2);

impl Denied {
    pub(crate) const fn new(refusal: Refusal, challenge: Arc<Challenge>) -> Self {
        Self { refusal, challenge }
    }

    /// The reason, for logs and tests.
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    fn status(&self) -> StatusCode {
        match &self.refusal {
            Refusal::NoCredentials | Refusal::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Refusal::MalformedRequest => StatusCode::BAD_REQUEST,
            Refusal::InsufficientScope(_) | Refusal::NotOwner | Refusal::RealmNotAllowed => {
                StatusCode::FORBIDDEN
            }
            Refusal::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// `WWW-Authenticate`. RFC 6750 §3.1: no error code when no credentials came; nothing at all
    /// where other credentials would not help.
    fn authenticate(&self) -> Option<HeaderValue> {
        let challenge = &self.challenge;
        match &self.refusal {
            Refusal::NoCredentials => Some(challenge.header(None, None)),
            Refusal::MalformedRequest => {
                Some(challenge.header(Some(BearerErrorCode::InvalidRequest), None))
            }
            Refusal::InvalidToken(_) => {
                Some(challenge.header(Some(BearerErrorCode::InvalidToken), None))
            }
            Refusal::InsufficientScope(rule) => Some(
                challenge.header(Some(BearerErrorCode::InsufficientScope), Some(&rule.wanted())),
            ),
            _ => None,
        }
    }

    /// `error` and `error_description` of the body. Texts are fixed, so nothing of the token gets
    /// in (SEC-188).
    fn words(&self) -> (Option<&'static str>, String) {
        let (error, description) = match &self.refusal {
            Refusal::NoCredentials => (None, "an access token is required"),
            Refusal::MalformedRequest => {
                (Some("invalid_request"), "the credentials of the request are malformed")
            }
            Refusal::InvalidToken(_) => (Some("invalid_token"), "the access token is not valid"),
            Refusal::InsufficientScope(rule) => {
                return (Some("insufficient_scope"), format!("the access token lacks {rule}"));
            }
            Refusal::NotOwner => (Some("not_owner"), "the resource belongs to another owner"),
            Refusal::RealmNotAllowed => {
                (Some("realm_not_allowed"), "users of this realm have no access here")
            }
            Refusal::MethodNotAllowed(_) => (Some("method_not_allowed"), "not this method"),
            Refusal::Unavailable(_) => {
                (Some("temporarily_unavailable"), "access cannot be checked now; try again later")
            }
        };
        (error, description.to_owned())
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        // One line per refusal; never the token (SEC-189).
        tracing::debug!(reason = %self.refusal, status = self.status().as_u16(), "refused");
        let (error, description) = self.words();
        let mut body = serde_json::Map::new();
        if let Some(error) = error {
            body.insert("error".to_owned(), error.into());
        }
        body.insert("error_description".to_owned(), description.into());
        let mut response =
            (self.status(), serde_json::Value::from(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.authenticate() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        match self.refusal {
            Refusal::Unavailable(_) => {
                headers.insert(RETRY_AFTER, RETRY.as_secs().into());
            }
            Refusal::MethodNotAllowed(allow) => {
                headers.insert(ALLOW, allow);
            }
            _ => {}
        }
        response
    }
}

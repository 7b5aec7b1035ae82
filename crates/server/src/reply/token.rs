//! The answers of the token endpoint. RFC 6749 §5.1, §5.2.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use grantor_domain::token::TokenError;
use grantor_oauth_types::error_code::TokenErrorCode;
use grantor_oauth_types::id::DecisionId;
use grantor_oauth_types::token_response::{ErrorResponse, TokenResponse};
use grantor_store::StoreError;

use super::json;
use crate::app::App;
use crate::audit::Actor;
use crate::client_keys::NoClientKey;
use crate::grants::{Context, Issued, TokenFailure};

/// Seconds after which a busy or broken store may be asked again.
pub const RETRY_SECONDS: u32 = 1;

/// Seconds after which keys of a client that could not be fetched are asked for again.
pub const KEYS_RETRY_SECONDS: u32 = 30;

/// §5.1.
pub fn issued(issued: Issued, decision: DecisionId) -> Response<Body> {
    let answer = TokenResponse {
        access_token: issued.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: issued.entitled.seconds.into(),
        scope: Some(issued.entitled.scopes.to_string()),
        refresh_token: issued.refresh_token,
        id_token: issued.id_token,
        realm: None,
        decision_id: Some(decision.to_string()),
    };
    json::with_decision(json::private(StatusCode::OK, &answer), decision)
}

/// What is said of a failure: the code, the words, and when to come again.
#[derive(Debug)]
pub struct Told {
    /// What the client reads
    pub code: TokenErrorCode,
    /// For the developer who reads it
    pub description: String,
    /// Seconds
    pub retry_after: Option<u32>,
}

/// What is said of a failure; and the one place where it is logged, reason included. Whatever was not
/// recorded where it came up is recorded here: the answer names a decision, and it is found.
pub fn told(app: &App, context: &Context, failure: &TokenFailure) -> Told {
    context.record_refusal(app, "request.refused", Actor::anonymous(), failure);
    let decision = context.decision;
    let said = |code, description: &str, retry_after| Told {
        code,
        description: description.to_owned(),
        retry_after,
    };
    match failure {
        TokenFailure::Refused(reason) => {
            let code = reason.code();
            tracing::info!(oauth.error = code.as_str(), %reason, decision.id = %decision, "refused");
            let retry_after = match reason {
                TokenError::SlowDown(seconds) => Some(*seconds),
                _ => None,
            };
            Told { code, description: reason.description(), retry_after }
        }
        TokenFailure::Busy => {
            tracing::warn!("too many passwords wait to be checked");
            let code = TokenErrorCode::TemporarilyUnavailable;
            said(code, "the server is busy, try again", Some(RETRY_SECONDS))
        }
        TokenFailure::Broken(StoreError::Unavailable(reason)) => {
            tracing::error!(%reason, "the store is not available");
            let code = TokenErrorCode::TemporarilyUnavailable;
            said(code, "the database is not available, try again", Some(RETRY_SECONDS))
        }
        TokenFailure::Broken(error) => {
            tracing::error!(%error, "the store failed");
            said(TokenErrorCode::ServerError, "internal error", None)
        }
        TokenFailure::NoSigner(error) => {
            tracing::error!(%error, "no token can be signed");
            said(TokenErrorCode::ServerError, "internal error", None)
        }
        // Logged where the key was looked for.
        TokenFailure::NoClientKey(error) => match error {
            NoClientKey::Unreachable => {
                let code = TokenErrorCode::TemporarilyUnavailable;
                said(code, &error.to_string(), Some(KEYS_RETRY_SECONDS))
            }
            NoClientKey::Unfit => said(TokenErrorCode::InvalidRequest, &error.to_string(), None),
        },
    }
}

/// §5.2.
pub fn failed(app: &App, context: &Context, failure: &TokenFailure) -> Response<Body> {
    let (told, decision) = (told(app, context, failure), context.decision);
    let status = StatusCode::from_u16(told.code.status()).expect("the codes have real statuses");
    let body = ErrorResponse {
        error: told.code.as_str().to_owned(),
        error_description: Some(told.description),
        decision_id: Some(decision.to_string()),
    };
    let mut response = json::with_decision(json::private(status, &body), decision);
    if told.code == TokenErrorCode::InvalidClient {
        let basic = HeaderValue::from_static("Basic realm=\"grantor\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    match told.retry_after {
        Some(seconds) => json::retry_after(response, seconds),
        None => response,
    }
}

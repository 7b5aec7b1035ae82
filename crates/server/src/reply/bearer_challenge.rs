//! How a call without a good token is turned down. RFC 6750 §3.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use grantor_oauth_types::error_code::BearerErrorCode;
use serde_json::json;

/// 401 or 403 with its challenge; no error member when no token was sent (RFC 6750 §3.1).
pub fn challenge(error: Option<BearerErrorCode>, scope: Option<&str>) -> Response<Body> {
    let status = match error {
        Some(BearerErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
        Some(BearerErrorCode::InvalidRequest) => StatusCode::BAD_REQUEST,
        Some(BearerErrorCode::InvalidToken) | None => StatusCode::UNAUTHORIZED,
    };
    let mut value = "Bearer realm=\"grantor\"".to_owned();
    if let Some(error) = error {
        value.push_str(&format!(", error=\"{error}\""));
    }
    if let Some(scope) = scope {
        value.push_str(&format!(", scope=\"{scope}\""));
    }
    let body = match error {
        Some(error) => json!({ "error": error }),
        None => json!({}),
    };
    let mut response = super::json::private(status, &body);
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

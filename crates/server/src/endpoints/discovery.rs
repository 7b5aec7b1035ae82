//! `GET /.well-known/oauth-authorization-server` (RFC 8414 §3) and
//! `GET /.well-known/openid-configuration` (OIDC Discovery §4).

use axum::body::Body;
use axum::http::{HeaderValue, Response};

use crate::asked::Asked;
use crate::reply::json;

const MAX_AGE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// What we say about ourselves.
pub async fn get(asked: Asked) -> Response<Body> {
    json::public(asked.tenant.metadata.clone(), None, MAX_AGE)
}

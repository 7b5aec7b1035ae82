//! `GET /oauth2/jwks`. RFC 7517 §5.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

use crate::asked::Asked;
use crate::reply::json;

/// How long verifiers may keep the keys: shorter than a key is published ahead of its first use
/// (REL-025), and within the bound for a withdrawn key (SEC-095).
const MAX_AGE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The public keys.
pub async fn get(asked: Asked) -> Response<Body> {
    let keys = &asked.tenant.published;
    let known = asked.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(keys.etag.as_str()) {
        return json::not_modified(&keys.etag);
    }
    json::public(keys.body.clone(), Some(&keys.etag), MAX_AGE)
}

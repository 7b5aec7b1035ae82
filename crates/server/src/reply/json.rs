//! JSON answers with their cache headers.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;

/// Names the decision behind an answer, for `grantor explain`.
pub const DECISION_HEADER: HeaderName = HeaderName::from_static("grantor-decision-id");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// An answer that no cache may keep (RFC 6749 §5.1, SEC-003).
pub fn private(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // Most answers are a token and a little more.
    let mut bytes = Vec::with_capacity(1024);
    serde_json::to_writer(&mut bytes, body).expect("answers have string keys only");
    private_bytes(status, bytes.into())
}

/// The same, of JSON that is written already.
pub fn private_bytes(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::PRAGMA, NO_CACHE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer that everybody may keep for a while (SEC-003: keys and metadata).
pub fn public(body: Bytes, etag: Option<&str>, max_age: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, max_age);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// "You have it already." RFC 9110 §15.4.5.
pub fn not_modified(etag: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Says how long to wait, in seconds (RFC 9110 §10.2.3).
pub fn retry_after(mut response: Response<Body>, seconds: u32) -> Response<Body> {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Names the decision.
pub fn with_decision(
    mut response: Response<Body>,
    decision: grantor_oauth_types::id::DecisionId,
) -> Response<Body> {
    if let Ok(value) = HeaderValue::try_from(decision.to_string()) {
        response.headers_mut().insert(DECISION_HEADER, value);
    }
    response
}

//! What the listener answers itself, before or instead of an endpoint. SEC-007, SEC-015, REL-034.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse as _;
use grantor_pages::{ErrorKind, ErrorPage};
use http_body_util::LengthLimitError;
use serde_json::json;

use super::FIELDS;
use super::guard::Unanswered;
use crate::api::{self, Problem};
use crate::app::App;
use crate::directory::TenantView;
use crate::reply::json::{private, retry_after};
use crate::reply::page::Visit;
use crate::reply::token::RETRY_SECONDS;
use crate::routes;

/// The target of a request takes at most this much, in bytes (SEC-007).
const TARGET_BYTES: usize = 8 * 1024;

/// The headers take at most this much, in bytes (SEC-007).
const FIELD_BYTES: usize = 32 * 1024;

/// SEC-001: what came without TLS is not looked at, and never redirected: it may be a secret that everybody
/// on the way has read.
pub(super) fn unencrypted(version: Version) -> Response<Body> {
    let words = "this server is asked over TLS";
    let body = json!({ "error": "invalid_request", "error_description": words });
    let mut refusal = private(StatusCode::BAD_REQUEST, &body);
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        refusal.headers_mut().insert(header::CONNECTION, close);
    }
    refusal
}

/// Refuses what hyper lets pass when it comes in one piece, or over HTTP/2: a target or headers longer,
/// or more of them, than ours ever are (SEC-007).
pub(super) fn too_long<B>(request: &Request<B>) -> Option<Response<Body>> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES {
        return Some(private(StatusCode::URI_TOO_LONG, &json!({ "error": "uri_too_long" })));
    }
    let fields = request.headers().iter();
    let headers: usize = fields.map(|(name, value)| name.as_str().len() + value.len()).sum();
    (headers > FIELD_BYTES || request.headers().len() > FIELDS).then(|| {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        private(status, &json!({ "error": "headers_too_long" }))
    })
}

/// Refuses what two readers would read differently (RFC 9112 §3.2, §6.3; SEC-006), as far as hyper shows
/// it, and closes the connection.
pub(super) fn ambiguous<B>(request: &Request<B>) -> Option<Response<Body>> {
    let headers = request.headers();
    let hosts = headers.get_all(header::HOST).iter().count();
    let coded = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let twice = headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH);
    (hosts > 1 || coded || twice).then(|| {
        let body = json!({ "error": "invalid_request",
            "error_description": "the request can be read in more than one way" });
        let mut response = private(StatusCode::BAD_REQUEST, &body);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    })
}

/// REL-034: at once, and when to come again.
pub(super) fn shed(tenant: &TenantView, parts: &Parts) -> Response<Body> {
    let (status, words) = (StatusCode::SERVICE_UNAVAILABLE, "too much is asked at once, try again");
    let error = "temporarily_unavailable";
    let response = if parts.uri.path().starts_with(api::BASE) {
        Problem::new(status, words).into_response()
    } else if routes::wants_page(&parts.headers) {
        let page = ErrorPage::new(ErrorKind::Unavailable, error);
        Visit::new(tenant, &parts.headers, &parts.uri).error(status, &page)
    } else {
        private(status, &json!({ "error": error, "error_description": words }))
    };
    retry_after(response, RETRY_SECONDS)
}

pub(super) fn unread(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Response<Body> {
    let (status, error, detail) = match error.is::<LengthLimitError>() {
        true => (StatusCode::PAYLOAD_TOO_LARGE, "content_too_large", "the body is too long"),
        false => (StatusCode::BAD_REQUEST, "invalid_request", "the request cannot be read"),
    };
    private(status, &json!({ "error": error, "error_description": detail }))
}

/// What the framework refuses before a handler sees it, it says in plain words of its own; here it
/// says it as everything else does (SEC-015).
pub(super) fn in_our_words(response: Response<Body>, managed: bool) -> Response<Body> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let bare = kind.is_none() && status == StatusCode::METHOD_NOT_ALLOWED;
    if !(plain && status.is_client_error() || bare) {
        return response;
    }
    let (error, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "another method is needed here"),
        StatusCode::PAYLOAD_TOO_LARGE => ("content_too_large", "the body is too long"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "this type is not taken"),
        _ => ("invalid_request", "the request cannot be read"),
    };
    let mut said = match managed {
        true => Problem::new(status, detail).into_response(),
        false => private(status, &json!({ "error": error, "error_description": detail })),
    };
    if let Some(allow) = response.headers().get(header::ALLOW) {
        said.headers_mut().insert(header::ALLOW, allow.clone());
    }
    said
}

pub(super) fn unanswered(app: &App, why: &Unanswered) -> Response<Body> {
    match why {
        // A bug of ours: this request ends, everybody else's goes on (SEC-193).
        Unanswered::Panicked => {
            app.metrics.panics.inc();
            tracing::error!("a handler panicked");
            private(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" }))
        }
        Unanswered::TooLate => {
            private(StatusCode::REQUEST_TIMEOUT, &json!({ "error": "request_timeout" }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_015_what_the_framework_refuses_is_said_as_everything_else_is() {
        let refusal = |status, kind: &'static str| {
            let mut response = Response::new(Body::from("Invalid URL: Invalid UTF-8"));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        let text = "text/plain; charset=utf-8";
        for (status, kind, managed, expected) in [
            (StatusCode::BAD_REQUEST, text, false, "application/json"),
            (StatusCode::PAYLOAD_TOO_LARGE, text, false, "application/json"),
            (StatusCode::BAD_REQUEST, text, true, "application/problem+json"),
            (StatusCode::METHOD_NOT_ALLOWED, text, true, "application/problem+json"),
            (StatusCode::OK, text, false, text),
            (StatusCode::BAD_REQUEST, "text/html", false, "text/html"),
        ] {
            let said = in_our_words(refusal(status, kind), managed);
            assert_eq!(said.status(), status);
            assert_eq!(said.headers()[header::CONTENT_TYPE], expected, "{status} {managed}");
        }
    }
}

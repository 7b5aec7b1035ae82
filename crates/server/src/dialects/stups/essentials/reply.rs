//! How essentials answers (`stups.md` 4.1, 4.3).

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use grantor_domain::registry::Reason;
use grantor_oauth_types::name::ResourceTypeId;
use grantor_store::StoreError;
use serde_json::{Value, json};

use crate::api::Problem;
use crate::reply::json as reply;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, PUT, PATCH, OPTIONS");
const STRICT: HeaderValue = HeaderValue::from_static("max-age=10886400");

/// What is said instead of an answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, body: json!({ "message": message }) }
    }

    pub(super) fn detailed(message: &str, details: &Value) -> Self {
        let body = json!({ "message": message, "details": details });
        Self { status: StatusCode::BAD_REQUEST, body }
    }

    /// 404 with an empty object.
    pub(super) fn missing() -> Self {
        Self { status: StatusCode::NOT_FOUND, body: json!({}) }
    }

    /// A refused write, in the words of 4.3 where it has some.
    pub(super) fn of_write(
        problem: &Problem,
        resource_type: &ResourceTypeId,
        scope: Option<&str>,
        realms: &[String],
    ) -> Self {
        let prefix = format!("{resource_type}.");
        let unknown: Vec<&String> = problem
            .broken()
            .iter()
            .filter(|flaw| flaw.pointer.starts_with("/owners/"))
            .filter_map(|flaw| match &flaw.reason {
                Reason::Unknown { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        if !unknown.is_empty() {
            let details =
                json!({ "invalid_resource_owners": unknown, "possible_resource_owners": realms });
            return Self::detailed("Resource owner list contains invalid entries", &details);
        }
        for flaw in problem.broken() {
            match &flaw.reason {
                Reason::OwnersInUse { scopes } => {
                    let ids: Vec<&str> =
                        scopes.iter().filter_map(|s| s.as_str().strip_prefix(&prefix)).collect();
                    let details = json!({
                        "resource_type_id": resource_type, "affected_scope_ids": ids,
                    });
                    let message = "Cannot remove resource owners from resource type with \
                                   resource-owner-scopes";
                    return Self::detailed(message, &details);
                }
                Reason::OwnersRequired => {
                    let details = json!({ "resource_type_id": resource_type, "scope_id": scope });
                    let message = "A resource-owner-scope requires resource owners on its \
                                   resource type";
                    return Self::detailed(message, &details);
                }
                _ => {}
            }
        }
        let details: Vec<Value> = problem
            .broken()
            .iter()
            .map(|flaw| json!({ "field": flaw.pointer, "reason": flaw.message() }))
            .collect();
        match problem.status() {
            StatusCode::BAD_REQUEST => Self::detailed(&problem.to_string(), &json!(details)),
            StatusCode::NOT_FOUND => Self::missing(),
            StatusCode::FORBIDDEN => Self::new(StatusCode::FORBIDDEN, "Unauthorized"),
            StatusCode::INTERNAL_SERVER_ERROR => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
            status => Self::new(status, &problem.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let problem = Problem::from(error);
        match problem.status() {
            StatusCode::INTERNAL_SERVER_ERROR => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
            status => Self::new(status, &problem.to_string()),
        }
    }
}

/// An answer: JSON, or nothing with status 200.
pub(super) fn answer(outcome: Result<Option<Value>, Refusal>) -> Response<Body> {
    let response = match outcome {
        Ok(Some(body)) => reply::private(StatusCode::OK, &body),
        Ok(None) => reply::private_bytes(StatusCode::OK, Bytes::new()),
        Err(refusal) => {
            let response = reply::private(refusal.status, &refusal.body);
            match refusal.status {
                StatusCode::SERVICE_UNAVAILABLE => reply::retry_after(response, 1),
                StatusCode::UNAUTHORIZED => challenged(response),
                _ => response,
            }
        }
    };
    open_to_scripts(response)
}

/// RFC 6750 §3.
fn challenged(mut response: Response<Body>) -> Response<Body> {
    let bearer = HeaderValue::from_static("Bearer realm=\"grantor\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    response
}

/// Pages of other origins may call: there is no cookie to borrow.
fn open_to_scripts(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

/// Every preflight is answered, without a token; the headers that are asked for are mirrored.
pub(super) async fn preflight(headers: HeaderMap) -> Response<Body> {
    let mut response = open_to_scripts(reply::private_bytes(StatusCode::OK, Bytes::new()));
    let name: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
    if let Some(asked) = headers.get(name) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

//! How the management API says no. RFC 9457, RFC 6750 §3.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use grantor_domain::registry::Flaw;
use grantor_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::AboveRights;
use crate::reply::json;
use crate::reply::token::RETRY_SECONDS;

/// Why a request is refused, as it goes out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
    flaws: Vec<Flaw>,
    challenge: Option<String>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer into the body (RFC 6901), or the name of a query parameter
    pub pointer: String,
    /// What
    pub detail: String,
}

/// The document of RFC 9457 §3.1.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Always `about:blank`: the title is that of the status
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words
    title: &'static str,
    /// The status
    status: u16,
    /// What happened
    detail: String,
    /// Fields that are wrong, all of them
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let (errors, flaws, challenge) = (Vec::new(), Vec::new(), None);
        Self { status, detail: detail.into(), errors, flaws, challenge }
    }

    fn challenged(status: StatusCode, detail: &str, parameters: &str) -> Self {
        let challenge = Some(format!("Bearer realm=\"grantor\"{parameters}"));
        Self { challenge, ..Self::new(status, detail) }
    }

    /// 401 without a token: no error code in the challenge (RFC 6750 §3.1).
    pub(crate) fn unauthorized() -> Self {
        Self::challenged(StatusCode::UNAUTHORIZED, "an access token is needed", "")
    }

    /// 401: whatever is wrong with the token, it reads the same (SEC-188).
    pub(crate) fn invalid_token() -> Self {
        let parameters = ", error=\"invalid_token\"";
        Self::challenged(StatusCode::UNAUTHORIZED, "the access token is not valid", parameters)
    }

    /// 403, naming what is needed.
    pub(crate) fn insufficient_scope(scope: &str) -> Self {
        let parameters = format!(", error=\"insufficient_scope\", scope=\"{scope}\"");
        let detail = format!("this needs the scope {scope}");
        Self::challenged(StatusCode::FORBIDDEN, &detail, &parameters)
    }

    /// 400: more than one way to authenticate (RFC 6750 §2).
    pub(crate) fn two_credentials() -> Self {
        let parameters = ", error=\"invalid_request\"";
        Self::challenged(StatusCode::BAD_REQUEST, "one Authorization header, please", parameters)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such thing here")
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(crate) fn stale() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "it was changed in between: read it again")
    }

    /// 400: one field is wrong.
    pub(crate) fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.into(), detail: detail.into() };
        Self { errors: vec![error], ..Self::bad("the request is not valid") }
    }

    /// 400: fields are wrong, by the rules of the registry.
    pub(crate) fn flaws(flaws: &[Flaw]) -> Self {
        let errors = flaws
            .iter()
            .map(|flaw| FieldError { pointer: flaw.pointer.clone(), detail: flaw.message() })
            .collect();
        Self { errors, flaws: flaws.to_vec(), ..Self::bad("the request is not valid") }
    }

    /// The same, of a part of the body.
    pub(crate) fn under(mut self, part: &str) -> Self {
        for error in &mut self.errors {
            error.pointer = format!("/{part}{}", error.pointer);
        }
        self
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The rules that were broken, for dialects that say it in their own words.
    pub(crate) fn broken(&self) -> &[Flaw] {
        &self.flaws
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<AboveRights> for Problem {
    fn from(above: AboveRights) -> Self {
        Self::forbidden(above.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::conflict(error.to_string()),
            StoreError::Stale { .. } => Self::stale(),
            StoreError::TooLarge => {
                Self::conflict("this reaches too many things at once: do it in smaller steps")
            }
            StoreError::Refused(reason) => match reason.downcast::<Self>() {
                Ok(problem) => *problem,
                Err(other) => Self::conflict(other.to_string()),
            },
            StoreError::Unavailable(reason) => {
                tracing::error!(%reason, "the store is not available");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database is not available, try again",
                )
            }
            StoreError::Corrupt(reason) => {
                tracing::error!(%reason, "the store failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        }
    }
}

/// For rules inside an operation: the problem comes out again where the operation was asked for.
impl From<Problem> for StoreError {
    fn from(problem: Problem) -> Self {
        Self::refused(problem)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = json::private(self.status, &document);
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        if let Some(value) = self.challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            return json::retry_after(response, RETRY_SECONDS);
        }
        response
    }
}

//! Which pages of other origins may ask for tokens: exactly those that the tenant lists (SEC-013).
//!
//! Only endpoints that answer to what is in the request and to no cookie are open to them, so no
//! credential of the browser is ever let along. Pages of our own are not among them.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::directory::TenantView;
use crate::reply::json::private_bytes;

/// Where a page without a server of its own has to ask.
const OPEN: [&str; 9] = [
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/",
    "/.well-known/oauth-authorization-server",
    "/oauth2/jwks",
    "/oauth2/token",
    "/oauth2/userinfo",
    "/oauth2/revoke",
    "/oauth2/par",
    "/oauth2/register",
];

/// What a page of another origin may do with an answer.
#[derive(Debug)]
pub struct CrossOrigin {
    /// The origin, where it is listed
    origin: Option<HeaderValue>,
    /// Whether it asks first
    preflight: bool,
}

impl CrossOrigin {
    /// Looks at a request; nothing where no origin at all is let in.
    pub fn of<B>(tenant: &TenantView, request: &Request<B>) -> Option<Self> {
        if !OPEN.contains(&request.uri().path()) {
            return None;
        }
        let origin = listed(request.headers(), &tenant.tenant.settings.web_origins);
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Some(Self { origin, preflight })
    }

    /// The answer to the preflight of a listed origin.
    pub fn preflighted(&self) -> Option<Response<Body>> {
        (self.preflight && self.origin.is_some()).then(preflighted)
    }

    /// Lets a listed origin read the answer.
    pub fn admit(self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        // A cache must not hand one origin's answer to another.
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let readable = HeaderValue::from_static("www-authenticate, grantor-decision-id");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, readable);
        }
    }
}

/// The origin of the request, if it is listed: byte by byte, so `null` never is.
fn listed(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    let origin = sent.next().filter(|_| sent.next().is_none())?;
    origins.iter().any(|one| one.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

fn preflighted() -> Response<Body> {
    let mut response = private_bytes(StatusCode::NO_CONTENT, axum::body::Bytes::new());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, dpop"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_013_an_origin_is_compared_byte_by_byte() {
        let origins = ["https://spa.example".to_owned()];
        let asks = |sent: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in sent {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            listed(&headers, &origins).is_some()
        };
        assert!(asks(&["https://spa.example"]));
        for other in [
            "https://spa.example.evil.example",
            "https://spa.examplex",
            "http://spa.example",
            "https://SPA.example",
            "https://spa.example:443",
            "https://spa.example/",
            "null",
            "",
        ] {
            assert!(!asks(&[other]), "{other}");
        }
        assert!(!asks(&[]) && !asks(&["https://spa.example", "https://spa.example"]));
    }
}

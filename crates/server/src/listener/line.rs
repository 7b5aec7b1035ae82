//! The line of a request in the log: which route, what came of it, how long it took (docs/logging.md).

use std::time::Instant;

use axum::http::{Method, Request, Response};

use crate::tenancy::Admitted;

/// What is known when a request comes in. Nothing is looked up unless somebody reads it.
pub(super) struct Line {
    began: Instant,
    method: Method,
    route: String,
    tenant: Option<String>,
}

impl Line {
    /// Of a request; `None` where nobody wants to read it. `patterns` are those of the routes: the path as
    /// it was sent is in no log (SEC-189).
    #[expect(clippy::disallowed_methods, reason = "how long it took, not when it was")]
    pub(super) fn begin<B>(
        request: &Request<B>,
        admitted: Option<&Admitted>,
        patterns: &[String],
    ) -> Option<Self> {
        tracing::enabled!(tracing::Level::DEBUG).then(|| {
            let path = request.uri().path();
            let route = patterns.iter().find(|pattern| fits(pattern, path));
            Self {
                began: Instant::now(),
                method: request.method().clone(),
                route: route.map_or("-", String::as_str).to_owned(),
                tenant: admitted.map(|here| here.tenant.tenant.name.to_string()),
            }
        })
    }

    /// Writes it.
    pub(super) fn end<B>(self, response: &Response<B>) {
        let elapsed_ms = self.began.elapsed().as_secs_f64() * 1_000.0;
        let (method, route, tenant) = (self.method, self.route, self.tenant.unwrap_or_default());
        let status = response.status().as_u16();
        tracing::debug!(%method, route, status, elapsed_ms, tenant, "request");
    }
}

/// Whether a path is of a pattern: segment by segment, `{…}` stands for any.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(sent)) if expected == sent || expected.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_by_its_pattern() {
        for (pattern, path, fit) in [
            ("/oauth2/token", "/oauth2/token", true),
            ("/api/v1/users/{id}", "/api/v1/users/jane", true),
            ("/api/v1/users/{id}", "/api/v1/users", false),
            ("/api/v1/users/{id}", "/api/v1/users/jane/password", false),
            ("/oauth2/token", "/oauth2/tokens", false),
        ] {
            assert_eq!(fits(pattern, path), fit, "{pattern} {path}");
        }
    }
}

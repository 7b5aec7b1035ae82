//! What this resource server says about itself. RFC 9728.

use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use url::Url;

use crate::fetch::is_plain_loopback;

/// The well-known part, RFC 9728 §3.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The document, RFC 9728 §2.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProtectedResource {
    resource: String,
    authorization_servers: [String; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip)]
    url: Url,
}

impl ProtectedResource {
    /// `None` when the identifier is not a URL that a document could be found under (§1.2).
    pub(crate) fn new(resource: &str, issuer: &str, scopes: Vec<String>) -> Option<Self> {
        let url = Url::parse(resource).ok()?;
        let web = (url.scheme() == "https" || is_plain_loopback(&url)) && url.host().is_some();
        let plain = url.fragment().is_none() && url.query().is_none();
        (web && plain).then(|| Self {
            resource: resource.to_owned(),
            authorization_servers: [issuer.to_owned()],
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
            url,
        })
    }

    /// §3: the well-known part comes between host and path.
    fn path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.url.path().trim_end_matches('/'))
    }

    /// What challenges point to, §5.1.
    pub(crate) fn metadata_url(&self) -> String {
        let mut url = self.url.clone();
        url.set_path(&self.path());
        url.into()
    }

    /// Serves the document at its path.
    pub(crate) fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        let body = serde_json::to_string(self).expect("strings serialize");
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=3600")];
        let answer = move || {
            let body = body.clone();
            async move { (headers, body).into_response() }
        };
        axum::Router::new().route(&escape(&self.path()), get(answer))
    }
}

/// Braces have a meaning in routes.
fn escape(path: &str) -> String {
    path.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_found_between_host_and_path() {
        let url = |resource: &str| {
            ProtectedResource::new(resource, "https://as.example", Vec::new())
                .map(|document| document.metadata_url())
        };
        let base = "https://api.example/.well-known/oauth-protected-resource";
        assert_eq!(url("https://api.example").as_deref(), Some(base));
        assert_eq!(url("https://api.example/"), Some(base.to_owned()));
        assert_eq!(url("https://api.example/orders"), Some(format!("{base}/orders")));
        for none in ["orders", "urn:api:orders", "http://api.example", "https://api.example/#a"] {
            assert_eq!(url(none), None, "{none}");
        }
    }
}

//! Where the authorization server has what. RFC 8414 §3, OIDC Discovery §4.

use std::time::Duration;

use grantor_crypto::parse_strict;
use grantor_oauth_types::metadata::Metadata;
use url::Url;

use crate::fetch::{Fetch, FetchError};

/// What of the metadata is used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) jwks: Url,
    pub(crate) introspection: Option<Url>,
    pub(crate) revocation_feed: Option<Url>,
}

/// Why the metadata is not used.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the metadata is not strict JSON of the expected form")]
    Malformed,
    /// RFC 8414 §3.3, SEC-084: then the metadata MUST NOT be used.
    #[error("the metadata names another issuer")]
    Issuer,
    #[error("the metadata has no usable {0}")]
    Endpoint(&'static str),
}

/// The addresses at which metadata may be, the standard ones first: RFC 8414 §3.1 puts the
/// well-known part before the path of the issuer, OIDC Discovery §4 behind it, and many servers do
/// the latter with both.
fn addresses(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let paths = [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("{path}/.well-known/oauth-authorization-server"),
        format!("{path}/.well-known/openid-configuration"),
    ];
    let mut addresses: Vec<Url> = Vec::new();
    for path in paths {
        let mut url = issuer.clone();
        url.set_path(&path);
        if !addresses.contains(&url) {
            addresses.push(url);
        }
    }
    addresses
}

/// Asks the issuer; the first address that has something decides.
pub(crate) async fn discover(
    fetch: &Fetch,
    issuer: &str,
    base: &Url,
) -> Result<Endpoints, DiscoveryError> {
    let mut last = DiscoveryError::Malformed;
    for address in addresses(base) {
        let answer = fetch.get(&address, "application/json", None, Duration::ZERO).await;
        match answer.and_then(crate::fetch::Answer::ok) {
            Ok(body) => return read(&body, issuer),
            // Not here: perhaps at the next address.
            Err(error @ FetchError::Status(status)) if status.is_client_error() => {
                last = error.into();
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

fn read(body: &[u8], issuer: &str) -> Result<Endpoints, DiscoveryError> {
    let document = parse_strict(body).map_err(|_| DiscoveryError::Malformed)?;
    let metadata: Metadata =
        serde_json::from_value(document).map_err(|_| DiscoveryError::Malformed)?;
    if metadata.issuer != issuer {
        return Err(DiscoveryError::Issuer);
    }
    let optional = |text: Option<String>, name| match text {
        None => Ok(None),
        Some(text) => Url::parse(&text).map(Some).map_err(|_| DiscoveryError::Endpoint(name)),
    };
    Ok(Endpoints {
        jwks: optional(metadata.jwks_uri, "jwks_uri")?
            .ok_or(DiscoveryError::Endpoint("jwks_uri"))?,
        introspection: optional(metadata.introspection_endpoint, "introspection_endpoint")?,
        revocation_feed: optional(metadata.grantor_revocation_feed, "grantor_revocation_feed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_address_comes_first() {
        let texts = |issuer: &str| -> Vec<String> {
            addresses(&Url::parse(issuer).unwrap()).iter().map(Url::to_string).collect()
        };
        assert_eq!(
            texts("https://as.example/acme"),
            [
                "https://as.example/.well-known/oauth-authorization-server/acme",
                "https://as.example/acme/.well-known/oauth-authorization-server",
                "https://as.example/acme/.well-known/openid-configuration",
            ]
        );
        assert_eq!(texts("https://as.example/").len(), 2);
    }

    #[test]
    fn sec_084_metadata_of_another_issuer_is_not_used() {
        let body = |issuer: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://a/k"}}"#);
        assert!(read(body("https://as.example").as_bytes(), "https://as.example").is_ok());
        for other in ["https://as.example/", "https://AS.example", "https://as.example.evil", ""] {
            let read = read(body(other).as_bytes(), "https://as.example");
            assert!(matches!(read, Err(DiscoveryError::Issuer)), "{other}");
        }
        for broken in ["{}", "[]", "", r#"{"issuer":"https://as.example"}"#] {
            assert!(read(broken.as_bytes(), "https://as.example").is_err(), "{broken}");
        }
    }
}

//! Request objects that clients publish themselves, fetched from where they registered. OIDC Core
//! §6.2, RFC 9101 §5.2; SEC-033, trap 46.
//!
//! An address may end in a fragment with the SHA-256 of what is there. It is no part of what is
//! fetched, and an address is registered with whatever fragment (OIDC Registration §2: a new one
//! says that the content has changed). What has the very hash that its address names can never be
//! anything else, so it is kept.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_crypto::digest::sha256;
use grantor_domain::client::Client;
use quick_cache::sync::Cache;

use crate::app::App;

/// How many objects are kept.
const KEPT: usize = 256;

/// The longest object that is taken, in bytes.
const LONGEST: usize = 64 * 1024;

/// The longest address (OIDC Core §6.2), in bytes.
const LONGEST_URI: usize = 512;

/// The objects that were fetched of late and cannot change.
#[derive(Debug)]
pub struct RequestFiles {
    /// By the hash of the content
    kept: Cache<[u8; 32], Arc<str>>,
}

impl Default for RequestFiles {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT) }
    }
}

impl RequestFiles {
    /// What is at this address of a client; `None` if it cannot be had.
    pub async fn get(&self, app: &App, uri: &str) -> Option<Arc<str>> {
        let (bare, fragment) = uri.split_once('#').unwrap_or((uri, ""));
        let named = hash(fragment);
        if let Some(kept) = named.and_then(|hash| self.kept.get(&hash)) {
            return Some(kept);
        }
        let document = match app.outbound.get(bare).await {
            Ok(document) if document.len() <= LONGEST => document,
            Ok(_) => return None,
            Err(error) => {
                tracing::info!(%error, "a request object cannot be fetched");
                return None;
            }
        };
        let found = sha256(&document);
        let object: Arc<str> = String::from_utf8(document).ok()?.trim().into();
        if named == Some(found) {
            self.kept.insert(found, Arc::clone(&object));
        }
        Some(object)
    }
}

/// Whether a client registered this address, whatever the fragment.
pub fn is_registered(client: &Client, uri: &str) -> bool {
    let bare = |uri: &str| uri.split('#').next().unwrap_or_default().to_owned();
    let registered = &client.authorization.request_uris;
    uri.len() <= LONGEST_URI && registered.iter().any(|known| bare(known) == bare(uri))
}

/// The SHA-256 that a fragment says.
fn hash(fragment: &str) -> Option<[u8; 32]> {
    BASE64_URL_SAFE_NO_PAD.decode(fragment).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use grantor_oauth_types::client_auth::ClientAuthMethod;
    use grantor_oauth_types::name::{ClientId, TenantName};

    use super::*;

    #[test]
    fn trap_046_sec_033_only_registered_addresses_count_whatever_the_fragment() {
        let (tenant, id) = (TenantName::parse("t").unwrap(), ClientId::parse("web1").unwrap());
        let mut client = Client::new(tenant, id, ClientAuthMethod::None);
        client.authorization.request_uris =
            vec!["https://a.example/one#old".to_owned(), "https://a.example/two".to_owned()];
        let long = format!("https://a.example/one#{}", "x".repeat(LONGEST_URI));
        for (uri, registered) in [
            ("https://a.example/one", true),
            ("https://a.example/one#new", true),
            ("https://a.example/two#new", true),
            ("https://a.example/two?x", false),
            ("https://a.example/", false),
            ("https://b.example/one", false),
            ("https://a.example/one/", false),
            ("HTTPS://a.example/one", false),
            ("", false),
            (&long, false),
        ] {
            assert_eq!(is_registered(&client, uri), registered, "{uri}");
        }
    }

    #[test]
    fn only_a_sha_256_is_a_hash() {
        assert_eq!(hash(&BASE64_URL_SAFE_NO_PAD.encode([7; 32])), Some([7; 32]));
        for no in ["", "abc", "page", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="] {
            assert_eq!(hash(no), None, "{no}");
        }
    }
}
